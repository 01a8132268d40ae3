#include "runner/limits.h"

#include "runner/kernel_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

/* Folders within folders that are weighed; each holds a descriptor meanwhile. */
enum { DEPTH = 64, BLOCK = 4096, UNIT = 512 /* of st_blocks */ };

static const char pid_max[] = "/proc/sys/kernel/pid_max";

int limits_enter(const struct limits *limits)
{
    const struct rlimit memory = {(rlim_t)limits->memory_bytes, (rlim_t)limits->memory_bytes};
    const struct rlimit file = {(rlim_t)limits->file_bytes, (rlim_t)limits->file_bytes};
    if (limits->memory_bytes > 0 && setrlimit(RLIMIT_DATA, &memory) < 0)
        return -1;
    return limits->file_bytes > 0 ? setrlimit(RLIMIT_FSIZE, &file) : 0;
}

/* ---- processes ---- */

static bool kernel_is(long major, long minor)
{
    struct utsname name;
    char *end;
    if (uname(&name) < 0)
        return false;
    const long first = strtol(name.release, &end, 10);
    const long second = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
    return first > major || (first == major && second >= minor);
}

/* Before, the limit is held against all processes of the user on the machine. */
static bool is_counted_by_user(bool user_namespace)
{
    return user_namespace && geteuid() != 0 && kernel_is(5, 14);
}

/* Before, the file is the whole machine's. */
static bool is_counted_by_number(enum namespaces_level level)
{
    return level == NAMESPACES_ALL && kernel_is(6, 14);
}

static int limit_numbers(int64_t processes)
{
    char text[24];
    /* The first number is the init's, and the limit itself is none. */
    const int64_t wanted = processes + 2;
    snprintf(text, sizeof(text), "%lld",
             (long long)(wanted < LIMITS_FEWEST_NUMBERS ? LIMITS_FEWEST_NUMBERS : wanted));
    /* Refused where it is more than the machine itself has. */
    return kernel_file_write(AT_FDCWD, pid_max, text) < 0 && errno != EINVAL ? -1 : 0;
}

int limits_enter_namespaces(const struct limits *limits, const struct namespaces *namespaces)
{
    struct rlimit limit;
    if (limits->processes <= 0)
        return 0;
    /* The init is one, too. A lower one that was there stays. */
    if (is_counted_by_user(namespaces->user) && getrlimit(RLIMIT_NPROC, &limit) == 0 &&
        limit.rlim_max > (rlim_t)limits->processes + 1) {
        limit.rlim_cur = limit.rlim_max = (rlim_t)limits->processes + 1;
        return setrlimit(RLIMIT_NPROC, &limit);
    }
    return is_counted_by_number(namespaces->level) ? limit_numbers(limits->processes) : 0;
}

bool limits_are_reached(void)
{
    pid_t child = vfork();
    if (child == 0)
        _exit(0);
    if (child < 0)
        return errno == EAGAIN;
    waitpid(child, NULL, 0);
    return false;
}

void limits_missing(const struct namespaces_here *here, struct text *missing)
{
    if (!is_counted_by_user(here->user && here->level != NAMESPACES_NONE) &&
        !is_counted_by_number(here->level))
        text_addf(missing, "%sprocesses are not counted", missing->size > 0 ? ", " : "");
}

const char *limits_memory_whose(bool memory_of_all)
{
    return memory_of_all ? "all its processes" : "each process";
}

void limits_in_force(const struct namespaces_here *here, bool memory_of_all, struct text *words)
{
    struct text missing = {0};
    limits_missing(here, &missing);
    text_addf(words, ", limits on %smemory of %s and on disk",
              missing.size == 0 ? "processes, " : "", limits_memory_whose(memory_of_all));
    text_release(&missing);
}

/* ---- disk ---- */

/* By descriptors, so that no name leads elsewhere. */
static void weigh(int fd, int depth, int64_t most, int64_t *bytes)
{
    DIR *dir = fdopendir(fd);
    struct dirent *entry;
    if (dir == NULL) {
        close(fd);
        return;
    }
    while (*bytes <= most && (entry = readdir(dir)) != NULL) {
        struct stat st;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        const int64_t size = (int64_t)st.st_blocks * UNIT;
        *bytes += size < BLOCK ? BLOCK : size;
        if (!S_ISDIR(st.st_mode))
            continue;
        int inner = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (inner >= 0 && depth > 0)
            weigh(inner, depth - 1, most, bytes);
        else if (inner >= 0) {
            close(inner);
            *bytes = most + 1;
        }
    }
    closedir(dir);
}

void limits_weigh(const char *folder, int64_t most, int64_t *bytes)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    *bytes = 0;
    if (fd >= 0)
        weigh(fd, DEPTH, most, bytes);
}
