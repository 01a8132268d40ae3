/* The beginning and the end of an attempt. */
#ifndef RUNNER_EXECUTE_H
#define RUNNER_EXECUTE_H

#include "runner/attempt.h"

/* Writes the folder and starts the process. Takes the key's lock over, also
 * on failure. Messages here leave out the stage's name: a line about it begins
 * with it. ERR_CHANGED where something is not what the key names any more. */
int execute_start(struct jobs *jobs, struct job *job, struct store_lock *lock, int threads,
                  struct attempt **attempt, struct error *err);

/* Kills what runs, removes the folder, gives the lock back. */
void execute_end(struct attempt *attempt);

#endif
