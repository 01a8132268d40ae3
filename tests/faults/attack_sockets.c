/* Attacks by sockets: of the network, and of services of the machine. */
#include "attacks.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
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

/* An abstract name begins with "@". */
static socklen_t name_socket(struct sockaddr_un *address, const char *name)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(address->sun_path, sizeof(address->sun_path), "%s", name);
    if (name[0] == '@')
        address->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
}

/* Connects to a listener. */
static int reach(const char *name)
{
    struct sockaddr_un address;
    const socklen_t size = name_socket(&address, name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, size) < 0)
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

/* From the folder that it lies in. */
static enum attack_result unix_from_its_folder(char **words)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof(folder), "%s", words[0]);
    char *slash = strrchr(folder, '/');
    *slash = '\0';
    return chdir(folder) < 0 ? ATTACK_WAS_REFUSED : attack_judge(reach(slash + 1));
}

static enum attack_result unix_by_link(char **words)
{
    unlink("service");
    return symlink(words[0], "service") < 0 ? ATTACK_WAS_REFUSED : attack_judge(reach("service"));
}

static enum attack_result send_to(int fd, const char *name)
{
    struct sockaddr_un address;
    const socklen_t size = name_socket(&address, name);
    return attack_judge(fd < 0 ? -1 : sendto(fd, "x", 1, 0, (struct sockaddr *)&address, size));
}

static enum attack_result unix_datagram(char **words)
{
    return send_to(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), words[0]);
}

/* Which is the same type, for the sake of BSD. */
static enum attack_result unix_raw(char **words)
{
    return send_to(socket(AF_UNIX, SOCK_RAW | SOCK_CLOEXEC, 0), words[0]);
}

static enum attack_result unix_pair(char **words)
{
    int ends[2] = {-1, -1};
    (void)!socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends);
    return send_to(ends[0], words[0]);
}

/* An address that changes while it is looked at. */
enum { CONNECTIONS = 400, SECONDS = 1 /* at least so many, and at least so long */ };
struct race {
    struct sockaddr_un address;
    const char *own, *name;
    int listener; /* of `own` */
    bool came;
    atomic_bool over;
};

/* By what the other side is bound to. */
static bool is_bound_to(int fd, const char *name)
{
    struct sockaddr_un peer = {0};
    socklen_t size = sizeof(peer);
    return getpeername(fd, (struct sockaddr *)&peer, &size) == 0 &&
           strcmp(peer.sun_path, name) == 0;
}

static void *connect_again_and_again(void *arg)
{
    struct race *race = arg;
    const time_t begin = time(NULL);
    for (int i = 0; (i < CONNECTIONS || time(NULL) - begin <= SECONDS) && !race->came; i++) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        race->came =
            fd >= 0 &&
            connect(fd, (const struct sockaddr *)&race->address, sizeof(race->address)) == 0 &&
            is_bound_to(fd, race->name);
        if (fd >= 0)
            close(fd);
        fd = accept4(race->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            close(fd);
    }
    race->over = true;
    return NULL;
}

static enum attack_result unix_racing(char **words)
{
    struct race race = {.own = "own-service", .name = words[0]};
    const socklen_t size = name_socket(&race.address, race.own);
    pthread_t thread;
    unlink(race.own);
    race.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (race.listener < 0 ||
        bind(race.listener, (const struct sockaddr *)&race.address, size) < 0 ||
        listen(race.listener, CONNECTIONS) < 0 ||
        pthread_create(&thread, NULL, connect_again_and_again, &race) != 0)
        return ATTACK_IMPOSSIBLE;
    for (bool own = false; !race.over; own = !own) {
        const char *name = own ? race.own : race.name;
        memcpy(race.address.sun_path, name, strlen(name) + 1);
    }
    pthread_join(thread, NULL);
    close(race.listener);
    return race.came ? ATTACK_CAME_THROUGH : ATTACK_WAS_REFUSED;
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
    {"unix-from-its-folder", 1, unix_from_its_folder},
    {"unix-by-link", 1, unix_by_link},
    {"unix-datagram", 1, unix_datagram},
    {"unix-raw", 1, unix_raw},
    {"unix-pair", 1, unix_pair},
    {"unix-racing", 1, unix_racing},
    {"pass-descriptor", 1, pass_descriptor},
    {NULL, 0, NULL},
};
