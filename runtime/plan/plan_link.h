/* The stages of a plan tied together: what deps refer to, whether published
 * folders collide, and the order. */
#ifndef PLAN_PLAN_LINK_H
#define PLAN_PLAN_LINK_H

#include "plan/plan_stage.h"

/* Fills the deps of every draft; plan_dep.stage is the index of a draft. Files
 * must exist under `folder`. */
int plan_link_deps(struct stage_draft *drafts, size_t count, const char *folder, struct error *err);

/* Two outs may not publish to one place, nor one over a dep or the store. */
int plan_link_check_publish(const struct stage_draft *drafts, size_t count, struct error *err);

/* Moves the stages that are not left out into plan->stages, each after those
 * it depends on and otherwise as in the file. A cycle is an error that names it. */
int plan_link_order(struct stage_draft *drafts, size_t count, struct plan *plan, struct error *err);

#endif
