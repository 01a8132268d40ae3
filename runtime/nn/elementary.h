/* Elementary functions in f64 from operations that are rounded exactly: sums,
 * products, quotients and shifts of the exponent. The C library's and CUDA's
 * own differ in the last bit from version to version and from device to device;
 * these give the same bits everywhere (without contraction to fused
 * operations). Compiles for host and device.
 */
#ifndef NN_ELEMENTARY_H
#define NN_ELEMENTARY_H

#include "base/philox.h" /* HOST_DEVICE */

#include <math.h>

/* e^x to a few units in the last place; 0 below -700, infinite above 700. Cody and Waite's
 * reduction by multiples of log 2, then the series. */
static inline HOST_DEVICE double elementary_exp(double x)
{
    if (!(x > -700.0 && x < 700.0))
        return x <= -700.0 ? 0.0 : x >= 700.0 ? (double)INFINITY : x; /* a NaN stays one */
    double k = floor(x * 1.4426950408889634 + 0.5);
    double r = (x - k * 0.693147180369123816490) - k * 1.90821492927058770002e-10;
    double sum = 1.0;
    for (int i = 14; i > 0; i--)
        sum = 1.0 + sum * r / (double)i;
    return ldexp(sum, (int)k);
}

/* log x: log m = 2 artanh((m-1)/(m+1)) of the mantissa m near 1. */
static inline HOST_DEVICE double elementary_log(double x)
{
    if (!(x > 0.0 && x < (double)INFINITY))
        return x == 0.0 ? -(double)INFINITY : x < 0.0 ? (double)NAN : x; /* infinity, NaN */
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

/* Sine and cosine for |t| <= 2 pi, by their Taylor series. */
static inline HOST_DEVICE void elementary_sine_cosine(double t, double *sine, double *cosine)
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

#endif
