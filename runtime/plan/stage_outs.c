#include "plan/stage_outs.h"

#include "plan/inner_path.h"
#include "plan/quantity.h"
#include "plan/suggest.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

/* What the runner calls files that are not complete yet. */
#define TEMPORARY ".reprise-"

static bool is_temporary(const char *path)
{
    for (; path != NULL; path = strchr(path, '/')) {
        path += *path == '/';
        if (strncmp(path, TEMPORARY, sizeof(TEMPORARY) - 1) == 0)
            return true;
    }
    return false;
}

static int inner_path_of(const struct stage_draft *draft, const char *what,
                         const struct yaml_node *node, char **path, struct error *err)
{
    char prefix[160];
    if (node->kind != YAML_KIND_TEXT && node->kind != YAML_KIND_INTEGER &&
        node->kind != YAML_KIND_REAL)
        return stage_draft_wrong_type(draft, what, "a path", node, err);
    if (strstr(node->text, "://") != NULL || strncmp(node->text, "~/", 2) == 0 ||
        node->text[0] == '$') {
        error_set(err, ERR_USAGE,
                  "'%s' is no path inside the project: no shell expands it, and nothing is sent to "
                  "a server",
                  node->text);
        *path = NULL;
    } else if ((*path = inner_path(node->text, err)) != NULL && **path != '\0' &&
               !is_temporary(*path))
        return 0;
    if (*path != NULL && **path == '\0')
        error_set(err, ERR_USAGE, "'%s' is the folder itself", node->text);
    else if (*path != NULL)
        error_set(err, ERR_USAGE,
                  "'%s' has a part that begins with '" TEMPORARY "', as the "
                  "runner's temporary files do",
                  node->text);
    snprintf(prefix, sizeof(prefix), "stage '%.100s': %s ", draft->source->name, what);
    error_prefix(err, "%s", prefix);
    return yaml_error_at(err, node->place);
}

/* {path: ..., publish: ...} */
static int read_long_out(const struct stage_draft *draft, const struct yaml_node *node,
                         const struct yaml_node **path, const struct yaml_node **publish,
                         struct error *err)
{
    static const char *const known[] = {"path", "publish"};
    char buffer[SUGGEST_SIZE];
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *key = node->pairs[i].key;
        if (strcmp(key->text, "path") != 0 && strcmp(key->text, "publish") != 0)
            return stage_draft_error(draft, key->place, err, "unknown key '%s' of an out%s",
                                     key->text, suggest_word(buffer, key->text, known, 2));
    }
    *path = yaml_get(node, "path");
    *publish = yaml_get(node, "publish");
    if (*path == NULL)
        return stage_draft_error(draft, node->place, err, "an out needs 'path'");
    return 0;
}

static int check_out_path(const struct stage_draft *draft, const struct plan_out *out,
                          struct yaml_place place, struct error *err)
{
    for (const struct plan_out *other = draft->stage.outs; other < out; other++)
        if (inner_path_overlaps(other->path, out->path))
            return stage_draft_error(draft, place, err,
                                     "the outs '%s' and '%s' overlap: '%s', '%s'", other->name,
                                     out->name, other->path, out->path);
    return 0;
}

static int read_out(struct stage_draft *draft, const struct yaml_pair *pair, struct error *err)
{
    const struct yaml_node *path = pair->value, *publish = NULL;
    struct plan_out *out = &draft->stage.outs[draft->stage.out_count];
    if (stage_draft_check_name(draft, "an out", pair->key, err) < 0)
        return -1;
    if (path->kind == YAML_KIND_MAP && read_long_out(draft, path, &path, &publish, err) < 0)
        return -1;
    if (path->kind == YAML_KIND_NULL)
        return 0;
    draft->stage.out_count++;
    out->place = stage_draft_plan_place(pair->key->place);
    if ((out->name = memory_copy_text(pair->key->text, err)) == NULL ||
        inner_path_of(draft, "the out", path, &out->path, err) < 0)
        return -1;
    if (publish != NULL && publish->kind != YAML_KIND_NULL &&
        inner_path_of(draft, "'publish'", publish, &out->publish, err) < 0)
        return -1;
    return check_out_path(draft, out, path->place, err);
}

