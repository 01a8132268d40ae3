/* Contents of the store, made visible in the file system. */
#ifndef STORE_MATERIALISE_H
#define STORE_MATERIALISE_H

#include "store/content.h"

/* Makes `path` hold exactly `content`: nothing happens where it does already,
 * else a reflink or copy appears by rename, in place of what was there.
 * *changed tells which. Files are read-only. */
int materialise(struct store *store, const struct content *content, const char *path, bool *changed,
                struct error *err);

/* Copies a file, or what a folder holds, into `folder`, beside what is there. */
int materialise_into(struct store *store, const struct content *content, const char *name,
                     const char *folder, struct error *err);

/* True where `folder` holds such copies. */
bool materialised_into(struct store *store, const struct content *content, const char *name,
                       const char *folder);

/* Lets a stage read it at `path`, which must not exist: symbolic links to the
 * read-only blobs, and copies of executables. Parents are made. */
int materialise_links(struct store *store, const struct content *content, const char *path,
                      struct error *err);

#endif
