#include "runner/supervisor.h"

#include "runner/filter.h"
#include "runner/socket_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the headers of Debian 12 don't have. */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#define SET_FLAGS SECCOMP_IOW(4, uint64_t)
enum { SYNC_WAKE_UP = 1, FILTER_MOST = 128, PAGE = 4096 };

/* ---- calls ---- */

/* How a call says what it does to its path. */
enum effect {
    READS = TRIED_READS,
    WRITES = TRIED_WRITES,
    MAKES = TRIED_WRITES | TRIED_MAKES,
    BY_FLAGS = 16, /* of open */
    BY_HOW,        /* of openat2 */
};
enum { NONE = -1 };

/* Which arguments are a path, the folder that it is relative to, and flags. */
static const struct call {
    long number;
    enum effect effect;
    int path, folder, flags;
} calls[] = {
#ifdef SYS_open
    {SYS_open, BY_FLAGS, 0, NONE, 1},      {SYS_creat, MAKES, 0, NONE, NONE},
    {SYS_unlink, WRITES, 0, NONE, NONE},   {SYS_rmdir, WRITES, 0, NONE, NONE},
    {SYS_mkdir, MAKES, 0, NONE, NONE},     {SYS_mknod, MAKES, 0, NONE, NONE},
    {SYS_rename, WRITES, 0, NONE, NONE},   {SYS_rename, MAKES, 1, NONE, NONE},
    {SYS_link, READS, 0, NONE, NONE},      {SYS_link, MAKES, 1, NONE, NONE},
    {SYS_symlink, MAKES, 1, NONE, NONE},
#endif
#ifdef SYS_renameat
    {SYS_renameat, WRITES, 1, 0, NONE},    {SYS_renameat, MAKES, 3, 2, NONE},
#endif
    {SYS_openat, BY_FLAGS, 1, 0, 2},       {SYS_openat2, BY_HOW, 1, 0, 2},
    {SYS_execve, READS, 0, NONE, NONE},    {SYS_execveat, READS, 1, 0, NONE},
    {SYS_truncate, WRITES, 0, NONE, NONE}, {SYS_unlinkat, WRITES, 1, 0, NONE},
    {SYS_mkdirat, MAKES, 1, 0, NONE},      {SYS_mknodat, MAKES, 1, 0, NONE},
    {SYS_renameat2, WRITES, 1, 0, NONE},   {SYS_renameat2, MAKES, 3, 2, NONE},
    {SYS_linkat, READS, 1, 0, NONE},       {SYS_linkat, MAKES, 3, 2, NONE},
    {SYS_symlinkat, MAKES, 2, 1, NONE},
};
enum { CALLS = sizeof(calls) / sizeof(calls[0]) };

/* ---- the program's side ---- */

#define WORD(n) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]) + 4 * (n))

/* The keeper waits for the first execution, and could not answer: it is known by its pointer. */
static unsigned short make_filter(struct sock_filter filter[FILTER_MOST], const char *path,
                                  bool guards)
{
    const uint64_t exempt = (uintptr_t)path;
    const struct sock_filter head[] = {LOAD(arch),
                                       IF(FILTER_ARCHITECTURE, 1),
                                       ALLOW,
                                       LOAD(nr),
                                       REFUSE_CALL(SYS_io_uring_setup, ENOSYS),
                                       IF_NOT(SYS_execve, 6),
                                       WORD(0),
                                       IF_NOT((uint32_t)exempt, 3),
                                       WORD(1),
                                       IF_NOT((uint32_t)(exempt >> 32), 1),
                                       ALLOW,
                                       LOAD(nr)};
    unsigned short used = sizeof(head) / sizeof(head[0]);
    memcpy(filter, head, sizeof(head));
    for (size_t i = 0; i < CALLS + (guards ? 1 : 0) && used + 3 <= FILTER_MOST; i++) {
        filter[used++] = (struct sock_filter)IF_NOT(i < CALLS ? calls[i].number : SYS_connect, 1);
        filter[used++] = (struct sock_filter)ANSWER(SECCOMP_RET_USER_NOTIF);
    }
    filter[used++] = (struct sock_filter)ALLOW;
    return used;
}

