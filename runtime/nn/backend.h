/* A compute device and its table of operations.
 *
 * A batch is cut into shards; a shard's work runs wholly in one lane (a CPU
 * thread with its scratch memory; on a GPU the one stream). Nothing an
 * operation computes depends on which lane ran it, on the number of lanes, or
 * on what ran before. Operations work on one shard; what is summed over
 * shards is summed by the caller in shard order.
 *
 * Tensors are NHWC in memory from `allocate`, aligned to 64 bytes. What a
 * network computes from picture to logits, and the gradients on the way back, is
 * of one kind of element, `dtype`, which a call or a conv names: in bf16 an
 * operation computes in f32 from operands that are bf16 and rounds once, what it
 * writes. All else is f32: weights and their gradients, biases, per-channel
 * numbers, targets, logits and loss.
 *
 * Conv kernels are HWIO ([r,s,c/groups,k]) where a user sees them and in the
 * backend's own "packed" layout where it computes; that of a bf16 convolution is
 * bf16, rounded when it is packed, that of a gradient is always f32.
 *
 * Every operation has one contract here and one file a backend: conv_cpu.c,
 * norm_cpu.c, ... The GPU's are `*_cuda.c`, in a shared object of its own that
 * backend_open() loads; it exports `backend_open_cuda`.
 */
#ifndef NN_BACKEND_H
#define NN_BACKEND_H

#include "base/error.h"
#include "nn/dtype.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct backend;
struct lane;
struct conv;

enum activation { ACTIVATION_NONE, ACTIVATION_RELU, ACTIVATION_RELU6 };

/* Cross-correlation of n images: x [n,h,w,c] -> y [n,p,q,k], with
 * p = (h + pad_top + pad_bottom - r) / stride + 1 (rounded down), likewise q.
 * groups == c == k is depthwise. A dense layer is h = w = r = s = 1. */
struct conv_shape {
    int64_t n, h, w, c;
    int64_t k, r, s;
    int64_t stride, pad_top, pad_bottom, pad_left, pad_right;
    int64_t groups;
};
int64_t conv_out_height(const struct conv_shape *shape);
int64_t conv_out_width(const struct conv_shape *shape);

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
typedef int conv_new_fn(struct backend *backend, const struct conv_shape *shape,
                        const struct conv_options *options, struct conv **conv, struct error *err);
typedef void conv_free_fn(struct conv *conv);
/* Bytes of the packed kernel for forward or backward-data, and of the packed
 * gradient that backward-weights writes. */
typedef size_t conv_packed_size_fn(const struct conv *conv, enum conv_pass pass);
/* kernel [r,s,c/groups,k] (HWIO) -> packed, for forward or backward-data. Where `scale` is not
 * NULL ([k]), output channel j is multiplied by scale[j] first: batch norm folding. */
typedef int conv_pack_fn(struct lane *lane, const struct conv *conv, enum conv_pass pass,
                         const float *kernel, const float *scale, void *packed, struct error *err);
typedef int conv_forward_fn(struct lane *lane, const struct conv *conv, const void *x,
                            const void *packed, const float *bias, const void *residual, void *y,
                            struct error *err);
typedef int conv_backward_data_fn(struct lane *lane, const struct conv *conv, const void *dy,
                                  const void *packed, void *dx, struct error *err);
/* Overwrites dw (packed gradient) and dbias [k] (NULL without bias). */
typedef int conv_backward_weights_fn(struct lane *lane, const struct conv *conv, const void *x,
                                     const void *dy, void *dw, float *dbias, struct error *err);
/* Packed gradient -> kernel layout HWIO. */
typedef int conv_unpack_gradient_fn(struct lane *lane, const struct conv *conv, const void *dw,
                                    float *kernel_gradient, struct error *err);

/* Batch norm. `rows` = n*h*w of the shard, c channels.
 * statistics: mean [c] and m2 [c] = sum of squared deviations from that mean, in f64 (Chan, Golub,
 * LeVeque 1979 joins shards: see norm.h). apply: y = activation(x*scale + shift + residual);
 * residual may be NULL; y may be x. */
typedef int norm_statistics_fn(struct lane *lane, enum dtype dtype, int64_t rows, int64_t c,
                               const void *x, double *mean, double *m2, struct error *err);
typedef int norm_apply_fn(struct lane *lane, enum dtype dtype, int64_t rows, int64_t c,
                          const void *x, const float *scale, const float *shift,
                          const void *residual, enum activation activation, void *y,
                          struct error *err);
