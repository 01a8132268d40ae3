/* One stage of the pipeline file read into a struct plan_stage. Deps are only
 * drafted: what they refer to is found once all stages are read. */
#ifndef PLAN_PLAN_STAGE_H
#define PLAN_PLAN_STAGE_H

#include "plan/plan.h"
#include "plan/plan_expand.h"

enum { PLAN_STAGE_PARAMS_LIMIT = 200000 }; /* values in the params of all stages */

struct dep_draft {
    const char *name, *reference; /* in the pipeline's tree */
    struct yaml_place place;
};

struct stage_draft {
    const struct expanded_stage *source;
    struct yaml_tree *tree;
    bool left_out;           /* `when: false` */
    struct plan_stage stage; /* all but the deps */
    struct dep_draft *deps;
    size_t dep_count;
    const struct yaml_node *outs; /* as in the file, those with null among them; or NULL */
};

/* `params` adds up over the stages, for PLAN_STAGE_PARAMS_LIMIT. */
int stage_draft_read(struct yaml_tree *tree, const struct expanded_stage *source, size_t *params,
                     struct stage_draft *draft, struct error *err);
void stage_draft_release(struct stage_draft *draft);

/* ERR_USAGE: `file:line:col: stage 'name': message`. Returns -1. */
int stage_draft_error(const struct stage_draft *draft, struct yaml_place place, struct error *err,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Frees what a stage points at. */
void plan_stage_release(struct plan_stage *stage);

#endif
