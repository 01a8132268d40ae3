/* The lock file of a project as this process sees it: read when somebody first
 * asks for an entry, so that a run with nothing to do needn't. From any thread.
 */
#ifndef RUNNER_LOCK_READER_H
#define RUNNER_LOCK_READER_H

#include "runner/lockfile.h"

struct lock_reader;

/* `path` is copied. */
struct lock_reader *lock_reader_new(const char *path, struct error *err);
void lock_reader_free(struct lock_reader *reader);

const char *lock_reader_path(const struct lock_reader *reader);

/* The lock, or NULL where there is no file; good until lock_reader_free(). A
 * file that can't be read gives the same ERR_USAGE each time. */
int lock_reader_get(struct lock_reader *reader, const struct lock **lock, struct error *err);

/* The entry of a stage in a profile's section, or NULL. */
int lock_reader_find(struct lock_reader *reader, const char *profile, const char *stage,
                     const struct lock_stage **entry, struct error *err);

/* The same for what only explains: NULL, too, where the file can't be read. */
const struct lock_stage *lock_reader_peek(struct lock_reader *reader, const char *profile,
                                          const char *stage);

#endif
