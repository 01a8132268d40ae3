/* Adam (Kingma and Ba, "Adam: a method for stochastic optimization", ICLR
 * 2015) as Keras computes it, in f32: epsilon is added to the root of the
 * uncorrected second moment. Compiles for host and device.
 */
#ifndef NN_ADAM_H
#define NN_ADAM_H

#include "base/philox.h" /* HOST_DEVICE */

#include <math.h>
#include <stdint.h>

struct adam_step {
    float alpha; /* the learning rate with both bias corrections: adam_alpha */
};

/* base^exponent by squaring in f64, then rounded: needs no mathematical library, whose last bit may
 * differ. */
static inline HOST_DEVICE float adam_power(float base, int64_t exponent)
{
    double result = 1.0, square = (double)base;
    for (; exponent > 0; exponent >>= 1) {
        if (exponent & 1)
            result *= square;
        square *= square;
    }
    return (float)result;
}

/* The learning rate with both bias corrections at step t = 1, 2, ... */
static inline HOST_DEVICE float adam_alpha(float learning_rate, int64_t t)
{
    return learning_rate * sqrtf(1.0f - adam_power(0.999f, t)) / (1.0f - adam_power(0.9f, t));
}

static inline HOST_DEVICE void adam_update(float alpha, float g, float *w, float *m, float *v)
{
    *m += (g - *m) * 0.1f;
    *v += (g * g - *v) * 0.001f;
    *w -= *m * alpha / (sqrtf(*v) + 1e-7f);
}

#endif
