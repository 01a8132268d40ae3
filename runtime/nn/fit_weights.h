/* What training changes of a model, as one array: the trainable parameters, and
 * the moving statistics of batch norms beside them, in the model's order.
 */
#ifndef NN_FIT_WEIGHTS_H
#define NN_FIT_WEIGHTS_H

#include "nn/model.h"

#include <stdbool.h>
#include <stdint.h>

bool fit_weights_change(const struct model *model, const struct parameter *parameter);
/* Values in all. */
int64_t fit_weights_count(const struct model *model);

/* values [fit_weights_count] */
void fit_weights_gather(const struct model *model, float *values);
void fit_weights_scatter(const float *values, struct model *model);

#endif
