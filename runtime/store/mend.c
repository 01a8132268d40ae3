#include "store/mend.h"

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* The store's and those that the runner keeps beside them. */
static const struct {
    const char *name;
    mode_t type;
} places[] = {
    {"objects", S_IFDIR},      {"actions", S_IFDIR},    {"work", S_IFDIR},
    {"tmp", S_IFDIR},          {"scratch", S_IFDIR},    {"logs", S_IFDIR},
    {"refused", S_IFDIR},      {"aside", S_IFDIR},      {"memo", S_IFREG},
    {"run.lock", S_IFREG},     {"published", S_IFREG},  {"delivered.json", S_IFREG},
    {"answers.json", S_IFREG}, {"lock-stamp", S_IFREG}, {"key-locks", S_IFREG},
    {"unchanged", S_IFREG},    {"rerun", S_IFDIR},
};

/* A link to a folder is followed: somebody may keep the objects on another disk. One in place of a
 * file is nobody's. */
static bool is_wrong(const char *path, mode_t type)
{
    struct stat st;
    return (type == S_IFDIR ? stat(path, &st) : lstat(path, &st)) == 0 &&
           (st.st_mode & S_IFMT) != type;
}

/* Below the first folder links are none of the store's: one that leads nowhere is wrong, too, and
 * so is any that stands at the end of the way. */
static bool is_wrong_below(const char *path, mode_t type, bool end)
{
    struct stat st;
    if (lstat(path, &st) < 0 || (st.st_mode & S_IFMT) == type)
        return false;
    return end || !S_ISLNK(st.st_mode) || stat(path, &st) < 0 || !S_ISDIR(st.st_mode);
}

/* Held while something is removed, so that what another process has just put right is looked at
 * again: -1 where that cannot be. */
static int hold_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX) == 0)
        return fd;
    close(fd);
    return -1;
}

static void replace(const char *folder, const char *path, mode_t type)
{
    struct error ignored;
    int fd = hold_folder(folder);
    if (fd >= 0 && is_wrong(path, type))
        file_remove(path, &ignored);
    if (fd >= 0)
        close(fd);
}

void mend_way(const char *folder, const char *path, mode_t type)
{
    struct error ignored;
    char *way = memory_copy_text(path, &ignored);
    int fd = way == NULL ? -1 : hold_folder(folder);
    char *first = way == NULL ? NULL : strchr(way + strlen(folder) + 1, '/');
    for (char *slash = first;
         fd >= 0 && slash != NULL && (slash = strchr(slash + 1, '/')) != NULL;) {
        *slash = '\0';
        if (is_wrong_below(way, S_IFDIR, false))
            file_remove(way, &ignored);
        *slash = '/';
    }
    if (fd >= 0 && is_wrong_below(path, type, true))
        file_remove(path, &ignored);
    if (fd >= 0)
        close(fd);
    free(way);
}

void mend_kinds(const char *folder)
{
    struct error ignored;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        char *path = file_join(folder, places[i].name, &ignored);
        if (path != NULL && is_wrong(path, places[i].type))
            replace(folder, path, places[i].type);
        free(path);
    }
}
