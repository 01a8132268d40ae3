/* A stage of the pipeline file read into its draft: every key but cmd, which
 * stage_cmd.h reads. */
#ifndef PLAN_PLAN_STAGE_H
#define PLAN_PLAN_STAGE_H

#include "plan/stage_draft.h"

int stage_draft_read(struct yaml_tree *tree, const struct expanded_stage *source,
                     struct stage_draft *draft, struct error *err);

#endif
