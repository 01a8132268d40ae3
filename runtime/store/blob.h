/* Blobs: read-only files named by the sha256 of their bytes. All have one
 * modification time, BLOB_TIME, so that whoever writes to one later shows.
 */
#ifndef STORE_BLOB_H
#define STORE_BLOB_H

#include "store/store.h"

#include <stdint.h>
#include <sys/stat.h>

/* 1980-01-02: the first day that archives of every kind can tell. */
enum { BLOB_TIME = 315619200 };

/* How closely to look: only at what the memo knows of a file with the same stat, and
 * ERR_UNKNOWN where it knows nothing; at the bytes, too, where it knows nothing; at the bytes. */
enum store_depth { STORE_BY_MEMO, STORE_BY_STAT, STORE_BY_READING };

/* Stores a regular file below `folder`, an open directory, where no link is followed
 * (beneath.h); AT_FDCWD takes a path of our own. `take` allows moving it: the bytes are then
 * not copied where the file system allows, and the file is read-only from then on; else it is
 * left as it is. What is hashed is what is stored: a file that another process has open for
 * writing is copied, and the copy is hashed. A link, a folder, a device, or a file that
 * changes meanwhile is ERR_FORMAT. */
int blob_put_file(struct store *store, int folder, const char *path, bool take,
                  struct digest *digest, int64_t *size, struct error *err);

/* The bytes of an open regular file, from its start; its offset stays. `path` is for messages. */
int blob_put_descriptor(struct store *store, int fd, const char *path, struct digest *digest,
                        int64_t *size, struct error *err);

int blob_put_bytes(struct store *store, const void *data, size_t size, struct digest *digest,
                   struct error *err);

/* The digest of a regular file anywhere. A link as its last part is ERR_FORMAT. */
int blob_hash_file(struct store *store, const char *path, enum store_depth depth,
                   struct digest *digest, int64_t *size, struct error *err);

/* The same of an open file whose stat is `st`. Never remembered while anyone has it open for
 * writing. */
int blob_hash_descriptor(struct store *store, int fd, const struct stat *st, const char *path,
                         enum store_depth depth, struct digest *digest, int64_t *size,
                         struct error *err);

/* 0 where the blob is there, whole and unchanged. Else ERR_IO where it is missing, ERR_MISMATCH
 * where it is damaged, ERR_UNKNOWN, or why it could not be told. */
int blob_check(struct store *store, const struct digest *digest, enum store_depth depth,
               struct error *err);
bool blob_is_good(struct store *store, const struct digest *digest, enum store_depth depth);

/* A blob of at most `limit` bytes, with a NUL after it, checked against its
 * digest: ERR_MISMATCH where it is damaged, ERR_IO where it is missing. free() it. */
int blob_read(struct store *store, const struct digest *digest, size_t limit, char **data,
              size_t *size, struct error *err);

/* Writes a copy to `path`, which must not exist: a reflink, or the bytes,
 * checked against the digest on the way. Mode 0555 where `executable`, else 0444. */
int blob_copy_to(struct store *store, const struct digest *digest, bool executable,
                 const char *path, struct error *err);

/* Copies the open regular file `from` to `to`, which must not exist, and hashes what was
 * copied. Read-only, executable where `from` is, of BLOB_TIME. */
int blob_duplicate(struct store *store, int from, const char *path, const char *to,
                   struct digest *digest, int64_t *size, struct error *err);

#endif
