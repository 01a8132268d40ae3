#include "plan/plan_stage.h"

#include "plan/inner_path.h"
#include "plan/quantity.h"
#include "plan/suggest.h"
#include "plan/words.h"

#include "base/memory.h"
#include "base/text.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int stage_draft_error(const struct stage_draft *draft, struct yaml_place place, struct error *err,
                      const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err->kind = ERR_USAGE;
    vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    error_prefix(err, "stage '%s': ", draft->source->name);
    return yaml_error_at(err, place);
}

static int wrong_type(const struct stage_draft *draft, const char *what, const char *expected,
                      const struct yaml_node *node, struct error *err)
{
    char buffer[64];
    return stage_draft_error(draft, node->place, err, "%s must be %s, not %s", what, expected,
                             yaml_describe(node, buffer, sizeof(buffer)));
}

static struct place plan_place(struct yaml_place place)
{
    return (struct place){place.line, place.column};
}

static int copy_text(const char *text, char **copy, struct error *err)
{
    *copy = memory_copy_text(text, err);
    return *copy == NULL ? -1 : 0;
}

/* Names of deps and outs become file names and parts of "stage.out". */
static int check_name(const struct stage_draft *draft, const char *kind,
                      const struct yaml_node *name, struct error *err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "_-";
    if (name->text[strspn(name->text, allowed)] == '\0' && strlen(name->text) <= 100)
        return 0;
    return stage_draft_error(draft, name->place, err,
                             "'%s' cannot be the name of %s: letters, digits, '_' and '-'",
                             name->text, kind);
}

static int read_bool(const struct stage_draft *draft, const char *key, const struct yaml_node *node,
                     bool *value, struct error *err)
{
    char what[32];
    snprintf(what, sizeof(what), "'%s'", key);
    if (node->kind != YAML_KIND_BOOL)
        return wrong_type(draft, what, "true or false", node, err);
    *value = node->boolean;
    return 0;
}

static int read_frozen(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    return read_bool(draft, "frozen", node, &draft->stage.frozen, err);
}

static int read_network(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    return read_bool(draft, "network", node, &draft->stage.network, err);
}

static int read_lineage(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    return read_bool(draft, "lineage", node, &draft->stage.lineage, err);
}

static int read_when(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    bool wanted = true;
    if (read_bool(draft, "when", node, &wanted, err) < 0)
        return -1;
    draft->left_out = !wanted;
    return 0;
}

static int read_desc(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    if (!yaml_is_scalar(node))
        return wrong_type(draft, "'desc'", "text", node, err);
    free(draft->stage.desc);
    return copy_text(node->text, &draft->stage.desc, err);
}

static int read_cmd(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    struct plan_stage *stage = &draft->stage;
    struct yaml_node *words = (struct yaml_node *)node;
    if (node->kind == YAML_KIND_MAP)
        return wrong_type(draft, "'cmd'", "text or a list of words", node, err);
    if (yaml_is_scalar(node) && words_split(draft->tree, node, false, &words, err) < 0)
        return -1;
    stage->argv = memory_new(words->count + 1, sizeof(*stage->argv), err);
    if (stage->argv == NULL)
        return -1;
    for (size_t i = 0; i < words->count; i++) {
        const struct yaml_node *word = words->items[i];
        if (!yaml_is_scalar(word) || word->kind == YAML_KIND_NULL)
            return wrong_type(draft, "a word of 'cmd'", "text", word, err);
        if (copy_text(word->text, &stage->argv[stage->argc], err) < 0)
            return -1;
        stage->argc++;
    }
    if (stage->argc == 0 || stage->argv[0][0] == '\0')
        return stage_draft_error(draft, node->place, err, "'cmd' is empty");
    return 0;
}

