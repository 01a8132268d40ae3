/* Files that commands name, each looked at once in a run: found, read for their
 * first line, hashed. A pipeline of many stages names few programs.
 *
 * What was found here holds for the keys of this run. That a file is still the
 * same when a stage uses it is checked there (work.h); programs_forget makes
 * the next look a fresh one. Safe to use from several threads.
 */
#ifndef RUNNER_PROGRAM_H
#define RUNNER_PROGRAM_H

#include "store/blob.h"

#include <sys/stat.h>

enum { PROGRAM_HEAD = 256 };

struct program {
    char *path; /* absolute, without links */
    struct digest digest;
    bool executable; /* for whoever runs it */
    char head[PROGRAM_HEAD + 1];
    size_t head_size;
};

struct programs;
int programs_new(struct store *store, struct programs **programs, struct error *err);
void programs_free(struct programs *programs);

/* A regular file at an absolute path. Valid until programs_free, also after programs_forget.
 * ERR_IO where it is no regular file or cannot be read; ERR_UNKNOWN where `depth` does not tell. */
int programs_find(struct programs *programs, const char *path, enum store_depth depth,
                  const struct program **program, struct error *err);

/* The first executable file of a name in the folders of a PATH, or NULL: valid until
 * programs_free. NULL with ERR_NONE in `err` where there is none. */
const char *programs_search(struct programs *programs, const char *variable, const char *name,
                            struct error *err);

/* Calls visit for each path that was looked at: with what was found there, or with NULL where a
 * search went on. */
typedef void programs_visit_fn(void *arg, const char *path, const struct program *program);
void programs_each(struct programs *programs, programs_visit_fn *visit, void *arg);

void programs_forget(struct programs *programs);

#endif
