#include "faults/command.h"

#include "faults/campaign.h"
#include "faults/tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CANNOT_START = 98 };

double command_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void wake(int number)
{
    (void)number; /* waitpid returns with EINTR, and the limit is looked at */
}

void command_become_reaper(void)
{
    struct sigaction action = {.sa_handler = wake};
    const struct itimerval tick = {{0, 50000}, {0, 50000}};
    sigaction(SIGALRM, &action, NULL);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || setitimer(ITIMER_REAL, &tick, NULL) < 0)
        bail("cannot become the reaper of what is left behind: %s", strerror(errno));
}

static void in_child(const struct command *command, const char *folder, const char *const *argv,
                     const char *const *environment, bool traced)
{
    const struct itimerval none = {0};
    int nothing = open("/dev/null", O_RDONLY);
    setitimer(ITIMER_REAL, &none, NULL);
    signal(SIGALRM, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    setsid();
    dup2(nothing, STDIN_FILENO);
    dup2(command->out, STDOUT_FILENO);
    dup2(command->err, STDERR_FILENO);
    for (; environment != NULL && *environment != NULL; environment++)
        putenv((char *)*environment);
    if (chdir(folder) < 0 || (traced && ptrace(PTRACE_TRACEME, 0, 0, 0) < 0))
        _exit(CANNOT_START);
    if (traced)
        raise(SIGSTOP);
    execv(argv[0], (char *const *)argv);
    _exit(CANNOT_START);
}

int command_start(struct command *command, const char *folder, const char *const *argv,
                  const char *const *environment, bool traced)
{
    command->out = memfd_create("out", MFD_CLOEXEC);
    command->err = memfd_create("err", MFD_CLOEXEC);
    command->pid = command->out < 0 || command->err < 0 ? -1 : fork();
    if (command->pid == 0)
        in_child(command, folder, argv, environment, traced);
    if (command->pid < 0)
        bail("cannot start '%s': %s", argv[0], strerror(errno));
    return 0;
}

static char *read_all(int fd)
{
    enum { MOST = 1 << 16 };
    char *text = calloc(1, MOST + 1);
    if (text == NULL || pread(fd, text, MOST, 0) < 0)
        bail("cannot read what was printed");
    close(fd);
    return text;
}

static void take_output(struct command *command, int status, bool hung, struct outcome *outcome)
{
    outcome->code = hung                  ? OUTCOME_HANG
                    : WIFSIGNALED(status) ? OUTCOME_SIGNAL + WTERMSIG(status)
                                          : WEXITSTATUS(status);
    outcome->out = read_all(command->out);
    outcome->err = read_all(command->err);
    if (outcome->code == CANNOT_START)
        bail("the program under test cannot be started");
    count_run(outcome->code);
}

void command_finish(struct command *command, double limit_s, struct outcome *outcome)
{
    double deadline = command_now() + limit_s;
    bool hung = false;
    int status = 0;
    while (waitpid(command->pid, &status, 0) != command->pid) {
        if (command_now() < deadline)
            continue;
        hung = true;
        kill(command->pid, SIGKILL);
    }
    take_output(command, status, hung, outcome);
}

void command_run(const char *folder, const char *const *argv, const char *const *environment,
                 double limit_s, struct outcome *outcome)
{
    struct command command;
    command_start(&command, folder, argv, environment, false);
    command_finish(&command, limit_s, outcome);
}

void command_trace(const char *folder, const char *const *argv, struct trace *trace, double limit_s,
                   struct outcome *outcome)
{
    struct command command;
    bool hung = false;
    command_start(&command, folder, argv, NULL, true);
    int status = tracer_follow(command.pid, trace, command_now() + limit_s, &hung);
    take_output(&command, status, hung, outcome);
}

void outcome_release(struct outcome *outcome)
{
    free(outcome->out);
    free(outcome->err);
    *outcome = (struct outcome){0};
}

/* ---- what is left behind ---- */

static void kill_below(pid_t pid, int depth)
{
    char path[64];
    int child;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *children = fopen(path, "re");
    while (children != NULL && fscanf(children, "%d", &child) == 1) {
        if (depth < 32)
            kill_below(child, depth + 1);
        kill(child, SIGKILL);
    }
    if (children != NULL)
        fclose(children);
}

void kill_descendants(void)
{
    kill_below(getpid(), 0);
}

static void describe(pid_t pid, char *what, size_t size)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    FILE *file = fopen(path, "re");
    size_t got = file == NULL ? 0 : fread(what, 1, size - 1, file);
    if (file != NULL)
        fclose(file);
    for (size_t i = 0; i + 1 < got; i++)
        if (what[i] == '\0')
            what[i] = ' ';
    what[got] = '\0';
}

int command_strays(double grace_s, char *what, size_t size)
{
    double deadline = command_now() + grace_s;
    int left = 0;
    pid_t pid;
    while ((pid = waitpid(-1, NULL, WNOHANG | __WALL)) >= 0 || errno == EINTR) {
        if (pid > 0)
            continue; /* dead and collected */
        if (command_now() < deadline) {
            usleep(1000);
            continue;
        }
        FILE *children = fopen("/proc/thread-self/children", "re");
        int child;
        if (children == NULL || fscanf(children, "%d", &child) != 1)
            bail("/proc/thread-self/children cannot be read");
        fclose(children);
        describe(child, what, size);
        kill(child, SIGKILL);
        left++;
        deadline = command_now() + 0.02; /* its children come to us now */
    }
    return left;
}
