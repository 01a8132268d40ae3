/* Weights as people have them: .safetensors of whatever library, and what Keras writes
 * (.h5, .weights.h5, .keras), told apart by their bytes. Other files are refused by name, with the
 * way out. Names and layouts of the tensors stay those of the file; nn/tensor_names.h maps them.
 */
#ifndef DATA_WEIGHTS_H
#define DATA_WEIGHTS_H

#include "base/error.h"
#include "base/text.h"
#include "data/safetensors.h"

/* Words for people, on what was left out, are added to *note. *set changes only on success. */
int weights_read(const char *path, struct safetensors *set, struct text *note, struct error *err);

#endif
