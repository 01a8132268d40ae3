/* Which files in folders of the project are the runner's own, so that it may
 * replace and remove them: those that the lock file lists as published, in the
 * section of any profile, and those of the delivery record, which is written
 * before a copy is, so that a run that was killed leaves nothing unknown.
 * Everything else is somebody's. From any thread.
 *
 *   cache/published     "<64 hex> name" a line, escaped as in lockfile.h; the last of a name holds
 *   cache/delivered.json   {"profile", "sets"} of what lies in artifacts/
 */
#ifndef RUNNER_OURS_H
#define RUNNER_OURS_H

#include "plan/plan.h"
#include "runner/lock_reader.h"

struct ours;

/* Reads nothing yet. All must outlive it. */
struct ours *ours_new(const struct plan *plan, struct store *store, struct lock_reader *lock,
                      struct error *err);
void ours_free(struct ours *ours);

/* *digest is what was published as `name` (relative to the project) last; *is_ours false: nothing
 * was. */
int ours_find(struct ours *ours, const char *name, bool *is_ours, struct digest *digest,
              struct error *err);

/* To be called before copies appear. */
int ours_add(struct ours *ours, const struct lock_names *names, struct error *err);

/* Copies that appeared in this run, by who made them. -1 with ERR_STAGE, naming both, where another
 * out of this run published other bytes as one of the names. `who` is "stage.out". */
int ours_claim(struct ours *ours, const char *who, const struct lock_names *names,
               struct error *err);

/* The record holds what the lock lists and what was added in this run, and nothing else. */
int ours_settle(struct ours *ours, const struct lock *lock, struct error *err);

/* What lies in artifacts/: written before the first delivery of a run, and read by verify;
 * *profile is NULL where nothing is recorded. `cache` is the store's folder. */
int ours_write_delivered(const struct plan *plan, struct store *store, struct error *err);
int ours_read_delivered(const char *cache, char **profile, struct error *err);

#endif
