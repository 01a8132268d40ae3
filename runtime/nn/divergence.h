/* What a training says that stops because a number of it is no longer one of a
 * network that works: a loss that is not finite, or a weight that
 * weight_check.h refuses while the loss still looks well.
 */
#ifndef NN_DIVERGENCE_H
#define NN_DIVERGENCE_H

#include "base/error.h"
#include "nn/feed.h"
#include "nn/model.h"
#include "nn/network.h"

#include <stdint.h>

struct divergence {
    const char *what;           /* "the training loss" */
    double value;               /* of it */
    int64_t epoch, step, steps; /* from 1 */
    double learning_rate;
    int64_t saved_epoch, saved_step; /* of the last good checkpoint, complete ones; -1: none */
};

/* Sets ERR_STAGE, with the first tensor that went bad: a weight, else the output of a layer on the
 * first of samples[n]. The model receives the network's weights. Returns -1. */
int divergence_tell(const struct divergence *divergence, struct network *network,
                    struct model *model, const struct feed *feed, const int64_t *samples, int64_t n,
                    struct error *err);

#endif
