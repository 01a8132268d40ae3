/* What the stages that train share: reading the parameters, opening the data
 * and the device, looking before, training, and writing what came of it. A
 * stage says what is particular to it in a struct training, which is its
 * kind's own:
 *
 *   {.run = trainer_run, .check = trainer_check, .own = &training, ...}
 */
#ifndef STAGES_TRAINER_H
#define STAGES_TRAINER_H

#include "base/error.h"
#include "base/stage.h"
#include "data/dataset.h"
#include "data/splits.h"
#include "nn/device.h"
#include "nn/fit.h"
#include "nn/history.h"
#include "nn/model.h"
#include "nn/preflight.h"
#include "nn/weight_check.h"

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
    struct weight_check weight_check;
    enum precision precision; /* what was asked for; options.dtype is what is taken */
    const char **patterns;    /* of layers to unfreeze; the array is owned */
    size_t pattern_count;
    double label_smoothing;
    const json_t *class_weight; /* "balanced" or a list; NULL for none; borrowed from the stage */
    float *class_weights;       /* what it comes to */

    struct dataset dataset;
    struct splits splits;
    const int64_t *train, *val; /* samples of the training images, in `splits` or `samples` */
    int64_t train_count, val_count;
    int64_t *samples;
    struct device *device;
    struct model *model;
    struct preflight preflight;
    struct history history;
};

/* What is particular to a stage. */
struct training {
    const char *phase; /* in history.json */
    int (*read_params)(struct trainer *trainer, struct error *err);
    /* Which images train and which validate: one of the two below. */
    int (*take_samples)(struct trainer *trainer, struct error *err);
    /* trainer->model, with the layers that train. */
    int (*make_model)(struct trainer *trainer, struct error *err);
    const char *out; /* the model's */
    int (*write_model)(const struct model *model, const char *path, struct error *err);
};

/* Reads and checks the parameters, as trainer_run() does: those of the stage and weights.check; and
 * whether the device has the precision. */
int trainer_check(struct stage *stage, struct error *err);

/* Outs: the model, history, and where declared history_csv, preflight and state: what the last
 * epoch left. With the dep `state`, such a file, training goes on from there with `epochs` more
 * (nn/fit.h) and the history has all. */
int trainer_run(struct stage *stage, struct error *err);

/* Prints what trainer_run() would have the network compute (nn/program.h). */
int trainer_print_program(struct stage *stage, struct error *err);
int trainer_profile(struct stage *stage, struct error *err);

/* The stage's fingerprint: the device, and what precision auto is on it. */
int trainer_fingerprint(const char *device, struct error *err);

/* The dep "splits". */
int trainer_take_splits(struct trainer *trainer, struct error *err);
/* All images, of which the last tenth validates. */
int trainer_hold_out(struct trainer *trainer, struct error *err);

/* ---- trainer_params.c: for read_params, in any order ----
 *
 * What may be left out has a default; null says the same. docs/stages.md lists all of them. */

int trainer_read_seed(struct trainer *trainer, enum trainer_phase phase, struct error *err);
/* model: {architecture, image_size, preprocess}, and {alpha, pixel_range, hidden, dropout,
 * pooled_layers}, of which each may be left out */
int trainer_read_model(struct trainer *trainer, struct error *err);
int trainer_read_augment(struct trainer *trainer, struct error *err);
/* train: {batch, shard, steps_per_epoch, precision}, of which each may be left out; a shard of auto
 * is taken when the device is open */
int trainer_read_batches(struct trainer *trainer, struct error *err);
/* trainer_optimizer.c: train: {optimizer: {name, weight_decay, exclude_from_weight_decay, momentum,
 * nesterov, use_ema, ema_momentum}, label_smoothing, class_weight, sampling}, of which each may be
 * left out. */
int trainer_read_weighing(struct trainer *trainer, struct error *err);
/* Tells the feed that trains how the loss weighs its pictures; once the data is open. */
int trainer_weigh(struct trainer *trainer, struct feed *feed, struct error *err);
/* train: {norm, preflight}, of which each may be left out */
int trainer_read_modes(struct trainer *trainer, struct error *err);
/* `prefix`: {augment, epochs, learning_rate, early_stopping: {patience, min_delta, monitor, mode},
 * reduce_learning_rate: {patience, factor, minimum, min_delta, cooldown}}; a callback that is left
 * out is off; what is left out of one, but for its patience, is as in Keras. */
int trainer_read_schedule(struct trainer *trainer, const char *prefix, struct error *err);
/* trainer_schedule.c: `prefix`.cosine_decay: {decay_steps, alpha, warmup_steps, warmup_target},
 * each of which may be left out; null: none. trainer_read_schedule() calls it. */
int trainer_read_cosine_decay(struct trainer *trainer, const char *prefix, struct error *err);
/* phase.trainable: a list of parts of names; left out, none */
int trainer_read_trainable(struct trainer *trainer, struct error *err);
/* After these, where the model is made here: whether there is such a network, with such layers. */
int trainer_check_model(const struct trainer *trainer, struct error *err);

#endif
