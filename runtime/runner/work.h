/* The folder of an attempt: made before the process starts, turned into blobs
 * and an action after it succeeded. */
#ifndef RUNNER_WORK_H
#define RUNNER_WORK_H

#include "runner/attempt.h"

/* Makes the folder with stage.json, deps and the parents of outs; fills in
 * folder, checkpoint and log_path. */
int work_make(struct attempt *attempt, struct error *err);

/* Checks that deps are as they were, stores outs and log, records the action,
 * and removes the checkpoint. */
int work_store(struct attempt *attempt, struct error *err);

/* Moves the log of a failed stage to cache/logs/<stage>.log, which becomes
 * log_path. */
void work_keep_log(struct attempt *attempt);

void work_remove(struct attempt *attempt);

#endif
