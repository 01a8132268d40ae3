/* A run holds its project: artifacts, lock and records come from one set of
 * values at a time. Runs under the same profile and sets share the work (each
 * key has its own lock); one under others waits until they are over.
 */
#ifndef RUNNER_HOLD_H
#define RUNNER_HOLD_H

#include "runner/project.h"
#include "runner/watcher.h"

enum { HOLD_VALUES = 65 };

struct hold {
    int fd;
};

/* Waits as long as it takes, and says once that it does. Alone here after a run that was killed, it
 * removes what that left (tidy.h). A signal that ends the program ends the
 * wait: nothing is held yet. */
int hold_take(const struct project *project, const struct watcher *watcher, struct hold *hold,
              struct error *err);

/* What runs that share the project have in common, as text. */
int hold_values(const struct project *project, char values[HOLD_VALUES], struct error *err);

/* Takes the lock file at `path` at once, for a run with such values. False where that cannot be, or
 * where the last run was killed: then nothing is held, and hold_take says what is to be done. */
bool hold_at_once(const char *path, const char *values, struct hold *hold);

/* Whether a run is at work with the store in a folder now. */
bool hold_is_taken(const char *store_folder);

/* The run has come to its end, whatever end. Where it could not remove what it should have, it is
 * not tidy, and the next run looks after that. */
void hold_release(struct hold *hold, bool tidy);

#endif
