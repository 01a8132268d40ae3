/* What the stages that train share: reading the parameters, opening the data
 * and the device, looking before, trainer, and writing what came of it.
 *
 *   struct trainer trainer = {.stage = stage};
 *   trainer_read_seed(), ..._model(), ... in any order, stage_params_done(),
 *   trainer_open(), trainer.model = ..., trainer_run(), trainer_write...();
 *   trainer_release(&trainer);
 */
#ifndef STAGES_TRAINER_H
#define STAGES_TRAINER_H

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
enum trainer_phase { PHASE_PRETRAIN, PHASE_1, PHASE_2 };

struct trainer {
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

int trainer_read_seed(struct trainer *trainer, enum trainer_phase phase, struct error *err);
/* model: {architecture, alpha, image_size, preprocess, pixel_range, hidden, dropout} */
int trainer_read_model(struct trainer *trainer, struct error *err);
/* augment: {flip, rotation, zoom, cutout, mixup} */
int trainer_read_augment(struct trainer *trainer, struct error *err);
/* train: {batch, shard, steps_per_epoch} */
int trainer_read_batches(struct trainer *trainer, struct error *err);
/* train: {norm, preflight} */
int trainer_read_modes(struct trainer *trainer, struct error *err);
/* `prefix`: {augment, epochs, learning_rate, early_stopping: {patience}, reduce_learning_rate:
 * {factor, patience, minimum}}; null turns a callback off. */
int trainer_read_schedule(struct trainer *trainer, const char *prefix, struct error *err);
/* phase.trainable: a list of parts of names */
int trainer_read_trainable(struct trainer *trainer, struct error *err);

/* Opens the dep "dataset" and the device. */
int trainer_open(struct trainer *trainer, struct error *err);

/* Looks (unless told not to) and trains the model on these of the training images. */
int trainer_run(struct trainer *trainer, const int64_t *train, int64_t train_count,
                const int64_t *val, int64_t val_count, struct error *err);

/* The outs history, and where declared history_csv, preflight and curves. */
int trainer_write_results(struct trainer *trainer, const char *phase, const char *title,
                          struct error *err);

void trainer_release(struct trainer *trainer);

/* The stage's fingerprint: device and drawing. */
int trainer_fingerprint(const char *device, struct error *err);

#endif
