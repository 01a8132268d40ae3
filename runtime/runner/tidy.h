/* After a run that was killed: what it left for good. */
#ifndef RUNNER_TIDY_H
#define RUNNER_TIDY_H

#include "runner/project.h"

/* Kills processes of its stages whose keeper was killed, too, and removes temporary files in the
 * cache, in artifacts/, in the folders that outs are published to, and beside pipeline.yaml. To be
 * called while no other run is at work here. */
void tidy_after_kill(const struct project *project);

#endif
