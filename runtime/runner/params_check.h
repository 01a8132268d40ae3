/* A stage's parameters, checked by its own program before anything runs:
 * `EXE --check stage.json` exits with 2 and a line where they are wrong, and
 * may print `metric NAME` for each number that its metrics will hold.
 */
#ifndef RUNNER_PARAMS_CHECK_H
#define RUNNER_PARAMS_CHECK_H

#include "runner/invocation.h"

/* *metrics: the lines `metric NAME`, or "" where the program tells none; free() it. ERR_USAGE with
 * the stage's place where the parameters are wrong. */
int params_check(const struct project *project, const struct plan_stage *stage,
                 const struct invocation *invocation, enum store_depth depth, char **metrics,
                 struct error *err);

/* With what a check told: ERR_USAGE where a requirement names no metric, with the nearest one. */
int params_check_requirements(const struct project *project, const struct plan_stage *stage,
                              const char *metrics, struct error *err);

#endif
