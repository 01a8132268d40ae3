/* A job as an entry of the lock file, and what differs between two entries. */
#ifndef RUNNER_LOCK_ENTRY_H
#define RUNNER_LOCK_ENTRY_H

#include "runner/job.h"

/* What a stage's entry says now: its cmd, files, deps, params, env and
 * fingerprint, from a job that has its key; its outs and what it publishes, where it is done. NULL
 * with an error. lock_stage_free() it. */
struct lock_stage *lock_entry_make(const struct jobs *jobs, const struct job *job,
                                   struct error *err);

/* Why the result of a job that is done was adopted, "" where it was made. */
const char *lock_entry_adopted(const struct job *job);

/* The fingerprint's lines among a key's components. */
void lock_entry_add_fingerprint(const char *components, struct text *lines);

enum lock_part {
    LOCK_CMD,
    LOCK_FILE, /* of cmd: another script, executable or interpreter */
    LOCK_DEP,
    LOCK_LINEAGE,
    LOCK_PARAMS,
    LOCK_ENV,
    LOCK_FINGERPRINT,
    LOCK_OUT, /* its name or path */
};

/* " --set a=1 --set b=2", or " no sets". */
void lock_add_sets(const json_t *sets, struct text *text);

/* Hears of each part that differs, with a line for people: "its params changed". */
typedef void lock_differs_fn(void *arg, enum lock_part part, const char *line);

/* Parts that an entry of schema 1 doesn't have are left out. */
void lock_entry_compare(const struct lock_stage *recorded, const struct lock_stage *now,
                        lock_differs_fn *differs, void *arg);

#endif
