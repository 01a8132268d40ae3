#include "runner/keeper.h"

#include "runner/confine.h"
#include "runner/supervisor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CHILDREN_LIMIT = 4096, HIGH_FD = 64, HUNT_PASSES = 100, BUSY_TRIES = 400 };

static const struct timespec busy_pause = {0, 5 * 1000 * 1000};

/* Processes that the program leaves may be about to end by themselves. */
static const struct timespec grace = {0, 100 * 1000 * 1000};

/* ---- the program ---- */

static void reset_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL); /* fails for SIGKILL and SIGSTOP, which is fine */
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In a stage that runs a runner the outer mark stays. */
static void bear_mark(uint64_t mark)
{
    struct rlimit limit;
    if (mark == 0 || getrlimit(RLIMIT_LOCKS, &limit) < 0 || limit.rlim_max != RLIM_INFINITY)
        return;
    limit.rlim_cur = limit.rlim_max = (rlim_t)mark;
    setrlimit(RLIMIT_LOCKS, &limit);
}

static int enter_folder(const struct launch *launch)
{
    /* By its path inside: the descriptor leads to another mount tree, whose paths it would see. */
    return launch->namespaces.level == NAMESPACES_NONE ? fchdir(launch->folder)
                                                       : chdir(NAMESPACES_FOLDER);
}

static enum confine_network network_of(const struct launch *launch)
{
    return launch->network || !launch->confined ? CONFINE_NETWORK
           : launch->tried < 0                  ? CONFINE_NO_CONNECTION
           : launch->namespaces.network         ? CONFINE_OWN_NETWORK
                                                : CONFINE_NO_NETWORK;
}

/* Runs in the program's process. Returns -1 with errno set where it must not start. */
static int prepare_program(const struct launch *launch, const struct memory_group *group,
                           const struct supervisor *supervisor, pid_t keeper)
{
    reset_signals();
    /* A session of its own: a program that asks at the terminal is told that there is none, and
     * does not stand still for ever because it is not the terminal's foreground. */
    if (setsid() < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return -1;
    /* The keeper may have died before it could be watched. */
    if (getppid() != keeper)
        raise(SIGKILL);
    int nothing = open("/dev/null", O_RDONLY);
    if (nothing < 0 || enter_folder(launch) < 0 || dup2(nothing, STDIN_FILENO) < 0 ||
        dup2(launch->output, STDOUT_FILENO) < 0 || dup2(launch->errors, STDERR_FILENO) < 0)
        return -1;
    if (launch->progress == LAUNCH_PROGRESS_FD) {
        if (fcntl(launch->progress, F_SETFD, 0) < 0)
            return -1;
    } else if (launch->progress >= 0 && dup2(launch->progress, LAUNCH_PROGRESS_FD) < 0)
        return -1;
    if (limits_enter(&launch->limits) < 0 || memory_group_enter(group) < 0)
        return -1;
    bear_mark(launch->mark);
    /* Core files and permissions must not depend on who runs. */
    const struct rlimit no_core = {0, 0};
    umask(022);
    if (setrlimit(RLIMIT_CORE, &no_core) < 0)
        return -1;
    if (launch->confined && confine_enter(launch->rules, supervisor->network) < 0)
        return -1;
    return supervisor_enter(supervisor, launch->argv[0]);
}

/* 0, or the errno for which it did not start. The child shares this memory until it executes,
 * so what it leaves in `why` is seen here. */
static int start_program(const struct launch *launch, const struct memory_group *group,
                         struct supervisor *supervisor, pid_t *program)
{
    volatile int why = 0;
    pid_t keeper = getpid(), child = vfork();
    if (child == 0) {
        int first = launch->progress >= 0 ? LAUNCH_PROGRESS_FD + 1 : LAUNCH_PROGRESS_FD;
        if (prepare_program(launch, group, supervisor, keeper) == 0) {
            syscall(SYS_close_range, first, ~0U, 1U << 2 /* CLOSE_RANGE_CLOEXEC */);
            execve(launch->argv[0], launch->argv, launch->environment);
        }
        why = errno;
        _exit(127);
    }
    if (child < 0)
        return errno;
    supervisor_take(supervisor);
    if (why != 0)
        waitpid(child, NULL, 0);
    *program = child;
    return why;
}

/* ---- what it leaves ---- */

/* The pids of our children, from the kernel's list, as text; "" where there are none. */
static void read_children(char text[CHILDREN_LIMIT])
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/task/%ld/children", (long)getpid());
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : read(fd, text, CHILDREN_LIMIT - 1);
    text[got > 0 ? got : 0] = '\0';
    if (fd >= 0)
        close(fd);
}