/* dy [rows,c], masked by the activation already. Sums over rows, in f64: dbeta = sum dy, dgamma =
 * sum dy*xh, where xh = (x - mean) * rstd. */
typedef int norm_backward_sums_fn(struct lane *lane, enum dtype dtype, int64_t rows, int64_t c,
                                  const void *x, const void *dy, const float *mean,
                                  const float *rstd, double *dgamma, double *dbeta,
                                  struct error *err);
/* dx = a*dy + b*x + d with per-channel a, b, d; dx may be dy. Inference mode has b = d = 0 (pass
 * NULL). */
typedef int norm_backward_data_fn(struct lane *lane, enum dtype dtype, int64_t rows, int64_t c,
                                  const void *x, const void *dy, const float *a, const float *b,
                                  const float *d, void *dx, struct error *err);

/* y = activation(y); a NaN stays one. */
typedef int activation_forward_fn(struct lane *lane, enum dtype dtype, int64_t count,
                                  enum activation activation, void *y, struct error *err);
/* *largest = the largest magnitude of x, a NaN where there is one. */
typedef int largest_fn(struct lane *lane, enum dtype dtype, int64_t count, const void *x,
                       float *largest, struct error *err);
/* dy *= derivative of the activation at its output y (0 at 0 and at 6; a NaN at a NaN). */
typedef int activation_backward_fn(struct lane *lane, enum dtype dtype, int64_t count,
                                   enum activation activation, const void *y, void *dy,
                                   struct error *err);
/* y += x */
typedef int accumulate_fn(struct lane *lane, enum dtype dtype, int64_t count, const void *x,
                          void *y, struct error *err);
/* y = x */
typedef int copy_fn(struct lane *lane, enum dtype dtype, int64_t count, const void *x, void *y,
                    struct error *err);
/* y = x, of other elements or the same. */
typedef int convert_fn(struct lane *lane, int64_t count, enum dtype from, const void *x,
                       enum dtype to, void *y, struct error *err);

/* x [n,h,w,c] -> y [n,p,q,c], window r x r; padding never wins where `zero_padding` is false, and
 * counts as 0 where it is true (Keras' pool1_pad); a NaN wins. Backward gives the gradient to the
 * first maximum in row-major order of its window; where windows share a place, dx adds up in their
 * order, rounded each time. */
struct pool_shape {
    int64_t n, h, w, c;
    int64_t r, stride, pad_top, pad_bottom, pad_left, pad_right;
    bool zero_padding;
};
typedef int max_pool_forward_fn(struct lane *lane, enum dtype dtype, const struct pool_shape *shape,
                                const void *x, void *y, struct error *err);
typedef int max_pool_backward_fn(struct lane *lane, enum dtype dtype,
                                 const struct pool_shape *shape, const void *x, const void *y,
                                 const void *dy, void *dx, struct error *err);
/* x [n,places,c] -> y [n,c], the mean over places. */
typedef int average_pool_forward_fn(struct lane *lane, enum dtype dtype, int64_t n, int64_t places,
                                    int64_t c, const void *x, void *y, struct error *err);
typedef int average_pool_backward_fn(struct lane *lane, enum dtype dtype, int64_t n, int64_t places,
                                     int64_t c, const void *dy, void *dx, struct error *err);

/* Inverted dropout of x [n,c]. Element j of image i is kept iff philox(seed, RANDOM_DROPOUT, step,
 * sample[i], layer and j) >= rate: dropout.h has the arithmetic. Backward is the same call on dy. y
 * may be x. */
struct dropout_key {
    uint32_t seed, step, layer;
    float rate;
};
typedef int dropout_fn(struct lane *lane, enum dtype dtype, const struct dropout_key *key,
                       int64_t n, int64_t c, const int64_t *samples, const void *x, void *y,
                       struct error *err);

/* Softmax cross-entropy from logits [n,classes] against target distributions [n,classes]; loss [n]
 * per image; dlogits = (softmax - target) * scale, scale = 1 / size of the whole batch.
 * probabilities, dlogits may be NULL. */
typedef int loss_fn(struct lane *lane, int64_t n, int64_t classes, const float *logits,
                    const float *targets, float scale, float *loss, float *probabilities,
                    float *dlogits, struct error *err);

