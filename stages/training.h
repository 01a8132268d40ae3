/* What the stages that train share: reading the parameters, opening the data
 * and the device, looking before, training, and writing what came of it.
 *
 *   struct training training = {.stage = stage};
 *   training_read_seed(), ..._model(), ... in any order, stage_params_done(),
 *   training_open(), training.model = ..., training_run(), training_write...();
 *   training_release(&training);
 */
#ifndef STAGES_TRAINING_H
#define STAGES_TRAINING_H

#include "base/error.h"
#include "base/stage.h"
#include "data/dataset.h"
#include "nn/backend.h"
#include "nn/fit.h"
#include "nn/history.h"
#include "nn/model.h"
#include "nn/preflight.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum preflight_mode { PREFLIGHT_STOP, PREFLIGHT_WARN, PREFLIGHT_OFF };

/* Keeps the draws of one phase apart from those of the others. */
enum training_phase { PHASE_PRETRAIN, PHASE_1, PHASE_2 };

struct training {
    struct stage *stage;
    uint32_t seed;
    struct architecture architecture; /* classes once the data is open */
    struct preprocess preprocess;
    struct augment augment;
    bool augments;
    struct fit_options options;
    enum preflight_mode preflight_mode;
    const char **patterns; /* of layers to unfreeze; the array is owned */
    size_t pattern_count;

    struct dataset dataset;
    struct backend *backend;
    struct model *model;
    struct preflight preflight;
    struct history history;
};

int training_read_seed(struct training *training, enum training_phase phase, struct error *err);
/* model: {architecture, alpha, image_size, preprocess, pixel_range, hidden, dropout} */
int training_read_model(struct training *training, struct error *err);
/* augment: {flip, rotation, zoom, cutout, mixup} */
int training_read_augment(struct training *training, struct error *err);
/* train: {batch, shard, steps_per_epoch} */
int training_read_batches(struct training *training, struct error *err);
/* train: {norm, preflight} */
int training_read_modes(struct training *training, struct error *err);
/* `prefix`: {augment, epochs, learning_rate, early_stopping: {patience}, reduce_learning_rate:
 * {factor, patience, minimum}}; null turns a callback off. */
int training_read_schedule(struct training *training, const char *prefix, struct error *err);
/* phase.trainable: a list of parts of names */
int training_read_trainable(struct training *training, struct error *err);

/* Opens the dep "dataset" and the device. */
int training_open(struct training *training, struct error *err);

/* Looks (unless told not to) and trains the model on these of the training images. */
int training_run(struct training *training, const int64_t *train, int64_t train_count,
                 const int64_t *val, int64_t val_count, struct error *err);

/* The outs history, and where declared history_csv, preflight and curves. */
int training_write_results(struct training *training, const char *phase, const char *title,
                           struct error *err);

void training_release(struct training *training);

/* The stage's fingerprint: device and drawing. */
int training_fingerprint(const char *device, struct error *err);

#endif
