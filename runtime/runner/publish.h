/* What an out that is published puts into a folder of the project: a file under
 * its last name, or what a folder holds. */
#ifndef RUNNER_PUBLISH_H
#define RUNNER_PUBLISH_H

#include "plan/plan.h"
#include "runner/lockfile.h"

/* The copies, with paths relative to the project; of a folder its tree must be
 * in the store. A link has the digest of its target. tree_release() it. */
int publish_tree(struct store *store, const struct plan_out *out, const struct content *content,
                 struct tree *tree, struct error *err);

/* Adds them, without empty folders, under their names. */
int publish_names(const struct tree *tree, struct lock_names *names, struct error *err);

/* True where a copy of this digest lies at `path`: of a link it is that of its target. */
bool publish_is_at(struct store *store, const char *path, const struct digest *digest,
                   enum store_depth depth);

#endif
