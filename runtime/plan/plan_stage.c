#include "plan/plan_stage.h"

#include "plan/quantity.h"
#include "plan/secret_url.h"
#include "plan/stage_outs.h"
#include "plan/suggest.h"

#include "base/memory.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int copy_text(const char *text, char **copy, struct error *err)
{
    *copy = memory_copy_text(text, err);
    return *copy == NULL ? -1 : 0;
}

static int read_bool(const struct stage_draft *draft, const char *key, const struct yaml_node *node,
                     bool *value, struct error *err)
{
    char what[32];
    snprintf(what, sizeof(what), "'%s'", key);
    if (node->kind != YAML_KIND_BOOL)
        return stage_draft_wrong_type(draft, what, "true or false", node, err);
    *value = node->boolean;
    return 0;
}

static int read_frozen(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    return read_bool(draft, "frozen", node, &draft->stage.frozen, err);
}

static int read_network(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    draft->stage.loopback = node->kind == YAML_KIND_TEXT && strcmp(node->text, "loopback") == 0;
    draft->stage.network = node->kind == YAML_KIND_BOOL && node->boolean;
    if (draft->stage.loopback || node->kind == YAML_KIND_BOOL)
        return 0;
    return stage_draft_wrong_type(draft, "'network'", "true, false or loopback", node, err);
}

static int read_lineage(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    return read_bool(draft, "lineage", node, &draft->stage.lineage, err);
}

static int read_when(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    if (node->kind == YAML_KIND_INTEGER && node->integer >= 0)
        draft->left_out = node->integer == 0;
    else if (node->kind == YAML_KIND_BOOL)
        draft->left_out = !node->boolean;
    else
        return stage_draft_wrong_type(draft, "'when'", "true or false, or a number from 0 up", node,
                                      err);
    return 0;
}

static int read_desc(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    if (!yaml_is_scalar(node))
        return stage_draft_wrong_type(draft, "'desc'", "text", node, err);
    return copy_text(node->text, &draft->stage.desc, err);
}

static int read_choices(const struct stage_draft *draft, const struct yaml_node *key,
                        const struct yaml_node *list, struct dep_draft *dep, struct error *err)
{
    static const char expected[] = "a file or stage.out, or a list of these, of which the first "
                                   "that is there is taken";
    if (list->count == 0)
        return stage_draft_error(draft, list->place, err, "dep '%s': the list names nothing",
                                 key->text);
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i]->kind != YAML_KIND_TEXT)
            return stage_draft_wrong_type(draft, "a dep", expected, list->items[i], err);
    *dep = (struct dep_draft){key->text, list->items[0]->text, list->items[0]->place, list};
    return 0;
}

static int read_deps(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    if (node->kind != YAML_KIND_MAP)
        return stage_draft_wrong_type(draft, "'deps'",
                                      "a map of names to files or stage.out, as {data: data.csv}",
                                      node, err);
    draft->dep_map = node;
    draft->deps =
        yaml_tree_memory(draft->tree, node->place, node->count, sizeof(*draft->deps), err);
    if (draft->deps == NULL)
        return -1;
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *key = node->pairs[i].key, *value = node->pairs[i].value;
        if (stage_draft_check_name(draft, "a dep", key, err) < 0)
            return -1;
        if (value->kind == YAML_KIND_NULL)
            continue;
        struct dep_draft *dep = &draft->deps[draft->dep_count++];
        if (value->kind == YAML_KIND_LIST) {
            if (read_choices(draft, key, value, dep, err) < 0)
                return -1;
            continue;
        }
        if (value->kind != YAML_KIND_TEXT)
            return stage_draft_wrong_type(draft, "a dep", "a file or stage.out", value, err);
        *dep = (struct dep_draft){key->text, value->text, value->place, NULL};
    }
    return 0;
}

static int read_params(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    if (node->kind != YAML_KIND_MAP)
        return stage_draft_wrong_type(draft, "'params'", "a map, as {lr: \"${lr}\"}", node, err);
    if (secret_url_refuse(node, err) < 0)
        return -1;
    draft->stage.params = yaml_to_json(node, err);
    return draft->stage.params == NULL ? -1 : 0;
}

static bool is_environment_name(const char *name)
{
    if (*name == '\0' || isdigit((unsigned char)*name))
        return false;
    while (*name == '_' || isalnum((unsigned char)*name))
        name++;
    return *name == '\0';
}

