/* The environment in which a stage runs, whoever starts the runner: fixed
 * variables, those that the pipeline file lets through, and little else. Each
 * name stands there once; what `env` and `secrets` declare replaces the rest.
 */
#ifndef RUNNER_ENVIRONMENT_H
#define RUNNER_ENVIRONMENT_H

#include "plan/plan.h"

/* A variable that names a proxy and goes to a stage with `network`: the name of the i-th, or NULL
 * behind the last. Its value may hold a password. */
const char *environment_proxy(size_t i);

/* What differs from one execution to the next. */
struct environment_place {
    const char *folder; /* absolute, in which the stage works: HOME and TMPDIR lie in it */
    int threads;
    const char *cards;   /* for CUDA_VISIBLE_DEVICES; NULL: those that we see */
    const char *cudnn;   /* folder of cuDNN, or NULL */
    const char *program; /* where the first word of cmd lies: what runs may be a copy */
};

/* The value of a variable for a stage, as declared or fixed; NULL where it is not set. Of
 * those that depend on the place, only a declared one has a value here. */
const char *environment_value(const struct plan_stage *stage, const char *name);

/* NAME=value texts with a NULL at the end; file_free_names(environment, count). */
int environment_make(const struct plan_stage *stage, const struct environment_place *place,
                     char ***environment, size_t *count, struct error *err);

#endif
