/* A folder as a blob: one line per entry, sorted by path.
 *
 *   tree    = "reprise-tree 2\n" *entry
 *   entry   = ("file" / "exec") SP digest SP size SP path LF
 *           / "link" SP path TAB target LF        a symbolic link
 *           / "none" SP path LF                   an empty folder
 *   digest  = 64 lower-case hexadecimal digits
 *   size    = decimal bytes
 *   path    = 1*byte        relative, no empty, "." or ".." part
 *   target  = 1*byte        relative
 *
 * In a path or target a backslash is written "\\", and every byte below 0x20
 * or 0x7f as "\x" with two lower-case hexadecimal digits, so that any name
 * that a file system takes has one spelling. Modes of folders, owners and
 * times are not content.
 *
 * Paths ascend strictly by bytes (before escaping), and none goes on below
 * another. A link leads to a place in the tree, following other links of the
 * tree, or to nothing: never out of it. So equal folders have equal trees,
 * and a tree cannot write, or lead, outside its folder.
 */
#ifndef STORE_TREE_H
#define STORE_TREE_H

#include "base/digest.h"
#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tree_kind { TREE_FILE, TREE_EXECUTABLE, TREE_LINK, TREE_EMPTY };

struct tree_entry {
    enum tree_kind kind;
    struct digest digest; /* of files */
    int64_t size;
    char *path;
    char *target; /* of a link, else NULL */
};

struct tree {
    struct tree_entry *entries;
    size_t count, capacity;
};

/* Adds an entry with a copy of `path`; tree_sort before anything else. */
int tree_add(struct tree *tree, enum tree_kind kind, const struct digest *digest, int64_t size,
             const char *path, struct error *err);
int tree_add_link(struct tree *tree, const char *path, const char *target, struct error *err);
void tree_sort(struct tree *tree);
int tree_write(const struct tree *tree, struct text *text, struct error *err);

/* ERR_FORMAT on anything but the grammar above. */
int tree_parse(const char *data, size_t size, struct tree *tree, struct error *err);
void tree_release(struct tree *tree);

/* The first link that leads out of the sorted tree, or NULL. */
const struct tree_entry *tree_link_leading_out(const struct tree *tree);

/* Bytes of all files. */
int64_t tree_size(const struct tree *tree);

#endif
