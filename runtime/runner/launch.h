/* Starts a stage's process. All that is done to the child between fork and
 * exec is in one function, prepare_child in launch.c: what confines a stage
 * belongs there.
 */
#ifndef RUNNER_LAUNCH_H
#define RUNNER_LAUNCH_H

#include "base/error.h"

#include <stdint.h>
#include <sys/types.h>

enum { LAUNCH_PROGRESS_FD = 3 };

struct launch {
    char *const *argv; /* argv[0] is absolute */
    char *const *environment;
    const char *folder;   /* to work in */
    int log;              /* stdout and stderr */
    int progress;         /* becomes LAUNCH_PROGRESS_FD */
    int64_t memory_bytes; /* 0: no limit */
};

/* The child leads a process group of its own, and dies with the runner. *pidfd
 * becomes readable when it ends. ERR_STAGE where it cannot be started. */
int launch_start(const struct launch *launch, pid_t *pid, int *pidfd, struct error *err);

#endif
