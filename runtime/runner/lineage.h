/* How everything upstream of a stage came about, as JSON: what a report prints
 * of keys and digests. Depends on contents alone: no times, no hosts.
 */
#ifndef RUNNER_LINEAGE_H
#define RUNNER_LINEAGE_H

#include "runner/job.h"

/* The text for a stage whose upstream jobs are all done; free() it:
 * {"schema": 1, "profile": ..., "sets": {"a.b": value}, "stages": [{"name", "desc", "key", "cmd",
 * "fingerprint": [the lines of its program's answer, or none], "params", "deps": {name: {"from":
 * "stage.out" or path, "digest"}}, "outs": {name: {"path", "digest", "size"}}, "requirements":
 * [{"metric", "relation", "bound", "value", "met"}], "adopted": the reason, where its result was
 * adopted and not made}]} with all stages upstream, sorted by name. */
char *lineage_text(const struct jobs *jobs, size_t index, struct error *err);

#endif
