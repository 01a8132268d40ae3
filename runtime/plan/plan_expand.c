#include "plan/plan_expand.h"

#include "plan/expand.h"
#include "plan/foreach.h"
#include "plan/name.h"
#include "plan/overlay.h"
#include "plan/secret_url.h"
#include "plan/suggest.h"

#include "base/memory.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const top_keys[] = {"profile", "vars", "profiles", "stages", "cuda"};

static int check_keys(const struct yaml_node *root, struct error *err)
{
    char buffer[SUGGEST_SIZE];
    size_t known = sizeof(top_keys) / sizeof(*top_keys);
    if (root->kind != YAML_KIND_MAP)
        return yaml_error(err, root->place, "expected a map with 'stages', not %s",
                          yaml_describe(root, buffer, sizeof(buffer)));
    for (size_t i = 0; i < root->count; i++) {
        const struct yaml_node *key = root->pairs[i].key;
        size_t j = 0;
        while (j < known && strcmp(top_keys[j], key->text) != 0)
            j++;
        if (j == known)
            return yaml_error(err, key->place, "unknown key '%s'%s", key->text,
                              suggest_word(buffer, key->text, top_keys, known));
    }
    return 0;
}

/* The map under a key; an empty one where the key is absent or null. NULL with
 * an error. */
static struct yaml_node *map_at(struct expanded_plan *pipeline, const struct yaml_node *root,
                                const char *key, struct error *err)
{
    char buffer[64];
    struct yaml_node *node = yaml_get(root, key);
    if (node == NULL || node->kind == YAML_KIND_NULL)
        return yaml_tree_map(pipeline->tree, root->place, 0, err);
    if (node->kind == YAML_KIND_MAP)
        return node;
    yaml_error(err, node->place, "'%s' must be a map, not %s", key,
               yaml_describe(node, buffer, sizeof(buffer)));
    return NULL;
}

static int default_profile(const struct yaml_node *root, const struct yaml_node *profiles,
                           const char **profile, struct error *err)
{
    char buffer[SUGGEST_SIZE];
    const struct yaml_node *node = yaml_get(root, "profile");
    *profile = "";
    if (node == NULL || node->kind == YAML_KIND_NULL)
        return 0;
    if (!yaml_is_scalar(node))
        return yaml_error(err, node->place, "'profile' must be the name of a profile, not %s",
                          yaml_describe(node, buffer, sizeof(buffer)));
    if (yaml_get(profiles, node->text) == NULL)
        return yaml_error(err, node->place, "unknown profile '%s'%s", node->text,
                          suggest_key(buffer, node->text, profiles));
    *profile = node->text;
    return 0;
}

static int choose_profile(struct expanded_plan *pipeline, const struct yaml_node *root,
                          const struct yaml_node *profiles, const char *wanted, struct error *err)
{
    char buffer[SUGGEST_SIZE];
    if (default_profile(root, profiles, &pipeline->profile, err) < 0)
        return -1;
    pipeline->has_default = pipeline->profile[0] != '\0';
    pipeline->profiles = profiles;
    if (wanted == NULL || *wanted == '\0')
        return 0;
    struct yaml_pair *pair = yaml_find(profiles, wanted, strlen(wanted));
    if (pair == NULL)
        return error_set(err, ERR_USAGE, "unknown profile '%s' in '%s'%s", wanted, root->place.file,
                         suggest_key(buffer, wanted, profiles));
    pipeline->profile = pair->key->text;
    return 0;
}

static int refuse_reserved(const struct yaml_node *vars, struct error *err)
{
    static const char *const reserved[] = {"item", "key", "deps", "outs"};
    for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++) {
        const struct yaml_pair *pair = yaml_find(vars, reserved[i], strlen(reserved[i]));
        if (pair != NULL)
            return yaml_error(err, pair->key->place, "a variable may not be called '%s': %s",
                              reserved[i],
                              i < 2 ? "foreach and matrix give it a value"
                                    : "in cmd it names those of the stage");
    }
    return 0;
}

/* Every profile is checked, not only the one that is chosen. */
static int apply_profiles(struct expanded_plan *pipeline, const struct yaml_node *profiles,
                          struct yaml_node **vars, struct error *err)
{
    struct yaml_node *chosen = *vars;
    for (size_t i = 0; i < profiles->count; i++) {
        const char *name = profiles->pairs[i].key->text;
        struct yaml_node *result;
        if (overlay_profile(pipeline->tree, *vars, name, profiles->pairs[i].value, &result, err) <
            0)
            return -1;
        if (strcmp(name, pipeline->profile) == 0)
            chosen = result;
    }
    *vars = chosen;
    return 0;
}

