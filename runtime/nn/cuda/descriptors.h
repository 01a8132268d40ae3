/* cuDNN's descriptors while something is built of them. A failed call is remembered and the rest
 * does nothing, so that a graph reads as one list; descriptors_check() tells at the end.
 *
 *     struct descriptors own = {.cudnn = cudnn};
 *     t = descriptors_new(&own, CUDNN_BACKEND_TENSOR_DESCRIPTOR, "tensor x");
 *     descriptors_set(&own, t, attribute, type, count, values);
 *     descriptors_finish(&own, t);
 *     if (descriptors_check(&own, err)) ...
 *     descriptors_release(&own);
 */
#ifndef NN_CUDA_DESCRIPTORS_H
#define NN_CUDA_DESCRIPTORS_H

#include "base/error.h"
#include "nn/cuda/cudnn.h"

#include <stddef.h>
#include <stdint.h>

struct descriptor {
    cudnnBackendDescriptor_t handle;
    const char *what; /* for messages; not copied */
};

struct descriptors {
    const struct cudnn *cudnn;
    struct descriptor *list;
    size_t count, capacity;
    struct error failed; /* the first; ERR_NONE */
};

/* NULL where something failed. */
cudnnBackendDescriptor_t descriptors_new(struct descriptors *own, cudnnBackendDescriptorType_t type,
                                         const char *what);
/* Attributes are named in no message: that of cuDNN names them. */
void descriptors_set(struct descriptors *own, cudnnBackendDescriptor_t descriptor,
                     cudnnBackendAttributeName_t attribute, cudnnBackendAttributeType_t type,
                     int64_t count, const void *values);
void descriptors_set_one(struct descriptors *own, cudnnBackendDescriptor_t descriptor,
                         cudnnBackendAttributeName_t attribute, cudnnBackendDescriptor_t value);
void descriptors_set_integer(struct descriptors *own, cudnnBackendDescriptor_t descriptor,
                             cudnnBackendAttributeName_t attribute, int64_t value);
void descriptors_set_type(struct descriptors *own, cudnnBackendDescriptor_t descriptor,
                          cudnnBackendAttributeName_t attribute, cudnnDataType_t value);
/* At most `most` values; returns how many there are, 0 where something failed. */
int64_t descriptors_get(struct descriptors *own, cudnnBackendDescriptor_t descriptor,
                        cudnnBackendAttributeName_t attribute, cudnnBackendAttributeType_t type,
                        int64_t most, void *values);
void descriptors_finish(struct descriptors *own, cudnnBackendDescriptor_t descriptor);

int descriptors_check(const struct descriptors *own, struct error *err);
void descriptors_release(struct descriptors *own);

#endif
