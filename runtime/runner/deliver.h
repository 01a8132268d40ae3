/* Brings a stage's result from the store to where people look: its artifacts,
 * and what it publishes. */
#ifndef RUNNER_DELIVER_H
#define RUNNER_DELIVER_H

#include "runner/job.h"

/* artifacts/<stage>/<path> of every out, and copies in `publish` folders. Sets
 * job->repaired where something had to be written. */
int deliver(const struct project *project, struct job *job, struct error *err);

#endif
