#include "store/blob.h"

#include "base/file.h"
#include "store/beneath.h"
#include "store/pump.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- looking at a file ---- */

static int cannot_open(const char *path, struct error *err)
{
    if (errno == ELOOP || errno == ENOTDIR)
        return error_set(err, ERR_FORMAT, "'%s' is a symbolic link, or lies behind one%s", path,
                         errno == ENOTDIR ? " or behind a file" : "");
    if (errno == EXDEV)
        return error_set(err, ERR_FORMAT, "'%s' leaves its folder", path);
    return error_errno(err, "cannot read '%s'", path);
}

static int check_regular(int fd, const char *path, struct stat *st, struct error *err)
{
    if (fstat(fd, st) < 0)
        return error_errno(err, "cannot read '%s'", path);
    return S_ISREG(st->st_mode) ? 0
                                : error_set(err, ERR_FORMAT, "'%s' is not a regular file", path);
}

/* O_NONBLOCK: a named pipe must not hold us up before it is refused. */
static int open_regular(int folder, const char *name, const char *path, struct stat *st,
                        struct error *err)
{
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return cannot_open(path, err);
    if (check_regular(fd, path, st, err) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

enum { READ_TRIES = 50 };

static bool same_but_ctime(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           same_time(a->st_mtim, b->st_mtim);
}

static bool unchanged(int fd, const struct stat *before)
{
    struct stat after;
    return fstat(fd, &after) == 0 && same_but_ctime(before, &after) &&
           same_time(before->st_ctim, after.st_ctim);
}

static int changed_meanwhile(const char *path, struct error *err)
{
    return error_set(err, ERR_FORMAT, "'%s' changed while it was read", path);
}

/* A lease for reading is given only where no process has the file open for writing, or mapped
 * so; while it is held, such an open waits and takes the lease away. The signal that tells of
 * it is one that is ignored unless asked for. */
static bool take_lease(int fd)
{
    return fcntl(fd, F_SETSIG, SIGURG) == 0 && fcntl(fd, F_SETLEASE, F_RDLCK) == 0;
}

/* True where it was held all the time. */
static bool drop_lease(int fd)
{
    bool held = fcntl(fd, F_GETLEASE) == F_RDLCK;
    fcntl(fd, F_SETLEASE, F_UNLCK);
    return held;
}

static bool is_open_for_writing(int fd)
{
    bool leased = take_lease(fd);
    int why = errno;
    if (leased)
        drop_lease(fd);
    return !leased && why == EAGAIN;
}

/* ---- storing ---- */

/* The blob has its name: from now on its digest is known by stat. Only this
 * process could write to it, so a fresh change time is no danger. */
static void remember(struct store *store, const char *path, const struct digest *digest)
{
    struct stat st;
    if (lstat(path, &st) == 0)
        memo_add(store_memo(store), &st, digest);
}

static bool protect(int fd, mode_t mode)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = BLOB_TIME}};
    return fchmod(fd, mode) == 0 && futimens(fd, times) == 0;
}

static int publish(struct store *store, int fd, const char *temporary, const struct digest *digest,
                   struct error *err)
{
    char object[STORE_PATH_SIZE];
    if (!protect(fd, 0444))
        return error_errno(err, "cannot protect '%s'", temporary);
    store_object_path(store, digest, object);
    if (store_publish_file(store, temporary, object, err) < 0)
        return -1;
    remember(store, object, digest);
    return 0;
}

static int create_temporary(struct store *store, char path[STORE_PATH_SIZE], struct error *err)
{
    if (store_temporary_path(store, path, err) < 0)
        return -1;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd >= 0 ? fd : error_errno(err, "cannot create '%s'", path);
}

/* A clone has bytes of its own from the start, so those are hashed, not the original's. */
static int copy_and_hash(struct store *store, int from, const char *path, int to,
                         const char *to_path, struct digest *digest, int64_t *size,
                         struct error *err)
{
    if (ioctl(to, FICLONE, from) == 0)
        return pump_hash(store_pumps(store), to, to_path, digest, size, err);
    return pump_copy(store_pumps(store), from, path, to, to_path, digest, size, err);
}

static int put_by_copying(struct store *store, int fd, const char *path, struct digest *digest,
                          int64_t *size, struct error *err)
{
    char temporary[STORE_PATH_SIZE];
    struct stat st;
    int result = -1;
    int to = create_temporary(store, temporary, err);
    if (to < 0)
        return -1;
    if (check_regular(fd, path, &st, err) < 0 ||
        copy_and_hash(store, fd, path, to, temporary, digest, size, err) < 0)
        goto done;
    if (!unchanged(fd, &st))
        changed_meanwhile(path, err);
    else if (blob_is_good(store, digest, STORE_BY_STAT))
        result = 0;
    else
        result = publish(store, to, temporary, digest, err);
done:
    close(to);
    unlink(temporary);
    return result;
}

/* A file of ours in a folder that a stage could write to. */
struct taken {
    int folder, fd;
    const char *name, *path;
};

/* Moves the leased file and holds what got the blob's name against what was hashed: the name
 * could have been given to another file meanwhile. */