/* Adds the name of a process to the report. */
static void note_name(struct launch_report *report, long pid)
{
    char path[64], name[20];
    size_t used = strlen(report->names);
    snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t got = read(fd, name, sizeof(name) - 1);
    close(fd);
    name[got > 0 ? got : 0] = '\0';
    name[strcspn(name, "\n")] = '\0';
    if (used + strlen(name) + 2 < sizeof(report->names))
        snprintf(report->names + used, sizeof(report->names) - used, "%s%s", used > 0 ? " " : "",
                 name);
}

/* Kills the children that are there now; how many could be. What they leave comes to us. Their
 * names go into `report`, if not NULL. */
static unsigned kill_children(struct launch_report *report, pid_t but, unsigned *denied)
{
    char text[CHILDREN_LIMIT], *at = text, *end;
    unsigned killed = 0;
    *denied = 0;
    read_children(text);
    for (long pid; (pid = strtol(at, &end, 10)) > 0 && end != at; at = end) {
        /* The list may be cut within a number. */
        if (*end == '\0' && end == text + CHILDREN_LIMIT - 1)
            break;
        if (pid == but)
            continue;
        if (report != NULL)
            note_name(report, pid);
        if (kill((pid_t)pid, SIGKILL) == 0)
            killed++;
        else
            ++*denied;
    }
    return killed;
}

/* True where a child is left; those that have ended are collected. */
static bool has_children(void)
{
    pid_t pid;
    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
        continue;
    return pid == 0;
}

/* True where the kernel lists a child beside the program. */
static bool has_others(pid_t program)
{
    char text[CHILDREN_LIMIT], *end;
    read_children(text);
    long first = strtol(text, &end, 10), second = strtol(end, NULL, 10);
    return (first > 0 && first != program) || second > 0;
}

/* The program has ended and is not collected yet, so that its number, and that of its group, is
 * still its own. */
static void end_all(pid_t program, struct supervisor *supervisor, struct launch_report *report)
{
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    if (has_others(program))
        supervisor_wait(supervisor, &child, &grace);
    bool others = has_others(program);
    if (others) {
        unsigned denied;
        report->full = limits_are_reached();
        report->killed = kill_children(report, program, &denied);
    }
    /* The first of a pid namespace reaches all at once, however fast they fork. */
    kill(getpid() == 1 ? -1 : -program, SIGKILL);
    while (waitpid(program, &report->status, 0) < 0 && errno == EINTR)
        continue;
    while (has_children()) {
        unsigned denied, killed = kill_children(NULL, 0, &denied);
        if (killed == 0 && has_children()) {
            /* Not ours to kill, or the kernel keeps no list and what is left fled the group. */
            report->left = denied > 0 ? denied : 1;
            return;
        }
        if (killed > 0)
            waitpid(-1, NULL, 0);
    }
}

/* ---- the keeper ---- */

/* Keeps these, which become 0, 1, ... in their order, and nothing else that the runner has open. -1
 * stays -1. */
static void keep_only(int *const *kept, size_t count)
{
    int next = 0;
    for (size_t i = 0; i < count; i++)
        if (*kept[i] >= 0)
            *kept[i] = fcntl(*kept[i], F_DUPFD_CLOEXEC, HIGH_FD);
    for (size_t i = 0; i < count; i++)
        if (*kept[i] >= 0) {
            dup2(*kept[i], next);
            *kept[i] = next++;
        }
    syscall(SYS_close_range, next, ~0U, 0);
}

/* A child that has ended and is not collected, or 0. */
static pid_t find_ended(void)
{
    siginfo_t ended = {0};
    while (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == EINTR)
        continue;
    return ended.si_pid;
}

/* Waits until the program has ended, and leaves it to be collected. What comes to us and ends
 * meanwhile is collected here. */
