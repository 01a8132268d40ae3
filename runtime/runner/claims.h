/* The lock file as a claim that a run tests: `run --locked`. */
#ifndef RUNNER_CLAIMS_H
#define RUNNER_CLAIMS_H

#include "runner/job.h"

/* Before anything runs: ERR_STAGE where there is no lock, or where the result of a stage that is
 * asked for was adopted and not made. */
int claims_check_before(const struct jobs *jobs, struct error *err);

/* Afterwards: `lines` gets one for each thing that is not as the lock says. The worst is the
 * error:
 *   ERR_MISMATCH           an out differs though its stage has the key that the lock claims
 *   ERR_STAGE              the lock is not of this pipeline
 *   ERR_NOT_REPRODUCIBLE   the lock was made with another build, or on another machine */
int claims_check(const struct jobs *jobs, struct text *lines, struct error *err);

#endif
