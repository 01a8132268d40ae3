#include "runner/attempt.h"

#include "base/file.h"
#include "runner/keeper.h"
#include "runner/stage_log.h"
#include "runner/start_hint.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PROGRESS_BLOCKS = 512 };

/* Seconds between two weighings, and how many times as long as the last one took. */
static const double weigh_pause = 0.5, weigh_share = 20.0;

/* Time to save a checkpoint between SIGTERM and SIGKILL. */
static const double grace_seconds = 10.0;

double attempt_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

const char *attempt_inside(const struct attempt *attempt)
{
    return namespaces_folder(&attempt->jobs->project->namespaces, attempt->folder);
}

uint64_t attempt_mark(const struct attempt *attempt)
{
    return keeper_mark(store_folder(attempt->jobs->project->store), &attempt->job->key);
}

void attempt_read_progress(struct attempt *attempt)
{
    char bytes[4096];
    /* Not for ever where a stage writes faster than this reads; at its end all fits in. */
    for (int blocks = 0; blocks < PROGRESS_BLOCKS && attempt->progress_fd >= 0; blocks++) {
        ssize_t got = read(attempt->progress_fd, bytes, sizeof(bytes));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return;
        if (got > 0) {
            double now = attempt_now();
            progress_feed(&attempt->progress, bytes, (size_t)got, now);
            told_add(&attempt->told, attempt->job->stage, bytes, (size_t)got, now);
        } else {
            close(attempt->progress_fd);
            attempt->progress_fd = -1;
        }
    }
}

void attempt_stop(struct attempt *attempt, bool at_once)
{
    if (attempt->process.pid <= 0)
        return;
    if (attempt->kill_at == 0.0)
        attempt->kill_at = attempt_now() + grace_seconds;
    else if (!at_once)
        return;
    if (at_once)
        launch_kill(&attempt->process);
    else
        launch_ask_to_stop(&attempt->process);
}

void attempt_weigh(struct attempt *attempt)
{
    if (attempt->job->stage->resources.disk_bytes > 0)
        limits_weigh(attempt->home, INT64_MAX - 1, &attempt->weight);
}

/* True from when it has grown by more than it may. */
static bool is_too_heavy(struct attempt *attempt)
{
    const int64_t most = attempt->job->stage->resources.disk_bytes;
    int64_t weight;
    if (most == 0 || attempt->too_heavy)
        return attempt->too_heavy;
    limits_weigh(attempt->home, attempt->weight + most, &weight);
    return attempt->too_heavy = weight > attempt->weight + most;
}

static void check_weight(struct attempt *attempt, double now)
{
    if (attempt->job->stage->resources.disk_bytes == 0 || attempt->too_heavy ||
        now < attempt->weigh_at || attempt->process.pid <= 0)
        return;
    if (is_too_heavy(attempt))
        attempt_stop(attempt, true);
    const double end = attempt_now();
    attempt->weigh_at = end + weigh_pause + weigh_share * (end - now);
}

void attempt_tick(struct attempt *attempt)
{
    double now = attempt_now();
    stage_log_trim(attempt->log_fd);
    check_weight(attempt, now);
    if (attempt->kill_at > 0.0 && now >= attempt->kill_at)
        attempt_stop(attempt, true);
    else if (attempt->deadline > 0.0 && now >= attempt->deadline && attempt->kill_at == 0.0) {
        attempt->timed_out = true;
        attempt_stop(attempt, false);
    }
}

static int judge_start(const struct attempt *attempt, struct error *err)
{
    const struct launch_report *report = &attempt->report;
    const char *program = attempt->job->invocation.argv[0];
    if (report->without_namespaces)
        return error_set(err, ERR_STAGE, "cannot make the namespaces of its sandbox: %s",
                         strerror(report->start_errno));
    if (report->without_group)
        return error_set(err, ERR_STAGE, "cannot make the group for its limit of memory: %s",
                         strerror(report->start_errno));
    if (report->start_errno == EACCES && start_hint_is_noexec(attempt->folder))
        return error_set(err, ERR_STAGE,
                         "cannot start '%s': cache/ lies on a file system that is mounted noexec, "
                         "and stages run there: begin cmd with its interpreter, or move cache/",
                         program);
    if (report->start_errno != 0)
        return error_set(err, ERR_STAGE, "cannot start '%s': %s", program,
                         strerror(report->start_errno));
    return 0;
}

/* What goes wrong at a limit is seldom said by the program. */
static void add_limits(const struct attempt *attempt, struct text *limits)
{
    const struct plan_resources *resources = &attempt->job->stage->resources;
    const struct {
        const char *before, *behind;
        int64_t most;
    } declared[] = {{"memory of ", " bytes", resources->memory_bytes},
                    {"at most ", " processes", resources->processes},
                    {"disk of ", " bytes", resources->disk_bytes}};
    const char *joint = ", under 'resources': ";
    if (attempt->report.full)
        text_add(limits, ", with as many processes as it may have");
    for (size_t i = 0; i < sizeof(declared) / sizeof(declared[0]); i++) {
        if (declared[i].most == 0)
            continue;
        text_addf(limits, "%s%s%lld%s", joint, declared[i].before, (long long)declared[i].most,
                  declared[i].behind);
        joint = ", ";
    }
}

static int judge_end(const struct attempt *attempt, const char *limits, struct error *err)
{
    const struct launch_report *report = &attempt->report;
    const struct plan_resources *resources = &attempt->job->stage->resources;
    const int status = report->status;
    if (attempt->timed_out)
        return error_set(err, ERR_STAGE, "ran past its limit of %.6g s",
                         1e-3 * (double)resources->time_ms);
    if (attempt->too_heavy)
        return error_set(err, ERR_STAGE, "wrote more to its folder than its limit of %lld bytes",
                         (long long)resources->disk_bytes);
    if (attempt->kill_at > 0.0)
        return error_set(err, ERR_INTERRUPTED, "interrupted");
    if (report->out_of_memory && status != 0)
        return error_set(
            err, ERR_STAGE,
            "killed, as all its processes together wanted more memory than the %lld "
            "bytes that they have: name more in 'resources', or let it do less at once",
            (long long)resources->memory_bytes);
    if (WIFSIGNALED(status))
        return error_set(err, ERR_STAGE, "killed by signal %d (%s)%s", WTERMSIG(status),
                         strsignal(WTERMSIG(status)), limits);
    if (status != 0)
        return error_set(err, ERR_STAGE, "exit status %d%s", WEXITSTATUS(status), limits);
    if (report->left > 0)
        return error_set(err, ERR_STAGE, "it left processes that cannot be killed: %s",
                         report->names);
    return 0;
}

static int judge(const struct attempt *attempt, struct error *err)
{
    struct text limits = {0};
    add_limits(attempt, &limits);
    int result = judge_start(attempt, err);
    if (result == 0)
        result = text_check(&limits, err);
    if (result == 0)
        result = judge_end(attempt, text_string(&limits), err);
    text_release(&limits);
    return result;
}

int attempt_collect(struct attempt *attempt, struct error *err)
{
    int result = launch_collect(&attempt->process, &attempt->report, err);
    attempt->job->seconds = attempt_now() - attempt->start;
    if (result < 0) {
        struct error ignored;
        char *description = file_join(attempt->folder, "stage.json", &ignored);
        if (description != NULL)
            keeper_hunt(description, attempt_mark(attempt));
        free(description);
        return -1;
    }
    is_too_heavy(attempt); /* what it wrote last */
    return judge(attempt, err);
}
