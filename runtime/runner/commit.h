/* Records results behind the schedule's back: blobs are flushed to disk, many
 * attempts at once, before the actions that name them appear; then each
 * attempt's checkpoint, folder and lock go. A result may be used in this run
 * as soon as it is stored; it counts in the next one once it is recorded.
 */
#ifndef RUNNER_COMMIT_H
#define RUNNER_COMMIT_H

#include "runner/attempt.h"

struct commit;
int commit_new(struct project *project, struct commit **commit, struct error *err);

/* Takes an attempt over whose job has its action. */
void commit_post(struct commit *commit, struct attempt *attempt);

/* Attempts that wait: each holds its key's lock, so there should not be very many. */
size_t commit_pending(struct commit *commit);

/* Waits until all is recorded and on disk. -1 with the first error. */
int commit_finish(struct commit *commit, struct error *err);

/* After commit_finish, or before any attempt was posted. */
void commit_free(struct commit *commit);

#endif
