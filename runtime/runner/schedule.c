#include "runner/schedule.h"

#include "base/memory.h"
#include "runner/cards.h"
#include "runner/commit.h"
#include "runner/deliver.h"
#include "runner/dependants.h"
#include "runner/execute.h"
#include "runner/job_task.h"
#include "runner/prepare.h"
#include "runner/signals.h"
#include "runner/stage_log.h"
#include "runner/trespass.h"
#include "runner/work.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    BUSY_MS = 50,
    TICK_MS = 100,
    POLL_TRIES = 10,
    COMMIT_LIMIT = 128, /* attempts that may wait to be recorded */
    PREPARE_LIMIT = 3,  /* how often a job is looked at again because something changed */
};

/* What stored results get before a request to stop ends it, as stages do. */
static const double storing_grace_seconds = 10.0;

/* Jobs by index, first in first out. */
struct line {
    size_t *list, first, count;
};

struct schedule {
    struct jobs *jobs;
    const struct watcher *watcher;
    struct tasks *tasks;
    struct commit *commit;
    struct dependants dependants;
    struct line ready;    /* all upstream is done: to be prepared */
    struct line runnable; /* STALE: waits for processors, a device, the key's lock */
    struct attempt **running;
    size_t running_count;
    size_t storing; /* tasks that store a result */
    int slots;      /* processors that no stage uses */
    struct cards cards;
    struct signals signals;
    int interrupts; /* how many arrived */
    double stop_at; /* when storing is given up; 0: not asked to stop */
    size_t failures;
    int polls_failed;    /* in a row */
    struct error broken; /* why the run itself cannot go on */
    bool lock_is_busy;   /* some stage waits for another runner */
    bool *told;          /* by job: that it waits was said */
    bool *lost;          /* by job: something upstream failed */
    bool *read;          /* by job: what another run left was read */
    int *tries;          /* by job: how often something had changed */
    struct pollfd *polls;
};

static void tell_ended(const struct schedule *schedule, const struct job *job)
{
    schedule->watcher->ended(schedule->watcher->self, job);
}

static void note(const struct schedule *schedule, const struct job *job, const char *line)
{
    schedule->watcher->noted(schedule->watcher->self, job, line);
}

static bool is_stopping(const struct schedule *schedule)
{
    bool keep_going = schedule->jobs->project->settings.keep_going;
    return schedule->interrupts > 0 || schedule->broken.kind != ERR_NONE ||
           (schedule->failures > 0 && !keep_going);
}

static void push(struct line *line, size_t index)
{
    line->list[line->first + line->count++] = index;
}

/* ---- what has come to its end ---- */

/* The job is done or lost: who waited for it may go on. */
static void release_dependants(struct schedule *schedule, const struct job *job)
{
    const struct dependants *dependants = &schedule->dependants;
    bool lost = !job_is_done(job);
    for (size_t i = dependants->first[job->index]; i < dependants->first[job->index + 1]; i++) {
        size_t next = dependants->list[i];
        schedule->lost[next] = schedule->lost[next] || lost;
        if (--dependants->waits_for[next] == 0)
            push(&schedule->ready, next);
    }
}

static void ended(struct schedule *schedule, struct job *job)
{
    tell_ended(schedule, job);
    release_dependants(schedule, job);
}

static void job_failed(struct schedule *schedule, struct job *job, const struct error *why)
{
    job->state = JOB_FAILED;
    text_clear(&job->failure);
    text_add(&job->failure, why->message);
    if (job->failure.size > 0) /* which may name a file that a stage named after a secret */
        stage_log_mask(job->stage, job->failure.data, job->failure.size);
    schedule->failures++;
    ended(schedule, job);
}

static void job_interrupted(struct schedule *schedule, struct job *job, const struct error *why)
{
    job->state = JOB_SKIPPED;
    text_add(&job->failure, why->message);
    ended(schedule, job);
}

/* ---- tasks ---- */

