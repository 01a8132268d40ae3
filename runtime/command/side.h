/* One of the two that `reprise diff` compares: what a run, a profile, a lock file or a revision of
 * git says of each stage, and what the cache still has of it.
 *
 *   last, last~N, an id       a run in reports/runs, the latest or the N-th before it
 *   the name of a profile     its section of the project's lock file
 *   a file                    a lock file; the section of the project's profile
 *   any other word            a revision of git, whose lock file is read; the same section
 */
#ifndef COMMAND_SIDE_H
#define COMMAND_SIDE_H

#include "runner/project.h"
#include "store/action.h"

struct side_stage {
    char *name;
    struct digest key;
    char *components;        /* of the key (key.h); NULL where nothing tells any more */
    char *from_lock;         /* the same as a lock has it; NULL of a run */
    struct action *action;   /* NULL: not in the cache, or of a run another by now */
    struct action_out *outs; /* borrowed from action, or owned: those of the lock */
    size_t out_count;
    bool cached;     /* of a run: its result was there already */
    json_t *metrics; /* {out: {...}} of the outs that the plan calls metrics, where the cache has
                        them; else, of a run, what its record kept under "" */
};

struct side {
    char *name;    /* as it may be shown: "run 1f2e3d4c", "profile sample", "HEAD~1" */
    char *started; /* of a run; else "" */
    char *profile;
    json_t *sets; /* object: what --set gave */
    struct side_stage *stages;
    size_t count, capacity;
};

/* Among these records (record_read_all). ERR_USAGE where the word means nothing of that, with what
 * it may be. */
int side_open(const struct project *project, const json_t *records, const char *word,
              struct side *side, struct error *err);
void side_release(struct side *side);

/* The stage of a name, or NULL. */
const struct side_stage *side_find(const struct side *side, const char *name);
/* The out of a name, or NULL; of NULL, too. */
const struct content *side_out(const struct side_stage *stage, const char *name);

#endif
