/* What a card computes beside cuDNN's convolutions and products, a kernel at a time: each has one
 * contract here, one file, tensor_cuda.cu, norm_cuda.cu, ..., and a test against the CPU's
 * operation of the same meaning (nn/cpu/operations.h, whose sources those are, too).
 *
 * A call only puts work into `stream` (a cudaStream_t); errors of a launch are CUDA's, which the
 * caller asks for. Pointers lead to the card's memory unless said otherwise. Tensors are NHWC, of
 * `dtype` where that is named and else f32, and computed in f32; bf16 is rounded once, when it is
 * stored. They may lie anywhere, but only where they begin at a multiple of 16 bytes (and rows of
 * channels are such multiples) are 16 bytes moved at once. Buffers overlap only where that is said.
 *
 * The bits of a result depend on its operands and sizes alone: not on the card, nor on how many
 * threads it ran. Where the CPU has the same arithmetic they are the CPU's: all but the sums of
 * norms, masks and depthwise kernels, which run in an order of their own.
 *
 * What changes from step to step lies in struct step_scalars in the card's memory, so that a step
 * that was captured once can be replayed:
 *
 *     zero results; scalars->step = first - 1, index = -1, position, epoch; then for each step
 *     kernel_step_advance    the next of the `steps` given
 *     kernel_feed ...        the network
 *     kernel_loss_sums       after which, if the loss is not finite, no weight moves any more
 *     kernel_norm_move, kernel_decay, kernel_adam ...
 */
#ifndef NN_CUDA_KERNELS_H
#define NN_CUDA_KERNELS_H

#include "nn/cuda/reach_steps.h"
#include "nn/dtype.h"
#include "nn/feed.h"
#include "nn/graph.h"
#include "nn/network.h"
#include "nn/norm.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- steps ---- */

struct step_scalars {
    int64_t step;     /* its number, from 0 at the begin of a phase: keys dropout; adam's t - 1 */
    int64_t index;    /* of the step in `steps`, and of its sums in `results` */
    int64_t position; /* of its first sample */
    int64_t n;        /* images of the batch */
    uint32_t epoch;
    float learning_rate, alpha; /* alpha with adam's bias corrections */
    float ema_momentum;         /* of this step: 0 in the first */
    float scale;                /* 1 / n */
    uint32_t stopped;           /* why; from there on nothing changes. 0: it goes on */
};

/* The step at `index` had a loss that is not finite; the step after it was not taken, since what it
 * would have read may hide a NaN. */
enum { STOPPED_BY_LOSS = 1, STOPPED_BY_PREFIX };

/* On to the next of `steps`: position moves by the images of the step before. Nothing once stopped,
 * which it does itself where *hidden is not 0; hidden may be NULL. */
void kernel_step_advance(void *stream, const struct train_step *steps, float ema_momentum,
                         const uint32_t *hidden, struct step_scalars *scalars);

/* Sample of image i is samples[scalars->position + i], or where `scalars` is NULL samples[i] and
 * the epoch 0; so for all that take both. */

/* ---- feed ---- */

/* feed_image() of n samples: x [n,image_size,image_size,channels], of which channels (3, 4 or 8)
 * the first three are the picture's and the others 0; targets [n,classes] or NULL. In *feed, which
 * the call copies, `augment` is the host's and the other pointers lead to the card's memory. A
 * picture that does not fit into a block's shared memory goes through scratch of
 * kernel_feed_scratch() bytes (0: scratch may be NULL). */
size_t kernel_feed_scratch(const struct feed *feed, int64_t n);
void kernel_feed(void *stream, const struct feed *feed, const struct step_scalars *scalars,
                 const int64_t *samples, int64_t n, enum dtype dtype, int channels, void *scratch,
                 void *x, float *targets);

/* feed_target() of n samples of a feed on the card: targets [n,classes]. */
void kernel_targets(void *stream, const struct feed *feed, const int64_t *samples, int64_t n,
                    float *targets);