int stage_outs_read(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    if (node->kind != YAML_KIND_MAP)
        return stage_draft_wrong_type(draft, "'outs'",
                                      "a map of names to files, as {model: model.bin}", node, err);
    draft->outs = node;
    draft->stage.outs = memory_new(node->count, sizeof(*draft->stage.outs), err);
    if (draft->stage.outs == NULL)
        return -1;
    for (size_t i = 0; i < node->count; i++)
        if (read_out(draft, &node->pairs[i], err) < 0)
            return -1;
    return 0;
}

/* The out of a name; *out is NULL where its path is null. */
static int find_out(struct stage_draft *draft, const char *name, size_t size,
                    struct yaml_place place, struct plan_out **out, struct error *err)
{
    char word[160], buffer[SUGGEST_SIZE];
    *out = NULL;
    for (size_t i = 0; i < draft->stage.out_count; i++) {
        const char *known = draft->stage.outs[i].name;
        if (strlen(known) == size && memcmp(known, name, size) == 0)
            *out = &draft->stage.outs[i];
    }
    if (*out != NULL || yaml_find(draft->outs, name, size) != NULL)
        return 0;
    snprintf(word, sizeof(word), "%.*s", (int)size, name);
    return stage_draft_error(draft, place, err, "no out is called '%s'%s", word,
                             suggest_key(buffer, word, draft->outs));
}

int stage_outs_mark(struct stage_draft *draft, const struct yaml_node *node, bool metrics,
                    struct error *err)
{
    const char *what = metrics ? "'metrics'" : "'plots'";
    if (node->kind != YAML_KIND_LIST)
        return stage_draft_wrong_type(draft, what, "a list of names of outs", node, err);
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *name = node->items[i];
        struct plan_out *out;
        if (name->kind == YAML_KIND_NULL)
            continue;
        if (!yaml_is_scalar(name))
            return stage_draft_wrong_type(draft, what, "a list of names of outs", name, err);
        if (find_out(draft, name->text, strlen(name->text), name->place, &out, err) < 0)
            return -1;
        if (out != NULL)
            *(metrics ? &out->metrics : &out->plots) = true;
    }
    return 0;
}

static int add_requirement(struct stage_draft *draft, const struct yaml_node *key,
                           const struct yaml_node *value, size_t *capacity, struct error *err)
{
    struct plan_stage *stage = &draft->stage;
    struct plan_requirement requirement = {.place = stage_draft_plan_place(value->place)};
    struct plan_out *out;
    size_t size = strcspn(key->text, ".");
    char buffer[64];
    if (size == 0 || key->text[size] == '\0' || key->text[size + 1] == '\0')
        return stage_draft_error(draft, key->place, err, "a requirement is on out.member, not '%s'",
                                 key->text);
    if (find_out(draft, key->text, size, key->place, &out, err) < 0)
        return -1;
    if (out == NULL || value->kind == YAML_KIND_NULL)
        return 0;
    if (!out->metrics)
        return stage_draft_error(draft, key->place, err,
                                 "'%s' has a requirement but is not listed under 'metrics'",
                                 out->name);
    if (value->kind != YAML_KIND_TEXT ||
        !quantity_bound(value->text, &requirement.relation, &requirement.bound))
        return stage_draft_error(draft, value->place, err,
                                 "a requirement is a relation (<, <=, ==, >=, >) and a number as "
                                 "in \">= 0.65\", not %s",
                                 yaml_describe(value, buffer, sizeof(buffer)));
    if (memory_grow(&stage->requirements, capacity, stage->requirement_count + 1,
                    sizeof(*stage->requirements), err) < 0)
        return -1;
    requirement.out = (size_t)(out - stage->outs);
    if ((requirement.member = memory_copy_text(key->text + size + 1, err)) == NULL)
        return -1;
    stage->requirements[stage->requirement_count++] = requirement;
    return 0;
}

int stage_outs_require(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    size_t capacity = 0;
    if (node->kind != YAML_KIND_MAP)
        return stage_draft_wrong_type(draft, "'require'", "a map of out.member to a bound", node,
                                      err);
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *key = node->pairs[i].key, *value = node->pairs[i].value;
        size_t count = value->kind == YAML_KIND_LIST ? value->count : 1;
        for (size_t j = 0; j < count; j++) {
            const struct yaml_node *bound = value->kind == YAML_KIND_LIST ? value->items[j] : value;
            if (add_requirement(draft, key, bound, &capacity, err) < 0)
                return -1;
        }
    }
    return 0;
}
