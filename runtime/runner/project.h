/* What a subcommand works on: the plan, the store, the lock file, and where
 * things lie in the project's folder.
 */
#ifndef RUNNER_PROJECT_H
#define RUNNER_PROJECT_H

#include "plan/plan.h"
#include "runner/fingerprint.h"
#include "runner/lock_reader.h"
#include "runner/ours.h"
#include "store/store.h"

/* What the caller asks for. The texts stay the caller's. */
struct project_settings {
    const char *folder;  /* to work in, or NULL */
    const char *file;    /* of the pipeline */
    const char *profile; /* NULL: the file's default */
    const char **sets;   /* a.b=value */
    size_t set_count;
    const char *device; /* auto, cpu or cuda */
    int jobs;           /* processors to use, at least 1 */
    bool keep_going;    /* after a failure, run what does not depend on it */
    bool keep_work;     /* keep the work folder of each executed stage */
    bool locked;        /* deliver nothing that differs from the lock file, and leave that alone */
};

struct project {
    struct project_settings settings;
    struct plan *plan;
    struct store *store;
    struct lock_reader *lock;
    struct ours *ours;
    char *artifacts, *runs;
    struct fingerprints *fingerprints;
};

/* What the plan is read under where `settings` name no profile and no sets. */
enum project_view {
    PROJECT_AS_ASKED,    /* the file's default profile */
    PROJECT_DELIVERED,   /* the profile of what lies in artifacts/ */
    PROJECT_AS_RECORDED, /* that profile, and the sets that the lock has for it */
};

int project_open(const struct project_settings *settings, enum project_view view,
                 struct project *project, struct error *err);
void project_close(struct project *project);

/* artifacts/<stage>/<path>, or NULL. free() it. */
char *project_artifact(const struct project *project, const char *stage, const char *path,
                       struct error *err);

#endif
