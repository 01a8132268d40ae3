/* Answers of programs (question.h), remembered in cache/answers.json so that a
 * run with nothing to do starts no process. An answer holds as long as
 *   - all that went into the question is the same: its name is the sha256 of that;
 *   - the machine is: the boot, the installed libraries, the devices that are visible;
 *   - each file is that the answer names in a line "uses PATH": present or absent, by stat.
 * Safe to use from several threads.
 */
#ifndef RUNNER_ANSWERS_H
#define RUNNER_ANSWERS_H

#include "base/digest.h"
#include "store/store.h"

#include <time.h>

struct answers;
int answers_open(struct store *store, struct answers **answers, struct error *err);

/* The part of the state of the machine on which all answers rest; free() it. */
char *answers_machine(struct error *err);

/* Calls visit(arg, path) for each file on which any answer rests. */
void answers_each_use(struct answers *answers, void (*visit)(void *arg, const char *path),
                      void *arg);

/* Saves what is new. */
void answers_close(struct answers *answers);

/* The remembered answer, without its "uses" lines, in *answer; free() it. NULL where there is
 * none. */
int answers_find(struct answers *answers, const struct digest *name, char **answer,
                 struct error *err);

/* Remembers `answer`, of which the "uses" lines are taken out in place. It began to be sought at
 * `start`: where one of its files has changed since, or so shortly before that it could change
 * again unseen, it does not hold for long: the next time, the program is asked again. */
int answers_add(struct answers *answers, const struct digest *name, const struct timespec *start,
                char *answer, struct error *err);

#endif
