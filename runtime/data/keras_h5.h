/* Weights that Keras saved as HDF5: whole models and weights alone, in the
 * layout of keras-applications' files and in that of Keras 3 (.weights.h5).
 */
#ifndef DATA_KERAS_H5_H
#define DATA_KERAS_H5_H

#include "base/error.h"
#include "base/text.h"
#include "data/safetensors.h"

#include <jansson.h>

/* Tensors are named "<layer>/<variable>": kernel, bias, gamma, beta,
 * moving_mean, moving_variance, depthwise_kernel; also those of a model inside
 * the model. Names of old releases (res2a_branch2a) are refused with the file to
 * use instead. What is no weight of a convolution, batch norm or dense layer is left out, with a
 * word in *note. The file is read by a process without rights (confined.h).
 * *set changes only on success. */
int keras_h5_read(const char *path, struct safetensors *set, struct text *note, struct error *err);

/* The same here and now, from bytes in memory. `config` is that of a .keras, or NULL: what its
 * layers are called. */
int keras_h5_parse(unsigned char *bytes, size_t size, const json_t *config, struct safetensors *set,
                   struct text *note, struct error *err);

#endif
