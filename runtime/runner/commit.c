#include "runner/commit.h"

#include "base/memory.h"
#include "runner/execute.h"
#include "runner/work.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum { GATHER_NS = 50 * 1000 * 1000, GATHER_COUNT = 48 };

struct commit {
    struct project *project;
    pthread_mutex_t mutex;
    pthread_cond_t posted;
    pthread_t thread;
    bool started, finishing;
    struct attempt *first, **end;
    size_t pending;
    struct error failure; /* the first */
};

int commit_new(struct project *project, struct commit **made, struct error *err)
{
    struct commit *commit = memory_new(1, sizeof(*commit), err);
    if (commit == NULL)
        return -1;
    commit->project = project;
    commit->end = &commit->first;
    pthread_mutex_init(&commit->mutex, NULL);
    pthread_cond_init(&commit->posted, NULL);
    *made = commit;
    return 0;
}

static void keep_failure(struct commit *commit, const struct error *err)
{
    if (commit->failure.kind == ERR_NONE)
        commit->failure = *err;
}

/* Records a list of attempts; returns how many. */
static size_t record(struct commit *commit, struct attempt *list)
{
    struct error err = {0};
    struct store *store = commit->project->store;
    size_t count = 0;
    bool flushed = store_flush(store, &err) == 0;
    if (!flushed)
        keep_failure(commit, &err);
    while (list != NULL) {
        struct attempt *attempt = list;
        list = attempt->next;
        if (flushed && action_write(store, &attempt->job->key, attempt->job->action, &err) < 0)
            keep_failure(commit, &err);
        else if (flushed)
            work_forget_checkpoint(attempt);
        execute_end(attempt);
        count++;
    }
    return count;
}

static struct attempt *take_all(struct commit *commit)
{
    struct attempt *list = commit->first;
    commit->first = NULL;
    commit->end = &commit->first;
    return list;
}

/* Waits a moment for more: one flush serves all. Nobody waits for a record but the end of the run.
 */
static void gather(struct commit *commit)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += GATHER_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (!commit->finishing && commit->pending < GATHER_COUNT &&
           pthread_cond_timedwait(&commit->posted, &commit->mutex, &until) == 0)
        continue;
}

static void *work(void *argument)
{
    struct commit *commit = argument;
    pthread_mutex_lock(&commit->mutex);
    while (!commit->finishing || commit->first != NULL) {
        if (commit->first == NULL) {
            pthread_cond_wait(&commit->posted, &commit->mutex);
            continue;
        }
        gather(commit);
        struct attempt *list = take_all(commit);
        pthread_mutex_unlock(&commit->mutex);
        size_t count = record(commit, list);
        pthread_mutex_lock(&commit->mutex);
        commit->pending -= count;
    }
    pthread_mutex_unlock(&commit->mutex);
    return NULL;
}

/* Signals are the event loop's. */
static bool start(struct commit *commit)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&commit->thread, NULL, work, commit) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

void commit_post(struct commit *commit, struct attempt *attempt)
{
    attempt->next = NULL;
    if (!commit->started && !(commit->started = start(commit))) {
        record(commit, attempt); /* no thread can be had: here and now */
        return;
    }
    pthread_mutex_lock(&commit->mutex);
    *commit->end = attempt;
    commit->end = &attempt->next;
    commit->pending++;
    pthread_cond_signal(&commit->posted);
    pthread_mutex_unlock(&commit->mutex);
}

size_t commit_pending(struct commit *commit)
{
    pthread_mutex_lock(&commit->mutex);
    size_t pending = commit->pending;
    pthread_mutex_unlock(&commit->mutex);
    return pending;
}

int commit_finish(struct commit *commit, struct error *err)
{
    if (commit->started) {
        pthread_mutex_lock(&commit->mutex);
        commit->finishing = true;
        pthread_cond_signal(&commit->posted);
        pthread_mutex_unlock(&commit->mutex);
        pthread_join(commit->thread, NULL);
        commit->started = false;
    }
    struct error why = {0};
    if (store_flush(commit->project->store, &why) < 0)
        keep_failure(commit, &why);
    if (commit->failure.kind == ERR_NONE)
        return 0;
    *err = commit->failure;
    return error_prefix(err, "results could not be recorded: ");
}

void commit_free(struct commit *commit)
{
    if (commit == NULL)
        return;
    pthread_mutex_destroy(&commit->mutex);
    pthread_cond_destroy(&commit->posted);
    free(commit);
}
