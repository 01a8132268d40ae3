/* Hears of the paths that a program and all it starts name in system calls, by seccomp's
 * notifications (seccomp_unotify(2)), and notes those that its rules do not cover (tried.h). It
 * decides nothing: every call goes on as it would, and what refuses is Landlock. So there is no
 * race to win. Only a call of io_uring, which no filter sees into, is refused, and connections of
 * sockets are made for a program that may reach none of others (socket_guard.h).
 *
 *   keeper    supervisor_open ─► start of the program ─► supervisor_take ─► supervisor_wait ...
 *   program   supervisor_enter, last before it executes
 *
 * A call waits until the keeper has answered it. Where the keeper dies, calls fail with ENOSYS, and
 * nobody waits. Allocates nothing.
 */
#ifndef RUNNER_SUPERVISOR_H
#define RUNNER_SUPERVISOR_H

#include "runner/confine.h"
#include "runner/tried.h"

#include <signal.h>
#include <time.h>

struct supervisor {
    struct tried *tried;          /* NULL: nothing is heard */
    int folder;                   /* where the program works */
    int ends[2];                  /* the program sends its listener to the first by the second */
    int listener;                 /* -1: none */
    int signals;                  /* signals to the keeper, as a descriptor */
    enum confine_network network; /* which sockets it may have */
};

/* Before a run that rests on it: 0, or why no notifications are to be had here, as errno. */
int supervisor_check(void);

/* `tried` of tried_new; -1, or anything that fails: nothing is heard, and where sockets are to be
 * guarded, none connects. `signals` are all blocked. */
void supervisor_open(struct supervisor *supervisor, int tried, int folder,
                     enum confine_network network, const sigset_t *signals);

/* In the program's process: its calls are heard from now on, but for the execution of `path`, this
 * very pointer. What was there to be confined is. -1 with errno. */
int supervisor_enter(const struct supervisor *supervisor, const char *path);

/* The program was started, or could not be; until then its calls wait. */
void supervisor_take(struct supervisor *supervisor);

/* As sigtimedwait(2), and meanwhile answers calls. NULL: no limit of time. */
int supervisor_wait(struct supervisor *supervisor, const sigset_t *signals,
                    const struct timespec *most);

#endif
