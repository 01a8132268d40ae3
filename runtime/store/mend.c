#include "store/mend.h"

#include "base/error.h"
#include "base/file.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
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
    {"unchanged", S_IFREG},
};

/* Links are followed: somebody may keep the objects on another disk. */
static bool is_wrong(const char *path, mode_t type)
{
    struct stat st;
    return stat(path, &st) == 0 && (st.st_mode & S_IFMT) != type;
}

/* One process at a time, and looked at again: what another one has just put right is in use. */
static void replace(const char *folder, const char *path, mode_t type)
{
    struct error ignored;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX) == 0 && is_wrong(path, type))
        file_remove(path, &ignored);
    if (fd >= 0)
        close(fd);
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