/* rows [n][bytes] = features [count][bytes] at the samples, and back. Where a sample occurs twice,
 * its rows must be equal. `bytes` is even. */
void kernel_gather(void *stream, const struct step_scalars *scalars, const int64_t *samples,
                   int64_t n, int64_t bytes, const void *features, void *rows);
void kernel_scatter(void *stream, const struct step_scalars *scalars, const int64_t *samples,
                    int64_t n, int64_t bytes, const void *rows, void *features);

/* ---- tensors ---- */

/* y = activation(y); a NaN stays one. */
void kernel_activation(void *stream, enum dtype dtype, int64_t count, enum activation activation,
                       void *y);
/* dy *= derivative of the activation at its output y (0 at 0 and at 6; a NaN at a NaN). */
void kernel_activation_backward(void *stream, enum dtype dtype, int64_t count,
                                enum activation activation, const void *y, void *dy);
/* y += x; y may be x */
void kernel_accumulate(void *stream, enum dtype dtype, int64_t count, const void *x, void *y);
/* y = x, of other elements or the same. */
void kernel_convert(void *stream, int64_t count, enum dtype from, const void *x, enum dtype to,
                    void *y);
/* y[row][y_first + j] = x[row][x_first + j] for j < c; rows lie x_channels and y_channels apart.
 * Concatenates (x_channels = c) and takes apart again (y_channels = c). */
void kernel_copy_channels(void *stream, enum dtype dtype, int64_t rows, int64_t c, const void *x,
                          int64_t x_channels, int64_t x_first, void *y, int64_t y_channels,
                          int64_t y_first);

/* ---- batch norm; `rows` = n*h*w, c channels ---- */

/* Bytes of scratch that kernel_norm_statistics and kernel_mask need. */
size_t kernel_norm_scratch(int64_t rows, int64_t c);
/* x -> statistics [2][c]: mean and m2, the sum of squared deviations from it, in f64. */
void kernel_norm_statistics(void *stream, enum dtype dtype, int64_t rows, int64_t c, const void *x,
                            void *scratch, double *statistics);
/* Joins statistics [shards][2][c] of `rows` values each, of the last `last_rows`, in shard order:
 * moments [2][c] (mean, biased variance), and all factors but b and d (a as in inference). gamma,
 * beta [c]. */
void kernel_norm_join(void *stream, int64_t c, int64_t shards, int64_t rows, int64_t last_rows,
                      const double *statistics, const float *gamma, const float *beta,
                      float epsilon, float *moments, float *factors);
/* The same factors of the moving statistics [c]. */
void kernel_norm_factors(void *stream, int64_t c, const float *gamma, const float *beta,
                         const float *mean, const float *variance, float epsilon, float *factors);
/* What a frozen norm makes of a convolution: its kernel times scale [k] and `bias` [k]. own [k] is
 * the convolution's bias or NULL; where gamma is NULL there is no norm, and scale is 1. */
void kernel_norm_fold(void *stream, int64_t k, const float *own, const float *gamma,
                      const float *beta, const float *mean, const float *variance, float epsilon,
                      float *scale, float *bias);
/* y = activation(x*scale + shift + residual); residual may be NULL; y may be x or the residual. */
void kernel_norm_apply(void *stream, enum dtype dtype, int64_t rows, int64_t c, const void *x,
                       const float *scale, const float *shift, const void *residual,
                       enum activation activation, void *y);
/* dy complete, [rows,c]: through the activation at its output y, in place (y is not read without
 * one); then, where `residual` is not NULL, residual = dy, or += dy where it `adds`; then, where
 * `sums` is not NULL, sums [2][c] in f64: dgamma = sum dy*xh, xh = (z - mean)*rstd (0 where z is
 * NULL, for a bias) and dbeta = sum dy. scratch is for the sums. */