static int read_deps(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    if (node->kind != YAML_KIND_MAP)
        return wrong_type(draft, "'deps'", "a map of names to files or stage.out", node, err);
    draft->deps = memory_new(node->count, sizeof(*draft->deps), err);
    if (draft->deps == NULL)
        return -1;
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *key = node->pairs[i].key, *value = node->pairs[i].value;
        if (check_name(draft, "a dep", key, err) < 0)
            return -1;
        if (value->kind == YAML_KIND_NULL)
            continue;
        if (value->kind != YAML_KIND_TEXT)
            return wrong_type(draft, "a dep", "a file or stage.out", value, err);
        draft->deps[draft->dep_count++] = (struct dep_draft){key->text, value->text, value->place};
    }
    return 0;
}

static int read_params(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    if (node->kind != YAML_KIND_MAP)
        return wrong_type(draft, "'params'", "a map", node, err);
    json_decref(draft->stage.params);
    draft->stage.params = yaml_to_json(node, err);
    return draft->stage.params == NULL ? -1 : 0;
}

static int inner_path_of(const struct stage_draft *draft, const char *what,
                         const struct yaml_node *node, char **path, struct error *err)
{
    char prefix[160];
    if (node->kind != YAML_KIND_TEXT && node->kind != YAML_KIND_INTEGER &&
        node->kind != YAML_KIND_REAL)
        return wrong_type(draft, what, "a path", node, err);
    if ((*path = inner_path(node->text, err)) != NULL && **path != '\0')
        return 0;
    if (*path != NULL)
        error_set(err, ERR_USAGE, "'%s' is the folder itself", node->text);
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
    if (check_name(draft, "an out", pair->key, err) < 0)
        return -1;
    if (path->kind == YAML_KIND_MAP && read_long_out(draft, path, &path, &publish, err) < 0)
        return -1;
    if (path->kind == YAML_KIND_NULL)
        return 0;
    draft->stage.out_count++;
    out->place = plan_place(pair->key->place);
    if (copy_text(pair->key->text, &out->name, err) < 0 ||
        inner_path_of(draft, "the out", path, &out->path, err) < 0)
        return -1;
    if (publish != NULL && publish->kind != YAML_KIND_NULL &&
        inner_path_of(draft, "'publish'", publish, &out->publish, err) < 0)
        return -1;
    return check_out_path(draft, out, path->place, err);
}

static int read_outs(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    if (node->kind != YAML_KIND_MAP)
        return wrong_type(draft, "'outs'", "a map of names to files", node, err);
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

static int mark_outs(struct stage_draft *draft, const struct yaml_node *node, bool metrics,
                     struct error *err)
{
    const char *what = metrics ? "'metrics'" : "'plots'";
    if (node->kind != YAML_KIND_LIST)
        return wrong_type(draft, what, "a list of names of outs", node, err);
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *name = node->items[i];
        struct plan_out *out;
        if (name->kind == YAML_KIND_NULL)
            continue;
        if (!yaml_is_scalar(name))
            return wrong_type(draft, what, "a list of names of outs", name, err);
        if (find_out(draft, name->text, strlen(name->text), name->place, &out, err) < 0)
            return -1;
        if (out != NULL)
            *(metrics ? &out->metrics : &out->plots) = true;
    }
    return 0;
}

static int read_metrics(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    return mark_outs(draft, node, true, err);
}

static int read_plots(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    return mark_outs(draft, node, false, err);
}

static int add_requirement(struct stage_draft *draft, const struct yaml_node *key,
                           const struct yaml_node *value, size_t *capacity, struct error *err)
{
    struct plan_stage *stage = &draft->stage;
    struct plan_requirement requirement = {.place = plan_place(value->place)};
    struct plan_out *out;
    size_t size = strcspn(key->text, ".");
    char buffer[64];
    if (size == 0 || key->text[size] == '\0' || key->text[size + 1] == '\0')
        return stage_draft_error(draft, key->place, err, "a requirement is on out.member, not '%s'",
                                 key->text);
    if (find_out(draft, key->text, size, key->place, &out, err) < 0)
        return -1;
    if (out == NULL)
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
    if (copy_text(key->text + size + 1, &requirement.member, err) < 0)
        return -1;
    stage->requirements[stage->requirement_count++] = requirement;
    return 0;
}

