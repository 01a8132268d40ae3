/* What happened in each epoch, and the files that say so: history.json, with
 * a summary, and history.csv in the layout of Keras' CSVLogger. Both count
 * epochs from 1, as progress, figures and the report do (CSVLogger counts from 0).
 */
#ifndef NN_HISTORY_H
#define NN_HISTORY_H

#include "base/error.h"
#include "nn/dtype.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Values are f32 held as f64, as in Keras' History; the learning rate is the one in force during
 * the epoch. */
struct epoch_record {
    double loss, accuracy, val_loss, val_accuracy, learning_rate;
};

/* Epochs count from 0 here and from 1 in the files; -1 and null where there was none. */
struct history {
    struct epoch_record *epochs;
    size_t count, capacity;
    int64_t best_epoch;       /* of the least val_loss, or as EarlyStopping's options have it */
    int64_t kept_epoch;       /* whose weights were kept: the best where EarlyStopping restores it,
                                 else the last */
    int64_t checkpoint_epoch; /* of the best val_accuracy (ModelCheckpoint) */
    bool stopped_early;
};

int history_add(struct history *history, const struct epoch_record *record, struct error *err);
void history_release(struct history *history);

enum { HISTORY_SHARD = 8 };

/* What the JSON file says beside the epochs. */
struct history_summary {
    char phase[32];
    int64_t trainable_parameters, frozen_parameters;
    enum dtype precision; /* of activations and their gradients */
    int64_t shard;        /* images whose gradients are added up together */
};

/* {"schema": 1, "epochs": [{"epoch": 1, "loss", "accuracy", "val_loss", "val_accuracy",
 * "learning_rate"}, ...], "best_epoch", "checkpoint_epoch", "stopped_early", "phase",
 * "trainable_parameters", "frozen_parameters"}, "kept_epoch" where it is another one than the best,
 * and "precision": "bf16" where it is not f32, "shard" where it is not HISTORY_SHARD. An infinite
 * value is the text "inf" or "-inf", NaN is null. */
int history_write_json(const char *path, const struct history *history,
                       const struct history_summary *summary, struct error *err);
/* `summary` may be NULL. *history changes only on success. */
int history_read_json(const char *path, struct history *history, struct history_summary *summary,
                      struct error *err);

/* epoch (from 1), then the names sorted: accuracy, learning_rate, loss, val_accuracy, val_loss; the
 * shortest digits that read back as the same number. */
int history_write_csv(const char *path, const struct history *history, struct error *err);

#endif
