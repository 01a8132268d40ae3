/* What two trainings must have in common for one to go on where the other
 * ended: the network, how its weights are moved, and the pictures. Learning
 * rate, epochs, patience, schedules, augmentation and how the loss weighs
 * classes may differ: nothing that is carried on depends on them.
 */
#ifndef NN_FIT_IDENTITY_H
#define NN_FIT_IDENTITY_H

#include "base/error.h"
#include "base/text.h"
#include "nn/callbacks.h"
#include "nn/dtype.h"
#include "nn/feed.h"
#include "nn/model.h"
#include "nn/network.h"
#include "nn/optimizer.h"

#include <stdint.h>

struct fit_identity {
    const struct model *model; /* its frozen weights count, those that train do not */
    const struct feed *train, *val;
    const int64_t *train_samples, *val_samples;
    int64_t train_count, val_count;
    int64_t batch, shard, steps; /* of an epoch */
    enum norm_mode norm;
    enum dtype dtype;
    uint32_t seed;
    struct optimizer optimizer;
    struct early_stopping early_stopping; /* options, of which patience may differ */
};

/* Lines "name: value", always the same names in the same order. *words is the caller's to release.
 */
int fit_identity_describe(const struct fit_identity *identity, struct text *words,
                          struct error *err);

/* ERR_FORMAT with the first line in which `theirs` differs from `ours`, as a person would say it.
 */
int fit_identity_compare(const char *theirs, const char *ours, struct error *err);

#endif
