#include "store/store.h"

#include "base/file.h"
#include "base/memory.h"
#include "store/flush.h"
#include "store/mend.h"
#include "store/pool.h"
#include "store/pump.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Longest name below the store's folder: "/work/<64>/..." with room to spare. */
enum { STORE_BELOW = 512 };

struct store {
    char *folder;
    struct memo *memo;
    struct flush *flush;
    struct pumps *pumps;
    struct pool *pool;
    pthread_mutex_t mutex; /* for making the folder of temporary files */
    pthread_mutex_t names; /* store_lock_names */
    atomic_int reflinks;   /* 0: not tried yet, 1: yes, -1: no */
    char *temporary;       /* this process's folder in tmp/, made when first needed */
    int temporary_fd;      /* holds its lock */
    atomic_uint next;
    int used; /* key-locks, with the lock of its first byte: shared, or of store_use_alone */
};

static int open_locks(const struct store *store, struct error *err);

static bool lock_use(const struct store *store, short type, int command)
{
    struct flock where = {.l_type = type, .l_whence = SEEK_SET, .l_len = 1};
    int result;
    while ((result = fcntl(store->used, command, &where)) < 0 && errno == EINTR)
        continue;
    return result == 0;
}

/* Where no lock can be had, as in a folder that is read-only, nobody can use it alone. */
static void begin_use(struct store *store)
{
    struct error ignored;
    store->used = open_locks(store, &ignored);
    if (store->used >= 0)
        lock_use(store, F_RDLCK, F_OFD_SETLKW);
}

int store_use_alone(struct store *store, struct error *err)
{
    if (store->used < 0 && (store->used = open_locks(store, err)) < 0)
        return -1;
    if (lock_use(store, F_WRLCK, F_OFD_SETLK))
        return 0;
    return error_set(err, ERR_USAGE, "another process uses '%s': do this when it has ended",
                     store->folder);
}

int store_open(const char *folder, struct store **opened, struct error *err)
{
    char memo_path[STORE_PATH_SIZE];
    struct store *store = memory_new(1, sizeof(*store), err);
    if (store == NULL)
        return -1;
    store->temporary_fd = store->used = -1;
    pthread_mutex_init(&store->mutex, NULL);
    pthread_mutex_init(&store->names, NULL);
    if ((store->flush = flush_new(err)) == NULL || (store->pumps = pumps_new(err)) == NULL ||
        (store->pool = pool_new(0, err)) == NULL)
        goto failed;
    if (file_make_folders(folder, err) < 0)
        goto failed;
    if ((store->folder = realpath(folder, NULL)) == NULL) {
        error_errno(err, "cannot open the store '%s'", folder);
        goto failed;
    }
    if (strlen(store->folder) > STORE_PATH_SIZE - STORE_BELOW) {
        error_set(err, ERR_IO, "the path of the store '%s' is too long", store->folder);
        goto failed;
    }
    begin_use(store);
    mend_kinds(store->folder);
    snprintf(memo_path, sizeof(memo_path), "%s/memo", store->folder);
    if (memo_open(memo_path, &store->memo, err) < 0)
        goto failed;
    *opened = store;
    return 0;
failed:
    store_close(store);
    return -1;
}

void store_close(struct store *store)
{
    struct error ignored;
    if (store == NULL)
        return;
    /* A memo must not vouch for what a power loss can still take. */
    if (store->memo != NULL && store_flush(store, &ignored) == 0)
        memo_save(store->memo, &ignored);
    memo_close(store->memo);
    if (store->temporary != NULL)
        file_remove(store->temporary, &ignored);
    if (store->temporary_fd >= 0)
        close(store->temporary_fd);
    if (store->used >= 0)
        close(store->used);
    pool_free(store->pool);
    flush_free(store->flush);
    pumps_free(store->pumps);
    pthread_mutex_destroy(&store->mutex);
    pthread_mutex_destroy(&store->names);
    free(store->temporary);
    free(store->folder);
    free(store);
}

const char *store_folder(const struct store *store)
{
    return store->folder;
}

struct memo *store_memo(const struct store *store)
{
    return store->memo;
}

struct pumps *store_pumps(const struct store *store)
{
    return store->pumps;
}

struct pool *store_pool(const struct store *store)
{
    return store->pool;
}

void store_set_stop(struct store *store, const atomic_int *stop)
{
    pumps_set_stop(store->pumps, stop);
}

/* ---- names ---- */

static void sharded(const struct store *store, const char *part, const struct digest *digest,
                    const char *suffix, char path[STORE_PATH_SIZE])
{
    char hex[DIGEST_HEX_SIZE];
    digest_to_hex(digest, hex);
    snprintf(path, STORE_PATH_SIZE, "%s/%s/%.2s/%s%s", store->folder, part, hex, hex + 2, suffix);
}

void store_object_path(const struct store *store, const struct digest *digest,
                       char path[STORE_PATH_SIZE])
{
    sharded(store, "objects", digest, "", path);
}

void store_action_path(const struct store *store, const struct digest *key,
                       char path[STORE_PATH_SIZE])
{
    sharded(store, "actions", key, ".json", path);
}

