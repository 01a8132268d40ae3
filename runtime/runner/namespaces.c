#include "runner/namespaces.h"

#include "runner/kernel_file.h"
#include "runner/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SHOWN_MOST = 64, PATH_SIZE = 4096 };

/* In memory, so they are bounded: in percent of it. /var for the sockets of services, to which
 * neither Landlock nor mounts that are read-only bar the way. */
static const struct {
    const char *path, *options;
    bool own; /* the stage may write there */
} hidden[] = {{"/run", "mode=755,size=1m", true},
              {"/tmp", "mode=1777,size=25%", true},
              {"/dev/shm", "mode=1777,size=25%", true},
              {"/var", "mode=755,size=1m", false}};

enum { HIDDEN_COUNT = sizeof(hidden) / sizeof(hidden[0]) };

const char *namespaces_hidden(size_t i)
{
    return i < HIDDEN_COUNT ? hidden[i].path : NULL;
}

const char *namespaces_folder(const struct namespaces_here *here, const char *outside)
{
    return here->level == NAMESPACES_NONE ? outside : NAMESPACES_FOLDER;
}

/* One that is a link lies elsewhere, where other names lead, too. */
static bool can_be_hidden(size_t i)
{
    struct stat st;
    return hidden[i].own || (lstat(hidden[i].path, &st) == 0 && S_ISDIR(st.st_mode));
}

bool namespaces_hides(const char *path)
{
    for (size_t i = 0; i < HIDDEN_COUNT; i++) {
        const size_t length = strlen(hidden[i].path);
        if (strncmp(path, hidden[i].path, length) == 0 && path[length] == '/')
            return can_be_hidden(i);
    }
    return false;
}

/* ---- a child in new namespaces ---- */

static bool needs_user(void)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct have[2] = {{0}};
    return syscall(SYS_capget, &head, have) < 0 || (have[0].effective & (1U << CAP_SYS_ADMIN)) == 0;
}

/* Everybody stays who he is; of others the namespace has no names. */
static int map_ids(uid_t user, gid_t group)
{
    char line[64];
    if (kernel_file_write(AT_FDCWD, "/proc/self/setgroups", "deny") < 0 && errno != ENOENT)
        return -1;
    snprintf(line, sizeof(line), "%u %u 1", (unsigned)user, (unsigned)user);
    if (kernel_file_write(AT_FDCWD, "/proc/self/uid_map", line) < 0)
        return -1;
    snprintf(line, sizeof(line), "%u %u 1", (unsigned)group, (unsigned)group);
    return kernel_file_write(AT_FDCWD, "/proc/self/gid_map", line);
}

pid_t namespaces_fork(const struct namespaces *namespaces, int *why)
{
    const uid_t user = geteuid();
    const gid_t group = getegid();
    const unsigned long flags = SIGCHLD | CLONE_NEWNS | CLONE_NEWIPC |
                                (namespaces->level == NAMESPACES_ALL ? CLONE_NEWPID : 0UL) |
                                (namespaces->network ? CLONE_NEWNET : 0UL) |
                                (namespaces->user ? CLONE_NEWUSER : 0UL);
    *why = 0;
    /* With all arguments 0 their order, which architectures differ in, doesn't matter. */
    pid_t child = (pid_t)syscall(SYS_clone, flags, 0, 0, 0, 0);
    if (child == 0 && namespaces->user && map_ids(user, group) < 0)
        *why = errno;
    return child;
}

/* ---- its mounts ---- */

static int hide(bool is_hidden[HIDDEN_COUNT])
{
    for (size_t i = 0; i < HIDDEN_COUNT; i++) {
        is_hidden[i] = false;
        if (!can_be_hidden(i))
            continue;
        is_hidden[i] =
            mount("tmpfs", hidden[i].path, "tmpfs", MS_NOSUID | MS_NODEV, hidden[i].options) == 0;
        /* The first has the work folder; who has none of the others shares none. */
        if (!is_hidden[i] && (i == 0 || errno != ENOENT))
            return -1;
    }
    /* By that name, too, programs look for what lies in /run. */
    return is_hidden[HIDDEN_COUNT - 1] ? symlink("/run", "/var/run") : 0;
}

