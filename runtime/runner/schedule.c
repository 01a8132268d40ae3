#include "runner/schedule.h"

#include "base/memory.h"
#include "runner/deliver.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { BUSY_MS = 50, TICK_MS = 100 };

struct schedule {
    struct jobs *jobs;
    const struct watcher *watcher;
    struct attempt **running;
    size_t running_count;
    int slots; /* processors that no stage uses */
    int gpu_users;
    int signals;    /* a signalfd */
    int interrupts; /* how many arrived */
    size_t failures;
    bool lock_is_busy; /* some stage waits for another runner */
    bool *told;        /* by job: that it waits was said */
    struct pollfd *polls;
};

static bool is_stopping(const struct schedule *schedule)
{
    bool keep_going = schedule->jobs->project->settings.keep_going;
    return schedule->interrupts > 0 || (schedule->failures > 0 && !keep_going);
}

static void tell_ended(const struct schedule *schedule, const struct job *job)
{
    schedule->watcher->ended(schedule->watcher->self, job);
}

static void job_failed(struct schedule *schedule, struct job *job, const struct error *why)
{
    job->state = JOB_FAILED;
    text_add(&job->failure, why->message);
    schedule->failures++;
    tell_ended(schedule, job);
}

/* The result is in the store: show it, and bring the artifacts. A blob whose
 * damage shows only now makes a cached stage stale. */
static void settle(struct schedule *schedule, struct job *job)
{
    struct error why = {0};
    if (deliver(schedule->jobs->project, job, &why) == 0)
        tell_ended(schedule, job);
    else if (why.kind != ERR_MISMATCH || job->state != JOB_CACHED || job->stage->frozen ||
             job_look_up(schedule->jobs, job->index, &why) < 0 || job->state != JOB_STALE)
        job_failed(schedule, job, &why);
}

/* ---- what can start ---- */

enum upstream { UPSTREAM_DONE, UPSTREAM_PENDING, UPSTREAM_LOST };

static enum upstream upstream_of(const struct jobs *jobs, const struct job *job)
{
    enum upstream worst = UPSTREAM_DONE;
    for (size_t i = 0; i < job->stage->dep_count && !job->stage->frozen; i++) {
        if (job->stage->deps[i].path != NULL)
            continue;
        const struct job *upstream = &jobs->list[job->stage->deps[i].stage];
        if (upstream->state == JOB_FAILED || upstream->state == JOB_SKIPPED)
            return UPSTREAM_LOST;
        if (!job_is_done(upstream))
            worst = UPSTREAM_PENDING;
    }
    return worst;
}

static void prepare(struct schedule *schedule, size_t index)
{
    struct error why = {0};
    struct job *job = &schedule->jobs->list[index];
    switch (upstream_of(schedule->jobs, job)) {
    case UPSTREAM_PENDING: return;
    case UPSTREAM_LOST:
        job->state = JOB_SKIPPED;
        tell_ended(schedule, job);
        return;
    case UPSTREAM_DONE:
        if (job_prepare(schedule->jobs, index, &why) < 0)
            job_failed(schedule, job, &why);
        else if (job->state == JOB_CACHED)
            settle(schedule, job);
    }
}

static int threads_for(const struct schedule *schedule, const struct job *job)
{
    int all = schedule->jobs->project->settings.jobs, wanted = job->stage->resources.threads;
    return wanted <= 0 || wanted > all ? all : wanted;
}

static void begin(struct schedule *schedule, struct job *job, struct store_lock *lock)
{
    struct project *project = schedule->jobs->project;
    struct attempt *attempt;
    struct error why = {0};
    int threads = threads_for(schedule, job);
    if (attempt_start(project, job, lock, threads, &attempt, &why) < 0) {
        job_failed(schedule, job, &why);
        return;
    }
    job->state = JOB_RUNNING;
    schedule->slots -= threads;
    schedule->gpu_users += job->stage->resources.gpu > 0;
    schedule->running[schedule->running_count++] = attempt;
    schedule->watcher->started(schedule->watcher->self, attempt);
}

static void try_start(struct schedule *schedule, struct job *job)
{
    struct project *project = schedule->jobs->project;
    struct store_lock *lock;
    struct error why = {0};
    char key[DIGEST_HEX_SIZE];
    if (threads_for(schedule, job) > schedule->slots ||
        (job->stage->resources.gpu > 0 && schedule->gpu_users > 0))
        return;
    digest_to_hex(&job->key, key);
    if (store_try_lock(project->store, key, &lock, &why) < 0) {
        job_failed(schedule, job, &why);
        return;
    }
    if (lock == NULL) {
        schedule->lock_is_busy = true;
        if (!schedule->told[job->index])
            schedule->watcher->noted(schedule->watcher->self, job, "waiting: another run is at it");
        schedule->told[job->index] = true;
        return;
    }
    /* Whoever held the lock before may have made the result. */
    struct text reason = job->reason;
    job->reason = (struct text){0};
    if (!job->forced && job_look_up(schedule->jobs, job->index, &why) < 0)
        job_failed(schedule, job, &why);
    text_release(&job->reason);
    job->reason = reason;
    if (job->state == JOB_STALE) {
        begin(schedule, job, lock);
        return;
    }
    store_unlock(lock);
    if (job->state == JOB_CACHED)
        settle(schedule, job);
}

