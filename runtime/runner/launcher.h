/* A small process that forks keepers for the runner, begun before the runner
 * reads anything: a fork costs as much as the memory of who forks, and a copy
 * of a file that is open for writing in one of the runner's threads must not
 * come along. It ends with the runner, and its keepers with it.
 */
#ifndef RUNNER_LAUNCHER_H
#define RUNNER_LAUNCHER_H

#include "base/error.h"
#include "runner/keeper.h"

struct launcher;

int launcher_start(struct launcher **launcher, struct error *err);
void launcher_stop(struct launcher *launcher);
pid_t launcher_pid(const struct launcher *launcher); /* 0 of NULL */

enum launcher_answer {
    LAUNCHER_FORKED,
    LAUNCHER_NOTHING, /* nothing was forked: the runner can do it itself */
    LAUNCHER_BROKE,   /* the same once all writing ends of the report are closed: what the launcher
                         has forked is about to end */
};

/* Has a keeper forked that reports to `report`. */
enum launcher_answer launcher_fork(struct launcher *launcher, const struct launch *launch,
                                   int report, pid_t *pid, int *pidfd);

#endif