static int post_job_task(struct schedule *schedule, struct job *job, bool delivery,
                         struct error *err)
{
    struct job_task *task = memory_new(1, sizeof(*task), err);
    if (task == NULL)
        return -1;
    *task = (struct job_task){
        .task = {.run = job_task_run}, .jobs = schedule->jobs, .job = job, .deliver = delivery};
    if (!delivery)
        job->state = JOB_PREPARING;
    tasks_post(schedule->tasks, &task->task);
    return 0;
}

/* ---- what is ready ---- */

/* A result that was found is shown, and its artifacts brought where they are not there. */
static void settle_cached(struct schedule *schedule, struct job *job)
{
    struct error why = {0};
    if (deliver_missing(schedule->jobs->project, job) == NULL)
        ended(schedule, job);
    else if (post_job_task(schedule, job, true, &why) < 0)
        job_failed(schedule, job, &why);
}

static void sort_out(struct schedule *schedule, struct job *job)
{
    if (job->state == JOB_CACHED)
        settle_cached(schedule, job);
    else if (job->state == JOB_STALE)
        push(&schedule->runnable, job->index);
}

static void prepare_next(struct schedule *schedule, size_t index)
{
    struct error why = {0};
    struct job *job = &schedule->jobs->list[index];
    if (schedule->lost[index]) {
        job->state = JOB_SKIPPED;
        ended(schedule, job);
        return;
    }
    /* Most often all is remembered, and nothing large must be read. */
    if (prepare_job(schedule->jobs, index, STORE_BY_MEMO, &why) == 0)
        sort_out(schedule, job);
    else if (why.kind != ERR_UNKNOWN || post_job_task(schedule, job, false, &why) < 0)
        job_failed(schedule, job, &why);
}

/* A blob whose damage shows only when it is delivered makes a cached stage stale. */
static bool is_damaged_after_all(struct schedule *schedule, const struct job_task *task)
{
    const struct job *job = task->job;
    return task->deliver && task->outcome.kind == ERR_MISMATCH && job->state == JOB_CACHED &&
           !job->stage->frozen && ++schedule->tries[job->index] <= PREPARE_LIMIT;
}

static void finish_job_task(struct schedule *schedule, struct job_task *task)
{
    struct job *job = task->job;
    struct error *why = &task->outcome;
    if (why->kind == ERR_NONE && task->deliver)
        ended(schedule, job);
    else if (why->kind == ERR_NONE)
        sort_out(schedule, job);
    else if (why->kind == ERR_INTERRUPTED)
        job_interrupted(schedule, job, why);
    else if (!is_damaged_after_all(schedule, task) || post_job_task(schedule, job, false, why) < 0)
        job_failed(schedule, job, why);
    free(task);
}

/* ---- what can start ---- */

static int threads_for(const struct schedule *schedule, const struct job *job)
{
    int all = schedule->jobs->project->settings.jobs, wanted = job->stage->resources.threads;
    /* Beside stages on other cards, all are its share. */
    if (wanted <= 0 && job->stage->resources.gpu > 0) {
        const int gpus = job->stage->resources.gpu, cards = schedule->cards.count;
        wanted = gpus < cards ? all * gpus / cards : all;
        return wanted > 0 ? wanted : 1;
    }
    return wanted <= 0 || wanted > all ? all : wanted;
}

/* Something is not what its key names any more: the job is looked at again. */
static void look_again(struct schedule *schedule, struct job *job, const struct error *why)
{
    if (++schedule->tries[job->index] > PREPARE_LIMIT) {
        job_failed(schedule, job, why);
        return;
    }
    note(schedule, job, why->message);
    executables_forget(schedule->jobs->project->programs);
    invocation_release(&job->invocation);
    job->invoked = false;
    job->state = JOB_WAITING;
    push(&schedule->ready, job->index);
}

static void take_slots(struct schedule *schedule, struct attempt *attempt)
{
    schedule->slots -= attempt->threads;
    attempt->cards = cards_take(&schedule->cards, attempt->job->stage->resources.gpu);
}

