/* Contents of the store, made visible in the file system. */
#ifndef STORE_MATERIALISE_H
#define STORE_MATERIALISE_H

#include "store/content.h"

/* Makes `path` hold exactly `content`: nothing happens where it does already,
 * else a reflink or copy appears by rename, in place of what was there.
 * *changed tells which. Files are read-only. */
int materialise(struct store *store, const struct content *content, const char *path, bool *changed,
                struct error *err);

/* True where `path` holds it, and a killed process left nothing beside it. */
bool materialise_is_done(struct store *store, const struct content *content, const char *path,
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

/* Lets a stage read it at `path`, which must not exist: symbolic links to the
 * read-only blobs, and copies of executables. Parents are made. */
int materialise_links(struct store *store, const struct content *content, const char *path,
                      struct error *err);

#endif
