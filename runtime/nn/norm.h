/* Arithmetic of batch norm around the sums (Ioffe and Szegedy, "Batch
 * normalization", 2015), in the form and order in which Keras computes it.
 * Compiles for host and device.
 *
 * A training step in batch mode: statistics of each shard; norm_join() in
 * shard order; norm_variance(); norm_scale_shift(); apply. Backward: sums of
 * each shard added in shard order, norm_batch_backward(), backward_data.
 */
#ifndef NN_NORM_H
#define NN_NORM_H

#include "base/philox.h" /* HOST_DEVICE */

#include <math.h>
#include <stdint.h>

/* Rows of a table [NORM_FACTORS][channels]: y = act(z*scale + shift), xh = (z - mean)*rstd,
 * dz = a*dy + b*z + d. */
enum norm_factor {
    NORM_SCALE,
    NORM_SHIFT,
    NORM_MEAN,
    NORM_RSTD,
    NORM_A,
    NORM_B,
    NORM_D,
    NORM_FACTORS,
};

/* Statistics of one channel over `count` values: m2 is the sum of squared deviations from the mean.
 */
struct norm_moments {
    int64_t count;
    double mean, m2;
};

/* *a becomes the statistics of a and b together: Chan, Golub and LeVeque, "Updating formulae and a
 * pairwise algorithm for computing sample variances", 1979. Starts from zeroes. */
static inline HOST_DEVICE void norm_join(struct norm_moments *a, const struct norm_moments *b)
{
    if (b->count == 0)
        return;
    double count = (double)(a->count + b->count);
    double delta = b->mean - a->mean;
    a->m2 += b->m2 + delta * delta * ((double)a->count * (double)b->count / count);
    a->mean += delta * ((double)b->count / count);
    a->count += b->count;
}

/* The biased variance, by which Keras normalises and which it also feeds to the moving variance. */
static inline HOST_DEVICE float norm_variance(const struct norm_moments *moments)
{
    return moments->count == 0 ? 0.0f : (float)(moments->m2 / (double)moments->count);
}

/* 1 / sqrt(variance + epsilon) */
static inline HOST_DEVICE float norm_rstd(float variance, float epsilon)
{
    return 1.0f / sqrtf(variance + epsilon);
}

/* gamma * (x - mean) * rstd + beta as x * scale + shift. To fold it into a convolution, scale the
 * kernel by `scale` and take bias * scale + shift as the bias. */
static inline HOST_DEVICE void norm_scale_shift(float gamma, float beta, float mean, float variance,
                                                float epsilon, float *scale, float *shift)
{
    *scale = norm_rstd(variance, epsilon) * gamma;
    *shift = beta - mean * *scale;
}

/* A moving statistic after a batch. Keras takes 1 - momentum in f64 and rounds then. */
static inline HOST_DEVICE float norm_moving(float moving, float value, double momentum)
{
    return moving * (float)momentum + value * (float)(1.0 - momentum);
}

/* dx = a*dy + b*x + d in batch mode, from the sums over all `count` values of the batch:
 * dx = gamma*rstd * (dy - dbeta/count - xh*dgamma/count), xh = (x - mean)*rstd.
 * In inference mode dx = a*dy with a = gamma*rstd. */
static inline HOST_DEVICE void norm_batch_backward(float gamma, float mean, float rstd,
                                                   int64_t count, double dgamma, double dbeta,
                                                   float *a, float *b, float *d)
{
    double scale = (double)gamma * (double)rstd;
    double slope = dgamma / (double)count * (double)rstd;
    *a = (float)scale;
    *b = (float)(-scale * slope);
    *d = (float)(-scale * (dbeta / (double)count - slope * (double)mean));
}

#endif
