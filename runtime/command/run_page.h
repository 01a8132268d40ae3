/* The page of a run for people, beside its record: what ran when and why, what was cached, the
 * graph, the machine, and what changed since the run before of the same profile.
 */
#ifndef COMMAND_RUN_PAGE_H
#define COMMAND_RUN_PAGE_H

#include "runner/job.h"

/* `record` was written (record_write). */
int run_page_write(const struct jobs *jobs, const json_t *record, struct error *err);

#endif
