/* What the deps of all stages refer to.
 *
 *   split.splits     the out of a stage; also of one variant: train@a.model
 *   train@*.model    that out of every stage of a group, as a folder; * stands for any characters
 *   data/a.csv       a file or folder: below the project, absolute, or with .. at its start
 *   ./train.py       always a file; `train.py` is one where the stage `train` has no out `py`
 */
#ifndef PLAN_PLAN_LINK_H
#define PLAN_PLAN_LINK_H

#include "plan/stage_draft.h"

enum { PLAN_MEMBER_LIMIT = 1000000 }; /* stages that all deps on groups stand for */

/* Fills the deps of every draft; plan_dep.stage and plan_member.stage are indices of drafts. Files
 * must exist under `folder`, but where the plan is read without data. */
int plan_link_deps(struct stage_draft *drafts, const struct expanded_plan *pipeline,
                   const char *folder, struct error *err);

#endif
