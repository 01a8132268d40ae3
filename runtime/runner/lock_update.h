/* Writes what a run found and made into pipeline.lock. */
#ifndef RUNNER_LOCK_UPDATE_H
#define RUNNER_LOCK_UPDATE_H

#include "runner/job.h"

/* Stages that the run did not finish keep their entries, as long as profile
 * and --set are the same. The file is written only where it changes. */
int lock_update(struct jobs *jobs, struct error *err);

/* Equal values; 1 and 1.0 are the same number. */
bool lock_params_equal(const json_t *a, const json_t *b);

#endif
