#include "nn/callbacks.h"

/* Keras hands both numbers to the backend, which holds them as f32. */
static bool less(double a, double b)
{
    return (float)a < (float)b;
}

void early_stopping_init(struct early_stopping *callback, int64_t patience)
{
    *callback = (struct early_stopping){.patience = patience, .best_epoch = -1};
}

struct early_stopping_advice early_stopping_epoch(struct early_stopping *callback, int64_t epoch,
                                                  double val_loss)
{
    struct early_stopping_advice advice = {0};
    callback->wait++;
    if (callback->best_epoch < 0 || less(val_loss, callback->best)) {
        callback->best = val_loss;
        callback->best_epoch = epoch;
        callback->wait = 0;
        advice.keep_weights = true;
    } else if (callback->patience < 0) {
        advice.keep_weights = true;
    } else {
        advice.stop = callback->wait >= callback->patience && epoch > 0;
    }
    return advice;
}

void reduce_on_plateau_init(struct reduce_on_plateau *callback, int64_t patience, double factor,
                            double minimum)
{
    *callback =
        (struct reduce_on_plateau){.patience = patience, .factor = factor, .minimum = minimum};
}

float reduce_on_plateau_epoch(struct reduce_on_plateau *callback, double val_loss,
                              float learning_rate)
{
    const double min_delta = 1e-4;
    if (callback->patience < 0)
        return learning_rate;
    if (!callback->started || less(val_loss + min_delta, callback->best)) {
        callback->started = true;
        callback->best = val_loss;
        callback->wait = 0;
        return learning_rate;
    }
    callback->wait++;
    /* At the floor nothing happens, and wait keeps growing. */
    if (callback->wait < callback->patience || !less(callback->minimum, (double)learning_rate))
        return learning_rate;
    callback->wait = 0;
    double reduced = (double)learning_rate * callback->factor;
    return (float)(reduced > callback->minimum ? reduced : callback->minimum);
}

void best_checkpoint_init(struct best_checkpoint *callback)
{
    *callback = (struct best_checkpoint){.epoch = -1};
}

bool best_checkpoint_epoch(struct best_checkpoint *callback, int64_t epoch, double val_accuracy)
{
    if (callback->epoch >= 0 && !less(callback->best, val_accuracy))
        return false;
    callback->epoch = epoch;
    callback->best = val_accuracy;
    return true;
}
