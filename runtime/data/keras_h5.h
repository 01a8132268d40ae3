/* Weights that Keras saved as HDF5, in the layout of keras-applications'
 * files: a group per layer, named by the attribute layer_names, and in it
 * datasets named by the attribute weight_names ("conv1_conv/kernel:0").
 */
#ifndef DATA_KERAS_H5_H
#define DATA_KERAS_H5_H

#include "base/error.h"
#include "data/safetensors.h"

#include <stdbool.h>

/* Whether the file begins as HDF5 does. */
bool keras_h5_is(const char *path);

/* Tensors are named "<layer>/<variable>": kernel, bias, gamma, beta,
 * moving_mean, moving_variance, depthwise_kernel. Names of old releases
 * (res2a_branch2a) are refused with the file to use instead. *set changes only
 * on success. */
int keras_h5_read(const char *path, struct safetensors *set, struct error *err);

#endif
