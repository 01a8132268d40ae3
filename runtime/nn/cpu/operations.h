/* What the CPU computes, an operation at a time: each has one contract here and one file,
 * conv_cpu.c, norm_cpu.c, ...
 *
 * A batch is cut into shards; a shard's work runs wholly in one lane (a thread with its scratch
 * memory). Nothing an operation computes depends on which lane ran it, on the number of lanes, or
 * on what ran before. Operations work on one shard; what is summed over shards is summed by the
 * caller in shard order.
 *
 * Tensors are NHWC, aligned to 64 bytes (memory_new_aligned). What a network computes from picture
 * to logits, and the gradients on the way back, is of one kind of element, `dtype`, which a call or
 * a conv names: in bf16 an operation computes in f32 from operands that are bf16 and rounds once,
 * what it writes. All else is f32: weights and their gradients, biases, per-channel numbers,
 * targets, logits and loss.
 *
 * Conv kernels are HWIO ([r,s,c/groups,k]) where a user sees them and in oneDNN's own "packed"
 * layout where it computes; that of a bf16 convolution is bf16, rounded when it is packed, that of
 * a gradient is always f32.
 */
#ifndef NN_CPU_OPERATIONS_H
#define NN_CPU_OPERATIONS_H

#include "base/error.h"
#include "nn/adam.h"
#include "nn/conv_shape.h"
#include "nn/dtype.h"
#include "nn/graph.h"
#include "nn/optimizer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cpu;
struct lane;
struct conv;

enum conv_pass {
    CONV_FORWARD = 1,
    CONV_BACKWARD_DATA = 2,
    CONV_BACKWARD_WEIGHTS = 4,
};

/* What a conv does beyond the sum; fixed when it is made. y = activation(conv
 * + bias + residual). bias and residual may be absent.
 *
 * A fused activation may take a NaN for 0, as oneDNN's does: it is for operands that are known to
 * give none (reach.h). Where they are not, leave it out and call activation_forward, in which a NaN
 * stays one. All else follows IEEE 754. */
struct conv_options {
    unsigned passes; /* of enum conv_pass */
    bool bias, residual;
    enum activation activation; /* forward only; see activation_backward */
    enum dtype dtype;           /* of x, dx, dy and the packed kernels */
    enum dtype y;               /* of y and the residual: as `dtype`, or f32 */
};

/* Prepares a convolution for one shape. Fails with ERR_DEVICE where the
 * library has nothing better than its reference kernel for it. A conv may be
 * executed in several lanes at once. */
int conv_new(struct cpu *cpu, const struct conv_shape *shape, const struct conv_options *options,
             struct conv **conv, struct error *err);
void conv_free(struct conv *conv);
/* Bytes of the packed kernel for forward or backward-data, and of the packed
 * gradient that backward-weights writes. */
size_t conv_packed_size(const struct conv *conv, enum conv_pass pass);
/* kernel [r,s,c/groups,k] (HWIO) -> packed, for forward or backward-data. Where `scale` is not
 * NULL ([k]), output channel j is multiplied by scale[j] first: batch norm folding. */
int conv_pack(struct lane *lane, const struct conv *conv, enum conv_pass pass, const float *kernel,
              const float *scale, void *packed, struct error *err);
int conv_forward(struct lane *lane, const struct conv *conv, const void *x, const void *packed,
                 const float *bias, const void *residual, void *y, struct error *err);
int conv_backward_data(struct lane *lane, const struct conv *conv, const void *dy,
                       const void *packed, void *dx, struct error *err);
/* Overwrites dw (packed gradient) and dbias [k] (NULL without bias). */
int conv_backward_weights(struct lane *lane, const struct conv *conv, const void *x, const void *dy,
                          void *dw, float *dbias, struct error *err);
/* Packed gradient -> kernel layout HWIO. */
int conv_unpack_gradient(struct lane *lane, const struct conv *conv, const void *dw,
                         float *kernel_gradient, struct error *err);

/* Batch norm. `rows` = n*h*w of the shard, c channels.
 * statistics: mean [c] and m2 [c] = sum of squared deviations from that mean, in f64 (Chan, Golub,
 * LeVeque 1979 joins shards: see norm.h). apply: y = activation(x*scale + shift + residual);
 * residual may be NULL; y may be x. */
int norm_statistics(struct lane *lane, enum dtype dtype, int64_t rows, int64_t c, const void *x,
                    double *mean, double *m2, struct error *err);
int norm_apply(struct lane *lane, enum dtype dtype, int64_t rows, int64_t c, const void *x,
               const float *scale, const float *shift, const void *residual,
               enum activation activation, void *y, struct error *err);
/* dy [rows,c], masked by the activation already. Sums over rows, in f64: dbeta = sum dy, dgamma =
 * sum dy*xh, where xh = (x - mean) * rstd. */
