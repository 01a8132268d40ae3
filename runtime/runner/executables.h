/* Files that commands name, each looked at once in a run: found, read for their
 * first line, hashed. A pipeline of many stages names few programs.
 *
 * What was found here holds for the keys of this run. That a file is still the
 * same when a stage uses it is checked there (work.h); executables_forget makes
 * the next look a fresh one. Safe to use from several threads.
 */
#ifndef RUNNER_EXECUTABLES_H
#define RUNNER_EXECUTABLES_H

#include "store/blob.h"

#include <sys/stat.h>

enum { EXECUTABLE_HEAD = 256 };

struct executable {
    char *path; /* absolute, without links */
    struct digest digest;
    bool executable; /* for whoever runs it */
    char head[EXECUTABLE_HEAD + 1];
    size_t head_size;
};

struct executables;
int executables_new(struct store *store, struct executables **programs, struct error *err);
void executables_free(struct executables *programs);

/* A regular file at an absolute path. Valid until executables_free, also after executables_forget.
 * ERR_IO where it is no regular file or cannot be read; ERR_UNKNOWN where `depth` does not tell. */
int executables_find(struct executables *programs, const char *path, enum store_depth depth,
                     const struct executable **program, struct error *err);

/* The first executable file of a name in the folders of a PATH, or NULL: valid until
 * executables_free. NULL with ERR_NONE in `err` where there is none. */
const char *executables_search(struct executables *programs, const char *variable, const char *name,
                               struct error *err);

/* Calls visit for each path that was looked at: with what was found there, or with NULL where a
 * search went on. */
typedef void executables_visit_fn(void *arg, const char *path, const struct executable *program);
void executables_each(struct executables *programs, executables_visit_fn *visit, void *arg);

void executables_forget(struct executables *programs);

#endif
