/* `cmd`: text that is cut into words, or a list of words. Read last, for
 * `${deps.x}` and `${outs.x}` in it are places in the stage's work folder:
 *
 *   deps/<x>/<last part of its path>     deps/<x> for an out of a group
 *   outs/<path of the out>
 */
#ifndef PLAN_STAGE_CMD_H
#define PLAN_STAGE_CMD_H

#include "plan/expand.h"
#include "plan/stage_draft.h"

/* Whether it has an expression, so that it has to wait for the deps. */
bool stage_cmd_needs_deps(const struct stage_draft *draft);

/* Reads the command of drafts[index]. `scope` has tree and expanded vars;
 * `folder` is the project's. */
int stage_cmd_read(struct stage_draft *drafts, size_t index, struct expand_scope *scope,
                   const char *folder, struct error *err);

#endif
