/* Elementary functions for drawing augmentations, by plain f64 additions,
 * multiplications and divisions. The C library's and CUDA's own differ in the
 * last bit from version to version and from device to device; these give the
 * same bits everywhere (without contraction to fused operations).
 */
#ifndef NN_AUGMENT_MATH_H
#define NN_AUGMENT_MATH_H

#include "base/philox.h"

/* Sine and cosine for |t| <= 2 pi, by their Taylor series. */
static inline HOST_DEVICE void augment_sine_cosine(double t, double *sine, double *cosine)
{
    double s = t, c = 1, s_term = t, c_term = 1;
    for (int k = 1; k <= 22; k++) {
        c_term *= -t * t / ((2 * k - 1) * (2 * k));
        s_term *= -t * t / ((2 * k) * (2 * k + 1));
        c += c_term;
        s += s_term;
    }
    *sine = s;
    *cosine = c;
}

/* Natural logarithm of 2^-40 <= x <= 1: x = m / 2^k with m near 1, log m = 2 atanh((m-1)/(m+1)). */
static inline HOST_DEVICE double augment_log(double x)
{
    const double log_2 = 0.693147180559945309417232;
    int halvings = 0;
    for (; x < 0.70710678118654752; halvings++)
        x *= 2;
    double z = (x - 1) / (x + 1), power = z, sum = 0;
    for (int k = 1; k <= 23; k += 2) {
        sum += power / k;
        power *= z * z;
    }
    return 2 * sum - halvings * log_2;
}

/* exp(x); below -700 and above 700 as at those. */
static inline HOST_DEVICE double augment_exp(double x)
{
    const double log_2 = 0.693147180559945309417232;
    x = x < -700 ? -700 : x > 700 ? 700 : x;
    int halvings = (int)(-x / log_2);
    double r = x + halvings * log_2, term = 1, sum = 1;
    for (int k = 1; k <= 18; k++) {
        term *= r / k;
        sum += term;
    }
    for (; halvings > 0; halvings--)
        sum *= 0.5;
    for (; halvings < 0; halvings++)
        sum *= 2;
    return sum;
}

#endif
