#include "base/file.h"

#include "base/memory.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

FILE *file_open(const char *path, size_t *size, struct error *err)
{
    struct stat st;
    /* O_NONBLOCK: a named pipe must not hold us up before it is refused. */
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    FILE *stream = fd < 0 ? NULL : fdopen(fd, "rb");
    if (stream == NULL && fd >= 0)
        close(fd);
    if (stream == NULL || fstat(fileno(stream), &st) < 0)
        error_errno(err, "cannot read '%s'", path);
    else if (!S_ISREG(st.st_mode))
        error_set(err, ERR_FORMAT, "'%s' is not a regular file", path);
    else {
        *size = (size_t)st.st_size;
        return stream;
    }
    if (stream != NULL)
        fclose(stream);
    return NULL;
}

int file_read(const char *path, size_t limit, char **data, size_t *size, struct error *err)
{
    int result = -1;
    char *buffer = NULL;
    size_t bytes;
    FILE *stream = file_open(path, &bytes, err);
    if (stream == NULL)
        return -1;
    if (bytes > limit) {
        error_set(err, ERR_FORMAT, "'%s' has %zu bytes, more than the %zu allowed", path, bytes,
                  limit);
        goto done;
    }
    if ((buffer = memory_new(bytes + 1, 1, err)) == NULL)
        goto done;
    if (fread(buffer, 1, bytes, stream) != bytes) {
        error_set(err, ERR_IO, "'%s' ended early", path);
        goto done;
    }
    *data = buffer;
    *size = bytes;
    buffer = NULL;
    result = 0;
done:
    free(buffer);
    fclose(stream);
    return result;
}

/* ---- files that appear whole ---- */

/* Whoever cleans up may have taken the new file for a stale one before its lock was held:
 * then it has no name any more. */
static bool lock_temporary(int fd)
{
    struct stat st;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno != EWOULDBLOCK; /* no locks here: then nobody removes it either */
    return fstat(fd, &st) == 0 && st.st_nlink > 0;
}

/* Makes and locks ".reprise-<pid>-<random>" in the folder of `path`. */
static int open_temporary(const char *path, char **temporary, struct error *err)
{
    enum { ATTEMPTS = 100 };
    const char *slash = strrchr(path, '/');
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        struct text name = {0};
        text_append(&name, path, slash == NULL ? 0 : (size_t)(slash - path) + 1);
        text_addf(&name, ".reprise-%ld-XXXXXX", (long)getpid());
        if (text_check(&name, err) < 0) {
            text_release(&name);
            return -1;
        }
        int fd = mkostemp(name.data, O_CLOEXEC);
        if (fd >= 0 && lock_temporary(fd)) {
            *temporary = name.data;
            return fd;
        }
        if (fd >= 0)
            unlink(name.data);
        text_release(&name);
        if (fd < 0)
            break;
        close(fd);
    }
    return error_errno(err, "cannot create '%s'", path);
}

int file_create(struct file_writer *writer, const char *path, struct error *err)
{
    *writer = (struct file_writer){0};
    int fd = open_temporary(path, &writer->temporary, err);
    if (fd < 0)
        return -1;
    fchmod(fd, 0644);
    if ((writer->path = memory_copy_text(path, err)) == NULL)
        close(fd);
    else if ((writer->stream = fdopen(fd, "w+b")) == NULL) {
        error_errno(err, "cannot create '%s'", path);
        close(fd);
    } else
        return 0;
    file_abandon(writer);
    return -1;
}

/* ".reprise-", digits, "-", six letters or digits: as open_temporary makes them. */
static bool is_temporary_name(const char *name)
{
    static const char prefix[] = ".reprise-";
    if (strncmp(name, prefix, sizeof(prefix) - 1) != 0)
        return false;
    name += sizeof(prefix) - 1;
    size_t digits = strspn(name, "0123456789");
    const char *random = name + digits + 1;
    return digits > 0 && name[digits] == '-' && strlen(random) == 6 &&
           strspn(random, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == 6;
}

void file_remove_stale(const char *folder)
{
    struct error ignored;
    char **names;
    size_t count;
    struct stat held, named;
    int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0)
        return;
    if (file_list_at(at, folder, &names, &count, &ignored) == 0) {
        for (size_t i = 0; i < count; i++) {
            if (!is_temporary_name(names[i]))
                continue;
            int fd = openat(at, names[i], O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
            if (fd < 0)
                continue;
            if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &held) == 0 &&
                S_ISREG(held.st_mode) && fstatat(at, names[i], &named, AT_SYMLINK_NOFOLLOW) == 0 &&
                named.st_ino == held.st_ino)
                unlinkat(at, names[i], 0);
            close(fd);
        }
        file_free_names(names, count);
    }
    close(at);
}

