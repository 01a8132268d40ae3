#include "store/flush.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* More files than this are flushed with their whole file systems. */
enum { FEW = 16, FILE_SYSTEMS = 16 };

/* A file system that was written to. Its descriptor is opened before the flush that uses it,
 * so that syncfs tells of errors since then. */
struct file_system {
    dev_t device;
    int fd;
    bool dirty;
};

struct flush {
    pthread_mutex_t adding;   /* guards all below */
    pthread_mutex_t flushing; /* held through a flush: who waits for it finds its work done */
    char *paths[FEW];
    bool folder_only[FEW];
    size_t count;
    bool many; /* more than fit in `paths`; the file systems are to be flushed */
    bool all;  /* on a file system that could not be remembered: sync(2) */
    struct file_system systems[FILE_SYSTEMS];
    size_t system_count;
};

struct flush *flush_new(struct error *err)
{
    struct flush *flush = memory_new(1, sizeof(*flush), err);
    if (flush == NULL)
        return NULL;
    pthread_mutex_init(&flush->adding, NULL);
    pthread_mutex_init(&flush->flushing, NULL);
    return flush;
}

void flush_free(struct flush *flush)
{
    if (flush == NULL)
        return;
    for (size_t i = 0; i < flush->count; i++)
        free(flush->paths[i]);
    for (size_t i = 0; i < flush->system_count; i++)
        close(flush->systems[i].fd);
    pthread_mutex_destroy(&flush->adding);
    pthread_mutex_destroy(&flush->flushing);
    free(flush);
}

static int open_folder_of(const char *path, bool is_folder)
{
    const char *slash = strrchr(path, '/');
    char *folder = strdup(path);
    if (folder == NULL)
        return -1;
    if (!is_folder && slash != NULL)
        folder[slash == path ? 1 : slash - path] = '\0';
    int fd = open(slash == NULL && !is_folder ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    return fd;
}

/* Marks the file system of a path as written to; `adding` is held. */
static void mark_system(struct flush *flush, const char *path, bool is_folder)
{
    struct stat st;
    if (lstat(path, &st) < 0) {
        flush->all = errno != ENOENT || flush->all; /* gone again: nothing to flush */
        return;
    }
    for (size_t i = 0; i < flush->system_count; i++)
        if (flush->systems[i].device == st.st_dev) {
            flush->systems[i].dirty = true;
            return;
        }
    int fd = flush->system_count < FILE_SYSTEMS ? open_folder_of(path, is_folder) : -1;
    if (fd < 0)
        flush->all = true;
    else
        flush->systems[flush->system_count++] =
            (struct file_system){.device = st.st_dev, .fd = fd, .dirty = true};
}

/* From the list to the file systems; `adding` is held. */
static void turn_to_many(struct flush *flush)
{
    for (size_t i = 0; i < flush->count; i++) {
        mark_system(flush, flush->paths[i], flush->folder_only[i]);
        free(flush->paths[i]);
    }
    flush->count = 0;
    flush->many = true;
}

static void add(struct flush *flush, const char *path, bool is_folder)
{
    pthread_mutex_lock(&flush->adding);
    for (size_t i = 0; i < flush->count; i++)
        if (flush->folder_only[i] == is_folder && strcmp(flush->paths[i], path) == 0) {
            pthread_mutex_unlock(&flush->adding);
            return;
        }
    if (!flush->many && flush->count == FEW)
        turn_to_many(flush);
    char *copy = flush->many ? NULL : strdup(path);
    if (copy != NULL) {
        flush->folder_only[flush->count] = is_folder;
        flush->paths[flush->count++] = copy;
    } else {
        flush->many = true;
        mark_system(flush, path, is_folder);
    }
    pthread_mutex_unlock(&flush->adding);
}

void flush_add(struct flush *flush, const char *path)
{
    add(flush, path, false);
}

void flush_add_folder(struct flush *flush, const char *folder)
{
    add(flush, folder, true);
}

/* ENOENT and ELOOP: replaced or removed since, so there is nothing to keep. Who may not read
 * the file (EACCES), or where fsync is not to be had (EINVAL), syncfs helps. */
static int flush_path(const char *path, bool is_folder, bool *with_system, struct error *err)
{
    int fd =
        open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC | (is_folder ? O_DIRECTORY : 0));
    if (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENOTDIR))
        return 0;
    if (fd >= 0 && fsync(fd) == 0) {
        close(fd);
        return 0;
    }
    *with_system = *with_system || errno == EACCES || errno == EINVAL;
    int result = *with_system ? 0 : error_errno(err, "cannot flush '%s'", path);
    if (fd >= 0)
        close(fd);
    return result;
}

