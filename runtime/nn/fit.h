/* Training as Keras' fit does it: epochs, shuffling, validation, and the
 * callbacks EarlyStopping(restore_best_weights), ReduceLROnPlateau and
 * ModelCheckpoint in that order (callbacks.h). A checkpoint after each epoch
 * and on request; a run that resumes from it ends with the same bits.
 */
#ifndef NN_FIT_H
#define NN_FIT_H

#include "base/error.h"
#include "nn/backend.h"
#include "nn/feed.h"
#include "nn/model.h"
#include "nn/network.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fit_options {
    int64_t epochs;
    int64_t batch, shard;
    int64_t steps_per_epoch; /* 0: the whole training set */
    enum norm_mode norm;
    uint32_t seed;
    double learning_rate;
    int64_t early_stopping_patience; /* < 0: off */
    double reduce_factor;            /* ReduceLROnPlateau; patience < 0: off */
    int64_t reduce_patience;
    double reduce_minimum;
    const char *checkpoint_folder; /* NULL: none */
};

struct epoch_record {
    double loss, accuracy, val_loss, val_accuracy, learning_rate;
};

struct history {
    struct epoch_record *epochs;
    size_t count;
    int64_t best_epoch; /* 0-based, of the weights that were kept */
    bool stopped_early;
};
void history_release(struct history *history);

/* Told after each step (done, total) and epoch; returns false to stop with ERR_INTERRUPTED after
 * saving a checkpoint. */
struct fit_observer {
    void *arg;
    bool (*step)(void *arg, int64_t epoch, int64_t done, int64_t total,
                 const struct batch_result *so_far, int64_t images);
    void (*epoch)(void *arg, int64_t epoch, const struct epoch_record *record);
};

/* Trains `model` in place on train[samples], validating on val[samples]; the model ends with the
 * best weights. The checkpoint in the folder is used if it belongs to the same options and removed
 * at the end. */
int fit(struct model *model, struct backend *backend, const struct feed *train,
        const int64_t *train_samples, int64_t train_count, const struct feed *val,
        const int64_t *val_samples, int64_t val_count, const struct fit_options *options,
        const struct fit_observer *observer, struct history *history, struct error *err);

#endif
