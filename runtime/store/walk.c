#include "store/walk.h"

#include "base/file.h"
#include "base/memory.h"
#include "store/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The folders above the one that is listed. */
struct above {
    const struct above *above;
    dev_t device;
    ino_t inode;
    int depth;
};

static int cannot_read(const char *path, const char *name, struct error *err)
{
    const char *slash = *name != '\0' ? "/" : "";
    if (errno == ELOOP)
        return error_set(err, ERR_FORMAT, "'%s%s%s' is a symbolic link, or lies behind one", path,
                         slash, name);
    if (errno == EXDEV)
        return error_set(err, ERR_FORMAT, "'%s%s%s' leaves its folder", path, slash, name);
    return error_errno(err, "cannot read '%s%s%s'", path, slash, name);
}

/* Opens a folder, whatever its mode where it is an out's. A failure is told where the folder is
 * opened. */
static int open_folder(enum walk_rule rule, int folder, const char *name)
{
    struct stat st;
    if (rule == WALK_DEP)
        return openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (rule == WALK_OUT && fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISDIR(st.st_mode) && (st.st_mode & S_IRWXU) != S_IRWXU)
        (void)!fchmodat(folder, name, (st.st_mode & 0777) | S_IRWXU, AT_SYMLINK_NOFOLLOW);
    return openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int walk_open(enum walk_rule rule, int folder, const char *path, struct error *err)
{
    const char *name;
    int fd = -1, parent = beneath_open_parent(folder, path, &name);
    if (parent >= 0)
        fd = open_folder(rule, parent, *name != '\0' ? name : ".");
    if (fd < 0)
        cannot_read(path, "", err);
    if (parent >= 0)
        close(parent);
    return fd;
}

int walk_open_file(const struct walk *walk, int root, const char *name, struct error *err)
{
    int flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC;
    int fd = walk->rule == WALK_DEP ? openat(root, name, flags) : beneath_open(root, name, flags);
    return fd >= 0 ? fd : cannot_read(walk->path, name, err);
}

static int read_target(int folder, const char *name, char target[PATH_MAX])
{
    ssize_t size = readlinkat(folder, name, target, PATH_MAX);
    if (size < 0 || size == PATH_MAX)
        return -1;
    target[size] = '\0';
    return 0;
}

static int add_entry(struct walk *walk, const char *name, const char *target, const struct stat *st,
                     struct error *err)
{
    if (memory_grow(&walk->entries, &walk->capacity, walk->count + 1, sizeof(*walk->entries), err) <
        0)
        return -1;
    struct walk_entry *entry = &walk->entries[walk->count];
    *entry = (struct walk_entry){.st = *st};
    if ((entry->name = memory_copy_text(name, err)) == NULL)
        return -1;
    walk->count++;
    return target != NULL && (entry->target = memory_copy_text(target, err)) == NULL ? -1 : 0;
}

static const char *kind_of(mode_t mode)
{
    return S_ISSOCK(mode)                   ? "a socket"
           : S_ISFIFO(mode)                 ? "a pipe"
           : S_ISCHR(mode) || S_ISBLK(mode) ? "a device"
                                            : "something unknown";
}

static int refuse(const struct walk *walk, const char *name, const struct stat *st,
                  struct error *err)
{
    return error_set(err, ERR_FORMAT, "'%s/%s' is %s: only files, folders and relative links %s",
                     walk->path, name, kind_of(st->st_mode),
                     walk->rule == WALK_DEP ? "can be read" : "can be stored");
}

static int list_folder(struct walk *walk, int fd, const char *name, const struct above *above,
                       struct error *err);

static int enter(struct walk *walk, int folder, const char *part, const char *name,
                 const struct stat *st, const struct above *above, struct error *err)
{
    struct above here = {above, st->st_dev, st->st_ino, above->depth + 1};
    if (here.depth > WALK_DEPTH)
        return error_set(err, ERR_FORMAT, "'%s/%s': folders nest deeper than %d", walk->path, name,
                         WALK_DEPTH);
    for (const struct above *at = above; at != NULL; at = at->above)
        if (at->device == st->st_dev && at->inode == st->st_ino)
            return error_set(err, ERR_FORMAT, "'%s/%s' is a link to a folder around it", walk->path,
                             name);
    int fd = open_folder(walk->rule, folder, part);
    if (fd < 0)
        return cannot_read(walk->path, name, err);
    size_t before = walk->count;
    int result = list_folder(walk, fd, name, &here, err);
    close(fd);
    return result == 0 && walk->count == before ? add_entry(walk, name, NULL, st, err) : result;
}

static int visit(struct walk *walk, int folder, const char *part, const char *name,
                 const struct above *above, struct error *err)
{
    struct stat st;
    char target[PATH_MAX];
    bool follow = walk->rule == WALK_DEP;
    if (fstatat(folder, part, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0) {
        if (follow && errno == ENOENT && read_target(folder, part, target) == 0)
            return error_set(err, ERR_FORMAT, "'%s/%s' is a link to '%s', which does not exist",
                             walk->path, name, target);
        return cannot_read(walk->path, name, err);
    }
    if (S_ISDIR(st.st_mode))
        return enter(walk, folder, part, name, &st, above, err);
    if (S_ISREG(st.st_mode))
        return add_entry(walk, name, NULL, &st, err);
    if (!S_ISLNK(st.st_mode))
        return refuse(walk, name, &st, err);
    if (read_target(folder, part, target) < 0)
        return cannot_read(walk->path, name, err);
    return add_entry(walk, name, target, &st, err);
}

static bool is_ignored(const struct walk *walk, int folder, const char *part, const char *name)
{
    struct stat st;
    struct error ignored;
    if (walk->rule != WALK_DEP)
        return false;
    char *path = file_join(walk->path, name, &ignored);
    bool is_folder = fstatat(folder, part, &st, 0) == 0 && S_ISDIR(st.st_mode);
    bool result = path != NULL && ignore_matches(walk->ignore, path, is_folder);
    free(path);
    return result;
}

/* `name` is the path of the folder in the whole, "" of the root. */
static int list_folder(struct walk *walk, int fd, const char *name, const struct above *above,
                       struct error *err)
{
    char **names;
    size_t count;
    int result = 0;
    char *path =
        *name != '\0' ? file_join(walk->path, name, err) : memory_copy_text(walk->path, err);
    if (path == NULL || file_list_at(fd, path, &names, &count, err) < 0) {
        free(path);
        return -1;
    }
    for (size_t i = 0; i < count && result == 0; i++) {
        char *inner =
            *name != '\0' ? file_join(name, names[i], err) : memory_copy_text(names[i], err);
        if (inner == NULL)
            result = -1;
        else if (!is_ignored(walk, fd, names[i], inner))
            result = visit(walk, fd, names[i], inner, above, err);
        free(inner);
    }
    file_free_names(names, count);
    free(path);
    return result;
}

int walk_list(struct walk *walk, int root, struct error *err)
{
    struct stat st;
    if (fstat(root, &st) < 0)
        return error_errno(err, "cannot read '%s'", walk->path);
    struct above top = {NULL, st.st_dev, st.st_ino, 0};
    return list_folder(walk, root, "", &top, err);
}

void walk_release(struct walk *walk)
{
    for (size_t i = 0; i < walk->count; i++) {
        free(walk->entries[i].name);
        free(walk->entries[i].target);
    }
    free(walk->entries);
    walk->entries = NULL;
    walk->count = walk->capacity = 0;
}
