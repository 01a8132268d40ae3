/* Whether weights can be those of a network that works. A value that is not
 * finite, or a variance below 0 or above 1e12, cannot; a kernel, bias, gamma,
 * beta or mean above 1e6 in magnitude is one of a training that diverged, or of
 * damage, so it is refused too, unless the caller says that it passes.
 *
 * Looked at where weights are read and before they are written.
 */
#ifndef NN_WEIGHT_CHECK_H
#define NN_WEIGHT_CHECK_H

#include "base/error.h"
#include "nn/model.h"

#include <stdbool.h>
#include <stdint.h>

/* What happens to large values: refused, or told and taken. */
struct weight_check {
    bool large_pass;
    void (*note)(void *arg, const char *text); /* of what passed; may be NULL */
    void *arg;
};

enum weight_kind { WEIGHT_VALUE, WEIGHT_VARIANCE };

/* The kind of a tensor by its name in any of the layouts that are read: ".../moving_variance",
 * "bn1.running_var". */
enum weight_kind weight_kind_of_name(const char *name);

/* values [count] of a tensor. ERR_FORMAT names tensor, index and value; `check` NULL refuses all
 * that is wrong. */
int weight_check(const struct weight_check *check, const char *name, enum weight_kind kind,
                 const float *values, int64_t count, struct error *err);

/* All parameters of a model. */
int weight_check_model(const struct weight_check *check, const struct model *model,
                       struct error *err);

#endif