static bool is_among(char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* Names of variables for the stage's environment. */
static int read_variables(const struct stage_draft *draft, const char *key,
                          const struct yaml_node *node, char ***names, size_t *count,
                          struct error *err)
{
    static const char own[] = "REPRISE_";
    char what[32];
    snprintf(what, sizeof(what), "'%s'", key);
    if (node->kind != YAML_KIND_LIST)
        return stage_draft_wrong_type(draft, what, "a list of names of variables", node, err);
    if ((*names = memory_new(node->count, sizeof(**names), err)) == NULL)
        return -1;
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *name = node->items[i];
        if (name->kind != YAML_KIND_TEXT || !is_environment_name(name->text))
            return stage_draft_wrong_type(draft, what, "a list of names of variables", name, err);
        if (strncmp(name->text, own, sizeof(own) - 1) == 0)
            return stage_draft_error(draft, name->place, err,
                                     "'%s' cannot be let through: names that begin with '%s' are "
                                     "the runner's",
                                     name->text, own);
        if (is_among(*names, *count, name->text))
            return stage_draft_error(draft, name->place, err, "%s has '%s' twice", what,
                                     name->text);
        if (copy_text(name->text, &(*names)[*count], err) < 0)
            return -1;
        ++*count;
    }
    return 0;
}

static int read_env(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    return read_variables(draft, "env", node, &draft->stage.env, &draft->stage.env_count, err);
}

/* After `env`: a variable is hashed or secret. */
static int read_secrets(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    struct plan_stage *stage = &draft->stage;
    if (read_variables(draft, "secrets", node, &stage->secrets, &stage->secret_count, err) < 0)
        return -1;
    for (size_t i = 0; i < stage->secret_count; i++)
        if (is_among(stage->env, stage->env_count, stage->secrets[i]))
            return stage_draft_error(draft, node->items[i]->place, err,
                                     "'%s' is under 'env', too: its value is in the key, or it is "
                                     "a secret",
                                     stage->secrets[i]);
    return 0;
}

static int read_metrics(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    return stage_outs_mark(draft, node, true, err);
}

static int read_plots(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    return stage_outs_mark(draft, node, false, err);
}

static int read_threads(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    bool all = node->kind == YAML_KIND_TEXT && strcmp(node->text, "all") == 0;
    if (!all && (node->kind != YAML_KIND_INTEGER || node->integer < 1 || node->integer > INT_MAX))
        return stage_draft_wrong_type(draft, "'threads'", "a number from 1 up or 'all'", node, err);
    draft->stage.resources.threads = all ? 0 : (int)node->integer;
    return 0;
}

static int read_gpu(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    if (node->kind != YAML_KIND_INTEGER || node->integer < 0 || node->integer > INT_MAX)
        return stage_draft_wrong_type(draft, "'gpu'", "a number from 0 up", node, err);
    draft->stage.resources.gpu = (int)node->integer;
    return 0;
}

static int read_memory(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    if (!yaml_is_scalar(node) || !quantity_memory(node->text, &draft->stage.resources.memory_bytes))
        return stage_draft_wrong_type(draft, "'memory'",
                                      "bytes or a number with K, M, G or T as in 4G", node, err);
    return 0;
}

static int read_disk(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    if (!yaml_is_scalar(node) || !quantity_memory(node->text, &draft->stage.resources.disk_bytes))
        return stage_draft_wrong_type(draft, "'disk'",
                                      "bytes or a number with K, M, G or T as in 4G", node, err);
    return 0;
}

static int read_processes(struct stage_draft *draft, const struct yaml_node *node,
                          struct error *err)
{
    if (node->kind != YAML_KIND_INTEGER || node->integer < 1 || node->integer > INT_MAX)
        return stage_draft_wrong_type(draft, "'processes'", "a number from 1 up", node, err);
    draft->stage.resources.processes = node->integer;
    return 0;
}

static int read_time(struct stage_draft *draft, const struct yaml_node *node, struct error *err)
{
    if (!yaml_is_scalar(node) || !quantity_time(node->text, &draft->stage.resources.time_ms))
        return stage_draft_wrong_type(draft, "'time'",
                                      "seconds or a number with s, m, h or d as in 30m", node, err);
    return 0;
}

enum { KEYS_LIMIT = 24 };

typedef int read_key_fn(struct stage_draft *draft, const struct yaml_node *node, struct error *err);

struct key {
    const char *name;
    read_key_fn *read; /* NULL: read elsewhere */
};

/* What other tools call it, and the way here. */
static const char *way_of_others(const char *key)
{
    static const struct {
        const char *key, *way;
    } ways[] = {
        {"always_changed", ": to execute it again, reprise run -f STAGE"},
        {"cache", ": every out is kept in the cache"},
        {"command", ", did you mean 'cmd'?"},
        {"dependencies", ", did you mean 'deps'?"},
        {"depends_on", ", did you mean 'deps'?"},
        {"do", ": 'do' stands beside 'foreach'"},
        {"input", ", did you mean 'deps'?"},
        {"inputs", ", did you mean 'deps'?"},
        {"needs", ", did you mean 'deps'?"},
        {"output", ", did you mean 'outs'?"},
        {"outputs", ", did you mean 'outs'?"},
        {"parameters", ", did you mean 'params'?"},
        {"persist", ": what a stage wants back when it was killed, it keeps in its checkpoint"},
        {"run", ", did you mean 'cmd'?"},
        {"script", ", did you mean 'cmd'?"},
        {"shell", ": cmd: [sh, -c, '...'] runs one"},
        {"threads", ": it stands under 'resources'"},
        {"memory", ": it stands under 'resources'"},
        {"gpu", ": it stands under 'resources'"},
        {"disk", ": it stands under 'resources'"},
        {"processes", ": it stands under 'resources'"},
        {"time", ": it stands under 'resources'"},
        {"vars", ": 'vars' stands beside 'stages'"},
        {"wdir",
         ": a stage runs in a folder of its own, and names files from the project's folder"},
    };
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
        if (strcmp(ways[i].key, key) == 0)
            return ways[i].way;
    return NULL;
}

