#include "nn/callbacks.h"

/* Keras hands both numbers to the backend, which holds them as f32. */
static bool less(double a, double b)
{
    return (float)a < (float)b;
}

void early_stopping_start(struct early_stopping *callback)
{
    callback->wait = 0;
    callback->best_epoch = -1;
    callback->best = 0;
}

static bool improves(const struct early_stopping *callback, double value)
{
    if (callback->best_epoch < 0)
        return true;
    return callback->mode == MONITOR_MIN ? less(value + callback->min_delta, callback->best)
                                         : less(callback->best, value - callback->min_delta);
}

struct early_stopping_advice early_stopping_epoch(struct early_stopping *callback, int64_t epoch,
                                                  double value)
{
    struct early_stopping_advice advice = {0};
    callback->wait++;
    if (improves(callback, value)) {
        callback->best = value;
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

void reduce_on_plateau_start(struct reduce_on_plateau *callback)
{
    callback->wait = 0;
    callback->started = false;
    callback->best = 0;
}

float reduce_on_plateau_epoch(struct reduce_on_plateau *callback, double val_loss,
                              float learning_rate)
{
    if (callback->patience < 0)
        return learning_rate;
    if (callback->wait < 0)
        callback->wait++;
    if (!callback->started || less(val_loss + callback->min_delta, callback->best)) {
        callback->started = true;
        callback->best = val_loss;
        if (callback->wait > 0)
            callback->wait = 0;
        return learning_rate;
    }
    if (callback->wait < 0)
        return learning_rate;
    callback->wait++;
    /* At the floor nothing happens, and wait keeps growing. */
    if (callback->wait < callback->patience || !less(callback->minimum, (double)learning_rate))
        return learning_rate;
    callback->wait = -callback->cooldown;
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
