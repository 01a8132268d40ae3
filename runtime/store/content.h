/* What a dep or an out is: a file or a folder, by digest. A folder's digest is
 * that of its tree (tree.h).
 */
#ifndef STORE_CONTENT_H
#define STORE_CONTENT_H

#include "store/blob.h"
#include "store/tree.h"

enum content_kind { CONTENT_FILE, CONTENT_EXECUTABLE, CONTENT_FOLDER };

struct content {
    enum content_kind kind;
    struct digest digest;
    int64_t size; /* bytes; of a folder: of all files in it */
};

/* "file", "executable" or "folder". */
const char *content_kind_name(enum content_kind kind);
bool content_kind_parse(const char *name, enum content_kind *kind);

/* The content of a path, without storing it. */
int content_hash(struct store *store, const char *path, enum store_depth depth,
                 struct content *content, struct error *err);

/* Stores a path with all that it holds; see blob_put_file for `take`. The tree
 * is stored after its files. Links and devices are ERR_FORMAT. */
int content_put(struct store *store, const char *path, bool take, struct content *content,
                struct error *err);

/* Copies a path with all that it holds to `to`, which must not exist, without
 * storing it. The copy is read-only; `content` is what was copied. */
int content_copy(struct store *store, const char *path, const char *to, struct content *content,
                 struct error *err);

/* The tree of a folder, checked. */
int content_tree(struct store *store, const struct content *content, struct tree *tree,
                 struct error *err);

/* True where every blob of it is good. `bad`, if not NULL, receives the digest
 * of the first that is not. */
bool content_is_good(struct store *store, const struct content *content, enum store_depth depth,
                     struct digest *bad);

/* True where `path` holds exactly this, extra files and modes included. */
bool content_is_at(struct store *store, const struct content *content, const char *path,
                   enum store_depth depth);

#endif
