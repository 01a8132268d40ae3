/* What `reprise diff` needs data for: the pictures whose answer changed, and a page of the whole
 * comparison.
 *
 * Parameters: difference, the JSON of the program; pictures, null or {"dataset", "a", "b"}, paths
 * of a data set and of predictions (evaluate.c) on its test part; note, why there are none; curves,
 * a list of {"name", "a", "b"}, paths of history.json. Outs: pictures, a JSON (compare_pictures.h),
 * null with the note where they were not compared; page?, HTML.
 *
 * Stages of a person have outs called predictions and history, too: what is not of our form is left
 * out of the comparison, which goes on.
 */
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/stage.h"
#include "compare/compare_page.h"

#include <stdlib.h>

struct compare {
    struct stage *stage;
    const json_t *difference, *pictures, *curves;
    const char *note;
    struct error why; /* has the note where pictures can't be read */
    struct flips flips;
    struct compared_training *trainings;
    size_t training_count;
};

static int read_params(struct compare *c, struct error *err)
{
    c->note = "";
    if ((c->difference = stage_value(c->stage, "difference", err)) == NULL ||
        stage_value_or_null(c->stage, "pictures", &c->pictures, err) < 0 ||
        stage_value_or_null(c->stage, "curves", &c->curves, err) < 0 ||
        stage_text_or_null(c->stage, "note", &c->note, err) < 0)
        return -1;
    if (!json_is_object(c->difference))
        return error_set(err, ERR_USAGE, "parameter 'difference' must be a map");
    return stage_params_done(c->stage, err);
}

static int path_of(const json_t *object, const char *name, const char **path, struct error *err)
{
    *path = json_string_value(json_object_get(object, name));
    return *path != NULL ? 0
                         : error_set(err, ERR_USAGE, "parameters: a path is missing, '%s'", name);
}

static int read_pictures(struct compare *c, struct error *err)
{
    const char *dataset, *a, *b;
    if (c->pictures == NULL)
        return 0;
    if (path_of(c->pictures, "dataset", &dataset, err) < 0 ||
        path_of(c->pictures, "a", &a, err) < 0 || path_of(c->pictures, "b", &b, err) < 0)
        return -1;
    if (flips_read(dataset, a, b, &c->flips, &c->why) == 0)
        return 0;
    c->pictures = NULL;
    c->note = c->why.message;
    if (c->why.kind != ERR_MEMORY)
        return 0;
    *err = c->why;
    return -1;
}

static int read_trainings(struct compare *c, struct error *err)
{
    size_t index;
    json_t *entry;
    c->trainings = memory_new(json_array_size(c->curves), sizeof(*c->trainings), err);
    if (c->trainings == NULL)
        return -1;
    json_array_foreach ((json_t *)c->curves, index, entry) {
        struct compared_training *training = &c->trainings[c->training_count++];
        const char *a, *b;
        struct error why;
        if (path_of(entry, "name", &training->name, err) < 0 || path_of(entry, "a", &a, err) < 0 ||
            path_of(entry, "b", &b, err) < 0)
            return -1;
        if (history_read_json(a, &training->a, NULL, &why) == 0 &&
            history_read_json(b, &training->b, NULL, &why) == 0)
            continue;
        history_release(&training->a);
        c->training_count--;
        if (why.kind == ERR_MEMORY) {
            *err = why;
            return -1;
        }
    }
    return 0;
}

static int write_outs(struct compare *c, struct error *err)
{
    const struct comparison comparison = {.difference = c->difference,
                                          .flips = c->pictures != NULL ? &c->flips : NULL,
                                          .note = c->note,
                                          .trainings = c->trainings,
                                          .training_count = c->training_count};
    const char *out = stage_out(c->stage, "pictures", err);
    json_t *pictures = json_object_with(json_pack("{s:i}", "schema", 1), "pictures",
                                        c->pictures != NULL ? flips_json(&c->flips) : json_null());
    if (c->pictures == NULL)
        pictures = json_object_with(pictures, "note", json_clean(c->note));
    int result = out == NULL ? -1 : json_write(out, pictures, err);
    json_decref(pictures);
    if (result < 0 || !stage_has_out(c->stage, "page"))
        return result;
    struct text page = {0};
    result = compare_page(&page, &comparison, err);
    if (result == 0)
        result = text_check(&page, err);
    if (result == 0 && (out = stage_out(c->stage, "page", err)) == NULL)
        result = -1;
    if (result == 0)
        result = file_write(out, page.data, page.size, err);
    text_release(&page);
    return result;
}

static int check(struct stage *stage, struct error *err)
{
    struct compare c = {.stage = stage};
    return read_params(&c, err);
}

static int run(struct stage *stage, struct error *err)
{
    struct compare c = {.stage = stage};
    if (read_params(&c, err) < 0)
        return -1;
    int result = read_pictures(&c, err);
    if (result == 0)
        result = read_trainings(&c, err);
    if (result == 0)
        result = write_outs(&c, err);
    for (size_t i = 0; i < c.training_count; i++) {
        history_release(&c.trainings[i].a);
        history_release(&c.trainings[i].b);
    }
    free(c.trainings);
    flips_release(&c.flips);
    return result;
}

static const struct stage_kind compare_kind = {
    .name = "compare",
    .summary = "two results compared, for reprise diff",
    .run = run,
    .check = check,
    .deps = "",
    .outs = "pictures page?",
};

int main(int argc, char **argv)
{
    return stage_main(argc, argv, &compare_kind);
}
