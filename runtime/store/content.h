/* What a dep or an out is: a file or a folder, by digest. A folder's digest is
 * that of its tree (tree.h).
 */
#ifndef STORE_CONTENT_H
#define STORE_CONTENT_H

#include "store/blob.h"
#include "store/ignore.h"
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

/* The content of a path as it stands, without storing it: links in a folder are links. */
int content_hash(struct store *store, const char *path, enum store_depth depth,
                 struct content *content, struct error *err);

/* The content of a dep anywhere in the file system: links are followed, and what they lead to
 * counts; ignored names do not. With STORE_BY_MEMO nothing but names and stats is read. */
int content_hash_dep(struct store *store, const char *path, const struct ignore *ignore,
                     enum store_depth depth, struct content *content, struct error *err);

/* Whether a dep can be taken, as far as names, kinds and modes tell; no file is opened. */
int content_check_dep(const char *path, const struct ignore *ignore, struct error *err);

/* Copies a dep, as content_hash_dep sees it, to `to`, which must not exist: folders of mode
 * 0755, read-only files of BLOB_TIME, no links. `content` is what was copied. */
int content_copy_dep(struct store *store, const char *path, const struct ignore *ignore,
                     const char *to, struct content *content, struct error *err);

/* Stores a path with all that it holds; see blob_put_file for `folder` and `take`. All of it is
 * looked at before anything is moved: what cannot be stored (devices, links that are
 * absolute or lead out of the folder) is ERR_FORMAT, and everything is still there. */
int content_put(struct store *store, int folder, const char *path, bool take,
                struct content *content, struct error *err);

/* Several contents as one folder, each at its path in it, which no two share. */
struct content_member {
    const char *path;
    struct content content;
};
int content_gather(struct store *store, const struct content_member *members, size_t count,
                   struct content *content, struct error *err);

/* The tree of a folder, checked. */
int content_tree(struct store *store, const struct content *content, struct tree *tree,
                 struct error *err);

/* 0 where every blob of it is good, else as blob_check says of the first that is not, whose
 * digest `bad`, if not NULL, receives. Trees are read at any depth. */
int content_check(struct store *store, const struct content *content, enum store_depth depth,
                  struct digest *bad, struct error *err);
bool content_is_good(struct store *store, const struct content *content, enum store_depth depth,
                     struct digest *bad);

/* True where `path` holds exactly this, extra files and modes included. */
bool content_is_at(struct store *store, const struct content *content, const char *path,
                   enum store_depth depth);

#endif
