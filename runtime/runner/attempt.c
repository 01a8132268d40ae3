#include "runner/attempt.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "runner/launch.h"
#include "runner/work.h"
#include "store/materialise.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Time to save a checkpoint between SIGTERM and SIGKILL. */
static const double grace_seconds = 10.0;

double attempt_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int start_process(struct attempt *attempt, struct error *err)
{
    struct job *job = attempt->job;
    char **environment = NULL;
    size_t count = 0;
    int ends[2] = {-1, -1}, result = -1;
    int log = open(attempt->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log < 0)
        return error_errno(err, "cannot create '%s'", attempt->log_path);
    if (pipe2(ends, O_CLOEXEC) < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) {
        error_errno(err, "cannot make a pipe");
        goto done;
    }
    if (invocation_environment(job->stage, attempt->folder, attempt->threads, &environment, &count,
                               err) < 0)
        goto done;
    const struct launch launch = {.argv = job->invocation.argv,
                                  .environment = environment,
                                  .folder = attempt->folder,
                                  .log = log,
                                  .progress = ends[1],
                                  .memory_bytes = job->stage->resources.memory_bytes};
    result = launch_start(&launch, &attempt->pid, &attempt->pidfd, err);
    if (result == 0) {
        attempt->progress_fd = ends[0];
        ends[0] = -1;
    }
done:
    file_free_names(environment, count);
    close(log);
    if (ends[0] >= 0)
        close(ends[0]);
    if (ends[1] >= 0)
        close(ends[1]);
    return result;
}

int attempt_start(struct project *project, struct job *job, struct store_lock *lock, int threads,
                  struct attempt **started, struct error *err)
{
    struct attempt *attempt = memory_new(1, sizeof(*attempt), err);
    if (attempt == NULL) {
        store_unlock(lock);
        return -1;
    }
    *attempt = (struct attempt){.project = project,
                                .job = job,
                                .lock = lock,
                                .threads = threads,
                                .pidfd = -1,
                                .progress_fd = -1,
                                .start = attempt_now()};
    time_t now = time(NULL);
    struct tm utc;
    strftime(attempt->started, sizeof(attempt->started), "%Y-%m-%dT%H:%M:%SZ",
             gmtime_r(&now, &utc));
    if (work_make(attempt, err) < 0 || start_process(attempt, err) < 0) {
        attempt_free(attempt);
        return -1;
    }
    if (job->stage->resources.time_ms > 0)
        attempt->deadline = attempt->start + 1e-3 * (double)job->stage->resources.time_ms;
    *started = attempt;
    return 0;
}

void attempt_read_progress(struct attempt *attempt)
{
    char bytes[4096];
    ssize_t got;
    while (attempt->progress_fd >= 0 &&
           (got = read(attempt->progress_fd, bytes, sizeof(bytes))) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return;
        progress_feed(&attempt->progress, bytes, (size_t)got, attempt_now());
    }
    if (attempt->progress_fd >= 0)
        close(attempt->progress_fd);
    attempt->progress_fd = -1;
}

void attempt_stop(struct attempt *attempt, bool at_once)
{
    double now = attempt_now();
    if (attempt->pid <= 0)
        return;
    if (at_once)
        kill(-attempt->pid, SIGKILL);
    else if (attempt->kill_at == 0.0) {
        kill(-attempt->pid, SIGTERM);
        kill(-attempt->pid, SIGCONT); /* one that is stopped could not leave */
        attempt->kill_at = now + grace_seconds;
    }
}

void attempt_tick(struct attempt *attempt)
{
    double now = attempt_now();
    if (attempt->kill_at > 0.0 && now >= attempt->kill_at)
        attempt_stop(attempt, true);
    else if (attempt->deadline > 0.0 && now >= attempt->deadline && attempt->kill_at == 0.0) {
        attempt->timed_out = true;
        attempt_stop(attempt, false);
    }
}

/* Collects the process; what it left running in its group goes with it, while
 * the number of the group is still ours. */
static int collect(struct attempt *attempt)
{
    siginfo_t info;
    int status = 0;
    while (waitid(P_PID, (id_t)attempt->pid, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR)
        continue;
    kill(-attempt->pid, SIGKILL);
    while (waitpid(attempt->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    attempt->pid = 0;
    return status;
}

static int failed(struct attempt *attempt, int status, struct error *err)
{
    if (attempt->timed_out)
        return error_set(err, ERR_STAGE, "ran past its limit of %.6g s",
                         1e-3 * (double)attempt->job->stage->resources.time_ms);
    if (attempt->kill_at > 0.0)
        return error_set(err, ERR_INTERRUPTED, "interrupted");
    if (WIFSIGNALED(status))
        return error_set(err, ERR_STAGE, "killed by signal %d (%s)", WTERMSIG(status),
                         strsignal(WTERMSIG(status)));
    return error_set(err, ERR_STAGE, "exit status %d", WEXITSTATUS(status));
}

int attempt_finish(struct attempt *attempt, struct error *err)
{
    int status = collect(attempt), result = -1;
    attempt->job->seconds = attempt_now() - attempt->start;
    if (status != 0 || attempt->timed_out)
        failed(attempt, status, err);
    else
        result = work_store(attempt, err);
    if (result < 0 && err->kind != ERR_INTERRUPTED)
        work_keep_log(attempt);
    return result;
}

void attempt_free(struct attempt *attempt)
{
    if (attempt == NULL)
        return;
    if (attempt->pid > 0) {
        attempt_stop(attempt, true);
        collect(attempt);
    }
    if (attempt->pidfd >= 0)
        close(attempt->pidfd);
    if (attempt->progress_fd >= 0)
        close(attempt->progress_fd);
    work_remove(attempt);
    store_unlock(attempt->lock);
    progress_release(&attempt->progress);
    free(attempt->folder);
    free(attempt->checkpoint);
    free(attempt->log_path);
    free(attempt);
}
