/* Starts a program, confined, below a keeper (keeper.h). All that is done to
 * the program between fork and exec is in prepare_program in keeper.c.
 */
#ifndef RUNNER_LAUNCH_H
#define RUNNER_LAUNCH_H

#include "base/error.h"
#include "runner/launcher.h"

struct launched {
    pid_t pid; /* of the keeper; 0: none */
    int pidfd; /* readable when all is over */
    int report;
};

/* By the launcher, or where that is NULL or cannot by a fork of this process. */
int launch_start(struct launcher *launcher, const struct launch *launch, struct launched *launched,
                 struct error *err);

/* SIGTERM to the program's process group, and SIGCONT: one that is stopped could not leave. */
void launch_ask_to_stop(const struct launched *launched);
void launch_kill(const struct launched *launched);

/* Waits for the end. ERR_STAGE where the keeper itself was killed; then nothing is known of the
 * program. `launched` is zeroed. */
int launch_collect(struct launched *launched, struct launch_report *report, struct error *err);

#endif
