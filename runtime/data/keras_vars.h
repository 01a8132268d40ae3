/* The layout of Keras 3's .weights.h5, also inside a .keras. For keras_h5.c. */
#ifndef DATA_KERAS_VARS_H
#define DATA_KERAS_VARS_H

#include "base/error.h"
#include "base/text.h"
#include "data/h5.h"
#include "data/safetensors.h"

#include <jansson.h>

/* Adds what the file holds to the set; nothing where it has another layout. Where neither the file
 * nor `config` (may be NULL) says what a layer is called, its tensors are named as the file does,
 * "conv2d_3/kernel": by class and number. */
int keras_vars_read(const struct h5 *h5, const json_t *config, struct safetensors *set,
                    struct text *note, struct error *err);

/* "Conv2D" becomes "conv2d", "BatchNormalization" "batch_normalization": `snake` has room for
 * twice the name. */
void keras_vars_snake(const char *name, char *snake, size_t size);

#endif
