#include "runner/publish.h"

#include "base/file.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int add_link(struct tree *tree, const char *path, const char *target, struct error *err)
{
    struct digest digest;
    if (digest_of_bytes(target, strlen(target), &digest, err) < 0 ||
        tree_add_link(tree, path, target, err) < 0)
        return -1;
    tree->entries[tree->count - 1].digest = digest;
    return 0;
}

int publish_tree(struct store *store, const struct plan_out *out, const struct content *content,
                 struct tree *tree, struct error *err)
{
    struct tree inner = {0};
    const char *slash = strrchr(out->path, '/'), *name = slash != NULL ? slash + 1 : out->path;
    enum tree_kind kind = content->kind == CONTENT_EXECUTABLE ? TREE_EXECUTABLE : TREE_FILE;
    int result = content->kind == CONTENT_FOLDER
                     ? content_tree(store, content, &inner, err)
                     : tree_add(&inner, kind, &content->digest, content->size, name, err);
    for (size_t i = 0; i < inner.count && result == 0; i++) {
        const struct tree_entry *entry = &inner.entries[i];
        char *path = file_join(out->publish, entry->path, err);
        if (path == NULL)
            result = -1;
        else if (entry->kind == TREE_LINK)
            result = add_link(tree, path, entry->target, err);
        else
            result = tree_add(tree, entry->kind, &entry->digest, entry->size, path, err);
        free(path);
    }
    tree_release(&inner);
    return result;
}

int publish_names(const struct tree *tree, struct lock_names *names, struct error *err)
{
    for (size_t i = 0; i < tree->count; i++)
        if (tree->entries[i].kind != TREE_EMPTY &&
            lock_add_name(names, tree->entries[i].path, &tree->entries[i].digest, err) < 0)
            return -1;
    return 0;
}

bool publish_is_at(struct store *store, const char *path, const struct digest *digest,
                   enum store_depth depth)
{
    char target[PATH_MAX];
    struct content there;
    struct stat st;
    struct error ignored;
    if (lstat(path, &st) < 0)
        return false;
    if (!S_ISLNK(st.st_mode))
        return content_hash(store, path, depth, &there, &ignored) == 0 &&
               digest_equal(&there.digest, digest);
    ssize_t size = readlink(path, target, sizeof(target));
    return size >= 0 && digest_of_bytes(target, (size_t)size, &there.digest, &ignored) == 0 &&
           digest_equal(&there.digest, digest);
}
