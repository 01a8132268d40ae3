/* The order of a plan's stages. */
#ifndef PLAN_PLAN_ORDER_H
#define PLAN_PLAN_ORDER_H

#include "plan/stage_draft.h"

/* Moves the stages that are not left out into plan->stages, each after those
 * it depends on and otherwise as in the file, and fills plan->names. A cycle is
 * an error that names it. */
int plan_order(struct stage_draft *drafts, size_t count, struct plan *plan, struct error *err);

#endif
