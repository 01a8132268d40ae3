/* How gradients move weights, beside Adam (adam.h), element by element, as Keras
 * 3 does it: SGD with momentum, plain or after Nesterov; weight decay apart from
 * the gradient (Loshchilov and Hutter 2017, arXiv 1711.05101: AdamW), before the
 * step; a moving average of the weights after it. Compiles for host and device.
 */
#ifndef NN_OPTIMIZER_H
#define NN_OPTIMIZER_H

#include "base/philox.h" /* HOST_DEVICE */

#include <stdbool.h>
#include <stdint.h>

enum optimizer_kind { OPTIMIZER_ADAM, OPTIMIZER_SGD };

/* All zero is Adam alone. */
struct optimizer {
    enum optimizer_kind kind;
    double weight_decay; /* of the learning rate's size; 0 for none */
    unsigned undecayed;  /* bit of each enum parameter_role that decay leaves out */
    double momentum;     /* of SGD */
    bool nesterov;
    bool averages; /* Keras' use_ema: at a validation, and in what is kept, the average stands for
                      the weights; moving statistics of batch norms stay their own */
    double ema_momentum;
};

struct sgd_step {
    float learning_rate, momentum;
    bool nesterov;
};

static inline HOST_DEVICE void optimizer_decay(float weight_decay, float learning_rate, float *w)
{
    *w -= *w * weight_decay * learning_rate;
}

static inline HOST_DEVICE void optimizer_sgd(struct sgd_step step, float g, float *w, float *m)
{
    const float moved = g * step.learning_rate;
    *m = *m * step.momentum - moved;
    *w += step.nesterov ? *m * step.momentum - moved : *m;
}

static inline HOST_DEVICE void optimizer_average(float momentum, float w, float *average)
{
    *average = momentum * *average + (1.0f - momentum) * w;
}

#endif