static void give_slots_back(struct schedule *schedule, const struct attempt *attempt)
{
    schedule->slots += attempt->threads;
    cards_give_back(&schedule->cards, attempt->cards);
}

/* `again`, if not NULL, is looked at again afterwards, because of `why`. */
static void end_attempt(struct schedule *schedule, struct attempt *attempt, struct job *again,
                        const struct error *why)
{
    struct error ignored;
    struct end_task *task =
        work_deps_are_small(attempt->job) ? NULL : memory_new(1, sizeof(*task), &ignored);
    if (task != NULL) {
        *task = (struct end_task){{.run = job_task_end}, attempt, again, *why};
        tasks_post(schedule->tasks, &task->task);
        return;
    }
    execute_end(attempt);
    if (again != NULL)
        look_again(schedule, again, why);
}

static void finish_end_task(struct schedule *schedule, struct end_task *task)
{
    if (task->again != NULL)
        look_again(schedule, task->again, &task->why);
    free(task);
}

static void tell_shadowed(const struct schedule *schedule, const struct job *job)
{
    char *shadowed = invocation_shadowed(job->stage, &job->invocation);
    struct text line = {0};
    if (shadowed != NULL) {
        text_addf(&line,
                  "note: '%s' is %s here; an active environment's is %s (name it in cmd, or let "
                  "PATH through with env: [PATH])",
                  job->stage->argv[0], job->invocation.argv[0], shadowed);
        note(schedule, job, text_string(&line));
    }
    text_release(&line);
    free(shadowed);
}

static int start(const struct schedule *schedule, struct attempt *attempt, struct error *err)
{
    char *cards;
    if (cards_words(&schedule->cards, attempt->cards, &cards, err) < 0)
        return -1;
    int result = execute_start(attempt, cards, err);
    free(cards);
    return result;
}

/* Its folder is made, or could not be. */
static void finish_make_task(struct schedule *schedule, struct attempt *attempt)
{
    struct job *job = attempt->job;
    struct error why = attempt->outcome;
    bool wanted = why.kind == ERR_NONE && !is_stopping(schedule);
    if (wanted && start(schedule, attempt, &why) == 0) {
        job->state = JOB_RUNNING;
        schedule->running[schedule->running_count++] = attempt;
        schedule->watcher->started(schedule->watcher->self, attempt);
        tell_shadowed(schedule, job);
        return;
    }
    give_slots_back(schedule, attempt);
    if (why.kind == ERR_NONE)
        job->state = JOB_STALE; /* the run is about to stop */
    else if (why.kind == ERR_INTERRUPTED)
        job_interrupted(schedule, job, &why);
    else if (why.kind != ERR_CHANGED)
        job_failed(schedule, job, &why);
    end_attempt(schedule, attempt, why.kind == ERR_CHANGED ? job : NULL, &why);
}

static void begin(struct schedule *schedule, struct job *job, struct store_lock *lock)
{
    struct attempt *attempt;
    struct error why = {0};
    if (execute_new(schedule->jobs, job, lock, threads_for(schedule, job), &attempt, &why) < 0) {
        job_failed(schedule, job, &why);
        return;
    }
    job->state = JOB_PREPARING;
    take_slots(schedule, attempt);
    attempt->task.run = job_task_make;
    if (work_deps_are_small(job)) {
        /* Faster than to wake a worker. */
        job_task_make(&attempt->task);
        finish_make_task(schedule, attempt);
    } else
        tasks_post(schedule->tasks, &attempt->task);
}

/* Whoever held the lock before may have made the result: looks once more, and keeps the reason.
 * *unknown: something large must be read for that. */
static bool was_made_meanwhile(struct schedule *schedule, struct job *job, bool *unknown)
{
    struct error why = {0};
    struct text reason = job->reason;
    enum store_depth depth = schedule->read[job->index] ? STORE_BY_STAT : STORE_BY_MEMO;
    job->reason = (struct text){0};
    *unknown = false;
    if (!job->forced && prepare_look_up(schedule->jobs, job->index, depth, &why) < 0) {
        *unknown = why.kind == ERR_UNKNOWN;
        if (!*unknown)
            job_failed(schedule, job, &why);
    }
    text_release(&job->reason);
    job->reason = reason;
    return job->state != JOB_STALE;
}

