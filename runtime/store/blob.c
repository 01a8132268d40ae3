#include "store/blob.h"

#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BLOB_BLOCK = 1 << 18 };

static bool write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        data += written;
        size -= (size_t)written;
    }
    return true;
}

/* Hashes all of `from` on its way to `to`; `to` may be -1. */
static int pump(int from, const char *path, int to, const char *to_path, struct digest *digest,
                struct error *err)
{
    int result = -1;
    struct hasher *hasher = NULL;
    char *block = memory_new(BLOB_BLOCK, 1, err);
    if (block == NULL || (hasher = hasher_new(err)) == NULL)
        goto done;
    ssize_t got;
    while ((got = read(from, block, BLOB_BLOCK)) > 0 || (got < 0 && errno == EINTR)) {
        if (got < 0)
            continue;
        if (hasher_add(hasher, block, (size_t)got, err) < 0)
            goto done;
        if (to >= 0 && !write_all(to, block, (size_t)got)) {
            error_errno(err, "cannot write '%s'", to_path);
            goto done;
        }
    }
    result =
        got < 0 ? error_errno(err, "cannot read '%s'", path) : hasher_finish(hasher, digest, err);
done:
    hasher_free(hasher);
    free(block);
    return result;
}

/* O_NONBLOCK: a named pipe must not hold us up before it is refused. */
static int open_regular(const char *path, struct stat *st, struct error *err)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ELOOP)
        return error_set(err, ERR_FORMAT, "'%s' is a symbolic link", path);
    if (fd < 0 || fstat(fd, st) < 0)
        error_errno(err, "cannot read '%s'", path);
    else if (!S_ISREG(st->st_mode))
        error_set(err, ERR_FORMAT, "'%s' is not a regular file", path);
    else
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool unchanged(int fd, const struct stat *before)
{
    struct stat after;
    return fstat(fd, &after) == 0 && after.st_size == before->st_size &&
           memcmp(&after.st_mtim, &before->st_mtim, sizeof(after.st_mtim)) == 0;
}

static int changed_meanwhile(const char *path, struct error *err)
{
    return error_set(err, ERR_FORMAT, "'%s' changed while it was read", path);
}

/* The blob has its name: from now on its digest is known by stat. Only this
 * process could write to it, so a fresh change time is no danger. */
static void remember(struct store *store, const char *path, const struct digest *digest)
{
    struct stat st;
    if (lstat(path, &st) == 0)
        memo_add(store_memo(store), &st, digest);
}

static int publish(struct store *store, const char *temporary, const struct digest *digest,
                   struct error *err)
{
    char object[STORE_PATH_SIZE];
    store_object_path(store, digest, object);
    if (chmod(temporary, 0444) < 0)
        return error_errno(err, "cannot protect '%s'", temporary);
    if (store_publish_file(temporary, object, err) < 0)
        return -1;
    remember(store, object, digest);
    return 0;
}

static int put_by_moving(struct store *store, int fd, const char *path, const struct stat *st,
                         struct digest *digest, struct error *err)
{
    if (pump(fd, path, -1, NULL, digest, err) < 0)
        return -1;
    if (!unchanged(fd, st))
        return changed_meanwhile(path, err);
    if (blob_is_good(store, digest, STORE_BY_STAT))
        return 0;
    return publish(store, path, digest, err);
}

static int put_by_copying(struct store *store, int fd, const char *path, const struct stat *st,
                          struct digest *digest, struct error *err)
{
    char temporary[STORE_PATH_SIZE];
    if (store_temporary_path(store, temporary, err) < 0)
        return -1;
    int to = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0)
        return error_errno(err, "cannot create '%s'", temporary);
    int result = -1;
    bool cloned = ioctl(to, FICLONE, fd) == 0;
    if (pump(fd, path, cloned ? -1 : to, temporary, digest, err) < 0)
        goto done;
    if (!unchanged(fd, st))
        changed_meanwhile(path, err);
    else if (blob_is_good(store, digest, STORE_BY_STAT))
        result = 0;
    else
        result = publish(store, temporary, digest, err);
done:
    close(to);
    unlink(temporary);
    return result;
}

static bool same_file_system(const struct store *store, const struct stat *st)
{
    struct stat folder;
    return stat(store_folder(store), &folder) == 0 && folder.st_dev == st->st_dev;
}

