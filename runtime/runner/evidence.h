/* What an answer about files rests on: for each path, what stat(2) told when the answer was
 * found. While all of it stands, the answer does, and nothing need be read.
 *
 * The evidence is that of the memo (store/memo.h): device, inode, size, and both times to the
 * nanosecond. What changed so shortly before the answer was sought that it could have changed
 * again unseen is none; then there is no evidence at all, and the answer is found anew.
 *
 * Order of use: evidence_new, evidence_add..., evidence_settle, evidence_data; later, on the data,
 * evidence_stands.
 */
#ifndef RUNNER_EVIDENCE_H
#define RUNNER_EVIDENCE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum evidence_kind {
    EVIDENCE_ITSELF, /* the file, folder or link is the same, and unchanged */
    EVIDENCE_TARGET, /* the same of what a link leads to */
    EVIDENCE_RUNS,   /* and we may run it */
    EVIDENCE_PLACE,  /* a folder or link on the way is the same, whatever it holds; its mode, too */
    EVIDENCE_NO_FILE, /* no regular file is there */
    EVIDENCE_NOTHING, /* nothing is there */
    EVIDENCE_KINDS,
};

/* One line; plain data that lies in a file as it is. */
struct evidence_item {
    uint64_t device, inode;
    int64_t size, mtime, ctime;
    uint32_t mode;
    uint8_t kind, base;
    uint16_t zero;
    uint64_t path; /* where it begins in the paths */
};

struct evidence;

/* `folder` is absolute: paths in it are kept relative to it, so that they are short. `start` is
 * when the answer began to be sought. */
struct evidence *evidence_new(const char *folder, const struct timespec *start, struct error *err);
void evidence_free(struct evidence *evidence);

/* An absolute path. What cannot be evidence is remembered: evidence_settle tells. */
void evidence_add(struct evidence *evidence, enum evidence_kind kind, const char *path);

/* The folders that lead to `path`, as places; those that are not there, as nothing. */
void evidence_add_way(struct evidence *evidence, const char *path);

/* False where something was too fresh, not there, or not the same twice. */
bool evidence_settle(struct evidence *evidence);

/* Valid until evidence_free. */
struct evidence_data {
    const struct evidence_item *items;
    size_t count;
    const char *paths; /* each with a NUL */
    size_t size;
};
struct evidence_data evidence_data(const struct evidence *evidence);

/* True where every line stands. `folder` is where the paths now begin. The data may come from
 * anywhere: what makes no sense does not stand. */
bool evidence_stands(const struct evidence_data *data, const char *folder);

#endif