/* The rename is durable only once the folder that names the file is. */
static void flush_folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    struct error ignored;
    char *folder = memory_copy_text(slash == NULL ? "." : path, &ignored);
    if (folder == NULL)
        return;
    if (slash != NULL)
        folder[slash == path ? 1 : slash - path] = '\0';
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(folder);
}

static int commit(struct file_writer *writer, bool flushed, struct error *err)
{
    bool written = fflush(writer->stream) == 0 && !ferror(writer->stream) &&
                   (!flushed || fsync(fileno(writer->stream)) == 0);
    /* The lock goes with the stream, so the name comes first. */
    if (!written || rename(writer->temporary, writer->path) < 0) {
        error_errno(err, "cannot write '%s'", writer->path);
        file_abandon(writer);
        return -1;
    }
    if (flushed)
        flush_folder_of(writer->path);
    fclose(writer->stream); /* all of it is written */
    free(writer->temporary);
    free(writer->path);
    *writer = (struct file_writer){0};
    return 0;
}

int file_commit(struct file_writer *writer, struct error *err)
{
    return commit(writer, true, err);
}

int file_commit_unflushed(struct file_writer *writer, struct error *err)
{
    return commit(writer, false, err);
}

void file_abandon(struct file_writer *writer)
{
    if (writer->stream != NULL)
        fclose(writer->stream);
    if (writer->temporary != NULL)
        unlink(writer->temporary);
    free(writer->temporary);
    free(writer->path);
    *writer = (struct file_writer){0};
}

static int write_file(const char *path, const void *data, size_t size, bool flushed,
                      struct error *err)
{
    struct file_writer writer;
    if (file_create(&writer, path, err) < 0)
        return -1;
    if (size > 0)
        fwrite(data, 1, size, writer.stream); /* commit asks ferror */
    return commit(&writer, flushed, err);
}

int file_write(const char *path, const void *data, size_t size, struct error *err)
{
    return write_file(path, data, size, true, err);
}

int file_write_unflushed(const char *path, const void *data, size_t size, struct error *err)
{
    return write_file(path, data, size, false, err);
}

/* ---- folders ---- */