static int flush_folder(const char *path, struct error *err)
{
    int fd = open_folder_of(path, false);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0
                                                   : error_errno(err, "cannot flush '%s'", path);
    int result = fsync(fd) == 0 || errno == EINVAL
                     ? 0
                     : error_errno(err, "cannot flush the folder of '%s'", path);
    close(fd);
    return result;
}

static bool same_folder(const char *a, const char *b)
{
    const char *end = strrchr(a, '/');
    size_t length = end == NULL ? 0 : (size_t)(end - a) + 1;
    return strncmp(a, b, length) == 0 && strchr(b + length, '/') == NULL;
}

/* Files first, then the folders that name them, each once. */
static int flush_few(char *const *paths, const bool *folder_only, size_t count, bool *with_system,
                     struct error *err)
{
    for (size_t i = 0; i < count; i++)
        if (flush_path(paths[i], folder_only[i], with_system, err) < 0)
            return -1;
    for (size_t i = 0; i < count; i++) {
        bool done = folder_only[i];
        for (size_t j = 0; j < i && !done; j++)
            done = !folder_only[j] && same_folder(paths[j], paths[i]);
        if (!done && flush_folder(paths[i], err) < 0)
            return -1;
    }
    return 0;
}

static int flush_systems(const struct file_system *systems, size_t count, bool all,
                         struct error *err)
{
    if (all)
        sync();
    for (size_t i = 0; i < count; i++)
        if (systems[i].dirty && syncfs(systems[i].fd) < 0)
            return error_errno(err, "cannot flush a file system");
    return 0;
}

int flush_all(struct flush *flush, struct error *err)
{
    char *paths[FEW];
    bool folder_only[FEW];
    struct file_system systems[FILE_SYSTEMS];
    pthread_mutex_lock(&flush->flushing);
    pthread_mutex_lock(&flush->adding);
    size_t count = flush->count, system_count = flush->system_count;
    bool many = flush->many, all = flush->all, with_system = false;
    memcpy(paths, flush->paths, sizeof(paths));
    memcpy(folder_only, flush->folder_only, sizeof(folder_only));
    memcpy(systems, flush->systems, sizeof(systems));
    for (size_t i = 0; i < system_count; i++)
        flush->systems[i].dirty = false;
    flush->count = 0;
    flush->many = flush->all = false;
    pthread_mutex_unlock(&flush->adding);
    int result = flush_few(paths, folder_only, count, &with_system, err);
    if (result == 0 && (many || with_system))
        result = flush_systems(systems, system_count, all || with_system, err);
    if (result < 0) { /* the next flush does all of it again */
        pthread_mutex_lock(&flush->adding);
        for (size_t i = 0; i < count; i++)
            mark_system(flush, paths[i], folder_only[i]);
        for (size_t i = 0; i < system_count; i++)
            flush->systems[i].dirty = flush->systems[i].dirty || systems[i].dirty;
        flush->all = flush->all || all;
        turn_to_many(flush);
        pthread_mutex_unlock(&flush->adding);
    }
    pthread_mutex_unlock(&flush->flushing);
    for (size_t i = 0; i < count; i++)
        free(paths[i]);
    return result;
}

bool flush_is_pending(struct flush *flush)
{
    pthread_mutex_lock(&flush->adding);
    bool pending = flush->count > 0 || flush->many;
    pthread_mutex_unlock(&flush->adding);
    return pending;
}
