/* What was written and is not yet known to be on the disk. Writers only say
 * so; one flush makes all of it durable: a few files by fsync, with their
 * folders, many by syncfs. Threads that flush at once share the work.
 */
#ifndef STORE_FLUSH_H
#define STORE_FLUSH_H

#include "base/error.h"

#include <stdbool.h>

struct flush;

struct flush *flush_new(struct error *err);
void flush_free(struct flush *flush);

/* A file or folder got its name `path` (absolute): its bytes and its name want flushing. */
void flush_add(struct flush *flush, const char *path);

/* Only the names in a folder changed. */
void flush_add_folder(struct flush *flush, const char *folder);

/* Everything added before the call is durable when it returns 0. After a failure all of it
 * counts as not flushed. */
int flush_all(struct flush *flush, struct error *err);

bool flush_is_pending(struct flush *flush);

#endif
