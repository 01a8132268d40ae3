/* Metrics that a stage wrote, before they are stored: a JSON object, so that `require`, `metrics`
 * and every other reader find numbers and no surprise afterwards. */
#ifndef RUNNER_METRICS_FILE_H
#define RUNNER_METRICS_FILE_H

#include "base/error.h"
#include "plan/plan.h"

/* The file `path` beneath `folder`. ERR_STAGE with the place in the file. */
int metrics_file_check(int folder, const char *path, const struct plan_out *out, struct error *err);

#endif