static void watch(pid_t program, struct supervisor *supervisor)
{
    sigset_t all;
    sigfillset(&all);
    for (;;) {
        int number = supervisor_wait(supervisor, &all, NULL);
        if (number == SIGTERM) {
            kill(-program, SIGTERM);
            kill(-program, SIGCONT);
        } else if (number == SIGUSR1) {
            kill(-program, SIGKILL);
            kill(program, SIGKILL);
        }
        for (pid_t ended; (ended = find_ended()) > 0;) {
            if (ended == program)
                return;
            waitpid(ended, NULL, 0);
        }
    }
}

/* Starts the program and sees it to its end; in the keeper, or in the init. Where the report is to
 * be written changes. */
static void run_program(const struct launch *launch, struct memory_group *group, int *report_to,
                        struct launch_report *report)
{
    struct supervisor supervisor;
    int lock = launch->lock;
    pid_t program = 0;
    sigset_t all;
    sigfillset(&all);
    supervisor_open(&supervisor, launch->tried, launch->folder, network_of(launch), &all);
    /* A copy of the program may be open for writing still, in a keeper that was forked while it
     * was made and is about to close what it does not need. */
    for (int tries = 0; tries < BUSY_TRIES; tries++) {
        report->start_errno = start_program(launch, group, &supervisor, &program);
        if (report->start_errno != ETXTBSY)
            break;
        nanosleep(&busy_pause, NULL);
    }
    int *const kept[] = {report_to,           &lock,
                         &group->groups,      &supervisor.listener,
                         &supervisor.signals, &supervisor.folder};
    keep_only(kept, sizeof(kept) / sizeof(kept[0]));
    if (report->start_errno == 0) {
        watch(program, &supervisor);
        end_all(program, &supervisor, report);
    }
}

/* The first process in the namespaces. It keeps the report and the lock open as the keeper does, so
 * that both stay as long as anything inside lives. */
