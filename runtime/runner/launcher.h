/* A small process that forks keepers for the runner, begun before the runner
 * reads anything: a fork costs as much as the memory of who forks, and a copy
 * of a file that is open for writing in one of the runner's threads must not
 * come along. It ends with the runner, and its keepers with it.
 */
#ifndef RUNNER_LAUNCHER_H
#define RUNNER_LAUNCHER_H

#include "base/error.h"
#include "runner/keeper.h"

#include <stdbool.h>

struct launcher;

int launcher_start(struct launcher **launcher, struct error *err);
void launcher_stop(struct launcher *launcher);

/* Has a keeper forked that reports to `report`. False where that cannot be had: then the runner
 * forks it itself. */
bool launcher_fork(struct launcher *launcher, const struct launch *launch, int report, pid_t *pid,
                   int *pidfd);

#endif
