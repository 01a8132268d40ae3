#include "store/materialise.h"

#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Puts one file of the store at a path that is free. */
typedef int place_fn(struct store *store, const struct digest *digest, bool executable,
                     const char *path, struct error *err);

static int place_link(struct store *store, const struct digest *digest, bool executable,
                      const char *path, struct error *err)
{
    char object[STORE_PATH_SIZE];
    if (executable)
        return blob_copy_to(store, digest, true, path, err);
    store_object_path(store, digest, object);
    return symlink(object, path) == 0 ? 0 : error_errno(err, "cannot link '%s'", path);
}

static int place_tree(struct store *store, const struct tree *tree, const char *folder,
                      place_fn *place, struct error *err)
{
    int result = file_make_folders(folder, err);
    for (size_t i = 0; i < tree->count && result == 0; i++) {
        const struct tree_entry *entry = &tree->entries[i];
        char *path = file_join(folder, entry->path, err);
        if (path == NULL)
            return -1;
        if (entry->kind == TREE_EMPTY)
            result = file_make_folders(path, err);
        else if ((result = file_make_parents(path, err)) == 0)
            result = place(store, &entry->digest, entry->kind == TREE_EXECUTABLE, path, err);
        free(path);
    }
    return result;
}

static int place_content(struct store *store, const struct content *content, const char *path,
                         place_fn *place, struct error *err)
{
    struct tree tree = {0};
    if (file_make_parents(path, err) < 0)
        return -1;
    if (content->kind != CONTENT_FOLDER)
        return place(store, &content->digest, content->kind == CONTENT_EXECUTABLE, path, err);
    if (content_tree(store, content, &tree, err) < 0)
        return -1;
    int result = place_tree(store, &tree, path, place, err);
    tree_release(&tree);
    return result;
}

int materialise_links(struct store *store, const struct content *content, const char *path,
                      struct error *err)
{
    return place_content(store, content, path, place_link, err);
}

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

/* A rename changes a file's ctime, so the memo must look again. */
static void remember_file(struct store *store, const struct content *content, const char *path)
{
    struct stat st;
    if (content->kind != CONTENT_FOLDER && lstat(path, &st) == 0)
        memo_add(store_memo(store), &st, &content->digest);
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
    if ((result = place_content(store, content, temporary, blob_copy_to, err)) == 0)
        result = put_in_place(temporary, path, err);
    if (result == 0) {
        remember_file(store, content, path);
        *changed = true;
    } else
        file_remove(temporary, &ignored);
done:
    free(temporary);
    return result;
}

/* The files that go into a folder: those of a tree, or one under its name. */
static int list_files(struct store *store, const struct content *content, const char *name,
                      struct tree *tree, struct error *err)
{
    enum tree_kind kind = content->kind == CONTENT_EXECUTABLE ? TREE_EXECUTABLE : TREE_FILE;
    return content->kind == CONTENT_FOLDER
               ? content_tree(store, content, tree, err)
               : tree_add(tree, kind, &content->digest, content->size, name, err);
}

static struct content entry_content(const struct tree_entry *entry)
{
    return (struct content){.kind =
                                entry->kind == TREE_EXECUTABLE ? CONTENT_EXECUTABLE : CONTENT_FILE,
                            .digest = entry->digest,
                            .size = entry->size};
}

int materialise_into(struct store *store, const struct content *content, const char *name,
                     const char *folder, struct error *err)
{
    struct tree tree = {0};
    bool changed;
    int result = list_files(store, content, name, &tree, err);
    for (size_t i = 0; i < tree.count && result == 0; i++) {
        const struct content file = entry_content(&tree.entries[i]);
        char *path = file_join(folder, tree.entries[i].path, err);
        if (path == NULL)
            result = -1;
        else if (tree.entries[i].kind == TREE_EMPTY)
            result = file_make_folders(path, err);
        else
            result = materialise(store, &file, path, &changed, err);
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
    int result = list_files(store, content, name, &tree, err);
    *count = 0;
    for (size_t i = 0; i < tree.count && result == 0; i++) {
        const struct content file = entry_content(&tree.entries[i]);
        char *path = file_join(folder, tree.entries[i].path, err);
        if (path == NULL)
            result = -1;
        else if (tree.entries[i].kind == TREE_EMPTY
                     ? !file_exists(path)
                     : !materialise_is_done(store, &file, path, depth)) {
            ++*count;
            if (visit != NULL)
                visit(arg, tree.entries[i].path, !file_exists(path));
        }
        free(path);
    }
    tree_release(&tree);
    return result;
}
