/* The parameter `seed`, as all stages that draw take it. */
#ifndef STAGES_SEED_PARAMS_H
#define STAGES_SEED_PARAMS_H

#include "base/error.h"
#include "base/stage.h"

#include <stdint.h>

enum { SEED_DEFAULT = 42 };

/* `name` is its whole name; left out, it is SEED_DEFAULT. */
int seed_params_read(struct stage *stage, const char *name, uint32_t *seed, struct error *err);

#endif
