/* Brings a stage's result from the store to where people look: its artifacts,
 * and what it publishes. */
#ifndef RUNNER_DELIVER_H
#define RUNNER_DELIVER_H

#include "runner/job.h"

/* artifacts/<stage>/<path> of every out, and copies in `publish` folders. Sets
 * job->repaired where something had to be written. */
int deliver(const struct project *project, struct job *job, struct error *err);

/* The first out of a job that is done whose artifact or published copy is
 * missing or differs, or NULL. */
const struct plan_out *deliver_missing(const struct project *project, const struct job *job);

#endif
