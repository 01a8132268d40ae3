/* Blobs: read-only files named by the sha256 of their bytes. */
#ifndef STORE_BLOB_H
#define STORE_BLOB_H

#include "store/store.h"

#include <stdint.h>

/* How closely to look: what the memo knows of a file with the same stat, or
 * every byte. */
enum store_depth { STORE_BY_STAT, STORE_BY_READING };

/* Stores a regular file. `take` allows moving it: the bytes are then not
 * copied where the file system allows; else `path` is left as it is. A symbolic link, a
 * folder, a device, or a file that changes meanwhile is ERR_FORMAT. */
int blob_put_file(struct store *store, const char *path, bool take, struct digest *digest,
                  int64_t *size, struct error *err);
int blob_put_bytes(struct store *store, const void *data, size_t size, struct digest *digest,
                   struct error *err);

/* The digest of a file anywhere, read only where the memo does not know it. */
int blob_hash_file(struct store *store, const char *path, enum store_depth depth,
                   struct digest *digest, int64_t *size, struct error *err);

/* True where the blob is there, whole and unchanged. */
bool blob_is_good(struct store *store, const struct digest *digest, enum store_depth depth);

/* A blob of at most `limit` bytes, with a NUL after it, checked against its
 * digest: ERR_MISMATCH where it is damaged, ERR_IO where it is missing. free() it. */
int blob_read(struct store *store, const struct digest *digest, size_t limit, char **data,
              size_t *size, struct error *err);

/* Writes a copy to `path`, which must not exist: a reflink, or the bytes,
 * checked against the digest on the way. Mode 0555 where `executable`, else 0444. */
int blob_copy_to(struct store *store, const struct digest *digest, bool executable,
                 const char *path, struct error *err);

/* Copies any regular file to `to`, which must not exist, and hashes it on the
 * way. Read-only, and executable where `path` is. */
int blob_duplicate_file(const char *path, const char *to, struct digest *digest, int64_t *size,
                        struct error *err);

#endif
