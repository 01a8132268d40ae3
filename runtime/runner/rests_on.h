/* All that the answer of a run with nothing to do rests on, of the file system. */
#ifndef RUNNER_RESTS_ON_H
#define RUNNER_RESTS_ON_H

#include "runner/evidence.h"
#include "runner/job.h"

/* Adds it. Every job that is asked for is CACHED, and its artifacts and copies are there. False
 * where something is not any more what the run found, or cannot be told by stat(2). */
bool rests_on(struct jobs *jobs, struct evidence *evidence);

#endif
