#include "store/materialise.h"

#include "base/file.h"
#include "base/memory.h"
#include "store/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A hidden name beside `path`: what a killed process leaves there is replaced
 * by the next one. */
static char *name_beside(const char *path, struct error *err)
{
    struct text text = {0};
    const char *slash = strrchr(path, '/');
    size_t folder = slash == NULL ? 0 : (size_t)(slash - path) + 1;
    text_append(&text, path, folder);
    text_addf(&text, ".%s.new", path + folder);
    if (text_check(&text, err) < 0)
        text_release(&text);
    return text.data;
}

/* A file replaces a file in one step, and a folder changes places with what
 * was there, so that `path` is never absent. */
static int put_in_place(const char *temporary, const char *path, struct error *err)
{
    struct stat st;
    bool exists = lstat(path, &st) == 0, swapped = false;
    if (exists)
        swapped = renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_EXCHANGE) == 0;
    if (swapped)
        return file_remove(temporary, err);
    if (exists && S_ISDIR(st.st_mode) && file_remove(path, err) < 0)
        return -1;
    return rename(temporary, path) == 0 ? 0 : error_errno(err, "cannot write '%s'", path);
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* A rename changes a file's ctime, so the memo must look again; who wrote to it since has changed
 * its mtime, too. */
static void remember_file(struct store *store, const struct content *content, const char *path,
                          const struct stat *written)
{
    struct stat st;
    if (content->kind != CONTENT_FOLDER && lstat(path, &st) == 0 && st.st_ino == written->st_ino &&
        same_time(st.st_mtim, written->st_mtim))
        memo_add(store_memo(store), &st, &content->digest);
}

/* The next flush is for all of it. */
static void note_written(struct store *store, const struct content *content, const char *path)
{
    struct tree tree = {0};
    struct error ignored;
    store_note_written(store, path);
    if (content->kind != CONTENT_FOLDER || content_tree(store, content, &tree, &ignored) < 0)
        return;
    for (size_t i = 0; i < tree.count; i++) {
        char *file = file_join(path, tree.entries[i].path, &ignored);
        if (file != NULL)
            store_note_written(store, file);
        free(file);
    }
    tree_release(&tree);
}

bool materialise_is_done(struct store *store, const struct content *content, const char *path,
                         enum store_depth depth)
{
    struct error ignored;
    struct stat st;
    char *temporary = name_beside(path, &ignored);
    bool left = temporary == NULL || lstat(temporary, &st) == 0;
    free(temporary);
    return !left && content_is_at(store, content, path, depth);
}

int materialise(struct store *store, const struct content *content, const char *path, bool *changed,
                struct error *err)
{
    struct error ignored;
    *changed = false;
    char *temporary = name_beside(path, err);
    if (temporary == NULL)
        return -1;
    int result = file_remove(temporary, err);
    if (result < 0 || content_is_at(store, content, path, STORE_BY_STAT))
        goto done;
    struct stat written = {0};
    if ((result = place_content(store, content, temporary, blob_copy_to, err)) == 0 &&
        lstat(temporary, &written) < 0)
        result = error_errno(err, "cannot look at '%s'", temporary);
    if (result == 0)
        result = put_in_place(temporary, path, err);
    if (result == 0) {
        remember_file(store, content, path, &written);
        note_written(store, content, path);
        *changed = true;
    } else
        file_remove(temporary, &ignored);
done:
    free(temporary);
    return result;
}

static struct content entry_content(const struct tree_entry *entry)
{
    return (struct content){.kind =
                                entry->kind == TREE_EXECUTABLE ? CONTENT_EXECUTABLE : CONTENT_FILE,
                            .digest = entry->digest,
                            .size = entry->size};
}

int materialise_entry(struct store *store, const struct tree_entry *entry, const char *path,
                      struct error *err)
{
    const struct content file = entry_content(entry);
    bool changed;
    if (entry->kind == TREE_EMPTY)
        return file_make_folders(path, err);
    if (entry->kind != TREE_LINK)
        return materialise(store, &file, path, &changed, err);
    if (place_has_link(path, entry->target))
        return 0;
    char *temporary = name_beside(path, err);
    int result = temporary == NULL || file_make_parents(path, err) < 0 ? -1 : 0;
    if (result == 0 && (result = file_remove(temporary, err)) == 0 &&
        symlink(entry->target, temporary) < 0)
        result = error_errno(err, "cannot make the link '%s'", path);
    if (result == 0)
        result = put_in_place(temporary, path, err);
    if (result == 0)
        store_note_written(store, path);
    free(temporary);
    return result;
}

bool materialise_has_entry(struct store *store, const struct tree_entry *entry, const char *path,
                           enum store_depth depth)
{
    const struct content file = entry_content(entry);
    struct stat st;
    if (entry->kind == TREE_EMPTY)
        return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    if (entry->kind == TREE_LINK)
        return place_has_link(path, entry->target);
    return materialise_is_done(store, &file, path, depth);
}

int materialise_into(struct store *store, const struct content *content, const char *name,
                     const char *folder, struct error *err)
{
    struct tree tree = {0};
    int result = place_list(store, content, name, &tree, err);
    for (size_t i = 0; i < tree.count && result == 0; i++) {
        char *path = file_join(folder, tree.entries[i].path, err);
        result = path == NULL ? -1 : materialise_entry(store, &tree.entries[i], path, err);
        free(path);
    }
    tree_release(&tree);
    return result;
}

int materialise_compare(struct store *store, const struct content *content, const char *name,
                        const char *folder, enum store_depth depth, materialise_differs_fn *visit,
                        void *arg, size_t *count, struct error *err)
{
    struct tree tree = {0};
    struct stat st;
    int result = place_list(store, content, name, &tree, err);
    *count = 0;
    for (size_t i = 0; i < tree.count && result == 0; i++) {
        char *path = file_join(folder, tree.entries[i].path, err);
        if (path == NULL)
            result = -1;
        else if (!materialise_has_entry(store, &tree.entries[i], path, depth)) {
            ++*count;
            if (visit != NULL)
                visit(arg, tree.entries[i].path, lstat(path, &st) < 0);
        }
        free(path);
    }
    tree_release(&tree);
    return result;
}
