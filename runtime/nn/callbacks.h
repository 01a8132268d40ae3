/* What Keras' callbacks decide after an epoch, for monitors that should fall
 * (val_loss) or rise (val_accuracy). Keras 3.12 to 3.15: EarlyStopping with
 * restore_best_weights, ReduceLROnPlateau on val_loss, ModelCheckpoint with
 * save_best_only. Both sides of a comparison are rounded to f32 first; NaN
 * never improves.
 *
 * The structs are plain values: a copy of them is a checkpoint.
 */
#ifndef NN_CALLBACKS_H
#define NN_CALLBACKS_H

#include <stdbool.h>
#include <stdint.h>

enum monitor_mode { MONITOR_MIN, MONITOR_MAX };

/* The first three are options. */
struct early_stopping {
    int64_t patience; /* < 0: never stops, and the last epoch's weights are kept */
    double min_delta; /* >= 0: an improvement is better by more than this */
    enum monitor_mode mode;
    int64_t wait;       /* epochs without improvement */
    int64_t best_epoch; /* the last that improved, from 0; -1 before the first */
    double best;        /* its value; may be NaN if it was so in the first epoch */
};

struct early_stopping_advice {
    bool keep_weights; /* this epoch's: the best so far, or where it never stops the last */
    bool stop;
};

/* Before its first epoch; the options stay. */
void early_stopping_start(struct early_stopping *callback);
struct early_stopping_advice early_stopping_epoch(struct early_stopping *callback, int64_t epoch,
                                                  double value);

enum { REDUCE_COOLDOWN_MAX = 1 << 20 };

/* The first five are options. */
struct reduce_on_plateau {
    int64_t patience; /* < 0: off */
    double factor, minimum;
    double min_delta;
    int64_t
        cooldown; /* >= 0: epochs after a reduction that do not count as waiting, the last does */
    int64_t wait; /* < 0: so many epochs of the cooldown are left */
    bool started;
    double best; /* its own, not EarlyStopping's */
};

void reduce_on_plateau_start(struct reduce_on_plateau *callback);
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