static int read_vars(struct expanded_plan *pipeline, const struct yaml_node *root,
                     const char *profile, const char *const *sets, size_t set_count,
                     struct yaml_node **vars, struct error *err)
{
    struct yaml_node *declared, *profiles;
    if ((*vars = declared = map_at(pipeline, root, "vars", err)) == NULL ||
        (profiles = map_at(pipeline, root, "profiles", err)) == NULL ||
        refuse_reserved(*vars, err) < 0 ||
        choose_profile(pipeline, root, profiles, profile, err) < 0 ||
        apply_profiles(pipeline, profiles, vars, err) < 0)
        return -1;
    for (size_t i = 0; i < set_count; i++)
        if (overlay_set(pipeline->tree, declared, *vars, sets[i], vars, pipeline->sets, err) < 0)
            return -1;
    return 0;
}

/* Few aliases or variables can stand for many values. */
static int count_params(struct expanded_plan *pipeline, const struct yaml_node *name,
                        const struct yaml_node *body, struct error *err)
{
    const struct yaml_node *params = yaml_get(body, "params");
    pipeline->params += params == NULL ? 0 : params->size;
    if (pipeline->params <= PLAN_PARAMS_LIMIT)
        return 0;
    return yaml_error(err, params->place,
                      "stage '%s': the params of all stages have more than %d values", name->text,
                      PLAN_PARAMS_LIMIT);
}

static int add_stage(struct expanded_plan *pipeline, const struct expand_scope *scope,
                     const struct yaml_node *name, const struct yaml_node *body, struct error *err)
{
    if (pipeline->count == PLAN_STAGE_LIMIT)
        return yaml_error(err, name->place, "more than %d stages", PLAN_STAGE_LIMIT);
    if (count_params(pipeline, name, body, err) < 0 ||
        memory_grow(&pipeline->stages, &pipeline->capacity, pipeline->count + 1,
                    sizeof(*pipeline->stages), err) < 0)
        return -1;
    struct expanded_stage *stage = &pipeline->stages[pipeline->count];
    *stage = (struct expanded_stage){
        .name = name->text, .place = name->place, .body = body, .item = scope->item};
    if (scope->key != NULL) {
        struct text full = {0};
        struct yaml_node *node = NULL;
        text_addf(&full, "%s@%s", name->text, scope->key->text);
        if (text_check(&full, err) == 0)
            node = yaml_tree_text(pipeline->tree, name->place, full.data, full.size, err);
        text_release(&full);
        if (node == NULL)
            return -1;
        stage->name = node->text;
        stage->key = scope->key;
        stage->group_size = strlen(name->text);
    }
    pipeline->count++;
    return 0;
}

/* All but cmd. A bound on a metric with null inside is no bound. */
static int expand_body(struct expand_scope *scope, struct yaml_node *body,
                       struct yaml_node **expanded, struct error *err)
{
    struct yaml_node *copy, *value, *cmd = yaml_get(body, "cmd");
    *expanded = body;
    if (!body->expression)
        return 0;
    if ((copy = yaml_tree_map(scope->tree, body->place, body->count, err)) == NULL)
        return -1;
    for (size_t i = 0; i < body->count; i++) {
        struct yaml_pair *pair = &body->pairs[i];
        value = pair->value;
        scope->null_spreads = strcmp(pair->key->text, "require") == 0;
        int status = value == cmd ? 0 : expand(scope, value, &value, err);
        scope->null_spreads = false;
        if (status < 0 || yaml_map_add(copy, pair->key, value, err) < 0)
            return -1;
    }
    *expanded = copy;
    return 0;
}

/* The body once for each item, with ${item} and ${key}. */
static int add_variants(struct expanded_plan *pipeline, struct expand_scope *scope,
                        const struct yaml_node *name, const struct yaml_node *items,
                        struct yaml_node *body, struct error *err)
{
    struct expanded_group group = {name->text, pipeline->count, items->count};
    int status = memory_grow(&pipeline->groups, &pipeline->group_capacity,
                             pipeline->group_count + 1, sizeof(*pipeline->groups), err);
    if (status == 0)
        pipeline->groups[pipeline->group_count++] = group;
    for (size_t i = 0; status == 0 && i < items->count; i++) {
        struct yaml_node *expanded;
        scope->item = items->pairs[i].value;
        scope->key = items->pairs[i].key;
        status = expand_body(scope, body, &expanded, err);
        if (status == 0)
            status = add_stage(pipeline, scope, name, expanded, err);
    }
    scope->item = scope->key = NULL;
    return status;
}

static int check_body(const char *stage, const char *what, const struct yaml_node *body,
                      struct error *err)
{
    char buffer[64];
    if (body->kind == YAML_KIND_MAP)
        return 0;
    return yaml_error(err, body->place, "stage '%s': expected a map %s, not %s", stage, what,
                      yaml_describe(body, buffer, sizeof(buffer)));
}