void kernel_mask(void *stream, enum dtype dtype, int64_t rows, int64_t c,
                 enum activation activation, const void *y, void *dy, bool adds, void *residual,
                 const void *z, const float *mean, const float *rstd, void *scratch, double *sums);
/* Joins sums [shards][2][c] in shard order into dgamma, dbeta [c]; where factors are given, too,
 * which is in batch mode, their a, b and d for `rows` values of the batch. gamma and dgamma are
 * NULL for a bias. */
void kernel_norm_backward(void *stream, int64_t c, int64_t shards, int64_t rows, const double *sums,
                          const float *gamma, float *factors, float *dgamma, float *dbeta);
/* dx = a*dy + b*x + d with per-channel a, b, d; dx may be dy. Inference mode has b = d = 0 (pass
 * NULL; x is not read). */
void kernel_norm_backward_data(void *stream, enum dtype dtype, int64_t rows, int64_t c,
                               const void *x, const void *dy, const float *a, const float *b,
                               const float *d, void *dx);
/* Moving statistics [c] after a batch of these moments [2][c]; not once stopped. */
void kernel_norm_move(void *stream, const struct step_scalars *scalars, int64_t c,
                      const float *moments, double momentum, float *mean, float *variance);

/* ---- windows ---- */

/* x [n,h,w,c] under windows r x s -> y [n,p,q,c], p = (h + pad_top + pad_bottom - r) / stride + 1
 * (rounded down), likewise q. */
struct window_shape {
    int64_t n, h, w, c;
    int64_t r, s;
    int64_t stride, pad_top, pad_bottom, pad_left, pad_right;
    bool zero_padding; /* of a pool: padding counts as 0, else it never wins */
};

static inline int64_t window_height(const struct window_shape *shape)
{
    return (shape->h + shape->pad_top + shape->pad_bottom - shape->r) / shape->stride + 1;
}

static inline int64_t window_width(const struct window_shape *shape)
{
    return (shape->w + shape->pad_left + shape->pad_right - shape->s) / shape->stride + 1;
}

/* The largest of each window; a NaN wins. Backward gives the gradient to the first maximum in
 * row-major order of its window; where windows share a place, dx adds up in their order, rounded
 * each time. Every window reaches into the picture. */
void kernel_max_pool(void *stream, enum dtype dtype, const struct window_shape *shape,
                     const void *x, void *y);
void kernel_max_pool_backward(void *stream, enum dtype dtype, const struct window_shape *shape,
                              const void *x, const void *y, const void *dy, void *dx);
/* x [n,places,c] -> y [n,c], the mean over places. */
void kernel_average_pool(void *stream, enum dtype dtype, int64_t n, int64_t places, int64_t c,
                         const void *x, void *y);
void kernel_average_pool_backward(void *stream, enum dtype dtype, int64_t n, int64_t places,
                                  int64_t c, const void *dy, void *dx);

/* Depthwise cross-correlation plus bias [c] (or NULL) and activation, in which a NaN stays one:
 * kernel [r,s,c] of `dtype` (kernel_pack_depthwise). Backward-weights gives dw [r,s,c] in f32 and
 * needs kernel_depthwise_scratch() bytes. */
void kernel_depthwise(void *stream, enum dtype dtype, const struct window_shape *shape,
                      const void *x, const void *kernel, const float *bias,
                      enum activation activation, void *y);
void kernel_depthwise_backward_data(void *stream, enum dtype dtype,
                                    const struct window_shape *shape, const void *dy,
                                    const void *kernel, void *dx);
size_t kernel_depthwise_scratch(const struct window_shape *shape);
void kernel_depthwise_backward_weights(void *stream, enum dtype dtype,
                                       const struct window_shape *shape, const void *x,
                                       const void *dy, void *scratch, float *dw);

/* ---- loss and dropout ---- */

