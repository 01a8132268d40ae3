/* What a dep is: a file or folder of the project by content, another stage's
 * out, or the outs of all items of a group as one folder of folders.
 */
#ifndef RUNNER_DEP_CONTENT_H
#define RUNNER_DEP_CONTENT_H

#include "runner/job.h"

/* A job that must have its result before the dep is known, or NULL. */
const struct job *dep_content_waits_for(const struct jobs *jobs, const struct plan_dep *dep);

/* The content; the error has the dep's place in front. ERR_UNKNOWN where `depth` does not tell. */
int dep_content_of(const struct jobs *jobs, const struct plan_dep *dep, enum store_depth depth,
                   struct content *content, struct error *err);

/* Before anything runs: ERR_USAGE where a dep on the project's files holds what could not be taken
 * when its turn comes (a pipe, a link to nowhere). Looks at each path once. */
int dep_content_look(struct jobs *jobs, const struct plan_dep *dep, struct error *err);

/* Where a dep on the project's files lies. free() it. */
char *dep_content_path(const struct project *project, const struct plan_dep *dep,
                       struct error *err);

/* Of one member of a group; its job is done. */
const struct content *dep_content_member(const struct jobs *jobs, const struct plan_member *member);

#endif
