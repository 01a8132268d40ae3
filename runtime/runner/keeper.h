/* The process between the runner and a program that it starts. It holds the
 * lock of the work, waits for the program, and sees to it that nothing of the
 * program lives on: every descendant comes to the keeper when its parent ends,
 * and is killed before the keeper reports, or as the runner dies.
 *
 *   runner ── keeper ── program ── ...
 *
 * In namespaces (namespaces.h) an init stands between the two, which does for the keeper what is
 * done from near; when it ends, the kernel lets nothing live on.
 *
 *   SIGTERM to the keeper   asks the program's process group to stop
 *   SIGUSR1                 kills all; sent by the kernel when the runner dies
 *
 * Runs between fork and exit: no memory is allocated, no lock taken.
 */
#ifndef RUNNER_KEEPER_H
#define RUNNER_KEEPER_H

#include "base/digest.h"
#include "runner/limits.h"
#include "runner/memory_group.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { LAUNCH_PROGRESS_FD = 3, LAUNCH_NAMES = 64 };

struct launch {
    char *const *argv; /* argv[0] is absolute, or relative to `folder` */
    char *const *environment;
    int folder;         /* a descriptor: to work in */
    int output, errors; /* become stdout and stderr */
    int progress;       /* becomes LAUNCH_PROGRESS_FD; -1: none */
    int lock;           /* held by the keeper as long as anything of the program lives; -1: none */
    struct limits limits;
    int groups;                   /* for the limit of memory (memory_group.h); -1: none */
    bool confined;                /* enters the sandbox (sandbox.h), */
    bool network;                 /* with the network in reach, */
    int rules;                    /* under these of Landlock; -1: none */
    struct namespaces namespaces; /* in these */
    int tried;                    /* its paths are noted there (tried.h); -1: nowhere */
    uint64_t mark;                /* of keeper_mark; 0: none */
};

/* What the keeper tells when all is over. */
struct launch_report {
    int start_errno;          /* not 0: the program was not started, */
    bool without_namespaces;  /* since they could not be made */
    int status;               /* as of waitpid */
    unsigned killed;          /* processes that it left, killed after it ended */
    unsigned left;            /* those that could not be killed */
    bool full;                /* it had as many processes as it may */
    bool without_group;       /* start_errno is that of making its group */
    bool out_of_memory;       /* its group had more than it may, and some were killed for it */
    char names[LAUNCH_NAMES]; /* of the first of them, separated by blanks */
};

/* In a child of `runner`: starts the program, reports to `report`, exits. */
_Noreturn void keeper_run(const struct launch *launch, pid_t runner, int report);

/* A number that a program and all that comes of it bear, whatever they do to their environment,
 * descriptors, group and session: the limit of file locks, which the kernel keeps and has not used
 * since 2.4. Of one key below a cache, or of all (`key` NULL). */
uint64_t keeper_mark(const char *cache, const struct digest *key);

/* Kills processes that a killed keeper could not: those that bear the mark, and those in whose
 * environment REPRISE_STAGE begins with `path`. Looks at every process of this user. */
void keeper_hunt(const char *path, uint64_t mark);

#endif
