#include "store/materialise.h"

#include "base/file.h"
#include "store/beneath.h"
#include "store/place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool knows(struct store *store, const struct stat *st, const struct digest *digest)
{
    struct digest found;
    return memo_find(store_memo(store), st, &found) && digest_equal(&found, digest);
}

/* Gives a blob another name, or takes one away (`to` NULL), and lets the memo follow where
 * nothing but the number of names and the change time moved. Returns as link and unlink do. */
static int change_names(struct store *store, const char *object, const struct digest *digest,
                        const char *name, bool add)
{
    struct stat before, after;
    store_lock_names(store);
    bool known = lstat(object, &before) == 0 && knows(store, &before, digest);
    int result = add ? link(object, name) : unlink(name);
    int saved = errno;
    nlink_t names = add ? before.st_nlink + 1 : before.st_nlink - 1;
    if (result == 0 && known && lstat(object, &after) == 0 && same_file(&before, &after) &&
        before.st_size == after.st_size && same_time(before.st_mtim, after.st_mtim) &&
        after.st_nlink == names)
        memo_add(store_memo(store), &after, digest);
    store_unlock_names(store);
    errno = saved;
    return result;
}

/* On a file system of whole seconds a write to the blob within the second of the link would
 * not show, nor where the blob has not its own time. */
static bool can_be_linked(const char *object)
{
    struct stat st;
    return lstat(object, &st) == 0 && S_ISREG(st.st_mode) && st.st_mtim.tv_sec == BLOB_TIME &&
           st.st_ctim.tv_nsec != 0;
}

static int set_time(const char *path, struct error *err)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = BLOB_TIME}};
    return utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) == 0
               ? 0
               : error_errno(err, "cannot set the time of '%s'", path);
}

static void remember(struct store *store, const char *path, const struct digest *digest)
{
    struct stat st;
    if (lstat(path, &st) == 0)
        memo_add(store_memo(store), &st, digest);
}

static int place_copy(struct store *store, const struct digest *digest, bool executable,
                      const char *path, struct error *err)
{
    if (blob_copy_to(store, digest, executable, path, err) < 0 || set_time(path, err) < 0)
        return -1;
    remember(store, path, digest);
    return 0;
}

static int place_dep(struct store *store, const struct digest *digest, bool executable,
                     const char *path, struct error *err)
{
    char object[STORE_PATH_SIZE];
    if (executable || store_has_reflinks(store))
        return place_copy(store, digest, executable, path, err);
    if (blob_check(store, digest, STORE_BY_STAT, err) < 0)
        return -1;
    store_object_path(store, digest, object);
    if (can_be_linked(object) && change_names(store, object, digest, path, true) == 0)
        return 0;
    return place_copy(store, digest, false, path, err);
}

int materialise_dep(struct store *store, const struct content *content, const char *path, bool own,
                    struct error *err)
{
    return place_content(store, content, path, own ? place_copy : place_dep, err);
}

/* ---- after the stage ---- */

static int check_file(struct store *store, const struct digest *digest, const char *path,
                      struct error *err)
{
    char object[STORE_PATH_SIZE];
    struct stat st, blob;
    struct digest found;
    struct error why;
    int64_t size;
    if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode) || knows(store, &st, digest))
        return 0;
    store_object_path(store, digest, object);
    bool good = lstat(object, &blob) == 0 && same_file(&st, &blob)
                    ? blob_check(store, digest, STORE_BY_STAT, &why) == 0
                    : blob_hash_file(store, path, STORE_BY_STAT, &found, &size, &why) == 0 &&
                          digest_equal(&found, digest);
    return good ? 0 : error_set(err, ERR_STAGE, "'%s' was changed", path);
}

int materialise_dep_check(struct store *store, const struct content *content, const char *path,
                          struct error *err)
{
    struct tree tree = {0};
    int result = place_list(store, content, "", &tree, err);
    for (size_t i = 0; i < tree.count && result == 0; i++) {
        const struct tree_entry *entry = &tree.entries[i];
        if (entry->kind != TREE_FILE && entry->kind != TREE_EXECUTABLE)
            continue;
        char *file = content->kind == CONTENT_FOLDER ? file_join(path, entry->path, err) : NULL;
        if (content->kind == CONTENT_FOLDER && file == NULL)
            result = -1;
        else
            result = check_file(store, &entry->digest, file != NULL ? file : path, err);
        free(file);
    }
    tree_release(&tree);
    return result;
}

/* `inner` is the path in the folder `top`, "" where that is the file: a link on the way, which a
 * stage may have put there, leads to what is none of ours. */
static void remove_file(struct store *store, const struct digest *digest, int top,
                        const char *inner, const char *path)
{
    char object[STORE_PATH_SIZE];
    const char *name;
    struct stat st, blob;
    int parent = -1;
    if (*inner != '\0' && (parent = beneath_open_parent(top, inner, &name)) < 0)
        return;
    if (parent >= 0)
        close(parent);
    if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
        return;
    store_object_path(store, digest, object);
    if (lstat(object, &blob) == 0 && same_file(&st, &blob))
        change_names(store, object, digest, path, false);
    else
        memo_forget(store_memo(store), &st);
}

int materialise_dep_remove(struct store *store, const struct content *content, const char *path,
                           struct error *err)
{
    struct tree tree = {0};
    struct error ignored;
    const bool folder = content->kind == CONTENT_FOLDER;
    int top = folder ? open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    /* A damaged tree costs the memo's entries and nothing else. */
    if ((!folder || top >= 0) && place_list(store, content, "", &tree, &ignored) == 0)
        for (size_t i = 0; i < tree.count; i++) {
            const struct tree_entry *entry = &tree.entries[i];
            char *file = folder ? file_join(path, entry->path, &ignored) : NULL;
            if ((entry->kind == TREE_FILE || entry->kind == TREE_EXECUTABLE) &&
                (!folder || file != NULL))
                remove_file(store, &entry->digest, top, folder ? entry->path : "",
                            folder ? file : path);
            free(file);
        }
    if (top >= 0)
        close(top);
    tree_release(&tree);
    return file_remove(path, err);
}