int blob_put_file(struct store *store, const char *path, bool take, struct digest *digest,
                  int64_t *size, struct error *err)
{
    struct stat st;
    int fd = open_regular(path, &st, err);
    if (fd < 0)
        return -1;
    /* A second name of the same file would stay writable in other hands. */
    bool move = take && st.st_nlink == 1 && same_file_system(store, &st);
    int result = move ? put_by_moving(store, fd, path, &st, digest, err)
                      : put_by_copying(store, fd, path, &st, digest, err);
    close(fd);
    if (result == 0)
        *size = st.st_size;
    return result;
}

int blob_put_bytes(struct store *store, const void *data, size_t size, struct digest *digest,
                   struct error *err)
{
    char temporary[STORE_PATH_SIZE];
    if (digest_of_bytes(data, size, digest, err) < 0)
        return -1;
    if (blob_is_good(store, digest, STORE_BY_STAT))
        return 0;
    if (store_temporary_path(store, temporary, err) < 0)
        return -1;
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_errno(err, "cannot create '%s'", temporary);
    bool written = write_all(fd, data, size);
    if (!written)
        error_errno(err, "cannot write '%s'", temporary);
    close(fd);
    int result = written ? publish(store, temporary, digest, err) : -1;
    if (result < 0)
        unlink(temporary);
    return result;
}

int blob_hash_file(struct store *store, const char *path, enum store_depth depth,
                   struct digest *digest, int64_t *size, struct error *err)
{
    struct stat st;
    if (depth == STORE_BY_STAT && lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
        memo_find(store_memo(store), &st, digest)) {
        *size = st.st_size;
        return 0;
    }
    int fd = open_regular(path, &st, err);
    if (fd < 0)
        return -1;
    int result = pump(fd, path, -1, NULL, digest, err);
    if (result == 0 && !unchanged(fd, &st))
        result = changed_meanwhile(path, err);
    close(fd);
    if (result == 0 && !memo_is_racy(&st))
        memo_add(store_memo(store), &st, digest);
    *size = st.st_size;
    return result;
}

bool blob_is_good(struct store *store, const struct digest *digest, enum store_depth depth)
{
    char object[STORE_PATH_SIZE];
    struct digest found;
    struct error ignored;
    int64_t size;
    store_object_path(store, digest, object);
    return blob_hash_file(store, object, depth, &found, &size, &ignored) == 0 &&
           digest_equal(&found, digest);
}

static int damaged(const struct digest *digest, struct error *err)
{
    char hex[DIGEST_HEX_SIZE];
    digest_to_hex(digest, hex);
    return error_set(err, ERR_MISMATCH, "blob %s is damaged", hex);
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
    store_object_path(store, digest, object);
    int from = open_regular(object, &st, err);
    if (from < 0)
        return -1;
    int result = -1;
    int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0) {
        error_errno(err, "cannot create '%s'", path);
        goto done;
    }
    /* A clone shares the bytes that the memo vouches for. */
    bool cloned = ioctl(to, FICLONE, from) == 0;
    if (!cloned && pump(from, object, to, path, &found, err) < 0)
        goto done;
    if (!digest_equal(&found, digest)) {
        /* From now on the blob is a miss, although its stat told nothing. */
        memo_add(store_memo(store), &st, &found);
        damaged(digest, err);
    } else if (fchmod(to, executable ? 0555 : 0444) < 0)
        error_errno(err, "cannot set the mode of '%s'", path);
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

int blob_duplicate_file(const char *path, const char *to_path, struct digest *digest, int64_t *size,
                        struct error *err)
{
    struct stat st;
    int from = open_regular(path, &st, err), result = -1;
    if (from < 0)
        return -1;
    int to = open(to_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0) {
        error_errno(err, "cannot create '%s'", to_path);
        goto done;
    }
    bool cloned = ioctl(to, FICLONE, from) == 0;
    if (pump(from, path, cloned ? -1 : to, to_path, digest, err) < 0)
        goto done;
    if (!unchanged(from, &st))
        changed_meanwhile(path, err);
    else if (fchmod(to, (st.st_mode & S_IXUSR) != 0 ? 0555 : 0444) < 0)
        error_errno(err, "cannot set the mode of '%s'", to_path);
    else
        result = 0;
    *size = st.st_size;
done:
    close(from);
    if (to >= 0)
        close(to);
    if (to >= 0 && result < 0)
        unlink(to_path);
    return result;
}
