/* Engines that were timed on a card and found faster than cuDNN's first deterministic one. Written
 * by people or their tools and part of the source, so that no choice depends on a clock. Included
 * by engines.c alone. */
#ifndef NN_CUDA_PLANS_CUDA_H
#define NN_CUDA_PLANS_CUDA_H

#include <stddef.h>

struct tuned_engine {
    const char *device; /* as cuDNN names it */
    size_t cudnn;       /* version */
    const char *fusion; /* fusion_name() */
    const char *engine; /* engine.words */
};

/* Ends with one without a device. */
static const struct tuned_engine tuned_engines[] = {
    {NULL, 0, NULL, NULL},
};

#endif
