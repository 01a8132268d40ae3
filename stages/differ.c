/* What `reprise verify --rerun` needs formats for: where two files differ that should be equal.
 *
 * Parameters: pairs, a list of {"name", "a", "b"}, paths of what was recorded and of what was made
 * again, with the name that the file has. Outs: report, a JSON {"schema": 1, "pairs": [{"format",
 * "lines", "details"}]} in the same order (differ/differ_files.h); pictures, a folder with <n>.png,
 * a picture of the difference, for the n-th pair (from 0) where that is two pictures of one size.
 */
#include "base/file.h"
#include "base/json.h"
#include "base/stage.h"
#include "differ/differ_files.h"

static int read_pair(const json_t *entry, struct file_pair *pair, struct error *err)
{
    pair->name = json_text(entry, "name");
    pair->a = json_text(entry, "a");
    pair->b = json_text(entry, "b");
    if (pair->name[0] == '\0' || pair->a[0] == '\0' || pair->b[0] == '\0')
        return error_set(err, ERR_USAGE, "parameter 'pairs': each must have name, a and b");
    return 0;
}

static int read_params(struct stage *stage, const json_t **pairs, struct error *err)
{
    struct file_pair ignored;
    size_t index;
    json_t *entry;
    if ((*pairs = stage_value(stage, "pairs", err)) == NULL)
        return -1;
    if (!json_is_array(*pairs))
        return error_set(err, ERR_USAGE, "parameter 'pairs' must be a list");
    json_array_foreach ((json_t *)*pairs, index, entry)
        if (read_pair(entry, &ignored, err) < 0)
            return -1;
    return stage_params_done(stage, err);
}

static int compare(const json_t *entry, size_t index, const char *pictures, json_t **report,
                   struct error *err)
{
    struct file_pair pair;
    struct file_difference found;
    struct text picture = {0};
    text_addf(&picture, "%s/%zu.png", pictures, index);
    if (text_check(&picture, err) < 0 || read_pair(entry, &pair, err) < 0) {
        text_release(&picture);
        return -1;
    }
    pair.picture = picture.data;
    int result = files_compare(&pair, &found, err) < 0 ? -1 : 0;
    if (result == 0)
        *report =
            json_list_with(*report, json_pack("{s:s, s:O, s:O}", "format", found.format, "lines",
                                              found.lines, "details", found.details));
    if (result == 0)
        file_difference_release(&found);
    text_release(&picture);
    return result;
}

static int check(struct stage *stage, struct error *err)
{
    const json_t *pairs;
    return read_params(stage, &pairs, err);
}

static int run(struct stage *stage, struct error *err)
{
    const json_t *pairs;
    size_t index;
    json_t *entry, *report = json_array();
    const char *pictures = NULL, *out = NULL;
    int result = read_params(stage, &pairs, err);
    if (result == 0 &&
        ((pictures = stage_out(stage, "pictures", err)) == NULL ||
         (out = stage_out(stage, "report", err)) == NULL || file_make_folders(pictures, err) < 0))
        result = -1;
    if (result == 0)
        json_array_foreach ((json_t *)pairs, index, entry)
            if (result == 0)
                result = compare(entry, index, pictures, &report, err);
    if (result == 0) {
        json_t *whole = json_object_with(json_pack("{s:i}", "schema", 1), "pairs", report);
        report = NULL;
        result = json_write(out, whole, err);
        json_decref(whole);
    }
    json_decref(report);
    return result;
}

static const struct stage_kind differ_kind = {
    .name = "differ",
    .summary = "where files differ that should be equal, for reprise verify --rerun",
    .run = run,
    .check = check,
    .deps = "",
    .outs = "report pictures",
};

int main(int argc, char **argv)
{
    return stage_main(argc, argv, &differ_kind);
}
