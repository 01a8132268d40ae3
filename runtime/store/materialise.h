/* Contents of the store, made visible in the file system: delivered for people,
 * and laid out for a stage to read.
 */
#ifndef STORE_MATERIALISE_H
#define STORE_MATERIALISE_H

#include "store/content.h"

/* Makes `path` hold exactly `content`: nothing happens where it does already,
 * else a reflink or copy appears by rename, in place of what was there.
 * *changed tells which. Files are read-only. Durable after the next store_flush. */
int materialise(struct store *store, const struct content *content, const char *path, bool *changed,
                struct error *err);

/* True where `path` holds it, and a killed process left nothing beside it. */
bool materialise_is_done(struct store *store, const struct content *content, const char *path,
                         enum store_depth depth);

/* The same for one entry of a folder's tree: a file, a link or an empty folder. */
int materialise_entry(struct store *store, const struct tree_entry *entry, const char *path,
                      struct error *err);
bool materialise_has_entry(struct store *store, const struct tree_entry *entry, const char *path,
                           enum store_depth depth);

/* Copies a file, or what a folder holds, into `folder`, beside what is there. */
int materialise_into(struct store *store, const struct content *content, const char *name,
                     const char *folder, struct error *err);

/* Holds such copies against the content. `visit`, if not NULL, hears of each
 * that is missing or differs, by its path in `folder`; *count is how many. */
typedef void materialise_differs_fn(void *arg, const char *path, bool missing);
int materialise_compare(struct store *store, const struct content *content, const char *name,
                        const char *folder, enum store_depth depth, materialise_differs_fn *visit,
                        void *arg, size_t *count, struct error *err);

/* ---- for a stage ----
 *
 * Lets a stage read it at `path`, which must not exist: real folders, regular files of
 * BLOB_TIME that are read-only, and a tree's own relative links. A file is a reflink of its
 * blob where the file system can, else a second name of it (a hard link), else a copy, as
 * executables always are. Parents are made.
 * `own`: never a second name, so that whatever the stage does to it, the store is untouched.
 *
 * A second name changes the blob's change time. The memo follows where only that moved; where
 * anything else did, or somebody else's hand is possible, the blob is read again. */
int materialise_dep(struct store *store, const struct content *content, const char *path, bool own,
                    struct error *err);

/* After the stage: ERR_STAGE naming a file that it changed. A blob that was changed through
 * its second name is a miss from then on. Missing files are the stage's own affair. */
int materialise_dep_check(struct store *store, const struct content *content, const char *path,
                          struct error *err);

/* Removes it, and remembers blobs that only lost a name. */
int materialise_dep_remove(struct store *store, const struct content *content, const char *path,
                           struct error *err);

#endif