static int read_require(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    size_t capacity = 0;
    if (node->kind != YAML_KIND_MAP)
        return wrong_type(draft, "'require'", "a map of out.member to a bound", node, err);
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *key = node->pairs[i].key, *value = node->pairs[i].value;
        size_t count = value->kind == YAML_KIND_LIST ? value->count : 1;
        for (size_t j = 0; j < count && value->kind != YAML_KIND_NULL; j++) {
            const struct yaml_node *bound = value->kind == YAML_KIND_LIST ? value->items[j] : value;
            if (add_requirement(draft, key, bound, &capacity, err) < 0)
                return -1;
        }
    }
    return 0;
}

static bool is_environment_name(const char *name)
{
    if (*name == '\0' || isdigit((unsigned char)*name))
        return false;
    while (*name == '_' || isalnum((unsigned char)*name))
        name++;
    return *name == '\0';
}

static int read_env(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    struct plan_stage *stage = &draft->stage;
    if (node->kind != YAML_KIND_LIST)
        return wrong_type(draft, "'env'", "a list of names of variables", node, err);
    stage->env = memory_new(node->count, sizeof(*stage->env), err);
    if (stage->env == NULL)
        return -1;
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *name = node->items[i];
        if (name->kind != YAML_KIND_TEXT || !is_environment_name(name->text))
            return wrong_type(draft, "'env'", "a list of names of variables", name, err);
        for (size_t j = 0; j < stage->env_count; j++)
            if (strcmp(stage->env[j], name->text) == 0)
                return stage_draft_error(draft, name->place, err, "'env' has '%s' twice",
                                         name->text);
        if (copy_text(name->text, &stage->env[stage->env_count], err) < 0)
            return -1;
        stage->env_count++;
    }
    return 0;
}

static int read_threads(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    bool all = node->kind == YAML_KIND_TEXT && strcmp(node->text, "all") == 0;
    if (!all && (node->kind != YAML_KIND_INTEGER || node->integer < 1 || node->integer > INT_MAX))
        return wrong_type(draft, "'threads'", "a number from 1 up or 'all'", node, err);
    draft->stage.resources.threads = all ? 0 : (int)node->integer;
    return 0;
}

static int read_gpu(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    if (node->kind != YAML_KIND_INTEGER || node->integer < 0 || node->integer > INT_MAX)
        return wrong_type(draft, "'gpu'", "a number from 0 up", node, err);
    draft->stage.resources.gpu = (int)node->integer;
    return 0;
}

static int read_memory(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    if (!yaml_is_scalar(node) || !quantity_memory(node->text, &draft->stage.resources.memory_bytes))
        return wrong_type(draft, "'memory'", "bytes or a number with K, M, G or T as in 4G", node,
                          err);
    return 0;
}

static int read_time(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    if (!yaml_is_scalar(node) || !quantity_time(node->text, &draft->stage.resources.time_ms))
        return wrong_type(draft, "'time'", "seconds or a number with s, m, h or d as in 30m", node,
                          err);
    return 0;
}

typedef int read_key_fn(struct stage_draft *draft, const struct yaml_node *node, struct error *err);

struct key {
    const char *name;
    read_key_fn *read; /* NULL: read elsewhere */
};

/* Checks that all keys of a map are known, then reads those that are not null
 * in the table's order. `of` follows the key in messages. */
static int read_keys(struct stage_draft *draft, const struct yaml_node *map, const char *of,
                     const struct key *keys, size_t count, struct error *err)
{
    const char *names[24];
    char buffer[SUGGEST_SIZE];
    ASSERT(count <= sizeof(names) / sizeof(*names));
    for (size_t i = 0; i < count; i++)
        names[i] = keys[i].name;
    for (size_t i = 0; i < map->count; i++) {
        const struct yaml_node *key = map->pairs[i].key;
        size_t j = 0;
        while (j < count && strcmp(names[j], key->text) != 0)
            j++;
        if (j == count)
            return stage_draft_error(draft, key->place, err, "unknown key '%s'%s%s", key->text, of,
                                     suggest_word(buffer, key->text, names, count));
    }
    for (size_t i = 0; i < count && !draft->left_out; i++) {
        const struct yaml_node *value = yaml_get(map, keys[i].name);
        if (value != NULL && value->kind != YAML_KIND_NULL && keys[i].read(draft, value, err) < 0)
            return -1;
    }
    return 0;
}

