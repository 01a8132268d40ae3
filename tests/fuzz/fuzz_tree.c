/* Any bytes as a tree: the grammar has one spelling of each folder. */
#include "fuzz/fuzz_folder.h"
#include "store/tree.h"

#include <string.h>

enum fuzz_verdict fuzz_tree(const uint8_t *data, size_t size)
{
    struct error err = {0};
    struct tree tree = {0};
    struct text text = {0};
    if (tree_parse((const char *)data, size, &tree, &err) < 0) {
        ASSERT(tree.entries == NULL && err.kind == ERR_FORMAT && fuzz_error_is_good(&err));
        return FUZZ_REFUSED;
    }
    ASSERT(tree_size(&tree) >= 0);
    for (size_t i = 0; i < tree.count; i++) {
        const char *path = tree.entries[i].path;
        ASSERT(path[0] != '/' && strncmp(path, "../", 3) != 0 && strstr(path, "/../") == NULL);
    }
    ASSERT(tree_write(&tree, &text, &err) == 0);
    ASSERT(text.size == size && memcmp(text.data, data, size) == 0);
    text_release(&text);
    tree_release(&tree);
    return FUZZ_CANONICAL;
}