int norm_backward_sums(struct lane *lane, enum dtype dtype, int64_t rows, int64_t c, const void *x,
                       const void *dy, const float *mean, const float *rstd, double *dgamma,
                       double *dbeta, struct error *err);
/* dx = a*dy + b*x + d with per-channel a, b, d; dx may be dy. Inference mode has b = d = 0 (pass
 * NULL). */
int norm_backward_data(struct lane *lane, enum dtype dtype, int64_t rows, int64_t c, const void *x,
                       const void *dy, const float *a, const float *b, const float *d, void *dx,
                       struct error *err);

/* y = activation(y); a NaN stays one. */
int activation_forward(struct lane *lane, enum dtype dtype, int64_t count,
                       enum activation activation, void *y, struct error *err);
/* *largest = the largest magnitude of x, a NaN where there is one. */
int tensor_largest(struct lane *lane, enum dtype dtype, int64_t count, const void *x,
                   float *largest, struct error *err);
/* dy *= derivative of the activation at its output y (0 at 0 and at 6; a NaN at a NaN). */
int activation_backward(struct lane *lane, enum dtype dtype, int64_t count,
                        enum activation activation, const void *y, void *dy, struct error *err);
/* y += x */
int tensor_accumulate(struct lane *lane, enum dtype dtype, int64_t count, const void *x, void *y,
                      struct error *err);
/* y = x */
int tensor_copy(struct lane *lane, enum dtype dtype, int64_t count, const void *x, void *y,
                struct error *err);
/* y = x, of other elements or the same. */
int tensor_convert(struct lane *lane, int64_t count, enum dtype from, const void *x, enum dtype to,
                   void *y, struct error *err);

/* x [n,h,w,c] -> y [n,p,q,c], window r x r; padding never wins where `zero_padding` is false, and
 * counts as 0 where it is true (Keras' pool1_pad); a NaN wins. Backward gives the gradient to the
 * first maximum in row-major order of its window; where windows share a place, dx adds up in their
 * order, rounded each time. */
struct pool_shape {
    int64_t n, h, w, c;
    int64_t r, stride, pad_top, pad_bottom, pad_left, pad_right;
    bool zero_padding;
};
int max_pool_forward(struct lane *lane, enum dtype dtype, const struct pool_shape *shape,
                     const void *x, void *y, struct error *err);
int max_pool_backward(struct lane *lane, enum dtype dtype, const struct pool_shape *shape,
                      const void *x, const void *y, const void *dy, void *dx, struct error *err);
/* x [n,places,c] -> y [n,c], the mean over places. */
int average_pool_forward(struct lane *lane, enum dtype dtype, int64_t n, int64_t places, int64_t c,
                         const void *x, void *y, struct error *err);
int average_pool_backward(struct lane *lane, enum dtype dtype, int64_t n, int64_t places, int64_t c,
                          const void *dy, void *dx, struct error *err);

/* Inverted dropout of x [n,c]. Element j of image i is kept iff philox(seed, RANDOM_DROPOUT, step,
 * sample[i], layer and j) >= rate: dropout.h has the arithmetic. Backward is the same call on dy. y
 * may be x. */
struct dropout_key {
    uint32_t seed, step, layer;
    float rate;
};
int dropout_apply(struct lane *lane, enum dtype dtype, const struct dropout_key *key, int64_t n,
                  int64_t c, const int64_t *samples, const void *x, void *y, struct error *err);

/* Softmax cross-entropy from logits [n,classes] against target distributions [n,classes]; loss [n]
 * per image; dlogits = (softmax - target) * scale, scale = 1 / size of the whole batch.
 * probabilities, dlogits may be NULL. */
int cross_entropy(struct lane *lane, int64_t n, int64_t classes, const float *logits,
                  const float *targets, float scale, float *loss, float *probabilities,
                  float *dlogits, struct error *err);

/* Adam with Keras' epsilon (adam.h): updates w, m, v [count] from gradient g. */
int adam_apply(struct lane *lane, int64_t count, struct adam_step step, const float *g, float *w,
               float *m, float *v, struct error *err);

/* The other steps of optimizer.h: weights shrink by weight_decay * learning_rate of themselves; SGD
 * with momentum in m; averages = momentum * averages + (1 - momentum) * w. All [count]. */
int decay_apply(struct lane *lane, int64_t count, float weight_decay, float learning_rate, float *w,
                struct error *err);
int sgd_apply(struct lane *lane, int64_t count, struct sgd_step step, const float *g, float *w,
              float *m, struct error *err);
int average_apply(struct lane *lane, int64_t count, float momentum, const float *w, float *averages,
                  struct error *err);

#endif
