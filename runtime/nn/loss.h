/* Softmax cross-entropy from logits. Compiles for host and device.
 *
 * Keras' fit and evaluate compute it so although the model ends in softmax, and
 * then clip no probability: seen with 3.12, where a logit that is 200 too high
 * costs 200 and not -log(1e-7).
 *
 * Exponentials and logarithms are our own, in f64, from exactly rounded
 * operations only, so that no mathematical library enters the bits of a
 * result; rounded to f32 they agree with a correctly rounded function except
 * in rare cases.
 */
#ifndef NN_LOSS_H
#define NN_LOSS_H

#include "base/philox.h" /* HOST_DEVICE */

#include <math.h>
#include <stddef.h>
#include <stdint.h>

/* e^x for x <= 0. Cody and Waite's reduction by multiples of log 2, then the series. */
static inline HOST_DEVICE double loss_exp(double x)
{
    if (!(x > -700.0))
        return x <= -700.0 ? 0.0 : x; /* a NaN stays one */
    double k = floor(x * 1.4426950408889634 + 0.5);
    double r = (x - k * 0.693147180369123816490) - k * 1.90821492927058770002e-10;
    double sum = 1.0;
    for (int i = 14; i > 0; i--)
        sum = 1.0 + sum * r / (double)i;
    return ldexp(sum, (int)k);
}

/* log x for x >= 1: log m = 2 artanh((m-1)/(m+1)) of the mantissa m near 1. */
static inline HOST_DEVICE double loss_log(double x)
{
    if (!(x >= 1.0 && x < 1e300))
        return x - x + x; /* NaN, infinity */
    int exponent;
    double m = frexp(x, &exponent);
    if (m < 0.70710678118654752) {
        m *= 2.0;
        exponent--;
    }
    double z = (m - 1.0) / (m + 1.0), square = z * z, sum = 0.0;
    for (int i = 25; i > 0; i -= 2)
        sum = sum * square + 1.0 / (double)i;
    return (double)exponent * 0.69314718055994530942 + 2.0 * z * sum;
}

/* One image: logits, targets [classes] -> loss, and where not NULL probabilities [classes] and
 * dlogits = (softmax - target) * scale. A class with target 0 does not count, whatever its logit.
 */
static inline HOST_DEVICE void loss_image(int64_t classes, const float *logits,
                                          const float *targets, float scale, float *loss,
                                          float *probabilities, float *dlogits)
{
    float largest = logits[0];
    for (int64_t j = 1; j < classes; j++)
        largest = logits[j] > largest ? logits[j] : largest;
    double sum = 0.0, total = 0.0;
    for (int64_t j = 0; j < classes; j++)
        sum += loss_exp((double)logits[j] - (double)largest);
    double log_sum = loss_log(sum);
    for (int64_t j = 0; j < classes; j++) {
        double z = (double)logits[j] - (double)largest;
        if (targets[j] != 0.0f || z != z)
            total += (double)targets[j] * (log_sum - z);
        if (probabilities == NULL && dlogits == NULL)
            continue;
        float p = (float)(loss_exp(z) / sum);
        if (probabilities != NULL)
            probabilities[j] = p;
        if (dlogits != NULL)
            dlogits[j] = (p - targets[j]) * scale;
    }
    *loss = (float)total;
}

#endif
