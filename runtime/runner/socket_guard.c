#include "runner/socket_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

bool socket_guard_is_possible(void)
{
    struct seccomp_notif_sizes sizes;
    return syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) == 0 &&
           (syscall(SYS_pidfd_getfd, -1, -1, 0) == 0 || errno != ENOSYS);
}

/* `why` is an errno, or 0. */
static void answer(int listener, uint64_t id, int why)
{
    const struct seccomp_notif_resp response = {.id = id, .error = -why};
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

/* The process that a thread belongs to, or -1. */
static pid_t process_of(pid_t thread)
{
    static const char field[] = "\nTgid:";
    char path[64], text[1024];
    snprintf(path, sizeof(path), "/proc/%ld/status", (long)thread);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    if (got < 0)
        return -1;
    text[got] = '\0';
    const char *found = strstr(text, field);
    return found == NULL ? -1 : (pid_t)strtol(found + sizeof(field) - 1, NULL, 10);
}

/* A descriptor of another process' socket; -1 with errno. */
static int take_socket(pid_t thread, int fd)
{
    const pid_t process = process_of(thread);
    const int pidfd = process < 0 ? -1 : (int)syscall(SYS_pidfd_open, process, 0);
    if (pidfd < 0)
        return -1;
    const int taken = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0), why = errno;
    close(pidfd);
    errno = why;
    return taken;
}

static bool read_address(const struct seccomp_notif *heard, struct sockaddr_storage *address,
                         socklen_t *size)
{
    if (heard->data.args[2] > sizeof(*address))
        return false;
    *size = (socklen_t)heard->data.args[2];
    const struct iovec to = {address, *size};
    const struct iovec from = {(void *)(uintptr_t)heard->data.args[1], *size};
    return process_vm_readv((pid_t)heard->pid, &to, 1, &from, 1, 0) == (ssize_t)*size;
}

static int domain_of(int fd)
{
    int domain = AF_UNSPEC;
    socklen_t size = sizeof(domain);
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 ? AF_UNSPEC : domain;
}

/* Of a socket in the file system that is open as `fd`. */
static bool is_in_reach(int fd, const struct stat *st, const struct tried *tried)
{
    char link[64], path[TRIED_PATH];
    struct stat own;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    const ssize_t length = readlink(link, path, sizeof(path) - 1);
    if (length < 0)
        return false;
    path[length] = '\0';
    const char *folder = tried_empty(tried, path);
    return tried_reaches(tried, path) ||
           (folder != NULL && stat(folder, &own) == 0 && own.st_dev == st->st_dev);
}

/* Opens what the address names, and makes it the name of that very socket; 0 or an errno. */
static int pin(const struct seccomp_notif *heard, const struct tried *tried, bool own_network,
               struct sockaddr_un *address, socklen_t *size, int *pinned)
{
    char name[sizeof(address->sun_path) + 1] = "", path[sizeof(name) + 64];
    const size_t before = offsetof(struct sockaddr_un, sun_path);
    struct stat st;
    if (address->sun_family != AF_UNIX || *size <= before || *size > sizeof(*address))
        return EINVAL;
    memcpy(name, address->sun_path, *size - before);
    if (name[0] == '\0')
        return own_network ? 0 : EACCES;
    if (name[0] == '/')
        snprintf(path, sizeof(path), "%s", name);
    else
        snprintf(path, sizeof(path), "/proc/%ld/cwd/%s", (long)heard->pid, name);
    if ((*pinned = open(path, O_PATH | O_CLOEXEC)) < 0 || fstat(*pinned, &st) < 0)
        return errno;
    if (!S_ISSOCK(st.st_mode))
        return ECONNREFUSED;
    if (!is_in_reach(*pinned, &st, tried))
        return EACCES;
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d", *pinned);
    *size = sizeof(*address);
    return 0;
}

/* In a process of its own, which may wait until somebody accepts. */
static int connect_aside(int listener, uint64_t id, int fd, const struct sockaddr_storage *address,
                         socklen_t size)
{
    const pid_t child = (pid_t)syscall(SYS_clone, (unsigned long)SIGCHLD, 0, 0, 0, 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        answer(listener, id, connect(fd, (const struct sockaddr *)address, size) < 0 ? errno : 0);
        _exit(0);
    }
    return child < 0 ? errno : 0;
}

void socket_guard_answer(int listener, const struct seccomp_notif *heard, const struct tried *tried,
                         bool own_network)
{
    union {
        struct sockaddr_storage any;
        struct sockaddr_un un;
    } address = {.any = {0}};
    socklen_t size;
    int pinned = -1, why = 0;
    const int fd = take_socket((pid_t)heard->pid, (int)heard->data.args[0]);
    if (fd < 0)
        why = errno == EBADF ? EBADF : EACCES;
    else if (!read_address(heard, &address.any, &size))
        why = EFAULT;
    else if (domain_of(fd) == AF_UNIX)
        why = pin(heard, tried, own_network, &address.un, &size, &pinned);
    /* Else its number may have become another process', whose socket this is. */
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &heard->id) == 0) {
        if (why == 0)
            why = connect_aside(listener, heard->id, fd, &address.any, size);
        if (why != 0)
            answer(listener, heard->id, why);
    }
    if (pinned >= 0)
        close(pinned);
    if (fd >= 0)
        close(fd);
}
