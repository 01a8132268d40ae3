#include "runner/memory_group.h"

#include "runner/kernel_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TEXT = 4096, PATH_SIZE = 4096, REMOVE_TRIES = 100 };

static const char runner_name[] = "reprise-runner", stage_prefix[] = "reprise-";
static const char processes[] = "cgroup.procs", control[] = "cgroup.subtree_control";

/* What has ended is counted a moment longer. */
static const struct timespec remove_pause = {0, 1000 * 1000};

/* ---- files of a group ---- */

/* The path of a file of the group `name` below, or of the group itself where that is "". */
static const char *file_of(char path[PATH_SIZE], const char *name, const char *file)
{
    snprintf(path, PATH_SIZE, "%s%s%s", name, *name != '\0' ? "/" : "", file);
    return path;
}

/* "" where there is none. Of a list that is longer the start. */
static void read_file(int groups, const char *name, const char *file, char text[TEXT])
{
    char path[PATH_SIZE];
    int fd = openat(groups, file_of(path, name, file), O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : read(fd, text, TEXT - 1);
    text[got > 0 ? got : 0] = '\0';
    if (fd >= 0)
        close(fd);
}

static int write_file(int groups, const char *name, const char *file, const char *text)
{
    char path[PATH_SIZE];
    return kernel_file_write(groups, file_of(path, name, file), text);
}

static bool lists_memory(int groups, const char *file)
{
    static const char word[] = "memory";
    char text[TEXT];
    read_file(groups, "", file, text);
    for (const char *at = text; *at != '\0'; at += strcspn(at, " \n"), at += strspn(at, " \n"))
        if (strcspn(at, " \n") == sizeof(word) - 1 && memcmp(at, word, sizeof(word) - 1) == 0)
            return true;
    return false;
}

/* All that are in `from`, which are few: ours. */
static int move_all(int groups, const char *from, const char *to)
{
    char text[TEXT], number[24], *end;
    read_file(groups, from, processes, text);
    for (char *at = text; strtol(at, &end, 10) > 0; at = end) {
        snprintf(number, sizeof(number), "%ld", strtol(at, NULL, 10));
        if (write_file(groups, to, processes, number) < 0 && errno != ESRCH)
            return -1;
    }
    return 0;
}

/* True where no process is in the group but these two; others of other namespaces are a 0. */
static bool is_alone(int groups, const char *name, pid_t launcher)
{
    char text[TEXT], *end;
    read_file(groups, name, processes, text);
    for (char *at = text; *at != '\0'; at = end + strspn(end, "\n")) {
        const long pid = strtol(at, &end, 10);
        if (end == at || pid <= 0 || (pid != getpid() && pid != launcher))
            return false;
    }
    return text[0] != '\0';
}

/* ---- the runner's own group ---- */

/* The path in the hierarchy, "0::PATH" of cgroups(7); false where there is none, or it is not to be
 * reached from here. */
static bool find_group(char path[PATH_SIZE])
{
    char *line = NULL;
    size_t capacity = 0;
    bool found = false;
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file != NULL && !found && getline(&line, &capacity, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        found = strncmp(line, "0::/", 4) == 0 && strlen(line + 3) < PATH_SIZE &&
                strstr(line, "/..") == NULL;
        if (found)
            memcpy(path, line + 3, strlen(line + 3) + 1);
    }
    if (file != NULL)
        fclose(file);
    free(line);
    return found;
}

/* Of a line of mountinfo, "ID PARENT DEVICE ROOT PLACE ...": where the group lies, if it does. */
static int open_below(char *line, const char *group)
{
    char path[2 * PATH_SIZE], *fields[5], *next = line;
    for (size_t i = 0; i < 5; i++)
        if ((fields[i] = strsep(&next, " ")) == NULL)
            return -1;
    const char *root = strcmp(fields[3], "/") == 0 ? "" : fields[3];
    const size_t length = strlen(root);
    if (strncmp(group, root, length) != 0 || (group[length] != '/' && group[length] != '\0'))
        return -1;
    snprintf(path, sizeof(path), "%s%s", fields[4], group + length);
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int open_own(void)
{
    char group[PATH_SIZE], *line = NULL;
    size_t capacity = 0;
    int fd = -1;
    FILE *file = find_group(group) ? fopen("/proc/self/mountinfo", "re") : NULL;
    while (file != NULL && fd < 0 && getline(&line, &capacity, file) > 0)
        if (strstr(line, " - cgroup2 ") != NULL)
            fd = open_below(line, group);
    if (file != NULL)
        fclose(file);
    free(line);
    return fd;
}

/* Only the root of all has no type, and it may hold processes beside groups. */
static bool is_root(int groups)
{
    return faccessat(groups, "cgroup.type", F_OK, 0) < 0;
}

/* The runner's own, where groups for stages could be made in it; or -1. */
static int open_usable(pid_t launcher)
{
    static const char *const written[] = {".", processes, control};
    int groups = open_own();
    bool usable = groups >= 0 && lists_memory(groups, "cgroup.controllers");
    for (size_t i = 0; i < sizeof(written) / sizeof(written[0]) && usable; i++)
        usable = faccessat(groups, written[i], W_OK, AT_EACCESS) == 0;
    if (usable && (is_root(groups) || is_alone(groups, "", launcher)))
        return groups;
    if (groups >= 0)
        close(groups);
    return -1;
}

bool memory_groups_are_here(pid_t launcher)
{
    int groups = open_usable(launcher);
    if (groups >= 0)
        close(groups);
    return groups >= 0;
}

/* Groups of keepers that were killed. One in which anything lives cannot be removed. */
static void remove_left(int groups)
{
    int fd = openat(groups, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        const size_t length = sizeof(stage_prefix) - 1;
        if (strncmp(entry->d_name, stage_prefix, length) != 0)
            continue;
        const pid_t keeper = (pid_t)strtol(entry->d_name + length, NULL, 10);
        if (keeper > 0 && kill(keeper, 0) < 0 && errno == ESRCH)
            unlinkat(groups, entry->d_name, AT_REMOVEDIR);
    }
    if (dir != NULL)
        closedir(dir);
    else if (fd >= 0)
        close(fd);
}

/* Everybody back, where they were moved. */
static void leave(int groups)
{
    if (faccessat(groups, runner_name, F_OK, 0) < 0)
        return;
    write_file(groups, "", control, "-memory");
    move_all(groups, runner_name, "");
    unlinkat(groups, runner_name, AT_REMOVEDIR);
}

/* Out of the way of groups with limits. */
static int move_into_own(int groups)
{
    return mkdirat(groups, runner_name, 0755) < 0 && errno != EEXIST
               ? -1
               : move_all(groups, "", runner_name);
}

int memory_groups_open(pid_t launcher)
{
    int groups = open_usable(launcher);
    if (groups < 0)
        return -1;
    if (!lists_memory(groups, control) && ((!is_root(groups) && move_into_own(groups) < 0) ||
                                           write_file(groups, "", control, "+memory") < 0)) {
        memory_groups_close(groups);
        return -1;
    }
    remove_left(groups);
    return groups;
}

void memory_groups_close(int groups)
{
    if (groups < 0)
        return;
    leave(groups);
    close(groups);
}

/* ---- a stage's ---- */

static void remove_group(int groups, const char *name)
{
    for (int tries = 0; tries < REMOVE_TRIES; tries++) {
        if (unlinkat(groups, name, AT_REMOVEDIR) == 0 || errno != EBUSY)
            return;
        nanosleep(&remove_pause, NULL);
    }
}

int memory_group_make(struct memory_group *group, int groups, int64_t memory_bytes)
{
    char bytes[24], path[PATH_SIZE];
    *group = (struct memory_group){.groups = -1, .entrance = -1};
    if (groups < 0 || memory_bytes <= 0)
        return 0;
    snprintf(bytes, sizeof(bytes), "%lld", (long long)memory_bytes);
    snprintf(group->name, sizeof(group->name), "%s%ld", stage_prefix, (long)getpid());
    /* One of that name is left of a keeper that was killed, and has counted. */
    unlinkat(groups, group->name, AT_REMOVEDIR);
    if (mkdirat(groups, group->name, 0755) < 0)
        return -1;
    if (write_file(groups, group->name, "memory.max", bytes) < 0 ||
        (group->entrance =
             openat(groups, file_of(path, group->name, processes), O_WRONLY | O_CLOEXEC)) < 0) {
        const int why = errno;
        unlinkat(groups, group->name, AT_REMOVEDIR);
        errno = why;
        return -1;
    }
    /* Kernels without these have the limit itself. */
    write_file(groups, group->name, "memory.swap.max", "0");
    write_file(groups, group->name, "memory.oom.group", "1");
    group->groups = groups;
    return 0;
}

int memory_group_enter(const struct memory_group *group)
{
    return group->groups < 0 || write(group->entrance, "0", 1) == 1 ? 0 : -1;
}

bool memory_group_end(const struct memory_group *group)
{
    static const char killed[] = "oom_kill ";
    char text[TEXT];
    if (group->groups < 0)
        return false;
    read_file(group->groups, group->name, "memory.events", text);
    const char *line = strstr(text, killed);
    const bool any = line != NULL && strtol(line + sizeof(killed) - 1, NULL, 10) > 0;
    remove_group(group->groups, group->name);
    return any;
}

void memory_groups_abandon(int groups)
{
    if (groups >= 0 && is_alone(groups, runner_name, 0))
        leave(groups);
}
