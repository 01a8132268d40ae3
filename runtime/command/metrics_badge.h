/* `reprise metrics --badge STAGE.OUT.METRIC`. */
#ifndef COMMAND_METRICS_BADGE_H
#define COMMAND_METRICS_BADGE_H

#include "runner/job.h"

/* Prints the badge of a number in `metrics`, {"stage.out": {...}} of these jobs: green where it
 * keeps its bounds, red where it misses one. ERR_USAGE where there is none, with the nearest. */
int metrics_badge(const struct jobs *jobs, const json_t *metrics, const char *name,
                  struct error *err);

#endif
