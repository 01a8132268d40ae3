#include "runner/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int launch_start(const struct launch *launch, struct launched *launched, struct error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(err, "cannot make a pipe");
    pid_t runner = getpid(), child = fork();
    if (child == 0)
        keeper_run(launch, runner, ends[1]);
    int why = errno;
    close(ends[1]);
    int pidfd = child < 0 ? -1 : (int)syscall(SYS_pidfd_open, child, 0);
    if (pidfd >= 0) {
        fcntl(pidfd, F_SETFD, FD_CLOEXEC);
        *launched = (struct launched){child, pidfd, ends[0]};
        return 0;
    }
    if (child > 0) {
        why = errno;
        kill(child, SIGUSR1);
        waitpid(child, NULL, 0);
    }
    close(ends[0]);
    errno = why;
    return error_errno(err, "cannot start '%s'", launch->argv[0]);
}

void launch_ask_to_stop(const struct launched *launched)
{
    if (launched->pid > 0)
        kill(launched->pid, SIGTERM);
}

void launch_kill(const struct launched *launched)
{
    if (launched->pid > 0)
        kill(launched->pid, SIGUSR1);
}

int launch_collect(struct launched *launched, struct launch_report *report, struct error *err)
{
    ssize_t got;
    int status;
    /* The end of the pipe is the end of the keeper. */
    while ((got = read(launched->report, report, sizeof(*report))) < 0 && errno == EINTR)
        continue;
    while (waitpid(launched->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    close(launched->report);
    close(launched->pidfd);
    *launched = (struct launched){0, -1, -1};
    if (got != sizeof(*report))
        return error_set(err, ERR_STAGE, "the process that watches over it was killed");
    return 0;
}
