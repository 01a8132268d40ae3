/* Executes what must be executed: as many stages side by side as processors
 * and devices allow, each under its key's lock, until all is done, something
 * failed, or the user said stop.
 */
#ifndef RUNNER_SCHEDULE_H
#define RUNNER_SCHEDULE_H

#include "runner/job.h"
#include "runner/watcher.h"

/* Leaves every job that was asked for CACHED, EXECUTED, FAILED or SKIPPED, and
 * its artifacts in place. ERR_STAGE where one failed, ERR_INTERRUPTED after
 * SIGINT, SIGTERM or SIGHUP. The first such signal asks the stages to save and
 * leave; the second kills them. */
int schedule_run(struct jobs *jobs, const struct watcher *watcher, struct error *err);

#endif
