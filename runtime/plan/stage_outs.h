/* `outs`, and what names them: `metrics`, `plots`, `require`. */
#ifndef PLAN_STAGE_OUTS_H
#define PLAN_STAGE_OUTS_H

#include "plan/stage_draft.h"

/* Each takes what stands under its key; outs come first. */
int stage_outs_read(struct stage_draft *draft, const struct yaml_node *node, struct error *err);
int stage_outs_mark(struct stage_draft *draft, const struct yaml_node *node, bool metrics,
                    struct error *err);
int stage_outs_require(struct stage_draft *draft, const struct yaml_node *node, struct error *err);

#endif