/* False where the job stays in line. */
static bool try_start(struct schedule *schedule, struct job *job)
{
    struct store_lock *lock;
    struct error why = {0};
    char key[DIGEST_HEX_SIZE];
    if (threads_for(schedule, job) > schedule->slots ||
        !cards_are_free(&schedule->cards, job->stage->resources.gpu))
        return false;
    digest_to_hex(&job->key, key);
    if (store_try_lock(schedule->jobs->project->store, key, &lock, &why) < 0) {
        job_failed(schedule, job, &why);
        return true;
    }
    if (lock == NULL) {
        schedule->lock_is_busy = true;
        if (!schedule->told[job->index])
            note(schedule, job, "waiting: the same work is under way");
        schedule->told[job->index] = true;
        return false;
    }
    bool unknown, made = was_made_meanwhile(schedule, job, &unknown);
    if (!made && !unknown) {
        begin(schedule, job, lock);
        return true;
    }
    store_unlock(lock);
    if (unknown) {
        schedule->read[job->index] = true;
        if (post_job_task(schedule, job, false, &why) < 0)
            job_failed(schedule, job, &why);
        return true;
    }
    if (job->state == JOB_CACHED)
        settle_cached(schedule, job);
    return true;
}

static void advance(struct schedule *schedule)
{
    schedule->lock_is_busy = false;
    while (schedule->ready.count > 0 && !is_stopping(schedule)) {
        size_t index = schedule->ready.list[schedule->ready.first++];
        schedule->ready.count--;
        prepare_next(schedule, index);
    }
    struct line waiting = schedule->runnable;
    schedule->runnable.count = 0;
    schedule->runnable.first = 0;
    for (size_t i = 0; i < waiting.count; i++) {
        size_t index = waiting.list[waiting.first + i];
        bool may = schedule->slots > 0 && !is_stopping(schedule) &&
                   commit_pending(schedule->commit) < COMMIT_LIMIT;
        if (!may || !try_start(schedule, &schedule->jobs->list[index]))
            push(&schedule->runnable, index);
    }
}

/* ---- what ends ---- */

static void attempt_failed(struct schedule *schedule, struct attempt *attempt,
                           const struct error *why)
{
    if (why->kind == ERR_INTERRUPTED)
        job_interrupted(schedule, attempt->job, why);
    else {
        job_failed(schedule, attempt->job, why);
        schedule->watcher->failed(schedule->watcher->self, attempt);
    }
    end_attempt(schedule, attempt, NULL, why);
}

static void name_left_processes(const struct schedule *schedule, const struct attempt *attempt)
{
    struct text line = {0};
    if (attempt->report.killed == 0)
        return;
    text_addf(&line, "warning: it left %u process%s running, killed now: %s",
              attempt->report.killed, attempt->report.killed == 1 ? "" : "es",
              attempt->report.names);
    note(schedule, attempt->job, text_string(&line));
    text_release(&line);
}

static void finish_store_task(struct schedule *schedule, struct attempt *attempt)
{
    struct job *job = attempt->job;
    schedule->storing--;
    if (job->state != JOB_EXECUTED) {
        attempt_failed(schedule, attempt, &attempt->outcome);
        return;
    }
    if (attempt->outcome.kind == ERR_NONE)
        ended(schedule, job);
    else
        job_failed(schedule, job, &attempt->outcome); /* the result is good, and is recorded */
    commit_post(schedule->commit, attempt);
}

