/* One stage in one invocation of the runner: is it asked for, what is its key,
 * is its result there, and why not. Run, status, why and the dry run share it;
 * prepare.h finds the answers.
 *
 *   OUTSIDE   not asked for
 *   WAITING ─► PREPARING ─► CACHED | STALE | UNKNOWN | FAILED
 *   STALE ─► RUNNING ─► STORING ─► EXECUTED | FAILED | SKIPPED    the schedule moves it
 *   RUNNING, STORING ─► WAITING        where what its key names changed before it began
 */
#ifndef RUNNER_JOB_H
#define RUNNER_JOB_H

#include "runner/key.h"
#include "runner/project.h"
#include "store/action.h"

enum job_state {
    JOB_OUTSIDE,   /* not asked for */
    JOB_WAITING,   /* for stages upstream */
    JOB_STALE,     /* has a key and no result: must execute */
    JOB_UNKNOWN,   /* a stage upstream must execute first, so there is no key yet */
    JOB_PREPARING, /* a worker finds out */
    JOB_RUNNING,
    JOB_STORING,  /* its process ended well; a worker stores the result */
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
    bool invoked; /* `invocation` is there */
    struct invocation invocation;
    struct key_dep *deps; /* as in the stage; `lineage` at the end where it has one */
    size_t dep_count;
    char *lineage; /* JSON text, or NULL */
    struct text components;
    struct digest key; /* of components; not set in JOB_UNKNOWN */
    struct action *action;
    struct text reason; /* why it must execute, for people */
    bool repaired;      /* artifacts were brought back */
    double began;       /* its execution, of attempt_now's clock; 0: none */
    double seconds;
    struct text failure; /* what went wrong, for the record */
    struct text notes;   /* of its delivery: lines for people */
    json_t *trace;       /* what it read undeclared (trespass.h), where it was traced, or NULL */
};

struct jobs {
    struct project *project;
    struct job *list; /* in the order of the plan */
    size_t count;
    struct table looked_at; /* paths of deps that can be taken, as far as a look at them tells */
};

/* Marks the stages of `words` and all upstream of them, or all stages. */
int jobs_init(struct project *project, const char *const *words, size_t count, bool force,
              struct jobs *jobs, struct error *err);
void jobs_release(struct jobs *jobs);

/* True where the job has its result: CACHED or EXECUTED. */
bool job_is_done(const struct job *job);

/* "cached", "would run", ... */
const char *job_state_name(enum job_state state);

#endif
