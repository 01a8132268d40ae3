/* What the levels of `verify` share: what was checked, and what was found. */
#ifndef COMMAND_VERIFICATION_H
#define COMMAND_VERIFICATION_H

#include "command/options.h"
#include "provenance/signing_key.h"
#include "runner/job.h"

struct verification {
    const struct options *options;
    struct project *project;
    const struct lock *lock;
    const struct lock_section *section; /* of the plan's profile */
    struct jobs jobs;                   /* one a stage, with what the lock says of it */
    json_t *problems;                   /* [{"level", "subject", "problem"}] */
    json_t *cases;                      /* what was checked, see verification_case() */
    json_t *elsewhere;                  /* stages made on another machine, */
    bool *another_machine;              /* by job: those, */
    bool *made_elsewhere;               /* and what is downstream of them */
    json_t *adopted;                    /* or not made under their key, */
    json_t *left;                       /* and what is left over, as texts */
    const struct signing_key *key;      /* that signatures must be of, or NULL */
    size_t unread;                      /* deps that were taken from the lock file */
    size_t stale, mismatches;
    size_t artifacts, copies, blobs, requirements; /* checked */
    size_t attested, signed_models, refused;       /* signatures: good ones of both, and others */
    bool *chosen;                                  /* by job: to be executed again */
    size_t drawn;                                  /* of those so many at most */
    json_t *rerun;                                 /* what became of them */
    size_t reproduced, not_reproduced; /* how many gave the same bits, and how many did not */
    size_t confirmed;                  /* that were adopted until then */
    bool no_cache, no_memory;
};

/* Begins the check of something of a stage: {"level", "stage", "name", "problems": [{"type",
 * "text"}], "notes": [text]}. What is then reported of that level and stage is said of it. */
void verification_case(struct verification *check, const char *level, const char *stage,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));
/* A problem of the case that was begun last. */
void verification_case_fails(struct verification *check, const char *type, const char *problem);

/* Prints a line, where lines are wanted. */
void verification_say(const struct verification *check, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Prints and keeps a problem. `mismatch`: a digest is not the recorded one; else
 * something is stale. */
void verification_report(struct verification *check, const char *level, bool mismatch,
                         const char *subject, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* A line for one of the lists, which is no problem by itself. */
void verification_note(struct verification *check, json_t *list, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The levels. -1 only where looking itself failed. */
int verify_lock(struct verification *check, struct error *err);       /* verify_lock.c */
int verify_bytes(struct verification *check, struct error *err);      /* verify_bytes.c */
int verify_signatures(struct verification *check, struct error *err); /* verify_signatures.c */

/* Whether a model, a file or a folder, is what a signature by this key signs, without any project;
 * ERR_MISMATCH with the reason. */
int verify_model(const char *path, const char *signature, const char *key, struct error *err);

/* verify_rerun.c: whether stages are to be executed again; which, into check->chosen, before
 * anything else is looked at (ERR_USAGE where words or --sample name none); and that, after all
 * other levels. */
bool verify_rerun_asked(const struct options *options);
int verify_rerun_choose(struct verification *check, struct error *err);
int verify_rerun(struct verification *check, struct error *err);

#endif