static int install(const char *path, bool guards)
{
    struct sock_filter filter[FILTER_MOST];
    const struct sock_fprog program = {make_filter(filter, path, guards), filter};
    const unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
    /* A call that was heard is not interrupted by the program's own signals, where the kernel knows
     * how; open() would fail with EINTR, which few expect. */
    long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                      flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &program);
    if (fd < 0 && errno == EINVAL)
        fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    return (int)fd;
}

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
};

static int send_listener(int to, int listener)
{
    union control control = {.bytes = {0}};
    char byte = 0;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *entry = CMSG_FIRSTHDR(&message);
    entry->cmsg_level = SOL_SOCKET;
    entry->cmsg_type = SCM_RIGHTS;
    entry->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(entry), &listener, sizeof(int));
    return sendmsg(to, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

int supervisor_enter(const struct supervisor *supervisor, const char *path)
{
    if (supervisor->tried == NULL)
        return 0;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    const bool guards = supervisor->network != CONFINE_NETWORK;
    const int listener = install(path, guards);
    /* In a stage that is heard already, as of a run in a run, nobody else can listen; where its
     * sockets are guarded, so are ours. */
    if (listener < 0)
        return !guards || errno == EBUSY || !socket_guard_is_possible() ? 0 : -1;
    return send_listener(supervisor->ends[1], listener);
}

int supervisor_check(void)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        int listener = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -1 : install(NULL, false);
        _exit(listener < 0 ? errno : 0);
    }
    if (child < 0)
        return errno;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EINVAL;
}

/* ---- the keeper's side ---- */

void supervisor_open(struct supervisor *supervisor, int tried, int folder,
                     enum confine_network network, const sigset_t *signals)
{
    *supervisor = (struct supervisor){
        .folder = folder, .ends = {-1, -1}, .listener = -1, .signals = -1, .network = network};
    if (tried >= 0 && (supervisor->signals = signalfd(-1, signals, SFD_CLOEXEC)) >= 0 &&
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, supervisor->ends) == 0)
        supervisor->tried = tried_map(tried);
    if (supervisor->tried == NULL && network != CONFINE_NETWORK)
        supervisor->network = CONFINE_NO_CONNECTION;
}

void supervisor_take(struct supervisor *supervisor)
{
    union control control;
    char byte;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    const uint64_t flags = SYNC_WAKE_UP;
    struct cmsghdr *entry;
    if (supervisor->tried == NULL)
        return;
    if (supervisor->listener >= 0) /* of a start that failed */
        close(supervisor->listener);
    supervisor->listener = -1;
    if (recvmsg(supervisor->ends[0], &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) == 1 &&
        (entry = CMSG_FIRSTHDR(&message)) != NULL && entry->cmsg_type == SCM_RIGHTS)
        memcpy(&supervisor->listener, CMSG_DATA(entry), sizeof(int));
    if (supervisor->listener < 0)
        return;
    ioctl(supervisor->listener, SET_FLAGS, flags); /* faster where the kernel knows it */
    tried_begin(supervisor->tried);
}

/* Reads a text of another process; false where it cannot be read or is too long. */
static bool read_text(pid_t pid, uint64_t from, char text[TRIED_PATH])
{
    for (size_t got = 0; got < TRIED_PATH;) {
        /* Not over the end of a page, behind which there may be nothing. */
        size_t most = PAGE - (from + got) % PAGE;
        most = most < TRIED_PATH - got ? most : TRIED_PATH - got;
        const struct iovec to = {text + got, most};
        const struct iovec what = {(void *)(uintptr_t)(from + got), most};
        const ssize_t read = process_vm_readv(pid, &to, 1, &what, 1, 0);
        if (read <= 0)
            return false;
        if (memchr(text + got, '\0', (size_t)read) != NULL)
            return true;
        got += (size_t)read;
    }
    return false;
}

/* Puts before a relative path the folder that it is relative to. */
static bool make_absolute(pid_t pid, const struct call *call, const uint64_t *args,
                          char path[TRIED_PATH])
{
    char name[64], base[TRIED_PATH];
    const size_t length = strlen(path);
    if (path[0] == '/')
        return true;
    const int folder = call->folder == NONE ? AT_FDCWD : (int)args[call->folder];
    if (folder == AT_FDCWD)
        snprintf(name, sizeof(name), "/proc/%ld/cwd", (long)pid);
    else
        snprintf(name, sizeof(name), "/proc/%ld/fd/%d", (long)pid, folder);
    const ssize_t got = readlink(name, base, sizeof(base));
    if (got <= 0 || base[0] != '/' || (size_t)got + 1 + length >= TRIED_PATH)
        return false;
    memmove(path + got + 1, path, length + 1);
    memcpy(path, base, (size_t)got);
    path[got] = '/';
    return true;
}

