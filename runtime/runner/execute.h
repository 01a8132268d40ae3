/* The beginning and the end of an attempt. */
#ifndef RUNNER_EXECUTE_H
#define RUNNER_EXECUTE_H

#include "runner/attempt.h"

/* Takes the key's lock over, also on failure. Then comes work_make. Messages here leave out the
 * stage's name: a line about it begins with it. */
int execute_new(struct jobs *jobs, struct job *job, struct store_lock *lock, int threads,
                struct attempt **attempt, struct error *err);

/* Starts the process in the folder that work_make has made, with `cards` for environment.h. On
 * failure, too, execute_end follows. */
int execute_start(struct attempt *attempt, const char *cards, struct error *err);

/* Kills what runs, removes the folder, gives the lock back. */
void execute_end(struct attempt *attempt);

#endif
