/* Attacks on another process, PID, which may be the runner itself: none harms it where it comes
 * through. */
#include "attacks.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t number(const char *word)
{
    return (pid_t)strtol(word, NULL, 10);
}

static int pidfd_of(const char *word)
{
    return (int)syscall(SYS_pidfd_open, number(word), 0);
}

/* Signal 0 asks whether another would arrive. */
static enum attack_result by_kill(char **words)
{
    return attack_judge(kill(number(words[0]), 0));
}

static enum attack_result by_tgkill(char **words)
{
    return attack_judge(syscall(SYS_tgkill, number(words[0]), number(words[0]), 0));
}

static enum attack_result by_queue(char **words)
{
    return attack_judge(sigqueue(number(words[0]), 0, (union sigval){.sival_int = 0}));
}

static enum attack_result by_pidfd(char **words)
{
    int pidfd = pidfd_of(words[0]);
    return attack_judge(pidfd < 0 ? -1 : syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0));
}

/* The kernel sends a signal in our name: SIGURG, which a process ignores unless it asks for it.
 * Whether it arrives is to be seen in /proc: FILE there holds the count that PID has seen. */
static enum attack_result by_owner_of_pipe(char **words)
{
    int ends[2];
    struct stat before, after;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0 || stat(words[1], &before) < 0)
        return ATTACK_IMPOSSIBLE;
    if (fcntl(ends[0], F_SETOWN, number(words[0])) < 0 || fcntl(ends[0], F_SETSIG, SIGUSR1) < 0 ||
        fcntl(ends[0], F_SETFL, O_ASYNC | O_NONBLOCK) < 0 || write(ends[1], "x", 1) < 0)
        return attack_judge(-1);
    for (int i = 0; i < 100; i++) {
        usleep(5000);
        if (stat(words[1], &after) == 0 && after.st_size != before.st_size)
            return ATTACK_CAME_THROUGH;
    }
    errno = EPERM;
    return ATTACK_WAS_REFUSED;
}

static enum attack_result trace(char **words)
{
    pid_t pid = number(words[0]);
    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
        return attack_judge(-1);
    return ATTACK_CAME_THROUGH;
}

static enum attack_result attach(char **words)
{
    pid_t pid = number(words[0]);
    if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) < 0)
        return attack_judge(-1);
    waitpid(pid, NULL, __WALL);
    return attack_judge(ptrace(PTRACE_DETACH, pid, NULL, NULL));
}

/* The first address of its memory that /proc/PID/maps tells, else any. */
static uintptr_t address_in(const char *pid)
{
    char path[64], line[64] = "";
    snprintf(path, sizeof(path), "/proc/%.20s/maps", pid);
    FILE *maps = fopen(path, "re");
    if (maps != NULL) {
        if (fgets(line, sizeof(line), maps) == NULL)
            line[0] = '\0';
        fclose(maps);
    }
    uintptr_t address = (uintptr_t)strtoull(line, NULL, 16);
    return address != 0 ? address : (uintptr_t)&number;
}

static enum attack_result read_memory(char **words)
{
    char byte;
    struct iovec local = {&byte, 1}, remote = {(void *)address_in(words[0]), 1};
    return attack_judge(process_vm_readv(number(words[0]), &local, 1, &remote, 1, 0));
}

static enum attack_result open_memory(char **words)
{
    char path[64], byte;
    snprintf(path, sizeof(path), "/proc/%.20s/mem", words[0]);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    return attack_judge(fd < 0 ? -1 : pread(fd, &byte, 1, (off_t)address_in(words[0])));
}

/* A byte of its memory is written again as it is. */
static enum attack_result write_memory(char **words)
{
    char byte = 0x7f; /* as every ELF file begins */
    struct iovec local = {&byte, 1}, remote = {(void *)address_in(words[0]), 1};
    long put = process_vm_writev(number(words[0]), &local, 1, &remote, 1, 0);
    /* That page is not writable: refused only for that is come through. */
    return put < 0 && errno == EFAULT ? ATTACK_CAME_THROUGH : attack_judge(put);
}

static enum attack_result take_descriptor(char **words)
{
    int pidfd = pidfd_of(words[0]);
    return attack_judge(pidfd < 0 ? -1 : syscall(SYS_pidfd_getfd, pidfd, 0, 0));
}

static enum attack_result compare(char **words)
{
    return attack_judge(syscall(SYS_kcmp, getpid(), number(words[0]), 0 /* KCMP_FILE */, 0, 0));
}

static enum attack_result open_in_proc(char **words, const char *name)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof(path), "/proc/%.20s/%s", words[0], name);
    return attack_judge(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

static enum attack_result by_its_root(char **words)
{
    char name[PATH_MAX];
    snprintf(name, sizeof(name), "root%.4000s", words[1]);
    return open_in_proc(words, name);
}

static enum attack_result by_its_cwd(char **words)
{
    return open_in_proc(words, "cwd/file");
}

static enum attack_result by_its_descriptor(char **words)
{
    return open_in_proc(words, "fd/0");
}

static enum attack_result read_environment(char **words)
{
    return open_in_proc(words, "environ");
}

static enum attack_result enter_namespaces(char **words)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%.20s/ns/uts", words[0]);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return attack_judge(fd < 0 ? -1 : setns(fd, 0));
}

/* The limits as they are; lower ones would end the process. */
static enum attack_result set_limits(char **words)
{
    struct rlimit limit;
    if (prlimit(number(words[0]), RLIMIT_CPU, NULL, &limit) < 0)
        return attack_judge(-1);
    return attack_judge(prlimit(number(words[0]), RLIMIT_CPU, &limit, NULL));
}

static enum attack_result set_priority(char **words)
{
    errno = 0;
    int now = getpriority(PRIO_PROCESS, (id_t)number(words[0]));
    if (now == -1 && errno != 0)
        return attack_judge(-1);
    return attack_judge(setpriority(PRIO_PROCESS, (id_t)number(words[0]), now));
}

/* Of all processes of this user. */
static enum attack_result set_all_priorities(char **words)
{
    (void)words;
    int now = getpriority(PRIO_USER, 0);
    return attack_judge(setpriority(PRIO_USER, 0, now));
}

static enum attack_result set_processors(char **words)
{
    cpu_set_t set;
    if (sched_getaffinity(number(words[0]), sizeof(set), &set) < 0)
        return attack_judge(-1);
    return attack_judge(sched_setaffinity(number(words[0]), sizeof(set), &set));
}

const struct attack attacks_on_processes[] = {
    {"kill", 1, by_kill},
    {"tgkill", 1, by_tgkill},
    {"sigqueue", 1, by_queue},
    {"pidfd-signal", 1, by_pidfd},
    {"signal-by-pipe", 2, by_owner_of_pipe},
    {"seize", 1, trace},
    {"attach", 1, attach},
    {"read-memory", 1, read_memory},
    {"write-memory", 1, write_memory},
    {"proc-mem", 1, open_memory},
    {"pidfd-getfd", 1, take_descriptor},
    {"kcmp", 1, compare},
    {"proc-root", 2, by_its_root},
    {"proc-cwd", 1, by_its_cwd},
    {"proc-fd", 1, by_its_descriptor},
    {"proc-environ", 1, read_environment},
    {"setns", 1, enter_namespaces},
    {"prlimit", 1, set_limits},
    {"setpriority", 1, set_priority},
    {"setpriority-all", 0, set_all_priorities},
    {"setaffinity", 1, set_processors},
    {NULL, 0, NULL},
};