static int read_foreach(struct expanded_plan *pipeline, struct expand_scope *scope,
                        const struct yaml_node *name, const struct yaml_node *body,
                        struct error *err)
{
    struct yaml_node *over, *items, *inner = yaml_get(body, "do");
    for (size_t i = 0; i < body->count; i++) {
        const struct yaml_node *key = body->pairs[i].key;
        if (strcmp(key->text, "foreach") != 0 && strcmp(key->text, "do") != 0)
            return yaml_error(err, key->place, "stage '%s': '%s' belongs under 'do'", name->text,
                              key->text);
    }
    if (inner == NULL)
        return yaml_error(err, name->place, "stage '%s': 'foreach' needs 'do'", name->text);
    if (check_body(name->text, "under 'do'", inner, err) < 0 ||
        expand(scope, yaml_get(body, "foreach"), &over, err) < 0 ||
        foreach_items(pipeline->tree, name->text, over, &items, err) < 0)
        return -1;
    return add_variants(pipeline, scope, name, items, inner, err);
}

static int read_matrix(struct expanded_plan *pipeline, struct expand_scope *scope,
                       const struct yaml_node *name, const struct yaml_node *body,
                       struct error *err)
{
    struct yaml_node *dimensions, *items;
    struct yaml_node *inner = yaml_tree_map(pipeline->tree, body->place, body->count, err);
    if (inner == NULL || expand(scope, yaml_get(body, "matrix"), &dimensions, err) < 0 ||
        matrix_items(pipeline->tree, name->text, dimensions, &items, err) < 0)
        return -1;
    for (size_t i = 0; i < body->count; i++) {
        const struct yaml_pair *pair = &body->pairs[i];
        if (strcmp(pair->key->text, "matrix") != 0 &&
            yaml_map_add(inner, pair->key, pair->value, err) < 0)
            return -1;
    }
    return add_variants(pipeline, scope, name, items, inner, err);
}

static int check_stage_name(const struct yaml_node *name, struct error *err)
{
    if (name_is_good(name->text, '\0') && name->text[0] != '-')
        return 0;
    return yaml_error(err, name->place, "'%.120s' cannot be a stage's name: %s", name->text,
                      name_rule(name->text));
}

static int read_stage(struct expanded_plan *pipeline, struct expand_scope *scope,
                      const struct yaml_pair *pair, struct error *err)
{
    const struct yaml_node *name = pair->key;
    struct yaml_node *body = pair->value, *expanded;
    if (check_stage_name(name, err) < 0 || check_body(name->text, "with 'cmd'", body, err) < 0)
        return -1;
    struct yaml_pair *inner = yaml_find(body, "do", 2);
    if (yaml_get(body, "foreach") != NULL)
        return read_foreach(pipeline, scope, name, body, err);
    if (inner != NULL)
        return yaml_error(err, inner->key->place, "stage '%s': 'do' needs 'foreach'", name->text);
    if (yaml_get(body, "matrix") != NULL)
        return read_matrix(pipeline, scope, name, body, err);
    if (expand_body(scope, body, &expanded, err) < 0)
        return -1;
    return add_stage(pipeline, scope, name, expanded, err);
}

static int read_stages(struct expanded_plan *pipeline, const struct yaml_node *root,
                       struct yaml_node *vars, struct error *err)
{
    struct expand_scope *scope = memory_new(1, sizeof(*scope), err);
    struct yaml_node *stages = NULL;
    if (scope == NULL)
        return -1;
    scope->tree = pipeline->tree;
    scope->vars = vars;
    int status = expand_vars(scope, err);
    if (status == 0 && (stages = map_at(pipeline, root, "stages", err)) == NULL)
        status = -1;
    if (status == 0 && stages->count == 0)
        status = yaml_error(err, stages->place, "no stages: {name: {cmd: ...}} under 'stages'");
    for (size_t i = 0; status == 0 && i < stages->count; i++)
        status = read_stage(pipeline, scope, &stages->pairs[i], err);
    pipeline->vars = scope->vars;
    free(scope);
    return status;
}

int plan_expand(const char *file, const char *data, size_t size, const char *profile,
                const char *const *sets, size_t set_count, struct expanded_plan **pipeline,
                struct error *err)
{
    struct yaml_node *root, *vars;
    struct expanded_plan *made = memory_new(1, sizeof(*made), err);
    if (made == NULL)
        return -1;
    int status = -1;
    if ((made->sets = json_object()) == NULL) {
        error_set(err, ERR_MEMORY, "out of memory for '%s'", file);
        goto done;
    }
    if ((made->tree = yaml_tree_new(err)) == NULL ||
        yaml_tree_parse(made->tree, file, false, data, size, &root, err) < 0 ||
        secret_url_refuse(root, err) < 0 || check_keys(root, err) < 0 ||
        read_vars(made, root, profile, sets, set_count, &vars, err) < 0 ||
        read_stages(made, root, vars, err) < 0)
        goto done;
    made->root = root;
    *pipeline = made;
    made = NULL;
    status = 0;
done:
    plan_expand_free(made);
    return status;
}

void plan_expand_free(struct expanded_plan *pipeline)
{
    if (pipeline == NULL)
        return;
    yaml_tree_free(pipeline->tree);
    json_decref(pipeline->sets);
    free(pipeline->stages);
    free(pipeline->groups);
    free(pipeline);
}
