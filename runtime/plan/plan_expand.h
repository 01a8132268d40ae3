/* The pipeline file as a list of stages with every expression expanded but those
 * in cmd: the profile and --set applied, foreach and matrix multiplied out. What
 * stands under a stage's keys is plan_stage.c's to read; cmd is stage_cmd.c's,
 * once it is known where deps and outs lie.
 *
 *   profile: name               the default profile
 *   vars: {...}                 what expressions may name
 *   profiles: {name: {...}}     values over vars
 *   stages: {name: {...}}       or {name: {foreach: ..., do: {...}}}
 */
#ifndef PLAN_PLAN_EXPAND_H
#define PLAN_PLAN_EXPAND_H

#include "plan/yaml_tree.h"

#include <jansson.h>

enum {
    PLAN_STAGE_LIMIT = 100000,
    PLAN_PARAMS_LIMIT = 4000000, /* values in the params of all stages */
};

struct expanded_stage {
    const char *name;
    size_t group_size;                  /* of `name` before the @; 0 where it is no variant */
    struct yaml_place place;            /* of its name */
    const struct yaml_node *body;       /* a map, without foreach, do and matrix */
    const struct yaml_node *item, *key; /* what cmd may name besides vars; or NULL */
};

/* A stage with foreach or matrix; its variants stand together. */
struct expanded_group {
    const char *name;
    size_t first, count; /* among the stages */
};

/* Owns the tree that names and bodies lie in. */
struct expanded_plan {
    struct yaml_tree *tree;
    const struct yaml_node *root;     /* of the file */
    const char *profile;              /* "" where none was chosen */
    bool has_default;                 /* so that one always is */
    const struct yaml_node *profiles; /* a map */
    json_t *sets;
    struct yaml_node *vars;        /* expanded */
    struct expanded_stage *stages; /* as in the file */
    size_t count, capacity;
    struct expanded_group *groups;
    size_t group_count, group_capacity;
    size_t params;     /* values in those of all stages */
    bool without_data; /* files that are deps need not be there */
};

/* `file` is what messages call it. `profile` NULL takes the file's default. */
int plan_expand(const char *file, const char *data, size_t size, const char *profile,
                const char *const *sets, size_t set_count, struct expanded_plan **pipeline,
                struct error *err);
void plan_expand_free(struct expanded_plan *pipeline);

#endif