void store_work_path(const struct store *store, const struct digest *key,
                     char path[STORE_PATH_SIZE])
{
    char hex[DIGEST_HEX_SIZE];
    digest_to_hex(key, hex);
    snprintf(path, STORE_PATH_SIZE, "%s/work/%s", store->folder, hex);
}

/* ---- temporary files ---- */

/* Calls `visit` for each name in a folder of the store. */
static void each_in(struct store *store, const char *part,
                    void visit(struct store *store, const char *folder, const char *name))
{
    char folder[STORE_PATH_SIZE];
    char **names;
    size_t count;
    struct error ignored;
    snprintf(folder, sizeof(folder), "%s/%s", store->folder, part);
    if (file_list(folder, &names, &count, &ignored) < 0)
        return;
    for (size_t i = 0; i < count; i++)
        visit(store, folder, names[i]);
    file_free_names(names, count);
}

/* A temporary folder whose lock is free has lost its process. */
static void remove_stale_temporary(struct store *store, const char *folder, const char *name)
{
    (void)store;
    struct error ignored;
    char *path = file_join(folder, name, &ignored);
    if (path == NULL)
        return;
    /* What is no folder is no process's. */
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 ? errno == ENOTDIR || errno == ENOENT : flock(fd, LOCK_EX | LOCK_NB) == 0)
        file_remove(path, &ignored);
    if (fd >= 0)
        close(fd);
    free(path);
}

static bool has_action(const struct store *store, const char *key)
{
    char path[STORE_PATH_SIZE];
    struct digest digest;
    if (!digest_from_hex(key, &digest))
        return false;
    store_action_path(store, &digest, path);
    return file_exists(path);
}

/* What a killed attempt at a key left, where nobody works on it: all but a checkpoint with which
 * the key's result is still to be made. Where `kept` lies beside them, they stay. */
static void remove_stale_work(struct store *store, const char *folder, const char *name)
{
    struct error ignored;
    struct store_lock *lock = NULL;
    char **names = NULL;
    size_t count = 0;
    bool kept = false;
    char *path = file_join(folder, name, &ignored);
    if (path != NULL)
        mend_way(store->folder, path, S_IFDIR);
    if (path == NULL || store_try_lock(store, name, &lock, &ignored) < 0 || lock == NULL ||
        file_list(path, &names, &count, &ignored) < 0)
        goto done;
    bool finished = has_action(store, name);
    for (size_t i = 0; i < count; i++)
        kept = kept || strcmp(names[i], "kept") == 0;
    for (size_t i = 0; i < count && !kept; i++) {
        char *inner = file_join(path, names[i], &ignored);
        if (inner != NULL && !finished && strcmp(names[i], "checkpoint") == 0)
            rmdir(inner); /* succeeds where it is empty */
        else if (inner != NULL)
            file_remove(inner, &ignored);
        free(inner);
    }
    rmdir(path);
done:
    file_free_names(names, count);
    store_unlock(lock);
    free(path);
}

void store_remove_stale(struct store *store)
{
    each_in(store, "tmp", remove_stale_temporary);
    each_in(store, "work", remove_stale_work);
    file_remove_stale(store->folder);
}

/* Whether a folder of the store holds anything. */
static bool holds_something(const struct store *store, const char *part)
{
    char folder[STORE_PATH_SIZE];
    char **names;
    size_t count;
    struct error ignored;
    snprintf(folder, sizeof(folder), "%s/%s", store->folder, part);
    if (file_list(folder, &names, &count, &ignored) < 0)
        return false;
    file_free_names(names, count);
    return count > 0;
}

bool store_has_leftovers(const struct store *store)
{
    return holds_something(store, "tmp") || holds_something(store, "work");
}

static int make_temporary_folder(struct store *store, struct error *err)
{
    char path[STORE_PATH_SIZE];
    store_remove_stale(store);
    snprintf(path, sizeof(path), "%s/tmp", store->folder);
    if (file_make_folders(path, err) < 0)
        return -1;
    /* Another process may take the new folder for a stale one before its lock
     * is held; then the name is gone, and the next one is tried. */
    for (int attempt = 0; attempt < 100; attempt++) {
        snprintf(path, sizeof(path), "%s/tmp/%ld-XXXXXX", store->folder, (long)getpid());
        if (mkdtemp(path) == NULL)
            return error_errno(err, "cannot make a temporary folder '%s'", path);
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0 && file_exists(path)) {
            if ((store->temporary = memory_copy_text(path, err)) == NULL) {
                close(fd);
                return -1;
            }
            store->temporary_fd = fd;
            return 0;
        }
        close(fd);
    }
    return error_set(err, ERR_IO, "cannot make a temporary folder in '%s/tmp'", store->folder);
}

int store_temporary_path(struct store *store, char path[STORE_PATH_SIZE], struct error *err)
{
    pthread_mutex_lock(&store->mutex);
    int result = store->temporary == NULL ? make_temporary_folder(store, err) : 0;
    pthread_mutex_unlock(&store->mutex);
    if (result < 0)
        return -1;
    int size = snprintf(path, STORE_PATH_SIZE, "%s/%u", store->temporary, store->next++);
    return size < STORE_PATH_SIZE ? 0 : error_set(err, ERR_IO, "'%s': too long", store->temporary);
}

