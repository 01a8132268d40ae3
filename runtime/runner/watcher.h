/* Who hears what happens while a pipeline runs. The runner prints nothing: the
 * command shows it, a test may count. Every function is there; each is called
 * by the thread that runs the schedule, in the order in which things happen.
 *
 *   started ─► updated ... ─► finished ─► [failed] ─► ended      of an attempt's job
 *   ended                                                        of any other job
 */
#ifndef RUNNER_WATCHER_H
#define RUNNER_WATCHER_H

#include "runner/attempt.h"

struct watcher {
    void *self; /* comes first in each call */

    void (*started)(void *self, const struct attempt *attempt);
    /* Often: what runs now, with its progress. */
    void (*updated)(void *self, struct attempt *const *attempts, size_t count);
    /* Its process has ended; its log is still in its folder. */
    void (*finished)(void *self, struct attempt *attempt);
    /* It failed: its log is at attempt->log_path, where that is not NULL. */
    void (*failed)(void *self, const struct attempt *attempt);
    /* A job came to its end: CACHED, EXECUTED, FAILED or SKIPPED. */
    void (*ended)(void *self, const struct job *job);
    /* A line for people, about a job or, where that is NULL, about the run. */
    void (*noted)(void *self, const struct job *job, const char *line);
};

#endif
