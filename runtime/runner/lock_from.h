/* Where a dep comes from, as the lock and the lineage say it. */
#ifndef RUNNER_LOCK_FROM_H
#define RUNNER_LOCK_FROM_H

#include "base/text.h"
#include "plan/plan.h"

/* "stage.out", "stage@*.out" or the path of a dep. */
void lock_from_add(const struct plan *plan, const struct plan_dep *dep, struct text *text);

#endif
