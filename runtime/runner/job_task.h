/* What workers do for the schedule (tasks.h), which tells by a task's `run` what has come back: the
 * look at a job's deps or the delivery of its result, and the three times at which an attempt may
 * have much to copy or to read. None of it knows the schedule.
 */
#ifndef RUNNER_JOB_TASK_H
#define RUNNER_JOB_TASK_H

#include "runner/attempt.h"
#include "runner/tasks.h"

/* A job's look at its deps, or the delivery of its result. */
struct job_task {
    struct task task; /* first */
    struct jobs *jobs;
    struct job *job;
    bool deliver;
    struct error outcome;
};
void job_task_run(struct task *task);

/* Of a struct attempt, whose task comes first: makes its folder; stores its result and brings the
 * artifacts. */
void job_task_make(struct task *task);
void job_task_store(struct task *task);

/* The end of an attempt: what lies in its folder may be much. */
struct end_task {
    struct task task; /* first */
    struct attempt *attempt;
    struct job *again; /* to be looked at again then, or NULL */
    struct error why;
};
void job_task_end(struct task *task);

#endif