int file_make_folders(const char *path, struct error *err)
{
    struct stat st;
    if (mkdir(path, 0777) == 0 || (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
        return 0;
    if (errno == ENOENT && file_make_parents(path, err) == 0 &&
        (mkdir(path, 0777) == 0 || errno == EEXIST))
        return 0;
    return errno == EEXIST || errno == ENOTDIR
               ? error_set(err, ERR_IO,
                           "cannot make the folder '%s': a file is in its place, or on the way "
                           "there: move it away",
                           path)
               : error_errno(err, "cannot make the folder '%s'", path);
}

int file_make_folders_below(const char *root, const char *name, struct error *err)
{
    char *path = file_join(root, name, err);
    if (path == NULL)
        return -1;
    int result = 0;
    char *at = path + strlen(root);
    while (result == 0 && at != NULL) {
        char *slash = strchr(at + 1, '/');
        if (slash != NULL)
            *slash = '\0';
        if (mkdir(path, 0755) == 0 ? chmod(path, 0755) < 0 : errno != EEXIST)
            result = error_errno(err, "cannot make the folder '%s'", path);
        if (slash != NULL)
            *slash = '/';
        at = slash;
    }
    free(path);
    return result;
}

int file_make_parents(const char *path, struct error *err)
{
    char *parent = memory_copy_text(path, err);
    if (parent == NULL)
        return -1;
    char *slash = strrchr(parent, '/');
    int result = 0;
    if (slash != NULL && slash != parent) {
        *slash = '\0';
        result = file_make_folders(parent, err);
    }
    free(parent);
    return result;
}

/* Deeper than this a folder is moved up to the top of what is being removed, so that neither
 * descriptors nor the stack run out. */
enum { REMOVE_DEPTH = 64 };

struct removal {
    const char *path; /* what is being removed, for messages */
    int top;          /* its folder, or -1 */
    unsigned moved;
};

static int cannot_remove(const struct removal *removal, const char *name, struct error *err)
{
    return strcmp(name, removal->path) == 0
               ? error_errno(err, "cannot remove '%s'", name)
               : error_errno(err, "cannot remove '%s' in '%s'", name, removal->path);
}

static int remove_at(struct removal *removal, int folder, const char *name, int depth,
                     struct error *err);

static int move_up(struct removal *removal, int folder, const char *name, struct error *err)
{
    char moved[64];
    do
        snprintf(moved, sizeof(moved), ".reprise-moved-%u", removal->moved++);
    while (renameat(folder, name, removal->top, moved) < 0 &&
           (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR));
    return faccessat(removal->top, moved, F_OK, AT_SYMLINK_NOFOLLOW) == 0
               ? 0
               : cannot_remove(removal, name, err);
}

/* Goes over the folder until nothing is left: folders are moved to the top one meanwhile. */
static int remove_contents(struct removal *removal, int fd, int depth, struct error *err)
{
    char **names;
    size_t count = 0;
    int result = 0;
    unsigned moved;
    do {
        moved = removal->moved;
        if (file_list_at(fd, removal->path, &names, &count, err) < 0)
            return -1;
        for (size_t i = 0; i < count && result == 0; i++)
            result = remove_at(removal, fd, names[i], depth, err);
        file_free_names(names, count);
    } while (result == 0 && depth == 1 && removal->moved != moved);
    return result;
}

static int remove_at(struct removal *removal, int folder, const char *name, int depth,
                     struct error *err)
{
    if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return cannot_remove(removal, name, err);
    /* Whatever its mode, it must be read and written to. */
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == EACCES && fchmodat(folder, name, 0700, AT_SYMLINK_NOFOLLOW) == 0)
        fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return cannot_remove(removal, name, err);
    fchmod(fd, 0700);
    if (depth >= REMOVE_DEPTH) {
        close(fd);
        return move_up(removal, folder, name, err);
    }
    if (removal->top < 0)
        removal->top = fd;
    int result = remove_contents(removal, fd, depth + 1, err);
    close(fd);
    if (result < 0)
        return -1;
    return unlinkat(folder, name, AT_REMOVEDIR) == 0 ? 0 : cannot_remove(removal, name, err);
}

int file_remove(const char *path, struct error *err)
{
    struct removal removal = {.path = path, .top = -1};
    return remove_at(&removal, AT_FDCWD, path, 0, err);
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

char *file_join(const char *folder, const char *name, struct error *err)
{
    struct text path = {0};
    text_addf(&path, "%s/%s", folder, name);
    if (text_check(&path, err) < 0)
        text_release(&path);
    return path.data;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* readdir says the end and an error alike with NULL: errno tells which. */
static int list(DIR *dir, const char *path, char ***names, size_t *count, struct error *err)
{
    char **listed = NULL;
    size_t used = 0, capacity = 0;
    int result = 0;
    struct dirent *entry;
    while (result == 0 && (errno = 0, entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        result = memory_grow(&listed, &capacity, used + 1, sizeof(*listed), err);
        if (result == 0 && (listed[used] = memory_copy_text(entry->d_name, err)) == NULL)
            result = -1;
        else if (result == 0)
            used++;
    }
    if (result == 0 && errno != 0)
        result = error_errno(err, "cannot read the folder '%s'", path);
    closedir(dir);
    if (result < 0) {
        file_free_names(listed, used);
        return -1;
    }
    if (used > 1)
        qsort(listed, used, sizeof(*listed), compare_names);
    *names = listed;
    *count = used;
    return 0;
}

int file_list(const char *folder, char ***names, size_t *count, struct error *err)
{
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return error_errno(err, "cannot read the folder '%s'", folder);
    return list(dir, folder, names, count, err);
}

int file_list_at(int folder, const char *path, char ***names, size_t *count, struct error *err)
{
    /* A descriptor of its own, with an offset of its own. */
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        error_errno(err, "cannot read the folder '%s'", path);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return list(dir, path, names, count, err);
}

void file_free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}
