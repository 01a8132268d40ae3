/* A run that finds nothing to do leaves in cache/unchanged on what it found so: who asked and for
 * what, the variables that counted, the state of the machine, and of every file, folder, program
 * and search that it looked at what stat(2) told (evidence.h). The same run asked for again need
 * only see that all of it stands. Anything else is looked at in the long way, which writes the
 * file anew.
 *
 * What a run that finds nothing to do prints is in the file, too, so that nothing else is read:
 * neither the plan, nor the lock, nor any action.
 *
 * The file (unchanged.c has its grammar) is only ever a saving: missing, cut off, damaged, or of
 * another version of this program, it is as if there were none.
 */
#ifndef RUNNER_UNCHANGED_H
#define RUNNER_UNCHANGED_H

#include "runner/hold.h"
#include "runner/job.h"

#include <time.h>

/* What such a run says. */
struct unchanged_said {
    struct text stages; /* the names of those that are cached, in the order of telling, each with a
                           NUL */
    size_t stage_count;
    struct text lines; /* of requirements: whether it is met, the line, and a NUL */
    size_t line_count, missed;
};
enum { UNCHANGED_MET = '+', UNCHANGED_MISSED = '-' };

void unchanged_said_release(struct unchanged_said *said);

/* True where nothing has changed since a run with these settings, on the whole project, found
 * nothing to do: `said` is what it said, and the project is held. `settings->folder` is entered
 * already, and `settings->file` is there. */
bool unchanged_find(const struct project_settings *settings, struct hold *hold,
                    struct unchanged_said *said);

/* The same of the file's bytes, aligned as malloc's are, and for a question as text. Whatever they
 * are, `said` must be released. `folder` is the project's. */
bool unchanged_answers(const char *data, size_t size, const char *folder, const char *question,
                       struct hold *hold, struct unchanged_said *said);

/* After a run of all jobs that found nothing to do and wrote nothing, while the project is held.
 * `start` is when it began. Writes the file where there is evidence for all; else none is there. */
void unchanged_write(struct jobs *jobs, const struct unchanged_said *said,
                     const struct timespec *start);

#endif