static int move_in(struct store *store, const struct taken *taken, const struct stat *hashed,
                   const struct digest *digest, struct error *err)
{
    char object[STORE_PATH_SIZE];
    struct stat st;
    store_object_path(store, digest, object);
    if (store_publish_at(store, taken->folder, taken->name, object, err) < 0)
        return -1;
    if (lstat(object, &st) == 0 && same_but_ctime(hashed, &st)) {
        memo_add(store_memo(store), &st, digest);
        return 0;
    }
    unlink(object);
    return changed_meanwhile(taken->path, err);
}

static int hash_and_move(struct store *store, const struct taken *taken, struct digest *digest,
                         int64_t *size, struct error *err)
{
    struct stat st;
    if (check_regular(taken->fd, taken->path, &st, err) < 0 ||
        pump_hash(store_pumps(store), taken->fd, taken->path, digest, size, err) < 0)
        return -1;
    if (!unchanged(taken->fd, &st))
        return changed_meanwhile(taken->path, err);
    if (blob_is_good(store, digest, STORE_BY_STAT))
        return 0;
    return move_in(store, taken, &st, digest, err);
}

/* False, and nothing is stored, where others can still write to the file, or where that cannot
 * be told; then it must be copied. */
static bool put_by_moving(struct store *store, const struct taken *taken, struct digest *digest,
                          int64_t *size, int *result, struct error *err)
{
    if (!protect(taken->fd, 0444) || !take_lease(taken->fd))
        return false;
    *result = hash_and_move(store, taken, digest, size, err);
    if (drop_lease(taken->fd))
        return true;
    if (*result == 0) {
        /* It was opened for writing meanwhile: what lies there is nobody's word. */
        char object[STORE_PATH_SIZE];
        store_object_path(store, digest, object);
        struct stat held, named;
        if (fstat(taken->fd, &held) == 0 && lstat(object, &named) == 0 &&
            held.st_ino == named.st_ino)
            unlink(object);
        *result = changed_meanwhile(taken->path, err);
    }
    return true;
}

static bool same_file_system(const struct store *store, const struct stat *st)
{
    struct stat folder;
    return stat(store_folder(store), &folder) == 0 && folder.st_dev == st->st_dev;
}

/* A file that its owner may not read is made readable: its mode is not content. A
 * failure is told where it is opened. */
static int open_source(int folder, const char *name, const char *path, struct stat *st,
                       struct error *err)
{
    if (fstatat(folder, name, st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st->st_mode) &&
        (st->st_mode & S_IRUSR) == 0)
        (void)!fchmodat(folder, name, (st->st_mode & 0777) | S_IRUSR, AT_SYMLINK_NOFOLLOW);
    return open_regular(folder, name, path, st, err);
}

int blob_put_file(struct store *store, int folder, const char *path, bool take,
                  struct digest *digest, int64_t *size, struct error *err)
{
    struct stat st;
    struct taken taken = {.path = path};
    taken.folder = beneath_open_parent(folder, path, &taken.name);
    if (taken.folder < 0)
        return cannot_open(path, err);
    int result = -1;
    taken.fd = open_source(taken.folder, taken.name, path, &st, err);
    if (taken.fd >= 0) {
        /* A second name of the same file would stay writable in other hands. */
        bool move = take && st.st_nlink == 1 && same_file_system(store, &st);
        if (!move || !put_by_moving(store, &taken, digest, size, &result, err))
            result = put_by_copying(store, taken.fd, path, digest, size, err);
        close(taken.fd);
    }
    close(taken.folder);
    return result;
}

int blob_put_descriptor(struct store *store, int fd, const char *path, struct digest *digest,
                        int64_t *size, struct error *err)
{
    char link[64];
    struct stat st;
    if (check_regular(fd, path, &st, err) < 0)
        return -1;
    /* A descriptor of its own, with its own offset, and for reading. */
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    int from = open(link, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (from < 0)
        return error_errno(err, "cannot read '%s'", path);
    int result = put_by_copying(store, from, path, digest, size, err);
    close(from);
    return result;
}

static int write_bytes(int fd, const char *path, const char *data, size_t size, struct error *err)
{
    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return error_errno(err, "cannot write '%s'", path);
        data += written;
        size -= (size_t)written;
    }
    return 0;
}

int blob_put_bytes(struct store *store, const void *data, size_t size, struct digest *digest,
                   struct error *err)
{
    char temporary[STORE_PATH_SIZE];
    if (digest_of_bytes(data, size, digest, err) < 0)
        return -1;
    if (blob_is_good(store, digest, STORE_BY_STAT))
        return 0;
    int fd = create_temporary(store, temporary, err);
    if (fd < 0)
        return -1;
    int result = write_bytes(fd, temporary, data, size, err);
    if (result == 0)
        result = publish(store, fd, temporary, digest, err);
    close(fd);
    if (result < 0)
        unlink(temporary);
    return result;
}

/* ---- reading ---- */

