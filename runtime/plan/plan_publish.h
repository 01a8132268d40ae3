/* Where outs may be published. Whether an out is a file or a folder, and what a
 * folder holds, is known only when a stage has run: what is refused here collides
 * for certain, or would write into what is not the pipeline's. */
#ifndef PLAN_PLAN_PUBLISH_H
#define PLAN_PLAN_PUBLISH_H

#include "plan/stage_draft.h"

/* Not into git's, the runner's or anybody's folder, the pipeline file or its lock, a dep, or a file
 * of a command; and no two outs to one place. Deps are linked and commands read. */
int plan_publish_check(const struct stage_draft *drafts, size_t count, const struct plan *plan,
                       struct error *err);

#endif
