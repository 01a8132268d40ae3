/* One stage of the pipeline file on its way into a struct plan_stage: all but cmd
 * and what deps refer to, which is found once all stages are read. */
#ifndef PLAN_STAGE_DRAFT_H
#define PLAN_STAGE_DRAFT_H

#include "plan/plan.h"
#include "plan/plan_expand.h"

struct dep_draft {
    const char *name, *reference; /* in the pipeline's tree */
    struct yaml_place place;
    const struct yaml_node *choices; /* NULL, or the list of texts of which `reference` is the first
                                        until it is known which stages are left out */
};

struct stage_draft {
    const struct expanded_stage *source;
    struct yaml_tree *tree;
    bool left_out;           /* `when: false` */
    struct plan_stage stage; /* all but cmd and deps at first */
    struct dep_draft *deps;  /* in the tree, too */
    size_t dep_count;
    struct yaml_node *cmd; /* as in the file; or NULL */
    const struct yaml_node *dep_map,
        *outs; /* as in the file, those with null among them; or NULL */
};

void stage_draft_release(struct stage_draft *draft);

/* ERR_USAGE: `file:line:col: stage 'name': message`. Returns -1. */
int stage_draft_error(const struct stage_draft *draft, struct yaml_place place, struct error *err,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));

/* "`what` must be `expected`, not ...", at the node. */
int stage_draft_wrong_type(const struct stage_draft *draft, const char *what, const char *expected,
                           const struct yaml_node *node, struct error *err);

/* Names of deps and outs become file names and parts of "stage.out". `kind` is "a dep". */
int stage_draft_check_name(const struct stage_draft *draft, const char *kind,
                           const struct yaml_node *name, struct error *err);

/* A place as the plan keeps it, and back. */
struct place stage_draft_plan_place(struct yaml_place place);
struct yaml_place stage_draft_place(const struct stage_draft *draft, struct place place);

#endif
