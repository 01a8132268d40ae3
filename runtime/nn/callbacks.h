/* What Keras' callbacks decide after an epoch, for monitors that should fall
 * (val_loss) or rise (val_accuracy). Keras 3.12: EarlyStopping with
 * restore_best_weights and min_delta 0, ReduceLROnPlateau with min_delta 1e-4
 * and no cooldown, ModelCheckpoint with save_best_only. Both sides of a
 * comparison are rounded to f32 first; NaN never improves.
 *
 * The structs are plain values: a copy of them is a checkpoint.
 */
#ifndef NN_CALLBACKS_H
#define NN_CALLBACKS_H

#include <stdbool.h>
#include <stdint.h>

struct early_stopping {
    int64_t patience;   /* < 0: never stops, and the last epoch's weights are kept */
    int64_t wait;       /* epochs without improvement */
    int64_t best_epoch; /* of the least val_loss, from 0; -1 before the first */
    double best;        /* of val_loss; may be NaN if it was so in the first epoch */
};

struct early_stopping_advice {
    bool keep_weights; /* this epoch's: the best so far, or where it never stops the last */
    bool stop;
};

void early_stopping_init(struct early_stopping *callback, int64_t patience);
struct early_stopping_advice early_stopping_epoch(struct early_stopping *callback, int64_t epoch,
                                                  double val_loss);

struct reduce_on_plateau {
    int64_t patience; /* < 0: off */
    double factor, minimum;
    int64_t wait;
    bool started;
    double best; /* its own, not EarlyStopping's */
};

void reduce_on_plateau_init(struct reduce_on_plateau *callback, int64_t patience, double factor,
                            double minimum);
/* The learning rate for the epochs to come. */
float reduce_on_plateau_epoch(struct reduce_on_plateau *callback, double val_loss,
                              float learning_rate);

struct best_checkpoint {
    int64_t epoch; /* from 0; -1 before the first */
    double best;   /* of val_accuracy */
};

void best_checkpoint_init(struct best_checkpoint *callback);
/* True where ModelCheckpoint would save this epoch. */
bool best_checkpoint_epoch(struct best_checkpoint *callback, int64_t epoch, double val_accuracy);

#endif