static int unknown_key(const struct stage_draft *draft, const struct yaml_node *key, const char *of,
                       const struct key *keys, size_t count, struct error *err)
{
    const char *names[KEYS_LIMIT];
    char buffer[SUGGEST_SIZE];
    for (size_t i = 0; i < count; i++)
        names[i] = keys[i].name;
    const char *way = of[0] == '\0' ? way_of_others(key->text) : NULL;
    return stage_draft_error(draft, key->place, err, "unknown key '%s'%s%s", key->text, of,
                             way != NULL ? way : suggest_word(buffer, key->text, names, count));
}

/* Checks that all keys of a map are known, then reads those that are not null
 * in the table's order. `of` follows the key in messages. */
static int read_keys(struct stage_draft *draft, const struct yaml_node *map, const char *of,
                     const struct key *keys, size_t count, struct error *err)
{
    const struct yaml_node *values[KEYS_LIMIT] = {0};
    ASSERT(count <= KEYS_LIMIT);
    for (size_t i = 0; i < map->count; i++) {
        const struct yaml_node *key = map->pairs[i].key;
        size_t j = 0;
        while (j < count && (*keys[j].name != *key->text || strcmp(keys[j].name, key->text) != 0))
            j++;
        if (j == count)
            return unknown_key(draft, key, of, keys, count, err);
        values[j] = map->pairs[i].value;
    }
    for (size_t i = 0; i < count && !draft->left_out; i++)
        if (values[i] != NULL && values[i]->kind != YAML_KIND_NULL && keys[i].read != NULL &&
            keys[i].read(draft, values[i], err) < 0)
            return -1;
    return 0;
}

static int read_resources(struct stage_draft *draft, const struct yaml_node *node,
                          struct error *err)
{
    static const struct key keys[] = {{"threads", read_threads}, {"gpu", read_gpu},
                                      {"memory", read_memory},   {"time", read_time},
                                      {"disk", read_disk},       {"processes", read_processes}};
    if (node->kind != YAML_KIND_MAP)
        return stage_draft_wrong_type(draft, "'resources'", "a map", node, err);
    return read_keys(draft, node, " of 'resources'", keys, sizeof(keys) / sizeof(*keys), err);
}

/* `when` first, for a stage that is left out may lack the rest; outs before
 * what names them, env before secrets. */
static const struct key stage_keys[] = {
    {"when", read_when},       {"desc", read_desc},       {"cmd", NULL}, /* stage_cmd.c */
    {"deps", read_deps},       {"params", read_params},   {"outs", stage_outs_read},
    {"metrics", read_metrics}, {"plots", read_plots},     {"require", stage_outs_require},
    {"frozen", read_frozen},   {"network", read_network}, {"lineage", read_lineage},
    {"env", read_env},         {"secrets", read_secrets}, {"resources", read_resources}};

static int check_whole(const struct stage_draft *draft, struct error *err)
{
    const struct plan_stage *stage = &draft->stage;
    if (draft->left_out)
        return 0;
    for (size_t i = 0; i < draft->dep_count; i++)
        if (stage->lineage && strcmp(draft->deps[i].name, "lineage") == 0)
            return stage_draft_error(draft, draft->deps[i].place, err,
                                     "with 'lineage: true' the dep 'lineage' is the runner's");
    return 0;
}

/* Values for those keys that were not given. */
static int fill_defaults(struct plan_stage *stage, struct error *err)
{
    if (stage->desc == NULL && copy_text("", &stage->desc, err) < 0)
        return -1;
    if (stage->params == NULL && (stage->params = json_object()) == NULL)
        return error_set(err, ERR_MEMORY, "out of memory for stage '%s'", stage->name);
    return 0;
}

int stage_draft_read(struct yaml_tree *tree, const struct expanded_stage *source,
                     struct stage_draft *draft, struct error *err)
{
    draft->source = source;
    draft->tree = tree;
    draft->cmd = yaml_get(source->body, "cmd");
    draft->stage.place = stage_draft_plan_place(source->place);
    draft->stage.resources.threads = 1;
    if (copy_text(source->name, &draft->stage.name, err) < 0 ||
        read_keys(draft, source->body, "", stage_keys, sizeof(stage_keys) / sizeof(*stage_keys),
                  err) < 0 ||
        fill_defaults(&draft->stage, err) < 0)
        return -1;
    return check_whole(draft, err);
}
