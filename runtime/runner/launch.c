#include "runner/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void reset_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL); /* fails for SIGKILL and SIGSTOP, which is fine */
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Runs in the child. Returns -1 with errno set where the stage must not start. */
static int prepare_child(const struct launch *launch, pid_t parent)
{
    reset_signals();
    if (setpgid(0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return -1;
    /* The runner may have died before it could be watched. */
    if (getppid() != parent)
        raise(SIGKILL);
    int nothing = open("/dev/null", O_RDONLY);
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(launch->log, STDOUT_FILENO) < 0 ||
        dup2(launch->log, STDERR_FILENO) < 0)
        return -1;
    if (launch->progress != LAUNCH_PROGRESS_FD) {
        if (dup2(launch->progress, LAUNCH_PROGRESS_FD) < 0)
            return -1;
    } else if (fcntl(launch->progress, F_SETFD, 0) < 0)
        return -1;
    if (launch->memory_bytes > 0) {
        struct rlimit limit = {(rlim_t)launch->memory_bytes, (rlim_t)launch->memory_bytes};
        if (setrlimit(RLIMIT_DATA, &limit) < 0)
            return -1;
    }
    /* Core files and permissions must not depend on who runs. */
    const struct rlimit no_core = {0, 0};
    umask(022);
    return setrlimit(RLIMIT_CORE, &no_core) < 0 || chdir(launch->folder) < 0 ? -1 : 0;
}

/* The descriptor that reports a failed start: above those that the stage gets. */
static void start_child(const struct launch *launch, pid_t parent, int report)
{
    int high = fcntl(report, F_DUPFD_CLOEXEC, 64);
    if (prepare_child(launch, parent) == 0) {
        syscall(SYS_close_range, LAUNCH_PROGRESS_FD + 1, ~0U, 1U << 2 /* CLOSE_RANGE_CLOEXEC */);
        execve(launch->argv[0], launch->argv, launch->environment);
    }
    int why = errno;
    if (write(high, &why, sizeof(why)) < 0)
        _exit(126);
    _exit(127);
}

int launch_start(const struct launch *launch, pid_t *pid, int *pidfd, struct error *err)
{
    int ends[2], why = 0;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(err, "cannot make a pipe");
    pid_t parent = getpid(), child = fork();
    if (child == 0)
        start_child(launch, parent, ends[1]);
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return error_errno(err, "cannot start '%s'", launch->argv[0]);
    }
    ssize_t got;
    while ((got = read(ends[0], &why, sizeof(why))) < 0 && errno == EINTR)
        continue;
    close(ends[0]);
    int fd = got == 0 ? (int)syscall(SYS_pidfd_open, child, 0) : -1;
    if (fd >= 0) {
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        *pid = child;
        *pidfd = fd;
        return 0;
    }
    if (got == 0)
        why = errno;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return error_set(err, ERR_STAGE, "cannot start '%s': %s", launch->argv[0], strerror(why));
}
