/* The card that plans are made for: one that is there, or only described, as cuDNN writes a card
 * down itself ("deviceless ahead-of-time compilation" of its documents). Plans of a described card
 * are compiled and written, never run. */
#ifndef NN_CUDA_PLAN_DEVICE_H
#define NN_CUDA_PLAN_DEVICE_H

#include "base/digest.h"
#include "nn/cuda/descriptors.h"

struct plan_device {
    const struct cudnn *cudnn; /* borrowed */
    struct descriptors own;
    cudnnBackendDescriptor_t descriptor;
    char *json;                   /* its description */
    char name[128];               /* "NVIDIA H200" */
    char digest[DIGEST_HEX_SIZE]; /* of the description */
};

int plan_device_of_card(const struct cudnn *cudnn, int card, struct plan_device **device,
                        struct error *err);
int plan_device_described(const struct cudnn *cudnn, const char *json, struct plan_device **device,
                          struct error *err);
/* After the last plan for it. */
void plan_device_free(struct plan_device *device);

#endif
