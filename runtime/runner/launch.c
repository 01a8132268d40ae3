#include "runner/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static bool fork_here(const struct launch *launch, int report, pid_t *pid, int *pidfd)
{
    pid_t runner = getpid(), child = fork();
    if (child == 0)
        keeper_run(launch, runner, report);
    *pidfd = child < 0 ? -1 : (int)syscall(SYS_pidfd_open, child, 0);
    if (*pidfd >= 0) {
        fcntl(*pidfd, F_SETFD, FD_CLOEXEC);
        *pid = child;
        return true;
    }
    int why = errno;
    if (child > 0) {
        kill(child, SIGUSR1);
        waitpid(child, NULL, 0);
    }
    errno = why;
    return false;
}

/* Two keepers of one attempt would write to one folder: waits until no other has the report. */
static void wait_for_no_keeper(int report)
{
    struct launch_report ignored;
    ssize_t got;
    while ((got = read(report, &ignored, sizeof(ignored))) > 0 || (got < 0 && errno == EINTR))
        continue;
}

static bool start(struct launcher *launcher, const struct launch *launch, struct launched *made,
                  int ends[2], struct error *err)
{
    enum launcher_answer answer =
        launcher == NULL ? LAUNCHER_NOTHING
                         : launcher_fork(launcher, launch, ends[1], &made->pid, &made->pidfd);
    if (answer == LAUNCHER_FORKED)
        return true;
    if (answer == LAUNCHER_BROKE) {
        close(ends[1]);
        wait_for_no_keeper(ends[0]);
        close(ends[0]);
        if (pipe2(ends, O_CLOEXEC) < 0) {
            ends[0] = ends[1] = -1;
            error_errno(err, "cannot make a pipe");
            return false;
        }
    }
    if (fork_here(launch, ends[1], &made->pid, &made->pidfd))
        return true;
    error_errno(err, "cannot start '%s'", launch->argv[0]);
    return false;
}

int launch_start(struct launcher *launcher, const struct launch *launch, struct launched *launched,
                 struct error *err)
{
    int ends[2];
    struct launched made = {0, -1, -1};
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(err, "cannot make a pipe");
    bool started = start(launcher, launch, &made, ends, err);
    if (ends[1] >= 0)
        close(ends[1]);
    if (started) {
        made.report = ends[0];
        *launched = made;
        return 0;
    }
    if (ends[0] >= 0)
        close(ends[0]);
    return -1;
}

/* By its descriptor: the number of one that has ended may be another's. */
static void tell(const struct launched *launched, int number)
{
    if (launched->pid > 0)
        syscall(SYS_pidfd_send_signal, launched->pidfd, number, NULL, 0);
    /* A stage may have stopped it. */
    if (launched->pid > 0)
        syscall(SYS_pidfd_send_signal, launched->pidfd, SIGCONT, NULL, 0);
}

void launch_ask_to_stop(const struct launched *launched)
{
    tell(launched, SIGTERM);
}

void launch_kill(const struct launched *launched)
{
    tell(launched, SIGUSR1);
}

int launch_collect(struct launched *launched, struct launch_report *report, struct error *err)
{
    ssize_t got;
    /* The end of the pipe is the end of the keeper. */
    while ((got = read(launched->report, report, sizeof(*report))) < 0 && errno == EINTR)
        continue;
    struct pollfd end = {.fd = launched->pidfd, .events = POLLIN};
    while (poll(&end, 1, -1) < 0 && errno == EINTR)
        continue;
    /* One that the launcher forked is the launcher's to collect. */
    while (waitpid(launched->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    close(launched->report);
    close(launched->pidfd);
    *launched = (struct launched){0, -1, -1};
    if (got != sizeof(*report))
        return error_set(err, ERR_STAGE, "the process that watches over it was killed");
    return 0;
}
