/* What lies in the way in artifacts/: replaced where nothing is lost, else moved to
 * cache/aside/<UTC time>-<pid>/. */
#ifndef RUNNER_ASIDE_H
#define RUNNER_ASIDE_H

#include "runner/project.h"

/* Makes room for artifacts/<stage>/<path>: what the lock or the store has stays in place, to be
 * replaced; another thing, and a link or file where a folder must be, moves, and `notes` gets a
 * line that names both places. */
int aside_clear(const struct project *project, const char *stage, const char *path,
                struct text *notes, struct error *err);

#endif
