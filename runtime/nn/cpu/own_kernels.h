/* The kernels of ours that passes of a convolution go by, winograd_cpu.h and depthwise_bf16.h,
 * where a static rule says that they are faster. Each takes operands or leaves them to oneDNN's.
 */
#ifndef NN_OWN_KERNELS_H
#define NN_OWN_KERNELS_H

#include "nn/cpu/cpu.h"

struct own_kernels {
    struct conv_shape shape;
    struct conv_options options;
    struct winograd *winograd[CONV_BACKWARD_WEIGHTS + 1]; /* by pass; NULL: not by it */
    unsigned depthwise_bf16;                              /* the passes by it */
};

/* What a pass reads and writes: x, the packed kernel and y; for dx, dy, the kernel and dx; for dw,
 * x, dy and dw. */
struct own_operands {
    const void *x, *kernel;
    const float *bias;
    const void *residual;
    void *y;
};

/* Release it zeroed, initialised or failed. */
int own_kernels_init(struct own_kernels *own, struct cpu *cpu, const struct conv_shape *shape,
                     const struct conv_options *options, struct error *err);
void own_kernels_release(struct own_kernels *own);

bool own_kernels_has(const struct own_kernels *own, enum conv_pass pass);
/* NULL: there is none for the pass. Of Winograd `*products` is oneDNN's for them, else "". */
const char *own_kernels_name(const struct own_kernels *own, enum conv_pass pass,
                             const char **products);
/* Of the kernel, in the first two passes; a multiple of 64. */
size_t own_kernels_packed_size(const struct own_kernels *own, enum conv_pass pass);
/* What a pass or packing asks of lane_scratch(), at most. */
size_t own_kernels_scratch_bytes(const struct own_kernels *own);

/* As conv_pack. */
int own_kernels_pack(struct lane *lane, const struct own_kernels *own, enum conv_pass pass,
                     const float *kernel, const float *scale, void *packed, struct error *err);
/* A pass that there is one for. `*taken` is false where it does not take the operands: then y holds
 * nothing. */
int own_kernels_run(struct lane *lane, const struct own_kernels *own, enum conv_pass pass,
                    const struct own_operands *operands, bool *taken, struct error *err);
/* After that and oneDNN's, in the first two passes: of what was not taken the images that are by
 * themselves, so that no image's bits depend on its neighbours. */
int own_kernels_mend(struct lane *lane, const struct own_kernels *own, enum conv_pass pass,
                     const struct own_operands *operands, struct error *err);

#endif