_Noreturn static void init_run(const struct launch *launch, struct memory_group *group, int keeper,
                               int report_to, int why, struct launch_report *report)
{
    struct pollfd end = {.fd = keeper, .events = POLLIN};
    setpgid(0, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* The keeper may have died before it could be watched. */
    if (poll(&end, 1, 0) != 0)
        _exit(1);
    if (why == 0 && (namespaces_fill(&launch->namespaces, launch->rules) < 0 ||
                     limits_enter_namespaces(&launch->limits, &launch->namespaces) < 0 ||
                     namespaces_seal() < 0))
        why = errno;
    report->start_errno = why;
    report->without_namespaces = why != 0;
    if (why == 0)
        run_program(launch, group, &report_to, report);
    _exit(0);
}

/* The same as run_program, with an init between. Memory that both share tells what it saw. */
static void run_init(const struct launch *launch, struct memory_group *group, int *report_to,
                     struct launch_report *report)
{
    int why, keeper = (int)syscall(SYS_pidfd_open, getpid(), 0);
    struct launch_report *inside =
        mmap(NULL, sizeof(*inside), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t init =
        keeper < 0 || inside == MAP_FAILED ? -1 : namespaces_fork(&launch->namespaces, &why);
    if (init < 0) {
        report->start_errno = errno;
        report->without_namespaces = true;
        return;
    }
    if (init == 0)
        init_run(launch, group, keeper, *report_to, why, inside);
    setpgid(init, init); /* a signal to the group finds it at once */
    struct supervisor none = {.listener = -1};
    int lock = launch->lock;
    int *const kept[] = {report_to, &lock, &group->groups};
    keep_only(kept, sizeof(kept) / sizeof(kept[0]));
    watch(init, &none);
    end_all(init, &none, report);
    /* One that was killed, as the keeper does where it is told to, leaves its own end to say. */
    if (WIFEXITED(report->status)) {
        const unsigned left = report->left;
        *report = *inside;
        report->left += left;
    }
}

void keeper_run(const struct launch *launch, pid_t runner, int report_to)
{
    struct launch_report report = {0};
    struct memory_group group;
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    signal(SIGCHLD, SIG_DFL); /* one that is ignored would collect children by itself */
    prctl(PR_SET_NAME, "reprise-keeper");
    setpgid(0, 0); /* Ctrl-C is the runner's to hear */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_PDEATHSIG, SIGUSR1);
    if (getppid() != runner)
        _exit(1);
    if (memory_group_make(&group, launch->groups, launch->limits.memory_bytes) < 0) {
        report.start_errno = errno;
        report.without_group = true;
    } else if (launch->namespaces.level == NAMESPACES_NONE)
        run_program(launch, &group, &report_to, &report);
    else
        run_init(launch, &group, &report_to, &report);
    report.out_of_memory = memory_group_end(&group);
    if (getppid() != runner)
        memory_groups_abandon(group.groups);
    ssize_t written = write(report_to, &report, sizeof(report));
    _exit(written == sizeof(report) ? 0 : 1);
}

/* ---- what a killed keeper left ---- */

static bool names_stage(const char *pid, const char *wanted, size_t size)
{
    char path[64], block[65536];
    size_t kept = 0;
    bool found = false;
    snprintf(path, sizeof(path), "/proc/%.20s/environ", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got;
    while (!found && (got = read(fd, block + kept, sizeof(block) - kept)) > 0) {
        size_t filled = kept + (size_t)got;
        found = memmem(block, filled, wanted, size) != NULL;
        kept = filled < size ? filled : size;
        memmove(block, block + filled - kept, kept);
    }
    close(fd);
    return found;
}

/* Reads the start of a file of a process; how much, or 0. */
static size_t read_about(const char *pid, const char *name, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%.20s/%s", pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : read(fd, text, size - 1);
    if (fd >= 0)
        close(fd);
    text[got > 0 ? got : 0] = '\0';
    return got > 0 ? (size_t)got : 0;
}

/* One that has ended and was not collected, by an init that does not, is none. */
static bool is_alive(const char *pid)
{
    char text[512];
    read_about(pid, "stat", text, sizeof(text));
    const char *name_end = strrchr(text, ')');
    return name_end != NULL && strncmp(name_end, ") Z", 3) != 0 && strncmp(name_end, ") X", 3) != 0;
}

static bool bears_mark(const char *pid, uint64_t mark)
{
    static const char heading[] = "Max file locks";
    char text[4096];
    read_about(pid, "limits", text, sizeof(text));
    const char *line = strstr(text, heading);
    uint64_t found = line == NULL ? 0 : strtoull(line + sizeof(heading) - 1, NULL, 10);
    return (found == mark || ((uint32_t)mark == 0 && found >> 32 == mark >> 32)) && is_alive(pid);
}

uint64_t keeper_mark(const char *cache, const struct digest *key)
{
    struct stat st;
    uint64_t high = 14695981039346656037U; /* FNV-1a */
    uint32_t low = 0;
    if (stat(cache, &st) < 0)
        return 0;
    const uint64_t words[] = {st.st_dev, st.st_ino};
    const unsigned char *bytes = (const unsigned char *)words;
    for (size_t i = 0; i < sizeof(words); i++)
        high = (high ^ bytes[i]) * 1099511628211U;
    if (key != NULL)
        memcpy(&low, key->bytes, sizeof(low));
    /* Never 0, nor so large that it means no limit. */
    return (high >> 34 | 1) << 32 | low | (key != NULL);
}

void keeper_hunt(const char *stage_path, uint64_t mark)
{
    char wanted[4200];
    int size = snprintf(wanted, sizeof(wanted), "REPRISE_STAGE=%s", stage_path);
    bool found = size < (int)sizeof(wanted);
    for (int pass = 0; pass < HUNT_PASSES && found; pass++) {
        DIR *processes = opendir("/proc");
        struct dirent *entry;
        found = false;
        while (processes != NULL && (entry = readdir(processes)) != NULL) {
            pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
            if (pid <= 0 || pid == getpid() ||
                (!(mark != 0 && bears_mark(entry->d_name, mark)) &&
                 !names_stage(entry->d_name, wanted, (size_t)size)))
                continue;
            found = kill(pid, SIGKILL) == 0 || found;
        }
        if (processes != NULL)
            closedir(processes);
        if (found)
            nanosleep(&(struct timespec){0, 5 * 1000 * 1000}, NULL);
    }
}
