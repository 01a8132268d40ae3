/* What a stage read or wrote, or tried to, that it does not declare, and which of its deps it did
 * not read: told by the paths that it named (tried.h), of which those count that are there. Under
 * --sandbox=trace nothing is refused; else what is named here was.
 *
 * More than a few files of one folder are that folder.
 */
#ifndef RUNNER_TRESPASS_H
#define RUNNER_TRESPASS_H

#include "base/text.h"
#include "runner/attempt.h"

struct trespass {
    char *path;        /* as the pipeline file names it: in the project relative to that */
    bool wrote;        /* or read */
    const char *dep;   /* it is declared under this name, and not read where it is laid out */
    char *name;        /* of a dep on it, which the stage has not yet, */
    char *value;       /* and what that would be: a path or "stage.out"; NULL: there can be none */
    const char *other; /* what to do then, or NULL */
};

struct trespasses {
    struct trespass *list;
    size_t count, capacity;
    bool *read; /* by dep of the stage: something of it was read */
    bool whole; /* nothing may be missing */
};

/* Before it starts: has what it names noted. `allowed` are rules of sandbox.h. *fd, which may be
 * -1, is for the keeper. */
int trespass_watch(struct attempt *attempt, const struct text *allowed, int *fd, struct error *err);

/* When all its processes have ended. False in *heard where nothing could be. */
int trespass_find(const struct attempt *attempt, struct trespasses *found, bool *heard,
                  struct error *err);
void trespass_release(struct trespasses *found);

/* "pipeline.yaml:12:3: stage 'train' read 'data/a.csv', which ...": what it was and what to add. */
void trespass_explain(const struct attempt *attempt, const struct trespass *trespass,
                      struct text *line);
/* As an entry of `deps`, "name: value". */
void trespass_entry(const char *name, const char *value, struct text *line);

/* As docs/schemas/run.json has it, or NULL. */
json_t *trespass_json(const struct attempt *attempt, const struct trespasses *found);

/* After the end of an attempt: names in attempt->trespasses, a line each, what it was refused where
 * it failed, and puts all into job->trace where that was asked for. `why` is how it failed, or
 * NULL. */
void trespass_note(struct attempt *attempt, struct error *why);

#endif
