/* The paths that a stage named in system calls and that its rules do not cover: bounded, in memory
 * that the runner makes, the keeper fills (supervisor.h) and the runner reads when all has ended.
 * Each path is there once. Paths are as the stage wrote them, made absolute, with "." and ".." gone
 * by their text alone.
 *
 *   runner   tried_new ─► tried_add_rule ... ─► started, ended ─► tried_next ... ─► tried_free
 *   keeper   tried_map ─► tried_hear ...; allocates nothing
 */
#ifndef RUNNER_TRIED_H
#define RUNNER_TRIED_H

#include "base/error.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum { TRIED_PATH = PATH_MAX };

enum tried_rule {
    TRIED_READ = 'r',  /* an absolute path and all below: may be read */
    TRIED_WRITE = 'w', /* may be read and written */
    TRIED_EMPTY = 'e', /* the stage has its own of it, which begins empty; of the machine's own it
                          may reach what rules for longer paths say */
    TRIED_OWN = 'o',   /* in the stage's folder, relative to it: nobody asks what happens there */
    TRIED_DEP = 'd',   /* the same, but that something of it was read is noted, as this path */
};

enum tried_access {
    TRIED_READS = 1,
    TRIED_WRITES = 2,
    TRIED_MAKES = 4, /* need not be there */
};

struct tried;

/* For a stage that works in `folder`, an absolute path as the stage itself knows it. *fd is for the
 * keeper. */
int tried_new(const char *folder, struct tried **tried, int *fd, struct error *err);
void tried_free(struct tried *tried);
/* False where there is no room for more: then paths are noted that need not be. */
bool tried_add_rule(struct tried *tried, enum tried_rule rule, const char *path);
/* The same of many, each its letter and its path with a NUL. */
void tried_add_rules(struct tried *tried, const char *rules, size_t size);

/* What lies behind a folder in a path below it, "" for the folder itself, NULL for another. */
const char *tried_below(const char *path, const char *folder);
/* The folder of a TRIED_EMPTY that an absolute path lies in, or NULL. */
const char *tried_empty(const struct tried *tried, const char *path);
/* Whether a socket there is one that its rules mean: where they let it write, as in shared memory,
 * others' may lie. */
bool tried_reaches(const struct tried *tried, const char *path);
/* Whether an absolute path may be read, or written. */
bool tried_allows(const struct tried *tried, const char *path, bool write);

/* NULL where it cannot be mapped. */
struct tried *tried_map(int fd);
/* `folder` is a descriptor of the stage's folder. In the stage's mount tree. Changes `path`. */
void tried_hear(struct tried *tried, int folder, char path[TRIED_PATH], unsigned access);
/* From then on paths are heard. */
void tried_begin(struct tried *tried);

struct tried_path {
    const char *path; /* absolute, or, where `own`, relative to the stage's folder */
    bool own;         /* not there for the stage, or a TRIED_DEP */
    unsigned access;
};
/* From *at = 0 on; false at the end. */
bool tried_next(const struct tried *tried, size_t *at, struct tried_path *path);
/* Whether paths were heard at all, */
bool tried_has_begun(const struct tried *tried);
/* and all of them were kept. */
bool tried_is_whole(const struct tried *tried);

#endif