/* Softmax cross-entropy (loss.h) from logits against targets, both [n,classes]: losses [n]; hits
 * [n], 1 where the first of the largest logits and of the largest targets are the same class;
 * probabilities [n,classes] or NULL; dlogits [n,classes] of `dtype` or NULL, times scalars->scale
 * (1 where scalars is NULL). class_weights [classes] or NULL: an image's loss and gradient by the
 * class with the largest share of its target. At most 4096 classes. */
void kernel_loss(void *stream, const struct step_scalars *scalars, int64_t n, int64_t classes,
                 const float *logits, const float *targets, const float *class_weights,
                 float *losses, int32_t *hits, float *probabilities, enum dtype dtype,
                 void *dlogits);
/* Adds losses and hits in image order to results[scalars->index], of whose steps none adds after
 * one whose loss was not finite; or, where scalars is NULL, to *results. */
void kernel_loss_sums(void *stream, struct step_scalars *scalars, int64_t n, const float *losses,
                      const int32_t *hits, struct batch_result *results);

/* Inverted dropout of x [n,c] at scalars->step, in dropout layer `layer` (dropout.h). Backward is
 * the same call on dy. y may be x; c is at most 4 * DROPOUT_BLOCKS. */
void kernel_dropout(void *stream, enum dtype dtype, const struct step_scalars *scalars,
                    const int64_t *samples, uint32_t seed, uint32_t layer, float rate, int64_t n,
                    int64_t c, const void *x, void *y);

/* ---- weights ---- */

/* Steps of adam.h and optimizer.h on flat vectors [count], from gradient g; nothing once stopped.
 */
void kernel_adam(void *stream, const struct step_scalars *scalars, int64_t count, const float *g,
                 float *w, float *m, float *v);
void kernel_sgd(void *stream, const struct step_scalars *scalars, int64_t count, float momentum,
                bool nesterov, const float *g, float *w, float *m);
void kernel_decay(void *stream, const struct step_scalars *scalars, int64_t count,
                  float weight_decay, float *w);
void kernel_average(void *stream, const struct step_scalars *scalars, int64_t count, const float *w,
                    float *averages);

/* HWIO to KRSC, as cuDNN has kernels: kernel [places,c,k] f32 -> packed [k,places,packed_c] of
 * `dtype`, times scale [k] where that is not NULL; places = r*s, c is of one group, and what
 * packed_c has beyond c is 0. And a packed gradient back: [k,places,packed_c] -> [places,c,k] f32.
 */
void kernel_pack(void *stream, int64_t places, int64_t c, int64_t k, const float *kernel,
                 const float *scale, int64_t packed_c, enum dtype dtype, void *packed);
void kernel_unpack_gradient(void *stream, int64_t places, int64_t c, int64_t k, int64_t packed_c,
                            enum dtype dtype, const void *packed, float *gradient);
/* kernel [places,c] f32, times scale [c] where that is not NULL -> packed [places,c] of `dtype`. */
void kernel_pack_depthwise(void *stream, int64_t places, int64_t c, const float *kernel,
                           const float *scale, enum dtype dtype, void *packed);

/* ---- bounds (nn/reach.h) ---- */

/* reach_gain() of kernel [rows,k] and reach_largest() of x: what *gain and *largest hold, which is
 * no less than 0, becomes the larger of it and that. A NaN is larger than infinity. Sums of a gain
 * run in an order of their own. */
void kernel_reach_gain(void *stream, int64_t rows, int64_t k, const float *kernel,
                       const float *scale, float *gain);
void kernel_reach_largest(void *stream, enum dtype dtype, int64_t count, const void *x,
                          float *largest);
/* Takes the steps (reach_steps.h): of tables by node, gains [nodes][2] and measured [nodes] are
 * read, reach [nodes] read and written. *hidden becomes 1 where a fused activation may have taken a
 * NaN for 0, and else stays. */
void kernel_reach_steps(void *stream, const struct reach_step *steps, int64_t count, float fed,
                        const float *gains, const float *measured, float *reach, uint32_t *hidden);

#ifdef __cplusplus
}
#endif

#endif
