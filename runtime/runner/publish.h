/* What an out that is published puts into a folder of the project: a file under
 * its last name, or what a folder holds. */
#ifndef RUNNER_PUBLISH_H
#define RUNNER_PUBLISH_H

#include "plan/plan.h"
#include "runner/lockfile.h"

/* The copies, with paths relative to the project; of a folder its tree must be
 * in the store. tree_release() it. */
int publish_tree(struct store *store, const struct plan_out *out, const struct content *content,
                 struct tree *tree, struct error *err);

/* Adds them, without empty folders, under their names. */
int publish_names(const struct tree *tree, struct lock_names *names, struct error *err);

/* The content of one entry. */
struct content publish_content(const struct tree_entry *entry);

#endif
