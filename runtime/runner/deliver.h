/* Brings a stage's result from the store to where people look: its artifacts,
 * and what it publishes.
 *
 * artifacts/ belongs to the runner: what lies in the way there and is neither in
 * the lock nor in the store moves to cache/aside. Folders that outs are published
 * to are somebody's: a file there is replaced only where it is ours (ours.h) or
 * has the bytes already, and nothing is written through a link that leads out
 * of the project. artifacts/ itself may be a link to another disk.
 *
 * Jobs may be delivered from several threads at once.
 */
#ifndef RUNNER_DELIVER_H
#define RUNNER_DELIVER_H

#include "runner/job.h"

/* Before anything runs: ERR_USAGE where an out of a job that is asked for would be published over
 * a file that is not ours, or out of the project. Names inside of folders are known only later. */
int deliver_check(const struct jobs *jobs, struct error *err);

/* artifacts/<stage>/<path> of every out, and copies in `publish` folders. Sets
 * job->repaired where something had to be written, and says in job->notes what
 * moved aside. ERR_STAGE where a file in a publish folder is in the way: nothing
 * of it is lost. With settings.locked, a result that differs from the lock stays in the cache;
 * a passing project delivers nothing. */
int deliver(const struct project *project, struct job *job, struct error *err);

/* The first out of a job that is done whose artifact or published copy is
 * missing, or differs, or is claimed by another out; or NULL. */
const struct plan_out *deliver_missing(const struct project *project, const struct job *job);

/* Adds what a job that is done has in publish folders. */
int deliver_list(const struct project *project, const struct job *job, struct lock_names *names,
                 struct error *err);

#endif
