/* A stage that writes to what it is made of, in the project and not in its work folder, runs again
 * each time: its result is good, but its key is another one by then. */
#ifndef RUNNER_OWN_INPUTS_H
#define RUNNER_OWN_INPUTS_H

#include "runner/attempt.h"

/* After a stage: adds a line to its job's notes for each file of cmd and each dep on the project's
 * files that is not what it was when the stage began, whoever changed it. */
void own_inputs_note(struct attempt *attempt);

#endif