/* Adam with Keras' epsilon (adam.h): updates w, m, v [count] from gradient g. */
struct adam_step {
    float alpha; /* the learning rate with both bias corrections */
};
typedef int adam_fn(struct lane *lane, int64_t count, struct adam_step step, const float *g,
                    float *w, float *m, float *v, struct error *err);

/* The other steps of optimizer.h: weights shrink by weight_decay * learning_rate of themselves; SGD
 * with momentum in m; averages = momentum * averages + (1 - momentum) * w. All [count]. */
struct sgd_step {
    float learning_rate, momentum;
    bool nesterov;
};
typedef int decay_fn(struct lane *lane, int64_t count, float weight_decay, float learning_rate,
                     float *w, struct error *err);
typedef int sgd_fn(struct lane *lane, int64_t count, struct sgd_step step, const float *g, float *w,
                   float *m, struct error *err);
typedef int average_fn(struct lane *lane, int64_t count, float momentum, const float *w,
                       float *averages, struct error *err);

struct operations {
    /* Memory of the device; zeroed. On the CPU plain memory. */
    void *(*allocate)(struct backend *backend, size_t bytes, struct error *err);
    void (*release)(struct backend *backend, void *memory);
    int (*upload)(struct backend *backend, void *device, const void *host, size_t bytes,
                  struct error *err);
    int (*download)(struct backend *backend, void *host, const void *device, size_t bytes,
                    struct error *err);
    /* Runs work(arg, lane, shard) once for each shard below `shards`, several at once. Returns the
     * error of the lowest shard that failed. Lanes pick shards as they come free. */
    int (*parallel)(struct backend *backend, size_t shards,
                    int (*work)(void *arg, struct lane *lane, size_t shard, struct error *err),
                    void *arg, struct error *err);
    /* Number of a lane, 0 to lanes - 1: for memory that belongs to it. */
    int (*lane_index)(const struct lane *lane);
    void (*close)(struct backend *backend);

    conv_new_fn *conv_new;
    conv_free_fn *conv_free;
    conv_packed_size_fn *conv_packed_size;
    conv_pack_fn *conv_pack;
    conv_forward_fn *conv_forward;
    conv_backward_data_fn *conv_backward_data;
    conv_backward_weights_fn *conv_backward_weights;
    conv_unpack_gradient_fn *conv_unpack_gradient;
    norm_statistics_fn *norm_statistics;
    norm_apply_fn *norm_apply;
    norm_backward_sums_fn *norm_backward_sums;
    norm_backward_data_fn *norm_backward_data;
    activation_forward_fn *activation_forward;
    activation_backward_fn *activation_backward;
    largest_fn *largest;
    accumulate_fn *accumulate;
    copy_fn *copy;
    convert_fn *convert;
    max_pool_forward_fn *max_pool_forward;
    max_pool_backward_fn *max_pool_backward;
    average_pool_forward_fn *average_pool_forward;
    average_pool_backward_fn *average_pool_backward;
    dropout_fn *dropout;
    loss_fn *loss;
    adam_fn *adam;
    decay_fn *decay;
    sgd_fn *sgd;
    average_fn *average;
};

/* Backends embed this first. */
struct backend {
    const struct operations *ops;
    const char *name;      /* "cpu" or "cuda" */
    char description[128]; /* for people: "cpu, oneDNN 2.6.3, avx512_core, 2 threads" */
    int lanes;
    enum dtype preferred; /* what precision `auto` takes */
    const char *no_bf16;  /* why bf16 cannot be had, or NULL */
};

/* What a user asks for. */
enum precision { PRECISION_AUTO, PRECISION_F32, PRECISION_BF16 };

/* What `precision` comes to on the backend. ERR_DEVICE where it has no bf16, with the reason. */
int backend_precision(const struct backend *backend, enum precision precision, enum dtype *dtype,
                      struct error *err);

/* `device` is auto, cpu or cuda; auto takes a GPU where there is one. cuda
 * where the build or the machine has none is ERR_DEVICE. */
int backend_open(const char *device, int threads, struct backend **backend, struct error *err);
void backend_close(struct backend *backend);

/* What the bits of a result depend on beside the executable, as `name value`
 * lines: device, library version, instruction set, and of a GPU's backend the SHA-256. Not the
 * thread count. `uses PATH` lines (base/uses.h) say where the backend is or would be. */
int backend_fingerprint(const char *device, FILE *stream, struct error *err);

/* The CPU without asking for anything else; threads <= 0 takes all there are. */
int backend_open_cpu(int threads, struct backend **backend, struct error *err);

#endif
