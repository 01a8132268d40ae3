/* The parameter `augment`, as all stages that augment take it. */
#ifndef STAGES_AUGMENT_PARAMS_H
#define STAGES_AUGMENT_PARAMS_H

#include "base/error.h"
#include "base/stage.h"
#include "nn/feed.h"

/* augment: {flip, rotation, zoom, cutout, mixup} */
int augment_params_read(struct stage *stage, struct augment *augment, struct error *err);

#endif
