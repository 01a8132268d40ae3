#include "runner/job_task.h"

#include "runner/deliver.h"
#include "runner/execute.h"
#include "runner/prepare.h"
#include "runner/work.h"

void job_task_run(struct task *task)
{
    struct job_task *self = (struct job_task *)task;
    struct error *err = &self->outcome;
    int result = self->deliver ? deliver(self->jobs->project, self->job, err)
                               : prepare_job(self->jobs, self->job->index, STORE_BY_STAT, err);
    if (result == 0)
        *err = (struct error){0};
}

void job_task_make(struct task *task)
{
    struct attempt *attempt = (struct attempt *)task;
    struct error *err = &attempt->outcome;
    if (work_make(attempt, err) == 0)
        *err = (struct error){0};
}

void job_task_store(struct task *task)
{
    struct attempt *attempt = (struct attempt *)task;
    struct error *err = &attempt->outcome;
    *err = (struct error){0};
    if (work_store(attempt, err) < 0) {
        if (err->kind != ERR_INTERRUPTED)
            work_keep_log(attempt);
        return;
    }
    attempt->job->state = JOB_EXECUTED;
    if (deliver(attempt->jobs->project, attempt->job, err) == 0)
        *err = (struct error){0};
}

void job_task_end(struct task *task)
{
    execute_end(((struct end_task *)task)->attempt);
}
