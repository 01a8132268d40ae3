/* What a program wants to find again the next time, and what only saves time:
 * compiled kernels, say. Kept for each program and fingerprint, in no key.
 *
 *   cache/scratch/<64 hex>   text "<digest of a folder> <size>", the folder in the store
 *   run/scratch/             a read-only copy of it, where there is one
 *   run/scratch_out/         what the stage leaves; kept where nothing is yet
 *
 * The first successful run decides; its bytes are checked by their digest each time.
 */
#ifndef RUNNER_SCRATCH_H
#define RUNNER_SCRATCH_H

#include "runner/attempt.h"

/* Lays the kept folder out; *shown: there is one. */
int scratch_show(struct attempt *attempt, bool *shown, struct error *err);

/* After success, in a worker: takes what the stage left. */
int scratch_keep(const struct attempt *attempt, struct error *err);

#endif
