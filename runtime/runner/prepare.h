/* Finds out what a job's key is, and whether its result is there. */
#ifndef RUNNER_PREPARE_H
#define RUNNER_PREPARE_H

#include "runner/job.h"

/* What can be told before any stage has run: that each command can be started, that its
 * parameters are right, that its requirements name metrics. ERR_USAGE with the place where not. */
int prepare_check(struct jobs *jobs, size_t index, enum store_depth depth, struct error *err);

/* For a job whose upstream jobs are decided: computes components and key and looks for the
 * result. Leaves it CACHED, STALE or UNKNOWN. ERR_UNKNOWN where `depth` is STORE_BY_MEMO and
 * something must be read or asked first: then the job is as it was. */
int prepare_job(struct jobs *jobs, size_t index, enum store_depth depth, struct error *err);

/* Looks for the action of a key that is known; CACHED where it is whole. */
int prepare_look_up(struct jobs *jobs, size_t index, enum store_depth depth, struct error *err);

/* Prepares every job that is asked for, without executing any. A job that cannot be prepared
 * becomes FAILED with its reason, and those that need it UNKNOWN; *failures is how many. */
int prepare_all(struct jobs *jobs, size_t *failures, struct error *err);

/* The components that the stage's entry in the lock file was made from; NULL
 * where there is none. free() it. */
int prepare_recorded_components(const struct project *project, const char *stage, char **components,
                                struct error *err);

#endif
