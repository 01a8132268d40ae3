#include "runner/publish.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

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
        result =
            path == NULL ? -1 : tree_add(tree, entry->kind, &entry->digest, entry->size, path, err);
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

struct content publish_content(const struct tree_entry *entry)
{
    return (struct content){.kind =
                                entry->kind == TREE_EXECUTABLE ? CONTENT_EXECUTABLE : CONTENT_FILE,
                            .digest = entry->digest,
                            .size = entry->size};
}
