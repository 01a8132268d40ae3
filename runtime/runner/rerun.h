/* A stage executed again, to see whether it gives the same bits: beside its project, in a store and
 * a work folder of its own, with empty scratch, and with another number of threads where it leaves
 * that open. Nothing of it is delivered, and its store goes with the rerun, or, after a kill, with
 * the temporary files of the next run.
 *
 *   struct rerun rerun;
 *   int result = rerun_execute(&jobs, index, threads, &watcher, &rerun, err);
 *   ... rerun.action, whose blobs are in rerun.store ...
 *   rerun_release(&rerun);
 */
#ifndef RUNNER_RERUN_H
#define RUNNER_RERUN_H

#include "runner/job.h"
#include "runner/watcher.h"

struct rerun {
    struct store *store;
    struct action *action; /* what the stage gave, or NULL where it failed */
    struct text failure;   /* then why */
    double seconds;
    char folder[STORE_PATH_SIZE];
};

/* How many threads to take where `recorded` made the result (0: unknown) and there are `all`: half
 * of them, two instead of one, and never more than the stage declares. */
int rerun_threads(const struct plan_stage *stage, int recorded, int all);

/* Every job of `jobs` is done; what is upstream of this one has its outs in the project's store.
 * Leaves the job as it was but for its key and components, which are made anew. -1 where the rerun
 * itself could not be, as when interrupted; rerun_release in any case. */
int rerun_execute(struct jobs *jobs, size_t index, int threads, const struct watcher *watcher,
                  struct rerun *rerun, struct error *err);
void rerun_release(struct rerun *rerun);

#endif
