/* The pipeline file as a list of stages with every expression expanded: the
 * profile and --set applied, foreach and matrix multiplied out. What stands
 * under a stage's keys is plan_stage.c's to read.
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

enum { PLAN_STAGE_LIMIT = 1000 };

struct expanded_stage {
    const char *name;
    struct yaml_place place; /* of its name */
    struct yaml_node *body;  /* a map, without foreach, do and matrix */
};

/* Owns the tree that names and bodies lie in. */
struct expanded_plan {
    struct yaml_tree *tree;
    const char *profile; /* "" where none was chosen */
    json_t *sets;
    struct expanded_stage *stages; /* as in the file */
    size_t count, capacity;
};

/* `file` is what messages call it. `profile` NULL takes the file's default. */
int plan_expand(const char *file, const char *data, size_t size, const char *profile,
                const char *const *sets, size_t set_count, struct expanded_plan **pipeline,
                struct error *err);
void plan_expand_free(struct expanded_plan *pipeline);

#endif