static void finish(struct schedule *schedule, size_t at)
{
    struct attempt *attempt = schedule->running[at];
    struct job *job = attempt->job;
    struct error why = {0};
    /* Its processes are gone: what it said is complete, and is shown before its log is stored. */
    attempt_read_progress(attempt);
    schedule->watcher->finished(schedule->watcher->self, attempt);
    schedule->running[at] = schedule->running[--schedule->running_count];
    give_slots_back(schedule, attempt);
    const bool failed = attempt_collect(attempt, &why) < 0;
    trespass_note(attempt, failed ? &why : NULL);
    if (failed) {
        if (why.kind != ERR_INTERRUPTED)
            work_keep_log(attempt);
        attempt_failed(schedule, attempt, &why);
        return;
    }
    name_left_processes(schedule, attempt);
    job->state = JOB_STORING;
    attempt->task.run = job_task_store;
    schedule->storing++;
    if (work_deps_are_small(job) && work_is_small(attempt)) {
        /* Faster than to wake a worker. */
        job_task_store(&attempt->task);
        finish_store_task(schedule, attempt);
    } else
        tasks_post(schedule->tasks, &attempt->task);
}

static void take_tasks(struct schedule *schedule)
{
    struct task *task;
    while ((task = tasks_take(schedule->tasks)) != NULL) {
        if (task->run == job_task_store)
            finish_store_task(schedule, (struct attempt *)task);
        else if (task->run == job_task_make)
            finish_make_task(schedule, (struct attempt *)task);
        else if (task->run == job_task_end)
            finish_end_task(schedule, (struct end_task *)task);
        else
            finish_job_task(schedule, (struct job_task *)task);
    }
}

/* ---- signals ---- */

static void stop(struct schedule *schedule, bool at_once)
{
    struct project *project = schedule->jobs->project;
    for (size_t i = 0; i < schedule->running_count; i++)
        attempt_stop(schedule->running[i], at_once);
    if (schedule->storing == 0 || at_once)
        atomic_store(&project->stop, 1);
}

static void take_signals(struct schedule *schedule)
{
    int count = signals_take(&schedule->signals);
    if (count > 0) {
        schedule->interrupts += count;
        if (schedule->stop_at == 0.0) {
            schedule->stop_at = attempt_now() + storing_grace_seconds;
            if (schedule->running_count > 0)
                note(schedule, NULL,
                     "stopping: the stages may save their work; once more kills them");
            else
                note(schedule, NULL,
                     schedule->storing > 0
                         ? "stopping: a result is being stored; once more gives it up"
                         : "stopping");
            stop(schedule, false);
        } else
            stop(schedule, true);
    }
    if (schedule->stop_at > 0.0 && (schedule->storing == 0 || attempt_now() >= schedule->stop_at))
        atomic_store(&schedule->jobs->project->stop, 1);
}

/* ---- all ---- */

/* Without poll nothing can be waited for. The kernel may want memory that it gets back. */
static void wait_failed(struct schedule *schedule)
{
    static const struct timespec pause = {0, (long)TICK_MS * 1000 * 1000};
    if (errno == EINTR)
        return;
    if (++schedule->polls_failed == POLL_TRIES) {
        error_errno(&schedule->broken, "cannot wait for the stages");
        atomic_store(&schedule->jobs->project->stop, 1);
        while (schedule->running_count > 0) {
            attempt_stop(schedule->running[0], false);
            attempt_stop(schedule->running[0], true);
            finish(schedule, 0);
        }
    }
    nanosleep(&pause, NULL);
}

static void wait_for_events(struct schedule *schedule)
{
    struct pollfd *polls = schedule->polls;
    size_t count = schedule->running_count;
    polls[0] = (struct pollfd){.fd = schedule->signals.fd, .events = POLLIN};
    polls[1] = (struct pollfd){.fd = tasks_event(schedule->tasks), .events = POLLIN};
    for (size_t i = 0; i < count; i++) {
        polls[2 + 2 * i] =
            (struct pollfd){.fd = schedule->running[i]->process.pidfd, .events = POLLIN};
        polls[3 + 2 * i] =
            (struct pollfd){.fd = schedule->running[i]->progress_fd, .events = POLLIN};
    }
    if (poll(polls, 2 + 2 * count, schedule->lock_is_busy ? BUSY_MS : TICK_MS) < 0) {
        wait_failed(schedule);
        return;
    }
    schedule->polls_failed = 0;
    /* From the last, because finish() fills a gap with the last. */
    for (size_t i = count; i-- > 0;) {
        if (polls[3 + 2 * i].revents != 0)
            attempt_read_progress(schedule->running[i]);
        attempt_tick(schedule->running[i]);
    }
    schedule->watcher->updated(schedule->watcher->self, schedule->running, schedule->running_count);
    for (size_t i = count; i-- > 0;)
        if (polls[2 + 2 * i].revents != 0)
            finish(schedule, i);
}

