/* What an earlier lock lists and the new one doesn't: artifacts and published
 * copies of stages, outs and names that are gone. */
#ifndef RUNNER_LEFTOVER_H
#define RUNNER_LEFTOVER_H

#include "runner/project.h"

/* Removes them where they have the bytes that were delivered, and folders that this empties.
 * Others stay; `notes` gets a line for each. `was` may be NULL. */
int leftover_remove(const struct project *project, const struct lock *was, const struct lock *now,
                    struct text *notes, struct error *err);

#endif
