/* Training as Keras' fit does it: epochs, shuffling, validation, and the
 * callbacks EarlyStopping(restore_best_weights), ReduceLROnPlateau and
 * ModelCheckpoint in that order (callbacks.h). As in Keras 3.12 the best weights
 * come back also where the last epoch was reached, a short last batch has the
 * weight of its images in loss and accuracy, and an epoch's learning_rate is the
 * one it was trained with. A loss that is not finite, or a weight that
 * weight_check.h refuses, ends it (divergence.h).
 *
 * A checkpoint after the first epoch, after those behind it as long as checkpoints take no more
 * than a four-hundredth of the time, now and then within a long one, and on request; a run that
 * resumes from it ends with the same bits.
 *
 * A training that goes on from the state of another that ended (options.state)
 * has the epochs of both in its history, draws by the number of the epoch, and
 * gives what one training of all epochs would have given, bit for bit, where all
 * options are equal and no cosine runs to the end of the training. What must be
 * equal is in fit_identity.h. Else:
 *   - a learning rate that differs from the one that the first was told begins
 *     anew; one that is equal goes on as callbacks left it;
 *   - a cosine to the end of the training starts again, warm-up and all, over the
 *     epochs to come (a warm restart: Loshchilov and Hutter 2016); one with
 *     decay_steps goes on by the number of the step since the very first epoch;
 *   - where the first stopped early, the patience counts anew. Weights go on from
 *     the last epoch, not from the best; the best of all epochs is kept.
 */
#ifndef NN_FIT_H
#define NN_FIT_H

#include "base/error.h"
#include "nn/callbacks.h"
#include "nn/cosine_decay.h"
#include "nn/device.h"
#include "nn/feed.h"
#include "nn/history.h"
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
    enum dtype dtype; /* network.h */
    uint32_t seed;    /* of shuffling and dropout; augmentation has the feed's */
    bool balanced; /* an epoch draws a class, then one of its images, with replacement, instead of
                      taking each image once: torch's WeightedRandomSampler of 1 / count */
    double learning_rate;
    struct optimizer optimizer;
    struct early_stopping
        early_stopping;               /* options only; of val_loss (MONITOR_MIN) or val_accuracy */
    struct reduce_on_plateau reduce;  /* options only */
    struct cosine_decay cosine_decay; /* where it is on, the rate of each step; else callbacks' */
    const char *checkpoint_folder;    /* NULL: none */
    const char *state_out;            /* NULL, or a file for the state after the last epoch */
    const char *state;     /* NULL, or such a file: `epochs` more on top of its own, see fit() */
    size_t remember_bytes; /* for what the frozen prefix makes of plain pictures: network.h */
};

/* Who is told, and asked whether to go on: false stops with ERR_INTERRUPTED after saving a
 * checkpoint. Each may be NULL. */
struct fit_observer {
    void *arg;
    /* After each step: `images` of the epoch's are done, and their sums. */
    bool (*step)(void *arg, int64_t epoch, int64_t done, int64_t total,
                 const struct batch_result *so_far, int64_t images);
    /* While validating: images done and all. */
    bool (*validation)(void *arg, int64_t epoch, int64_t done, int64_t total);
    void (*epoch)(void *arg, int64_t epoch, const struct epoch_record *record);
    /* "resuming after epoch 3", "ignoring a damaged checkpoint". */
    void (*note)(void *arg, const char *text);
};

/* Pictures to train on and to validate on: samples of their feeds. Borrowed. */
struct fit_data {
    const struct feed *train, *val;
    const int64_t *train_samples, *val_samples;
    int64_t train_count, val_count;
};

/* Trains `model` in place on data->train, validating on data->val; the model ends with the
 * best weights. A checkpoint in the folder is used if it belongs to the same options, weights and
 * data; the last one stays there, so that a run that dies while writing its results need not train
 * again. *history is the caller's to release. */
int fit(struct model *model, struct device *device, const struct fit_data *data,
        const struct fit_options *options, const struct fit_observer *observer,
        struct history *history, struct error *err);

/* Whether fit(), called with the same, would go on from options->state, without training; *epochs
 * receives how many it has. ERR_FORMAT says what differs. */
int fit_check_state(const struct model *model, const struct fit_data *data,
                    const struct fit_options *options, int64_t *epochs, struct error *err);

/* What fit(), called with the same, will take of the machine's memory, the process as it is among
 * it; all zero where the device computes in its own. fit() notes the same before its first step. */
int fit_foresee(struct model *model, struct device *device, const struct fit_data *data,
                const struct fit_options *options, struct footprint *footprint, struct error *err);

/* The most for options->remember_bytes so that all of it takes no more than `bytes`. */
size_t fit_remember_within(const struct fit_data *data, const struct footprint *footprint,
                           size_t bytes);

struct fit_evaluation {
    double loss, accuracy; /* f32 values, as Keras adds them up batch by batch */
};

/* Inference over samples[count]; probabilities [count,classes] or NULL. The observer's validation
 * is told, with `epoch`; where it says no, ERR_INTERRUPTED. */
int fit_evaluate(struct network *network, const struct feed *feed, const int64_t *samples,
                 int64_t count, int64_t epoch, const struct fit_observer *observer,
                 float *probabilities, struct fit_evaluation *evaluation, struct error *err);

/* Puts samples[count] in the order of an epoch: Fisher and Yates' shuffle (Durstenfeld 1964) by
 * Philox. */
void fit_shuffle(uint32_t seed, uint32_t epoch, int64_t *samples, int64_t count);

/* scikit-learn's compute_class_weight("balanced"): samples / (classes * samples of the class), 0
 * for a class without any. weights [classes]. */
void fit_balance_weights(const struct feed *feed, const int64_t *samples, int64_t count,
                         float *weights);

/* An epoch in which classes come equally often: `drawn` [count] from samples [count].
 * A class without samples is never drawn. */
int fit_draw_balanced(uint32_t seed, uint32_t epoch, const struct feed *feed,
                      const int64_t *samples, int64_t count, int64_t *drawn, struct error *err);

#endif