static bool is_over(const struct schedule *schedule)
{
    if (schedule->running_count > 0 || tasks_pending(schedule->tasks) > 0)
        return false;
    if (is_stopping(schedule))
        return true;
    return schedule->ready.count == 0 && schedule->runnable.count == 0;
}

static void loop(struct schedule *schedule)
{
    for (;;) {
        advance(schedule);
        take_signals(schedule);
        if (is_over(schedule))
            return;
        wait_for_events(schedule);
        take_tasks(schedule);
    }
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
    if (schedule->broken.kind != ERR_NONE) {
        *err = schedule->broken;
        return -1;
    }
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

/* A job can come into line again when something changed, or its blob proved damaged. */
static int make_line(struct line *line, size_t count, struct error *err)
{
    return (line->list = memory_new(count * (PREPARE_LIMIT + 2) + 1, sizeof(size_t), err)) == NULL
               ? -1
               : 0;
}

static int allocate(struct schedule *schedule, struct error *err)
{
    size_t count = schedule->jobs->count;
    if (make_line(&schedule->ready, count, err) < 0 ||
        make_line(&schedule->runnable, count, err) < 0 ||
        (schedule->running = memory_new(count, sizeof(struct attempt *), err)) == NULL ||
        (schedule->told = memory_new(count, sizeof(bool), err)) == NULL ||
        (schedule->lost = memory_new(count, sizeof(bool), err)) == NULL ||
        (schedule->read = memory_new(count, sizeof(bool), err)) == NULL ||
        (schedule->tries = memory_new(count, sizeof(int), err)) == NULL ||
        (schedule->polls = memory_new(2 + 2 * count, sizeof(*schedule->polls), err)) == NULL ||
        dependants_init(schedule->jobs, &schedule->dependants, err) < 0 ||
        tasks_new(schedule->slots + 1, &schedule->tasks, err) < 0)
        return -1;
    return commit_new(schedule->jobs->project, &schedule->commit, err);
}

static void release(struct schedule *schedule)
{
    cards_release(&schedule->cards);
    tasks_free(schedule->tasks);
    commit_free(schedule->commit);
    dependants_release(&schedule->dependants);
    free(schedule->ready.list);
    free(schedule->runnable.list);
    free(schedule->running);
    free(schedule->told);
    free(schedule->lost);
    free(schedule->read);
    free(schedule->tries);
    free(schedule->polls);
}

int schedule_run(struct jobs *jobs, const struct watcher *watcher, struct error *err)
{
    struct schedule schedule = {.jobs = jobs,
                                .watcher = watcher,
                                .slots = jobs->project->settings.jobs,
                                .signals = {.fd = -1}};
    struct error recording = {0};
    int result = -1;
    if (cards_find(&schedule.cards, err) < 0 || allocate(&schedule, err) < 0 ||
        signals_open(&schedule.signals, err) < 0)
        goto done;
    for (size_t i = 0; i < jobs->count; i++)
        if (jobs->list[i].state == JOB_WAITING && schedule.dependants.waits_for[i] == 0)
            push(&schedule.ready, i);
    loop(&schedule);
    skip_the_rest(&schedule);
    result = commit_finish(schedule.commit, &recording);
    if (verdict(&schedule, err) < 0)
        result = -1;
    else if (result < 0)
        *err = recording;
done:
    signals_close(&schedule.signals);
    release(&schedule);
    return result;
}
