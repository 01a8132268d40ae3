/* What one execution plan of cuDNN computes, as plain data: a convolution, forward or one of its
 * two ways back, with the steps that are done in the same kernel. Dense layers are convolutions of
 * one place. Depthwise convolutions and pools are kernels of our own and never come here.
 *
 * A program (nn/program.h) and the sizes of batches give the list of all that a network needs, each
 * once. fusion_name() is a fusion's identity: in that list, in the table of tuned engines, and in
 * files of compiled plans.
 *
 * Fused is what cannot hide a NaN, which a fused ReLU can (nn/reach.h): activations only where
 * nothing trains and only while `careful` is off; those of training, and the masks on the way back,
 * are kernels of our own. */
#ifndef NN_CUDA_FUSION_H
#define NN_CUDA_FUSION_H

#include "base/error.h"
#include "nn/conv_shape.h"
#include "nn/dtype.h"
#include "nn/graph.h"
#include "nn/program.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fusion_kind { FUSION_FORWARD, FUSION_BACKWARD_DATA, FUSION_BACKWARD_WEIGHTS };

/* Channels of a picture as it lies on the card: in bf16 a fourth, of zeros, and kernels that read
 * it have zeros for it, too. No engine gives f32 gradients of three, and others want more memory.
 */
enum { FUSION_PICTURE_CHANNELS = 4 };
int64_t fusion_picture_channels(const struct program *program);

/* Forward           z = conv(x, w),  y = activation(z * scale + bias + residual)
 * Backward data     dx = mask(conv^T(dy, w) + residual)
 * Backward weights  dw = sum over images of x * dy
 * Sums and the steps behind them are f32, rounded once to the type of what is written. */
struct fusion {
    enum fusion_kind kind;
    bool inference;             /* an image's result must not depend on its place in the batch */
    struct conv_shape shape;    /* w is [k,r,s,c/groups] */
    enum dtype x, w, y;         /* of x or dx, w or dw, y or dy; a residual is of the output's */
    bool scale, bias;           /* [k], f32; forward */
    bool residual;              /* as the output: what is added to it */
    enum activation activation; /* forward */
    bool mask;                  /* backward data: 0 where the MASK operand, a ReLU's output, is 0 */
    bool keeps_z;               /* forward: z is written as well, of y's type */
};

/* Tensors of a fusion; also their unique ids in cuDNN's graphs and variant packs. */
enum operand {
    OPERAND_X = 1, /* x or, where it is written, dx */
    OPERAND_W,     /* w or, where it is written, dw */
    OPERAND_Y,     /* y or, where it is read, dy */
    OPERAND_Z,
    OPERAND_SCALE,
    OPERAND_BIAS,
    OPERAND_RESIDUAL,
    OPERAND_MASK,
    OPERAND_END,
};
/* Whether the fusion reads or writes it. */
bool fusion_has(const struct fusion *fusion, enum operand operand);
const char *operand_name(enum operand operand);

/* One line without blanks at its ends: "infer forward 256x56x56x64 64x3x3 stride 1 pad 1,1,1,1 bf16
 * bias relu". Equal names are equal fusions. */
enum { FUSION_NAME_SIZE = 192 };
const char *fusion_name(const struct fusion *fusion, char name[FUSION_NAME_SIZE]);

/* Images that inference and the frozen prefix take at once, always as many, so that an image's
 * result cannot depend on how many there are: `images` of 224 places a side, of smaller ones as
 * many more as they are smaller. */
enum { FUSION_INFERENCE_IMAGES = 128 };
int64_t fusion_inference_batch(int64_t images, int64_t size);

/* How a program is run. A batch size of 0 is one that does not occur. */
struct fusion_options {
    int64_t inference_batch;   /* whole networks */
    int64_t prefix_batch;      /* what lies before the suffix; best as inference_batch */
    int64_t batch, last_batch; /* of training, and the short one at an epoch's end */
    /* Of weight gradients in bf16 programs. f32 is what the CPU has; it takes a kernel that cuDNN
     * compiles at run time. For bf16 it has many that are there already, and rounds the sums. */
    enum dtype dw;
    bool careful; /* no activation is fused: what the network holds could come to a NaN */
};

/* What a node takes of cuDNN; false where it takes nothing: it is no convolution, a depthwise one,
 * or does not go this way. `n` images. */
bool fusion_of_inference(const struct program *program, int node, int64_t n, bool careful,
                         struct fusion *fusion);
/* The convolution alone, as preflight looks at what comes out of it. */
bool fusion_of_observation(const struct program *program, int node, int64_t n,
                           struct fusion *fusion);
bool fusion_of_forward(const struct program *program, int node, int64_t n, struct fusion *fusion);
bool fusion_of_backward_data(const struct program *program, int node, int64_t n,
                             struct fusion *fusion);
bool fusion_of_backward_weights(const struct program *program, int node, int64_t n, enum dtype dw,
                                struct fusion *fusion);

struct fusion_list {
    struct fusion *fusions;
    size_t count, capacity;
};

/* Adds what is not there yet, so that one list can be of several programs; begin with {0}. */
int fusion_list_add(struct fusion_list *list, const struct program *program,
                    const struct fusion_options *options, struct error *err);
/* The same for what preflight looks at: each convolution with a norm, of n images. */
int fusion_list_observe(struct fusion_list *list, const struct program *program, int64_t n,
                        struct error *err);
/* Where the list has it; list->count where it does not. */
size_t fusion_list_find(const struct fusion_list *list, const struct fusion *fusion);
void fusion_list_release(struct fusion_list *list);

#endif
