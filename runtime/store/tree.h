/* A folder as a blob: one line per file, sorted by path.
 *
 *   tree    = "reprise-tree 1\n" *entry
 *   entry   = kind SP digest SP size SP path LF
 *   kind    = "file" / "exec" / "none"     none: an empty folder, digest of
 *                                          nothing and size 0
 *   digest  = 64 lower-case hexadecimal digits
 *   size    = decimal bytes
 *   path    = 1*( bytes but LF and NUL )   relative, no empty, "." or ".." part
 *
 * Paths ascend strictly by bytes, and none goes on below another: equal
 * folders have equal trees, and a tree cannot write outside its folder.
 */
#ifndef STORE_TREE_H
#define STORE_TREE_H

#include "base/digest.h"
#include "base/error.h"
#include "base/text.h"

#include <stddef.h>
#include <stdint.h>

enum tree_kind { TREE_FILE, TREE_EXECUTABLE, TREE_EMPTY };

struct tree_entry {
    enum tree_kind kind;
    struct digest digest;
    int64_t size;
    char *path;
};

struct tree {
    struct tree_entry *entries;
    size_t count, capacity;
};

/* Adds an entry with a copy of `path`; tree_sort before writing. */
int tree_add(struct tree *tree, enum tree_kind kind, const struct digest *digest, int64_t size,
             const char *path, struct error *err);
void tree_sort(struct tree *tree);
int tree_write(const struct tree *tree, struct text *text, struct error *err);

/* ERR_FORMAT on anything but the grammar above. */
int tree_parse(const char *data, size_t size, struct tree *tree, struct error *err);
void tree_release(struct tree *tree);

/* Bytes of all files. */
int64_t tree_size(const struct tree *tree);

#endif
