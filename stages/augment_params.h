/* The parameter `augment`, as all stages that augment take it. */
#ifndef STAGES_AUGMENT_PARAMS_H
#define STAGES_AUGMENT_PARAMS_H

#include "base/error.h"
#include "base/stage.h"
#include "nn/feed.h"

/* augment: {flip, rotation, zoom, cutout, mixup, crop: {padding, padding_mode}}; what is left out
 * is not done */
int augment_params_read(struct stage *stage, struct augment *augment, struct error *err);
/* ERR_USAGE where pictures of this size cannot be shifted so far. */
int augment_params_fit(const struct augment *augment, int64_t height, int64_t width,
                       struct error *err);

#endif
