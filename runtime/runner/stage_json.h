/* stage.json, the runner's side: what a stage is told (base/stage.h has the
 * format). Paths are relative to the folder that holds it.
 */
#ifndef RUNNER_STAGE_JSON_H
#define RUNNER_STAGE_JSON_H

#include "runner/job.h"

enum { STAGE_JSON_SCHEMA = 2 };

/* Where a dep lies in the work folder: deps/<name>/<last part of its path>, in fresh memory. The
 * last of a job's deps may be its lineage. */
char *stage_json_dep_path(const struct project *project, const struct plan_stage *stage,
                          size_t index, struct error *err);

/* For `EXE --check`: parameters, and the names of deps and outs. json_decref() it. */
json_t *stage_json_for_check(const struct project *project, const struct plan_stage *stage,
                             struct error *err);

struct stage_json_run {
    int threads;
    const char *scratch; /* relative, or NULL where nothing is kept of an earlier run */
    const char *project; /* relative, or NULL */
};
json_t *stage_json_for_run(const struct project *project, const struct job *job,
                           const struct stage_json_run *run, struct error *err);

#endif
