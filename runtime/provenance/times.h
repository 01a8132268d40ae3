/* Times of day in UTC, "2026-01-31T12:00:00Z". */
#ifndef PROVENANCE_TIMES_H
#define PROVENANCE_TIMES_H

#include "store/action.h"

#include <jansson.h>

/* So many seconds later, rounded; the same where it is no such time. */
json_t *times_after(const char *started, double seconds);

/* When an action's stage ended. */
json_t *times_end(const struct action *action);

#endif
