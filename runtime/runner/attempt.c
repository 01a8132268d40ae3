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
    return attempt->jobs->project->namespaces == NAMESPACES_NONE ? attempt->folder
                                                                 : NAMESPACES_FOLDER;
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

void attempt_tick(struct attempt *attempt)
{
    double now = attempt_now();
    stage_log_trim(attempt->log_fd);
    if (attempt->kill_at > 0.0 && now >= attempt->kill_at)
        attempt_stop(attempt, true);
    else if (attempt->deadline > 0.0 && now >= attempt->deadline && attempt->kill_at == 0.0) {
        attempt->timed_out = true;
        attempt_stop(attempt, false);
    }
}

static int judge(const struct attempt *attempt, struct error *err)
{
    const struct launch_report *report = &attempt->report;
    int status = report->status;
    if (report->without_namespaces)
        return error_set(err, ERR_STAGE, "cannot make the namespaces of its sandbox: %s",
                         strerror(report->start_errno));
    if (report->start_errno == EACCES && start_hint_is_noexec(attempt->folder))
        return error_set(err, ERR_STAGE,
                         "cannot start '%s': cache/ lies on a file system that is mounted noexec, "
                         "and stages run there: begin cmd with its interpreter, or move cache/",
                         attempt->job->invocation.argv[0]);
    if (report->start_errno != 0)
        return error_set(err, ERR_STAGE, "cannot start '%s': %s", attempt->job->invocation.argv[0],
                         strerror(report->start_errno));
    if (attempt->timed_out)
        return error_set(err, ERR_STAGE, "ran past its limit of %.6g s",
                         1e-3 * (double)attempt->job->stage->resources.time_ms);
    if (attempt->kill_at > 0.0)
        return error_set(err, ERR_INTERRUPTED, "interrupted");
    /* What goes wrong under a limit of memory is seldom said by the program. */
    char limit[64] = "";
    if (attempt->job->stage->resources.memory_bytes > 0)
        snprintf(limit, sizeof(limit), ", under 'resources': memory of %lld bytes",
                 (long long)attempt->job->stage->resources.memory_bytes);
    if (WIFSIGNALED(status))
        return error_set(err, ERR_STAGE, "killed by signal %d (%s)%s", WTERMSIG(status),
                         strsignal(WTERMSIG(status)), limit);
    if (status != 0)
        return error_set(err, ERR_STAGE, "exit status %d%s", WEXITSTATUS(status), limit);
    if (report->left > 0)
        return error_set(err, ERR_STAGE, "it left processes that cannot be killed: %s",
                         report->names);
    return 0;
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
    return judge(attempt, err);
}
