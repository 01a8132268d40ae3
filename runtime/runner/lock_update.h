/* Writes what a run found and made into pipeline.lock: it is read, merged and
 * written under one lock of the store, so that runs at the same time keep each
 * other's entries.
 *
 *   - entries of this profile's stages that the run finished are new; others stay;
 *   - stages that the pipeline no longer has go, with what they left (leftover.h);
 *   - sections of other profiles stay;
 *   - `sets` are those of the run that wrote last.
 *
 * A run that found all as the lock has it neither reads nor writes it:
 * cache/lock-stamp tells by the digest of the file and one over all keys and outs.
 */
#ifndef RUNNER_LOCK_UPDATE_H
#define RUNNER_LOCK_UPDATE_H

#include "runner/job.h"

/* `notes` gets lines for people: results that changed under an unchanged key, and what
 * stays of earlier runs. */
int lock_update(struct jobs *jobs, struct text *notes, struct error *err);

/* Before a run: the ERR_USAGE of lockfile_read where there is a lock that can't be read. Costs
 * one stat where it is as the last run left it. */
int lock_check_readable(struct project *project, struct error *err);

#endif
