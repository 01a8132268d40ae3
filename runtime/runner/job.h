/* One stage in one invocation of the runner: is it asked for, what is its key,
 * is its result there, and why not. Run, status, why and the dry run share it.
 */
#ifndef RUNNER_JOB_H
#define RUNNER_JOB_H

#include "runner/key.h"
#include "runner/project.h"
#include "store/action.h"

enum job_state {
    JOB_OUTSIDE, /* not asked for */
    JOB_WAITING, /* for stages upstream */
    JOB_STALE,   /* has a key and no result: must execute */
    JOB_UNKNOWN, /* a stage upstream must execute first, so there is no key yet */
    JOB_RUNNING,
    JOB_CACHED,   /* result found */
    JOB_EXECUTED, /* result made now */
    JOB_FAILED,
    JOB_SKIPPED, /* a stage upstream failed, or the run stopped */
};

struct job {
    const struct plan_stage *stage;
    size_t index;
    enum job_state state;
    bool forced;
    struct invocation invocation;
    struct key_dep *deps; /* as in the stage; `lineage` at the end where it has one */
    size_t dep_count;
    char *lineage; /* JSON text, or NULL */
    struct text components;
    struct digest key; /* of components; not set in JOB_UNKNOWN */
    struct action *action;
    struct text reason; /* why it must execute, for people */
    bool repaired;      /* artifacts were brought back */
    double seconds;
    struct text failure; /* what went wrong, for the record */
    struct text notes;   /* of its delivery: lines for people */
};

struct jobs {
    struct project *project;
    struct job *list; /* in the order of the plan */
    size_t count;
};

/* Marks the stages of `words` and all upstream of them, or all stages. */
int jobs_init(struct project *project, const char *const *words, size_t count, bool force,
              struct jobs *jobs, struct error *err);
void jobs_release(struct jobs *jobs);

/* For a job whose upstream jobs are decided: computes components and key and
 * looks for the result. Leaves it CACHED, STALE or UNKNOWN. */
int job_prepare(struct jobs *jobs, size_t index, struct error *err);

/* Looks for the action of a key that is known; CACHED where it is whole. */
int job_look_up(struct jobs *jobs, size_t index, struct error *err);

/* Prepares every job that is asked for, without executing any. */
int jobs_prepare_all(struct jobs *jobs, struct error *err);

/* True where the job has its result: CACHED or EXECUTED. */
bool job_is_done(const struct job *job);

/* "cached", "would run", ... */
const char *job_state_name(enum job_state state);

/* The components that the stage's entry in the lock file was made from; NULL
 * where there is none. free() it. */
int job_recorded_components(const struct project *project, const char *stage, char **components,
                            struct error *err);

#endif
