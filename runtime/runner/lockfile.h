/* pipeline.lock: what the last complete run was made of and what it made. It
 * is committed to git, and `reprise verify` holds the project against it.
 * Equal locks give equal bytes: stages, deps, outs and params are sorted.
 *
 *   # comment
 *   schema: '1'
 *   profile: sample
 *   sets: {}                      what --set gave
 *   stages:
 *     split:
 *       cmd: [build/stages/split]
 *       key: <64 hex>
 *       deps:
 *         dataset:
 *           from: download.dataset
 *           digest: <64 hex>
 *           size: 123
 *           folder: true
 *       params:
 *         seed: 42
 *       outs:
 *         splits:
 *           path: splits
 *           digest: <64 hex>
 *           size: 456
 *
 * `folder` is there only where it is true.
 */
#ifndef RUNNER_LOCKFILE_H
#define RUNNER_LOCKFILE_H

#include "base/digest.h"
#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A dep or an out. */
struct lock_item {
    char *name;
    char *path; /* of an out: in the stage's folder; of a dep: "stage.out" or a file */
    struct digest digest;
    int64_t size; /* bytes; of a folder: of all files in it */
    bool folder;
};

struct lock_stage {
    char *name;
    json_t *cmd;    /* array of words */
    json_t *params; /* object */
    struct digest key;
    struct lock_item *deps;
    size_t dep_count, dep_capacity;
    struct lock_item *outs;
    size_t out_count, out_capacity;
};

struct lock {
    char *profile;
    json_t *sets; /* object */
    struct lock_stage *stages;
    size_t count, capacity;
};

/* Building one: texts are copied, JSON values are shared (their reference
 * count goes up). `argv` ends with NULL. A stage that lock_add_stage returns
 * stays valid until the next one is added; NULL with ERR_MEMORY. */
struct lock *lock_new(const char *profile, json_t *sets, struct error *err);
struct lock_stage *lock_add_stage(struct lock *lock, const char *name, char *const *argv,
                                  json_t *params, const struct digest *key, struct error *err);
int lock_add_dep(struct lock_stage *stage, const char *name, const char *from,
                 const struct digest *digest, int64_t size, bool folder, struct error *err);
int lock_add_out(struct lock_stage *stage, const char *name, const char *path,
                 const struct digest *digest, int64_t size, bool folder, struct error *err);
void lock_free(struct lock *lock);

/* The entry of a name, or NULL. */
const struct lock_stage *lock_find(const struct lock *lock, const char *stage);
const struct lock_item *lock_find_dep(const struct lock_stage *stage, const char *name);
const struct lock_item *lock_find_out(const struct lock_stage *stage, const char *name);

/* Writes through a temporary file. Reading gives what was written; anything
 * wrong is ERR_FORMAT with `file:line:col: ` in front, no file is ERR_IO. */
int lockfile_write(const char *path, const struct lock *lock, struct error *err);
int lockfile_read(const char *path, struct lock **lock, struct error *err);

#endif
