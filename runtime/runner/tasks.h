/* Work beside the event loop: hashing, storing, delivery. A task is posted by
 * the loop's thread and given back to it when done; between the two it, and
 * what it points to, belongs to a worker.
 */
#ifndef RUNNER_TASKS_H
#define RUNNER_TASKS_H

#include "base/error.h"

#include <stddef.h>

struct task {
    void (*run)(struct task *task); /* in a worker */
    struct task *next;              /* the queue's */
};

struct tasks;

/* At most `threads` workers, begun when there is work. */
int tasks_new(int threads, struct tasks **tasks, struct error *err);

/* Waits for what is posted. */
void tasks_free(struct tasks *tasks);

/* Runs the task here and now where no thread can be had. */
void tasks_post(struct tasks *tasks, struct task *task);

/* Posted and not given back. */
size_t tasks_pending(const struct tasks *tasks);

/* Readable when a task is done. */
int tasks_event(const struct tasks *tasks);

/* A task that is done, or NULL. */
struct task *tasks_take(struct tasks *tasks);

#endif