/* The folders on the way to a place, and the place itself, as what `fd` is. */
static int make_place(int fd, const char *path)
{
    char part[PATH_SIZE];
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -1;
    for (size_t length = 1; path[length] != '\0'; length++) {
        if (path[length] != '/')
            continue;
        if (length >= sizeof(part)) {
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(part, path, length);
        part[length] = '\0';
        if (mkdir(part, 0755) < 0 && errno != EEXIST)
            return -1;
    }
    if (S_ISDIR(st.st_mode))
        return mkdir(path, 0755) < 0 && errno != EEXIST ? -1 : 0;
    /* A file may be there by a folder that was shown before: not to be opened, it may run. */
    int made = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (made >= 0)
        close(made);
    return made < 0 && errno != EEXIST ? -1 : 0;
}

static int show(int fd, const char *path)
{
    char source[64];
    snprintf(source, sizeof(source), "/proc/self/fd/%d", fd);
    if (make_place(fd, path) < 0)
        return -1;
    return mount(source, path, NULL, MS_BIND | MS_REC, NULL);
}

/* Opened while they can be seen, in this mount tree: those of another cannot be mounted. */
static int hide_and_show(char *const *shown, bool is_hidden[HIDDEN_COUNT])
{
    int fds[SHOWN_MOST], result = 0;
    size_t count = 0;
    for (; shown[count] != NULL && count < SHOWN_MOST; count++)
        fds[count] = open(shown[count], O_PATH | O_CLOEXEC);
    if (hide(is_hidden) < 0)
        return -1;
    for (size_t i = 0; i < count && result == 0; i++) {
        /* The work folder must be there; others may not be, as for Landlock. */
        if (fds[i] >= 0)
            result = show(fds[i], i == 0 ? NAMESPACES_HOME : shown[i]);
        else if (i == 0)
            result = -1;
    }
    const int why = errno;
    for (size_t i = 0; i < count; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    errno = why;
    return result;
}

/* The rules name what was there before; what is new has none. */
static int allow_new(int rules, const bool is_hidden[HIDDEN_COUNT])
{
    for (size_t i = 1; i < HIDDEN_COUNT; i++)
        if (is_hidden[i] && hidden[i].own &&
            landlock_allow_more(rules, hidden[i].path, LANDLOCK_WRITE) < 0)
            return -1;
    return landlock_allow_more(rules, "/proc", LANDLOCK_READ);
}

/* Without the init, whose command line is the runner's; before 5.8 it is seen. */
static int mount_processes(void)
{
    const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (mount("proc", "/proc", "proc", flags, "hidepid=4") == 0)
        return 0;
    return errno == EINVAL ? mount("proc", "/proc", "proc", flags, NULL) : -1;
}

/* All that there is in a new network, and it is down. */
static int raise_loopback(void)
{
    struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    const int result = ioctl(fd, SIOCSIFFLAGS, &loopback), why = errno;
    close(fd);
    errno = why;
    return result;
}

int namespaces_fill(const struct namespaces *namespaces, int rules)
{
    bool is_hidden[HIDDEN_COUNT];
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        hide_and_show(namespaces->shown, is_hidden) < 0)
        return -1;
    if (namespaces->level == NAMESPACES_ALL && mount_processes() < 0)
        return -1;
    if (namespaces->network && raise_loopback() < 0)
        return -1;
    return rules < 0 ? 0 : allow_new(rules, is_hidden);
}

static int set_mounts(const char *path, unsigned flags, uint64_t set, uint64_t clear)
{
    struct mount_attr change = {.attr_set = set, .attr_clr = clear};
    return (int)syscall(SYS_mount_setattr, AT_FDCWD, path, flags, &change, sizeof(change));
}

int namespaces_seal(void)
{
    if (set_mounts("/", AT_RECURSIVE, MOUNT_ATTR_RDONLY, 0) < 0)
        return errno == ENOSYS ? 0 : -1;
    /* What is none of ours, since it could not be hidden, is no mount. */
    for (size_t i = 0; i < HIDDEN_COUNT; i++)
        if (hidden[i].own && set_mounts(hidden[i].path, 0, 0, MOUNT_ATTR_RDONLY) < 0 &&
            errno != EINVAL && errno != ENOENT)
            return -1;
    return access(NAMESPACES_HOME, F_OK) < 0 ? 0
                                             : set_mounts(NAMESPACES_HOME, 0, 0, MOUNT_ATTR_RDONLY);
}

/* ---- what is allowed ---- */

/* 0, or the errno for which it is not. */
static int try_level(enum namespaces_level level, bool user, bool network)
{
    char *const nothing[] = {NULL};
    const struct namespaces namespaces = {level, user, network, nothing};
    int why, status;
    pid_t child = namespaces_fork(&namespaces, &why);
    if (child < 0)
        return errno;
    if (child == 0) {
        if (why == 0 && (namespaces_fill(&namespaces, -1) < 0 || namespaces_seal() < 0))
            why = errno;
        _exit(why);
    }
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
}

struct namespaces_here namespaces_here(void)
{
    const char *lowered = getenv("REPRISE_NAMESPACES");
    struct namespaces_here here = {.level = NAMESPACES_NONE, .user = needs_user(), .why = EPERM};
    if (lowered != NULL && strcmp(lowered, "none") == 0)
        return here;
    const bool only_files = lowered != NULL && strcmp(lowered, "files") == 0;
    if (!only_files && (here.why = try_level(NAMESPACES_ALL, here.user, false)) == 0)
        here.level = NAMESPACES_ALL;
    else if (try_level(NAMESPACES_FILES, here.user, false) == 0)
        here.level = NAMESPACES_FILES;
    return here;
}

void namespaces_try_network(struct namespaces_here *here)
{
    here->asked_network = true;
    here->why_no_network =
        here->level == NAMESPACES_NONE ? here->why : try_level(here->level, here->user, true);
}

bool namespaces_have_network(const struct namespaces_here *here)
{
    return here->asked_network && here->why_no_network == 0;
}

static bool can_seal(void)
{
    return set_mounts("", 0, 0, 0) == 0 || errno != ENOSYS;
}

void namespaces_missing(const struct namespaces_here *here, struct text *missing)
{
    static const char *const what[] = {
        [NAMESPACES_NONE] =
            "/run, /tmp, /dev/shm, /var and the names of processes are the machine's, modes and "
            "times of files outside are in reach, and the work folder's path is not fixed "
            "(namespaces",
        [NAMESPACES_FILES] = "the names of processes are the machine's (a /proc of its own"};
    if (here->level != NAMESPACES_ALL)
        text_addf(missing, "%s%s: %s)", missing->size > 0 ? ", " : "", what[here->level],
                  strerror(here->why));
    if (here->level != NAMESPACES_NONE && !can_seal())
        text_addf(missing,
                  "%smodes and times of files outside are in reach (mount_setattr, Linux 5.12)",
                  missing->size > 0 ? ", " : "");
    if (here->asked_network && here->why_no_network != 0)
        text_addf(missing,
                  "%sstages with 'network: loopback' have no sockets of their own network (a "
                  "network namespace: %s)",
                  missing->size > 0 ? ", " : "", strerror(here->why_no_network));
}

void namespaces_in_force(const struct namespaces_here *here, struct text *words)
{
    if (here->level != NAMESPACES_NONE)
        text_addf(words, ", namespaces (%smount, %sIPC%s)", here->user ? "user, " : "",
                  here->level == NAMESPACES_ALL ? "pid, " : "",
                  namespaces_have_network(here) ? ", network" : "");
}
