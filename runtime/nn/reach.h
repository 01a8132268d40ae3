/* How large the numbers of a network can become: a bound on the magnitude of a
 * node's output, from one on its input and from the weights.
 *
 * A library's fused ReLU may turn a NaN into 0, and then a broken model looks
 * sound. A sum of products of finite numbers gives a NaN only where it comes to
 * more than the largest f32 on its way, so where the bound stays below
 * REACH_LIMIT, there is no NaN to hide, and the fused kernel is exact. Where it
 * does not (a weight that is not finite makes it a NaN), the activation runs as
 * an operation of its own. Bounds are multiplied layer by layer and become too
 * large after some; then what is really there is measured.
 */
#ifndef NN_REACH_H
#define NN_REACH_H

#include "base/philox.h" /* HOST_DEVICE */
#include "nn/feed.h"

#include <stdint.h>

/* A partial sum below it, with all errors of rounding, is below the largest f32. */
#define REACH_LIMIT 1e37f

/* What a value of a fed picture is not larger than in magnitude. */
float reach_of_feed(const struct preprocess *preprocess);

/* The most by which a convolution can multiply: the largest sum of magnitudes of an output
 * channel's weights. kernel [rows,k], times scale [k] where that is not NULL. A NaN where there is
 * one, infinity where it overflows. */
float reach_gain(int64_t rows, int64_t k, const float *kernel, const float *scale);

/* The largest magnitude of values [count]; a NaN where there is one. */
float reach_largest(int64_t count, const float *values);
float reach_largest_bf16(int64_t count, const uint16_t *values);

/* A bound of gain * input + offset + residual, with what rounding can add: also that of weights and
 * output to bf16, 2^-8 each. */
static inline HOST_DEVICE float reach_sum(float gain, float input, float offset, float residual)
{
    const float slack = 1.01f;
    return (gain * input + offset + residual) * slack;
}

/* The larger of two bounds; a NaN where there is one. */
static inline HOST_DEVICE float reach_larger(float a, float b)
{
    return a != a || b <= a ? a : b;
}

#endif
