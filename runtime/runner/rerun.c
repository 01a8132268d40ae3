#include "runner/rerun.h"

#include "base/file.h"
#include "runner/schedule.h"

int rerun_threads(const struct plan_stage *stage, int recorded, int all)
{
    const int declared = stage->resources.threads, was = recorded > 0 ? recorded : all;
    const int other = was > 1 ? was / 2 : 2;
    return declared > 0 && other > declared ? declared : other;
}

/* The same project, but for where results go. */
static void stand_beside(const struct project *project, struct store *store, int threads,
                         struct project *beside)
{
    *beside = *project;
    beside->store = store;
    beside->settings.jobs = threads;
    beside->settings.keep_work = false;
    beside->settings.locked = false;
}

/* The one job that is not done is all that the schedule executes. */
static int execute(struct jobs *jobs, struct job *job, const struct watcher *watcher,
                   struct rerun *rerun, struct error *err)
{
    invocation_release(&job->invocation);
    job->invoked = false;
    job->forced = true;
    job->action = NULL;
    job->state = JOB_WAITING;
    int result = schedule_run(jobs, watcher, err);
    rerun->seconds = job->seconds;
    if (job->state == JOB_FAILED) {
        rerun->failure = job->failure;
        job->failure = (struct text){0};
        /* The stage's own failure is an answer. */
        if (err->kind == ERR_STAGE)
            result = 0;
    } else if (job->state == JOB_EXECUTED) {
        rerun->action = job->action;
        job->action = NULL;
    }
    return result;
}

int rerun_execute(struct jobs *jobs, size_t index, int threads, const struct watcher *watcher,
                  struct rerun *rerun, struct error *err)
{
    struct project *project = jobs->project, beside;
    struct job *job = &jobs->list[index];
    struct action *recorded = job->action;
    *rerun = (struct rerun){.store = NULL};
    if (store_temporary_path(project->store, rerun->folder, err) < 0 ||
        store_open(rerun->folder, &rerun->store, err) < 0)
        return -1;
    stand_beside(project, rerun->store, threads, &beside);
    store_set_stop(project->store, &beside.stop);
    store_set_stop(rerun->store, &beside.stop);
    jobs->project = &beside;
    int result = execute(jobs, job, watcher, rerun, err);
    jobs->project = project;
    store_set_stop(rerun->store, NULL);
    store_set_stop(project->store, &project->stop);
    action_free(job->action);
    job->action = recorded;
    job->state = JOB_CACHED;
    job->forced = false;
    return result;
}

void rerun_release(struct rerun *rerun)
{
    struct error ignored;
    action_free(rerun->action);
    text_release(&rerun->failure);
    store_close(rerun->store);
    if (rerun->folder[0] != '\0')
        file_remove(rerun->folder, &ignored);
    *rerun = (struct rerun){.store = NULL};
}
