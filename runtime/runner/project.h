/* What a subcommand works on: the plan, the store, the lock file, and where
 * things lie in the project's folder.
 */
#ifndef RUNNER_PROJECT_H
#define RUNNER_PROJECT_H

#include "runner/fingerprint.h"
#include "runner/lockfile.h"
#include "runner/options.h"
#include "runner/plan.h"
#include "store/store.h"

struct project {
    const struct options *options;
    struct plan *plan;
    struct store *store;
    struct lock *lock; /* NULL where there is no lock file */
    char *lock_path, *artifacts, *runs;
    struct fingerprints *fingerprints;
};

/* Reads the plan under the command line's profile and --set, or, where
 * `recorded` and the command line has neither, under those of the lock file. */
int project_open(const struct options *options, bool recorded, struct project *project,
                 struct error *err);
void project_close(struct project *project);

/* artifacts/<stage>/<path>, or NULL. free() it. */
char *project_artifact(const struct project *project, const char *stage, const char *path,
                       struct error *err);

#endif
