/* Named f32 tensors in one file: the safetensors format
 * (https://github.com/huggingface/safetensors). Equal contents give equal
 * bytes: tensors and metadata are sorted by name.
 *
 *   struct safetensors weights = {0};
 *   safetensors_add(&weights, "conv1/kernel", 4, shape, values, err);
 *   safetensors_describe(&weights, "format", "reprise-weights", err);
 *   safetensors_write(path, &weights, err);
 *   safetensors_release(&weights);
 */
#ifndef DATA_SAFETENSORS_H
#define DATA_SAFETENSORS_H

#include "base/error.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum { SAFETENSOR_MAX_RANK = 8 };

struct safetensor {
    char *name;
    int rank; /* 0 to SAFETENSOR_MAX_RANK */
    int64_t shape[SAFETENSOR_MAX_RANK];
    int64_t count; /* product of shape; 1 for rank 0 */
    float *data;
};

struct safetensors {
    struct safetensor *tensors; /* after a read sorted by name */
    size_t count;
    size_t capacity;
    json_t *metadata; /* object of strings, or NULL */
};

/* Checks the whole file: types, bounds, overlaps and gaps. F16, BF16 and F64
 * become f32 (element.h); the integers num_batches_tracked of PyTorch are left
 * out, others refused. *set changes only on success. */
int safetensors_read(const char *path, struct safetensors *set, struct error *err);

/* Through a temporary file: complete or not at all. */
int safetensors_write(const char *path, const struct safetensors *set, struct error *err);

/* NULL where there is none of that name. Valid until the next add. */
const struct safetensor *safetensors_find(const struct safetensors *set, const char *name);

/* Copies `data`; zeros where it is NULL. A name that is there is ERR_FORMAT. */
int safetensors_add(struct safetensors *set, const char *name, int rank, const int64_t *shape,
                    const float *data, struct error *err);

/* Sets one member of the metadata. */
int safetensors_describe(struct safetensors *set, const char *key, const char *value,
                         struct error *err);

/* A member of the metadata, or NULL. */
const char *safetensors_description(const struct safetensors *set, const char *key);

void safetensors_release(struct safetensors *set);

#endif