/* 0: it neither reads nor writes. */
static unsigned effect_of(pid_t pid, const struct call *call, const uint64_t *args)
{
    uint64_t flags = call->flags == NONE ? 0 : args[call->flags];
    if (call->effect == BY_HOW) { /* struct open_how begins with them */
        const struct iovec to = {&flags, sizeof(flags)};
        const struct iovec what = {(void *)(uintptr_t)args[call->flags], sizeof(flags)};
        if (process_vm_readv(pid, &to, 1, &what, 1, 0) != sizeof(flags))
            return 0;
    } else if (call->effect != BY_FLAGS)
        return call->effect;
    if ((flags & O_PATH) != 0)
        return 0;
    const bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0;
    return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? MAKES
           : writes                                                   ? WRITES
                                                                      : READS;
}

/* The process may have ended meanwhile, and its number be another's: then nothing was heard. */
static void hear(const struct supervisor *supervisor, const struct seccomp_notif *heard)
{
    char path[TRIED_PATH];
    const pid_t pid = (pid_t)heard->pid;
    const uint64_t *args = (const uint64_t *)heard->data.args;
    for (size_t i = 0; i < CALLS; i++) {
        if (calls[i].number != heard->data.nr)
            continue;
        const unsigned effect = effect_of(pid, &calls[i], args);
        if (effect != 0 && read_text(pid, args[calls[i].path], path) && path[0] != '\0' &&
            make_absolute(pid, &calls[i], args, path) &&
            ioctl(supervisor->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &heard->id) == 0)
            tried_hear(supervisor->tried, supervisor->folder, path, effect);
    }
}

static void answer(const struct supervisor *supervisor)
{
    /* A later kernel may have more to say. */
    union {
        struct seccomp_notif notif;
        char room[512];
    } heard;
    memset(&heard, 0, sizeof(heard));
    if (ioctl(supervisor->listener, SECCOMP_IOCTL_NOTIF_RECV, &heard.notif) < 0)
        return;
    if (heard.notif.data.nr == SYS_connect) {
        socket_guard_answer(supervisor->listener, &heard.notif, supervisor->tried,
                            supervisor->network == CONFINE_OWN_NETWORK);
        return;
    }
    hear(supervisor, &heard.notif);
    const struct seccomp_notif_resp go_on = {.id = heard.notif.id,
                                             .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    ioctl(supervisor->listener, SECCOMP_IOCTL_NOTIF_SEND, &go_on);
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int supervisor_wait(struct supervisor *supervisor, const sigset_t *signals,
                    const struct timespec *most)
{
    if (supervisor->listener < 0)
        return sigtimedwait(signals, NULL, most);
    const int64_t end = most == NULL ? 0 : now_ns() + most->tv_sec * 1000000000 + most->tv_nsec;
    if (signalfd(supervisor->signals, signals, 0) < 0)
        return -1;
    for (;;) {
        struct pollfd polls[] = {{.fd = supervisor->signals, .events = POLLIN},
                                 {.fd = supervisor->listener, .events = POLLIN}};
        const int64_t left = most == NULL ? 0 : end - now_ns();
        const struct timespec limit = {left / 1000000000, left % 1000000000};
        if ((most != NULL && left < 0) || ppoll(polls, 2, most == NULL ? NULL : &limit, NULL) == 0)
            return -1;
        if ((polls[1].revents & POLLIN) != 0)
            answer(supervisor);
        else if (polls[1].revents != 0) { /* nobody is left to be heard */
            close(supervisor->listener);
            supervisor->listener = -1;
            return sigtimedwait(signals, NULL, most);
        }
        struct signalfd_siginfo signal;
        if ((polls[0].revents & POLLIN) != 0 &&
            read(supervisor->signals, &signal, sizeof(signal)) == sizeof(signal))
            return (int)signal.ssi_signo;
    }
}
