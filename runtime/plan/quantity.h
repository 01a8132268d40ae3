/* Amounts in the pipeline file: 4G, 30m, >= 0.65. Each returns false where the
 * text is not one. */
#ifndef PLAN_QUANTITY_H
#define PLAN_QUANTITY_H

#include "plan/plan.h"

#include <stdbool.h>
#include <stdint.h>

/* Digits and K, M, G or T (powers of 1024), or bytes. */
bool quantity_memory(const char *text, int64_t *bytes);

/* Digits with s, m, h or d, the larger before the smaller: "1h30m". Without a
 * unit: seconds. */
bool quantity_time(const char *text, int64_t *milliseconds);

/* A relation (<, <=, ==, >=, >) and a number. */
bool quantity_bound(const char *text, enum plan_relation *relation, struct number *bound);

#endif
