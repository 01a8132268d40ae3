#include "store/place.h"

#include "base/file.h"
#include "store/folders.h"
#include "store/pool.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A tree on its way to a folder, by several threads. */
struct placing {
    struct store *store;
    const struct tree *tree;
    const char *folder;
    place_fn *place;
};

static int place_entry(void *arg, size_t index, struct error *err)
{
    const struct placing *placing = arg;
    const struct tree_entry *entry = &placing->tree->entries[index];
    char *path = file_join(placing->folder, entry->path, err);
    int result = -1;
    if (path == NULL)
        return -1;
    if (entry->kind == TREE_EMPTY)
        result = 0;
    else
        result = entry->kind != TREE_LINK
                     ? placing->place(placing->store, &entry->digest,
                                      entry->kind == TREE_EXECUTABLE, path, err)
                 : symlink(entry->target, path) == 0
                     ? 0
                     : error_errno(err, "cannot make the link '%s'", path);
    free(path);
    return result;
}

/* All folders first: then the files need none. */
static int make_folders(const struct tree *tree, const char *folder, struct error *err)
{
    struct folders folders;
    int result = folders_start(&folders, folder, err);
    for (size_t i = 0; i < tree->count && result == 0; i++)
        result =
            folders_add(&folders, tree->entries[i].path, tree->entries[i].kind == TREE_EMPTY, err);
    return result;
}

int place_content(struct store *store, const struct content *content, const char *path,
                  place_fn *place, struct error *err)
{
    struct tree tree = {0};
    if (file_make_parents(path, err) < 0)
        return -1;
    if (content->kind != CONTENT_FOLDER)
        return place(store, &content->digest, content->kind == CONTENT_EXECUTABLE, path, err);
    if (content_tree(store, content, &tree, err) < 0)
        return -1;
    struct placing placing = {store, &tree, path, place};
    int result = make_folders(&tree, path, err);
    if (result == 0)
        result = pool_each(store_pool(store), tree.count, place_entry, &placing, err);
    tree_release(&tree);
    return result;
}

int place_list(struct store *store, const struct content *content, const char *name,
               struct tree *tree, struct error *err)
{
    enum tree_kind kind = content->kind == CONTENT_EXECUTABLE ? TREE_EXECUTABLE : TREE_FILE;
    return content->kind == CONTENT_FOLDER
               ? content_tree(store, content, tree, err)
               : tree_add(tree, kind, &content->digest, content->size, name, err);
}

bool place_has_link(const char *path, const char *target)
{
    char found[PATH_MAX];
    ssize_t size = readlink(path, found, sizeof(found));
    return size >= 0 && (size_t)size == strlen(target) && memcmp(found, target, (size_t)size) == 0;
}
