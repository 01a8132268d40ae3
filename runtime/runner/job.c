#include "runner/job.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static const char *const state_names[] = {
    [JOB_OUTSIDE] = "not asked for", [JOB_WAITING] = "waiting",   [JOB_STALE] = "would run",
    [JOB_UNKNOWN] = "may run",       [JOB_PREPARING] = "waiting", [JOB_RUNNING] = "running",
    [JOB_STORING] = "running",       [JOB_CACHED] = "cached",     [JOB_EXECUTED] = "executed",
    [JOB_FAILED] = "failed",         [JOB_SKIPPED] = "skipped",
};

const char *job_state_name(enum job_state state)
{
    return state_names[state];
}

bool job_is_done(const struct job *job)
{
    return job->state == JOB_CACHED || job->state == JOB_EXECUTED;
}

/* Deps come before their stage in the plan, so one pass back marks them all. */
static void mark_upstream(struct jobs *jobs)
{
    for (size_t i = jobs->count; i-- > 0;) {
        const struct job *job = &jobs->list[i];
        if (job->state == JOB_OUTSIDE || job->stage->frozen)
            continue;
        for (size_t d = 0; d < job->stage->dep_count; d++) {
            const struct plan_dep *dep = &job->stage->deps[d];
            for (size_t m = 0; m < dep->member_count; m++)
                jobs->list[dep->members[m].stage].state = JOB_WAITING;
            if (dep->path == NULL && dep->member_count == 0)
                jobs->list[dep->stage].state = JOB_WAITING;
        }
    }
}

int jobs_init(struct project *project, const char *const *words, size_t count, bool force,
              struct jobs *made, struct error *err)
{
    struct plan *plan = project->plan;
    struct jobs jobs = {.project = project, .count = plan->count};
    if ((jobs.list = memory_new(plan->count, sizeof(*jobs.list), err)) == NULL)
        return -1;
    for (size_t i = 0; i < plan->count; i++) {
        struct job *job = &jobs.list[i];
        job->stage = &plan->stages[i];
        job->index = i;
        job->state = count == 0 ? JOB_WAITING : JOB_OUTSIDE;
        job->forced = count == 0 && force;
        job->dep_count = job->stage->dep_count + job->stage->lineage;
        if ((job->deps = memory_new(job->dep_count, sizeof(*job->deps), err)) == NULL)
            goto failed;
    }
    for (size_t i = 0; i < count; i++) {
        size_t *chosen, chosen_count;
        if (plan_select(plan, words[i], &chosen, &chosen_count, err) < 0)
            goto failed;
        const struct plan_stage *frozen = NULL;
        for (size_t c = 0; c < chosen_count; c++) {
            struct job *job = &jobs.list[chosen[c]];
            job->state = JOB_WAITING;
            job->forced = force;
            if (force && job->stage->frozen)
                frozen = job->stage;
        }
        free(chosen);
        if (frozen != NULL) {
            error_set(err, ERR_USAGE, "%s:%d:%d: stage '%s' is frozen: thaw it to execute it",
                      plan->file, frozen->place.line, frozen->place.column, frozen->name);
            goto failed;
        }
    }
    mark_upstream(&jobs);
    *made = jobs;
    return 0;
failed:
    jobs_release(&jobs);
    return -1;
}

void jobs_release(struct jobs *jobs)
{
    for (size_t i = 0; i < jobs->count && jobs->list != NULL; i++) {
        struct job *job = &jobs->list[i];
        invocation_release(&job->invocation);
        free(job->deps);
        free(job->lineage);
        text_release(&job->components);
        text_release(&job->reason);
        text_release(&job->failure);
        text_release(&job->notes);
        json_decref(job->trace);
        action_free(job->action);
    }
    free(jobs->list);
    table_release(&jobs->looked_at);
    *jobs = (struct jobs){0};
}