int blob_hash_descriptor(struct store *store, int fd, const struct stat *st, const char *path,
                         enum store_depth depth, struct digest *digest, int64_t *size,
                         struct error *err)
{
    struct digest found;
    if (depth != STORE_BY_READING && memo_find(store_memo(store), st, digest)) {
        *size = st->st_size;
        return 0;
    }
    if (depth == STORE_BY_MEMO)
        return error_set(err, ERR_UNKNOWN, "the digest of '%s' is not known yet", path);
    /* Where only the change time moved, it got or lost a name, or another mode: a blob does as
     * stages come and go. It is read again. */
    struct stat before = *st, after = *st;
    for (int tries = 0;; tries++) {
        if (pump_hash(store_pumps(store), fd, path, &found, size, err) < 0)
            return -1;
        if (unchanged(fd, &before))
            break;
        if (tries == READ_TRIES || fstat(fd, &after) < 0 || !same_but_ctime(&before, &after))
            return changed_meanwhile(path, err);
        before = after;
    }
    *digest = found;
    if (!memo_is_racy(&before) && !is_open_for_writing(fd))
        memo_add(store_memo(store), &before, digest);
    return 0;
}

int blob_hash_file(struct store *store, const char *path, enum store_depth depth,
                   struct digest *digest, int64_t *size, struct error *err)
{
    struct stat st;
    if (depth != STORE_BY_READING && lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
        memo_find(store_memo(store), &st, digest)) {
        *size = st.st_size;
        return 0;
    }
    int fd = open_regular(AT_FDCWD, path, path, &st, err);
    if (fd < 0)
        return -1;
    int result = blob_hash_descriptor(store, fd, &st, path, depth, digest, size, err);
    close(fd);
    return result;
}

static int damaged(const struct digest *digest, struct error *err)
{
    char hex[DIGEST_HEX_SIZE];
    digest_to_hex(digest, hex);
    return error_set(err, ERR_MISMATCH, "blob %s is damaged", hex);
}

int blob_check(struct store *store, const struct digest *digest, enum store_depth depth,
               struct error *err)
{
    char object[STORE_PATH_SIZE];
    struct digest found;
    int64_t size;
    store_object_path(store, digest, object);
    if (blob_hash_file(store, object, depth, &found, &size, err) < 0)
        return err->kind == ERR_FORMAT ? damaged(digest, err) : -1;
    return digest_equal(&found, digest) ? 0 : damaged(digest, err);
}

bool blob_is_good(struct store *store, const struct digest *digest, enum store_depth depth)
{
    struct error ignored;
    return blob_check(store, digest, depth, &ignored) == 0;
}

int blob_read(struct store *store, const struct digest *digest, size_t limit, char **data,
              size_t *size, struct error *err)
{
    char object[STORE_PATH_SIZE];
    struct digest found;
    store_object_path(store, digest, object);
    if (file_read(object, limit, data, size, err) < 0)
        return -1;
    if (digest_of_bytes(*data, *size, &found, err) == 0) {
        if (digest_equal(&found, digest))
            return 0;
        damaged(digest, err);
    }
    free(*data);
    *data = NULL;
    return -1;
}

int blob_copy_to(struct store *store, const struct digest *digest, bool executable,
                 const char *path, struct error *err)
{
    char object[STORE_PATH_SIZE];
    struct stat st;
    struct digest found = *digest;
    int64_t size;
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, memo_settled_time()};
    store_object_path(store, digest, object);
    int from = open_regular(AT_FDCWD, object, object, &st, err);
    if (from < 0)
        return -1;
    int result = -1;
    int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0) {
        error_errno(err, "cannot create '%s'", path);
        goto done;
    }
    /* A clone shares the bytes that the memo vouches for, or that are read now. */
    bool cloned = ioctl(to, FICLONE, from) == 0;
    if ((cloned ? blob_hash_descriptor(store, from, &st, object, STORE_BY_STAT, &found, &size, err)
                : pump_copy(store_pumps(store), from, object, to, path, &found, &size, err)) < 0)
        goto done;
    if (!digest_equal(&found, digest)) {
        /* From now on the blob is a miss, although its stat told nothing. */
        memo_add(store_memo(store), &st, &found);
        damaged(digest, err);
    } else if (fchmod(to, executable ? 0555 : 0444) < 0 || futimens(to, times) < 0)
        error_errno(err, "cannot set the mode and the time of '%s'", path);
    else
        result = 0;
done:
    close(from);
    if (to >= 0) {
        close(to);
        if (result < 0)
            unlink(path);
        else
            remember(store, path, digest);
    }
    return result;
}

int blob_duplicate(struct store *store, int from, const char *path, const char *to_path,
                   struct digest *digest, int64_t *size, struct error *err)
{
    struct stat st;
    if (check_regular(from, path, &st, err) < 0)
        return -1;
    int to = open(to_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0)
        return error_errno(err, "cannot create '%s'", to_path);
    int result = copy_and_hash(store, from, path, to, to_path, digest, size, err);
    if (result == 0 && !unchanged(from, &st))
        result = changed_meanwhile(path, err);
    if (result == 0 && !protect(to, (st.st_mode & S_IXUSR) != 0 ? 0555 : 0444))
        result = error_errno(err, "cannot set the mode of '%s'", to_path);
    close(to);
    if (result < 0)
        unlink(to_path);
    return result;
}