static bool clones(const char *from, const char *to)
{
    int source = open(from, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int clone = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool written = source >= 0 && write(source, "x", 1) == 1;
    if (source >= 0)
        close(source);
    source = written ? open(from, O_RDONLY | O_CLOEXEC) : -1;
    bool cloned = source >= 0 && clone >= 0 && ioctl(clone, FICLONE, source) == 0;
    if (source >= 0)
        close(source);
    if (clone >= 0)
        close(clone);
    unlink(from);
    unlink(to);
    return cloned;
}

bool store_has_reflinks(struct store *store)
{
    char from[STORE_PATH_SIZE], to[STORE_PATH_SIZE];
    struct error ignored;
    if (store->reflinks == 0 && store_temporary_path(store, from, &ignored) == 0 &&
        store_temporary_path(store, to, &ignored) == 0)
        store->reflinks = clones(from, to) ? 1 : -1;
    return store->reflinks > 0;
}

void store_lock_names(struct store *store)
{
    pthread_mutex_lock(&store->names);
}

void store_unlock_names(struct store *store)
{
    pthread_mutex_unlock(&store->names);
}

/* ---- what gets its name ---- */

/* The folders that hold `path` may be new, and then their names must last, too. */
static void note_parents(struct store *store, const char *path)
{
    char parent[STORE_PATH_SIZE];
    snprintf(parent, sizeof(parent), "%s", path);
    for (char *slash; (slash = strrchr(parent, '/')) != NULL &&
                      (size_t)(slash - parent) > strlen(store->folder);) {
        *slash = '\0';
        flush_add(store->flush, parent);
    }
}

int store_publish_at(struct store *store, int folder, const char *name, const char *path,
                     struct error *err)
{
    if (renameat(folder, name, AT_FDCWD, path) < 0) {
        mend_way(store->folder, path, S_IFREG);
        if (file_make_parents(path, err) < 0)
            return -1;
        if (renameat(folder, name, AT_FDCWD, path) < 0)
            return error_errno(err, "cannot write '%s'", path);
        note_parents(store, path);
    }
    flush_add(store->flush, path);
    return 0;
}

int store_publish_file(struct store *store, const char *temporary, const char *path,
                       struct error *err)
{
    return store_publish_at(store, AT_FDCWD, temporary, path, err);
}

void store_note_written(struct store *store, const char *path)
{
    flush_add(store->flush, path);
}

int store_flush(struct store *store, struct error *err)
{
    return flush_all(store->flush, err);
}

/* ---- locks ----
 *
 * A name is a byte of one file, far behind its end: its place is the beginning of the name's
 * digest. The lock is the open file's, so whoever inherits the descriptor holds it, too. */

struct store_lock {
    int fd;
};

static int open_locks(const struct store *store, struct error *err)
{
    char path[STORE_PATH_SIZE];
    struct error ignored;
    snprintf(path, sizeof(path), "%s/key-locks", store->folder);
    const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int fd = open(path, flags, 0666);
    /* What lies in its place is nobody's lock. */
    if (fd < 0 && (errno == EISDIR || errno == ELOOP || errno == ENXIO) &&
        file_remove(path, &ignored) == 0)
        fd = open(path, flags, 0666);
    return fd >= 0 ? fd : error_errno(err, "cannot make the lock '%s'", path);
}

static int take_lock(struct store *store, const char *name, int command, struct store_lock **taken,
                     struct error *err)
{
    struct digest digest;
    uint64_t place;
    *taken = NULL;
    if (digest_of_bytes(name, strlen(name), &digest, err) < 0)
        return -1;
    memcpy(&place, digest.bytes, sizeof(place));
    struct store_lock *lock = memory_new(1, sizeof(*lock), err);
    if (lock == NULL || (lock->fd = open_locks(store, err)) < 0) {
        free(lock);
        return -1;
    }
    struct flock where = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)(place >> 2), .l_len = 1};
    int result;
    while ((result = fcntl(lock->fd, command, &where)) < 0 && errno == EINTR)
        continue;
    if (result == 0) {
        *taken = lock;
        return 0;
    }
    bool busy = errno == EAGAIN || errno == EACCES;
    if (!busy)
        error_errno(err, "cannot take the lock of '%s'", name);
    close(lock->fd);
    free(lock);
    return busy ? 0 : -1;
}

int store_try_lock(struct store *store, const char *name, struct store_lock **lock,
                   struct error *err)
{
    return take_lock(store, name, F_OFD_SETLK, lock, err);
}

int store_wait_lock(struct store *store, const char *name, struct store_lock **lock,
                    struct error *err)
{
    return take_lock(store, name, F_OFD_SETLKW, lock, err);
}

void store_unlock(struct store_lock *lock)
{
    if (lock == NULL)
        return;
    close(lock->fd);
    free(lock);
}

int store_lock_descriptor(const struct store_lock *lock)
{
    return lock->fd;
}
