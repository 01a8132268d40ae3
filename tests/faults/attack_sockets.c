/* Attacks by sockets: of the network, and of services of the machine. */
#include "attacks.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static enum attack_result open_socket(int family, int type)
{
    return attack_judge(socket(family, type | SOCK_CLOEXEC, 0));
}

static enum attack_result inet(char **words)
{
    (void)words;
    return open_socket(AF_INET, SOCK_STREAM);
}

static enum attack_result inet_datagram(char **words)
{
    (void)words;
    return open_socket(AF_INET, SOCK_DGRAM);
}

static enum attack_result inet6(char **words)
{
    (void)words;
    return open_socket(AF_INET6, SOCK_STREAM);
}

static enum attack_result inet_raw(char **words)
{
    (void)words;
    return attack_judge(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, 1 /* ICMP */));
}

static enum attack_result netlink(char **words)
{
    (void)words;
    return open_socket(AF_NETLINK, SOCK_RAW);
}

static enum attack_result packet(char **words)
{
    (void)words;
    return open_socket(AF_PACKET, SOCK_RAW);
}

static enum attack_result vsock(char **words)
{
    (void)words;
    return open_socket(AF_VSOCK, SOCK_STREAM);
}

/* Calls with the numbers of another architecture, which a filter may not know. */
static enum attack_result inet_of_x32(char **words)
{
    (void)words;
#if defined(__x86_64__)
    return attack_judge(syscall(0x40000000 + SYS_socket, AF_INET, SOCK_STREAM, 0));
#else
    return ATTACK_IMPOSSIBLE;
#endif
}

static enum attack_result inet_of_i386(char **words)
{
    (void)words;
#if defined(__x86_64__)
    long returned;
    __asm__ volatile("int $0x80"
                     : "=a"(returned)
                     : "a"(359 /* socket */), "b"(AF_INET), "c"(SOCK_STREAM), "d"(0)
                     : "memory", "r8", "r9", "r10", "r11");
    errno = (int)-returned;
    return attack_judge(returned < 0 ? -1 : 0);
#else
    return ATTACK_IMPOSSIBLE;
#endif
}

/* Connects to a listener; an abstract name begins with "@". */
static int reach(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", name);
    size_t size = offsetof(struct sockaddr_un, sun_path) + strlen(name);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, (socklen_t)size) < 0)
        return -1;
    return fd;
}

static enum attack_result unix_socket(char **words)
{
    return attack_judge(reach(words[0]));
}

/* Its folder goes out. */
static enum attack_result pass_descriptor(char **words)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    int fd = reach(words[0]), passed = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    char byte = 'x';
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *entry = CMSG_FIRSTHDR(&message);
    entry->cmsg_level = SOL_SOCKET;
    entry->cmsg_type = SCM_RIGHTS;
    entry->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(entry), &passed, sizeof(int));
    return attack_judge(fd < 0 ? -1 : sendmsg(fd, &message, MSG_NOSIGNAL));
}

const struct attack attacks_by_sockets[] = {
    {"inet", 0, inet},
    {"inet-datagram", 0, inet_datagram},
    {"inet6", 0, inet6},
    {"inet-raw", 0, inet_raw},
    {"netlink", 0, netlink},
    {"packet", 0, packet},
    {"vsock", 0, vsock},
    {"inet-of-x32", 0, inet_of_x32},
    {"inet-of-i386", 0, inet_of_i386},
    {"unix", 1, unix_socket},
    {"pass-descriptor", 1, pass_descriptor},
    {NULL, 0, NULL},
};
