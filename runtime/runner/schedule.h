/* Executes what must be executed: as many stages side by side as processors
 * and devices allow, each under its key's lock, until all is done, something
 * failed, or the user said stop.
 *
 * One thread looks after processes, signals, limits and the watcher, and never
 * reads or writes what may be large: that is done by tasks (tasks.h), and
 * results are recorded by a commit (commit.h).
 */
#ifndef RUNNER_SCHEDULE_H
#define RUNNER_SCHEDULE_H

#include "runner/job.h"
#include "runner/watcher.h"

/* Leaves every job that was asked for CACHED, EXECUTED, FAILED or SKIPPED, and
 * its artifacts in place. ERR_STAGE where one failed, ERR_INTERRUPTED after
 * SIGINT, SIGTERM or SIGHUP. The first such signal asks the stages to save and
 * leave; the second kills them, and ends what is being stored. */
int schedule_run(struct jobs *jobs, const struct watcher *watcher, struct error *err);

#endif