static int read_resources(struct stage_draft *draft, const struct yaml_node *node,
                          struct error *err)
{
    static const struct key keys[] = {
        {"threads", read_threads}, {"gpu", read_gpu}, {"memory", read_memory}, {"time", read_time}};
    if (node->kind != YAML_KIND_MAP)
        return wrong_type(draft, "'resources'", "a map", node, err);
    return read_keys(draft, node, " of 'resources'", keys, sizeof(keys) / sizeof(*keys), err);
}

/* `when` first, for a stage that is left out may lack the rest; outs before
 * what names them. */
static const struct key stage_keys[] = {
    {"when", read_when},       {"desc", read_desc},          {"cmd", read_cmd},
    {"deps", read_deps},       {"params", read_params},      {"outs", read_outs},
    {"metrics", read_metrics}, {"plots", read_plots},        {"require", read_require},
    {"frozen", read_frozen},   {"network", read_network},    {"lineage", read_lineage},
    {"env", read_env},         {"resources", read_resources}};

static int check_whole(const struct stage_draft *draft, struct error *err)
{
    const struct plan_stage *stage = &draft->stage;
    struct yaml_place place = draft->source->place;
    if (draft->left_out)
        return 0;
    if (stage->argc == 0)
        return stage_draft_error(draft, place, err, "'cmd' is missing");
    for (size_t i = 0; i < draft->dep_count; i++)
        if (stage->lineage && strcmp(draft->deps[i].name, "lineage") == 0)
            return stage_draft_error(draft, draft->deps[i].place, err,
                                     "with 'lineage: true' the dep 'lineage' is the runner's");
    return 0;
}

int stage_draft_read(struct yaml_tree *tree, const struct expanded_stage *source, size_t *params,
                     struct stage_draft *draft, struct error *err)
{
    const struct yaml_node *node = yaml_get(source->body, "params");
    draft->source = source;
    draft->tree = tree;
    draft->stage.place = plan_place(source->place);
    draft->stage.resources.threads = 1;
    *params += node == NULL ? 0 : node->size;
    if (*params > PLAN_STAGE_PARAMS_LIMIT)
        return stage_draft_error(draft, node->place, err,
                                 "the params of all stages have more than %d values",
                                 PLAN_STAGE_PARAMS_LIMIT);
    if (copy_text(source->name, &draft->stage.name, err) < 0 ||
        copy_text("", &draft->stage.desc, err) < 0)
        return -1;
    if ((draft->stage.params = json_object()) == NULL)
        return error_set(err, ERR_MEMORY, "out of memory for stage '%s'", source->name);
    if (read_keys(draft, source->body, "", stage_keys, sizeof(stage_keys) / sizeof(*stage_keys),
                  err) < 0)
        return -1;
    return check_whole(draft, err);
}

void stage_draft_release(struct stage_draft *draft)
{
    free(draft->deps);
    draft->deps = NULL;
    plan_stage_release(&draft->stage);
}

static void free_texts(char **texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    free(texts);
}

void plan_stage_release(struct plan_stage *stage)
{
    for (size_t i = 0; i < stage->dep_count; i++) {
        free(stage->deps[i].name);
        free(stage->deps[i].path);
    }
    for (size_t i = 0; i < stage->out_count; i++) {
        free(stage->outs[i].name);
        free(stage->outs[i].path);
        free(stage->outs[i].publish);
    }
    for (size_t i = 0; i < stage->requirement_count; i++)
        free(stage->requirements[i].member);
    free_texts(stage->argv, stage->argc);
    free_texts(stage->env, stage->env_count);
    json_decref(stage->params);
    free(stage->deps);
    free(stage->outs);
    free(stage->requirements);
    free(stage->name);
    free(stage->desc);
    *stage = (struct plan_stage){0};
}
