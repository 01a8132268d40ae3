/* What a subcommand works on: the plan, the store, the lock file, and where
 * things lie in the project's folder.
 */
#ifndef RUNNER_PROJECT_H
#define RUNNER_PROJECT_H

#include "plan/plan.h"
#include "runner/lock_reader.h"
#include "runner/namespaces.h"
#include "runner/ours.h"
#include "store/store.h"

#include <stdatomic.h>

/* What stages may do while they run: sandbox.h. */
enum sandbox_mode {
    SANDBOX_OFF,
    SANDBOX_AUTO,    /* as far as the kernel goes */
    SANDBOX_REQUIRE, /* all of it, or nothing runs */
    SANDBOX_TRACE,   /* nothing is refused, and what is read is told */
};

/* What the caller asks for. The texts stay the caller's. */
struct project_settings {
    const char *folder;  /* to work in, or NULL */
    const char *file;    /* of the pipeline; NULL: pipeline.yaml, here or further up */
    const char *profile; /* NULL: the file's default */
    const char **sets;   /* a.b=value */
    size_t set_count;
    const char *device;  /* auto, cpu or cuda */
    int jobs;            /* processors to use, at least 1 */
    bool keep_going;     /* after a failure, run what does not depend on it */
    bool keep_work;      /* keep the work folder of each executed stage */
    const char *sandbox; /* off, auto, require or trace; NULL: off */
    bool without_data;   /* files that are deps need not be there */
    bool locked;         /* deliver nothing that differs from the lock file, and leave that alone */
};

struct project {
    struct project_settings settings;
    struct plan *plan;
    struct store *store;
    struct store *lasting; /* has what stages read and keeps the logs of failures: `store`, but for
                              a stage that is executed again beside the project (rerun.h) */
    struct lock_reader *lock;
    struct ours *ours;
    char *artifacts, *runs;
    char *found_file;                  /* settings.file, where it was looked for */
    struct ignore *ignore;             /* names that do not count in folder deps */
    struct launcher *launcher;         /* the caller's, or NULL */
    struct executables *programs;      /* those that commands name, as found in this run */
    struct answers *answers;           /* of programs to questions */
    enum sandbox_mode sandbox;         /* what stages may do */
    struct namespaces_here namespaces; /* in which they do it */
    int memory_groups; /* for stages with a limit of memory (memory_group.h); -1: none */
    atomic_int untidy; /* not 0: something that should be gone could not be removed */
    atomic_int stop;   /* not 0: hashing, copying and asking end with ERR_INTERRUPTED */
};

/* A project beside another: what it makes goes when it ends. */
static inline bool project_is_passing(const struct project *project)
{
    return project->store != project->lasting;
}

static inline bool project_is_stopping(const struct project *project)
{
    return atomic_load_explicit(&project->stop, memory_order_relaxed) != 0;
}

/* What the plan is read under where `settings` name no profile and no sets. */
enum project_view {
    PROJECT_AS_ASKED,    /* the file's default profile */
    PROJECT_DELIVERED,   /* the profile of what lies in artifacts/ */
    PROJECT_AS_RECORDED, /* that profile, and the sets that the lock has for it, if it takes them */
    PROJECT_EXACTLY_AS_RECORDED, /* the same, or an error */
};

/* Before a run: ERR_USAGE where results and records could not be written, as where a file lies in
 * place of one of their folders. */
int project_check_places(const struct project *project, struct error *err);

/* Goes to the folder that `settings` name, and finds the file where they name none; then they name
 * neither the one nor lack the other. *found_file, which may be NULL, is to be freed after them.
 * project_open does the same where it was not done. */
int project_enter(struct project_settings *settings, char **found_file, struct error *err);

int project_open(const struct project_settings *settings, enum project_view view,
                 struct project *project, struct error *err);
void project_close(struct project *project);

/* Before stages are executed: by the launcher, and under the limits that are to be had here. */
void project_use_launcher(struct project *project, struct launcher *launcher);

/* Whether any stage has a limit of memory; and whether one is of all its processes together. */
bool project_limits_memory(const struct project *project);
bool project_limits_memory_of_all(const struct project *project);

/* artifacts/<stage>/<path>, or NULL. free() it. */
char *project_artifact(const struct project *project, const char *stage, const char *path,
                       struct error *err);

#endif