static void advance(struct schedule *schedule)
{
    schedule->lock_is_busy = false;
    for (size_t i = 0; i < schedule->jobs->count && !is_stopping(schedule); i++) {
        struct job *job = &schedule->jobs->list[i];
        if (job->state == JOB_WAITING)
            prepare(schedule, i);
        if (job->state == JOB_STALE && !is_stopping(schedule))
            try_start(schedule, job);
    }
}

/* ---- what ends ---- */

static void finish(struct schedule *schedule, size_t at)
{
    struct attempt *attempt = schedule->running[at];
    struct job *job = attempt->job;
    struct error why = {0};
    /* The process is gone: what it said is complete, and is shown before its log is stored. */
    attempt_read_progress(attempt);
    schedule->watcher->finished(schedule->watcher->self, attempt);
    int result = attempt_finish(attempt, &why);
    schedule->running[at] = schedule->running[--schedule->running_count];
    schedule->slots += attempt->threads;
    schedule->gpu_users -= job->stage->resources.gpu > 0;
    if (result == 0) {
        job->state = JOB_EXECUTED;
        settle(schedule, job);
    } else if (why.kind == ERR_INTERRUPTED) {
        job->state = JOB_SKIPPED;
        text_add(&job->failure, why.message);
        tell_ended(schedule, job);
    } else {
        job_failed(schedule, job, &why);
        schedule->watcher->failed(schedule->watcher->self, attempt);
    }
    attempt_free(attempt);
}

static void take_signals(struct schedule *schedule)
{
    struct signalfd_siginfo info;
    while (read(schedule->signals, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGWINCH)
            continue;
        schedule->interrupts++;
        if (schedule->interrupts == 1 && schedule->running_count > 0)
            schedule->watcher->noted(schedule->watcher->self, NULL,
                                     "stopping: the stages may save their work; once more kills "
                                     "them");
        for (size_t i = 0; i < schedule->running_count; i++)
            attempt_stop(schedule->running[i], schedule->interrupts > 1);
    }
}

/* Waits until something happens, and takes it in. */
static void wait_for_events(struct schedule *schedule)
{
    size_t count = schedule->running_count;
    struct pollfd *polls = schedule->polls;
    polls[0] = (struct pollfd){.fd = schedule->signals, .events = POLLIN};
    for (size_t i = 0; i < count; i++) {
        polls[1 + 2 * i] = (struct pollfd){.fd = schedule->running[i]->pidfd, .events = POLLIN};
        polls[2 + 2 * i] =
            (struct pollfd){.fd = schedule->running[i]->progress_fd, .events = POLLIN};
    }
    poll(polls, 1 + 2 * count, schedule->lock_is_busy ? BUSY_MS : TICK_MS);
    if (polls[0].revents != 0)
        take_signals(schedule);
    /* From the last, because finish() fills a gap with the last. */
    for (size_t i = count; i-- > 0;) {
        if (polls[2 + 2 * i].revents != 0)
            attempt_read_progress(schedule->running[i]);
        attempt_tick(schedule->running[i]);
    }
    schedule->watcher->updated(schedule->watcher->self, schedule->running, schedule->running_count);
    for (size_t i = count; i-- > 0;)
        if (polls[1 + 2 * i].revents != 0)
            finish(schedule, i);
}

static void skip_the_rest(struct schedule *schedule)
{
    for (size_t i = 0; i < schedule->jobs->count; i++) {
        struct job *job = &schedule->jobs->list[i];
        if (job->state == JOB_WAITING || job->state == JOB_STALE) {
            job->state = JOB_SKIPPED;
            tell_ended(schedule, job);
        }
    }
}

static int verdict(const struct schedule *schedule, struct error *err)
{
    const struct job *first = NULL;
    if (schedule->interrupts > 0)
        return error_set(err, ERR_INTERRUPTED, "interrupted");
    if (schedule->failures == 0)
        return 0;
    for (size_t i = 0; i < schedule->jobs->count && first == NULL; i++)
        if (schedule->jobs->list[i].state == JOB_FAILED)
            first = &schedule->jobs->list[i];
    if (schedule->failures > 1)
        return error_set(err, ERR_STAGE, "%zu stages failed, '%s' first", schedule->failures,
                         first->stage->name);
    return error_set(err, ERR_STAGE, "stage '%s' failed", first->stage->name);
}

static int open_signals(sigset_t *before, struct error *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGWINCH);
    sigprocmask(SIG_BLOCK, &set, before);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd >= 0 ? fd : error_errno(err, "cannot watch signals");
}

int schedule_run(struct jobs *jobs, const struct watcher *watcher, struct error *err)
{
    struct schedule schedule = {
        .jobs = jobs, .watcher = watcher, .slots = jobs->project->settings.jobs, .signals = -1};
    sigset_t before;
    int result = -1;
    if ((schedule.running = memory_new(jobs->count, sizeof(struct attempt *), err)) == NULL ||
        (schedule.told = memory_new(jobs->count, sizeof(bool), err)) == NULL ||
        (schedule.polls = memory_new(1 + 2 * jobs->count, sizeof(*schedule.polls), err)) == NULL)
        goto done;
    if ((schedule.signals = open_signals(&before, err)) < 0)
        goto done;
    for (;;) {
        advance(&schedule);
        take_signals(&schedule);
        if (schedule.running_count == 0 && (!schedule.lock_is_busy || is_stopping(&schedule)))
            break;
        wait_for_events(&schedule);
    }
    skip_the_rest(&schedule);
    result = verdict(&schedule, err);
    close(schedule.signals);
    sigprocmask(SIG_SETMASK, &before, NULL);
done:
    free(schedule.running);
    free(schedule.told);
    free(schedule.polls);
    return result;
}
