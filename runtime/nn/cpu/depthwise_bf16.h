/* Depthwise convolutions of bf16, 3 x 3 and 5 x 5 with stride 1 or 2, by the processor's sums of
 * two products (vdpbf16ps), of which oneDNN leaves one empty.
 *
 * Two rows of x are woven into pairs of numbers, which meet pairs of taps; two rows of y are made
 * at once. Sums are of f32, column by column and by pair of rows, in the same order on every
 * processor that has them. The tap that completes the last pair is 0, and so are rows outside of x:
 * what is not finite would become NaN there, so an image with a NaN is not taken.
 */
#ifndef NN_DEPTHWISE_BF16_H
#define NN_DEPTHWISE_BF16_H

#include "nn/cpu/cpu.h"

/* Depthwise, 16 channels at a time, of bf16 throughout, without residual, on a processor that has
 * the instruction. */
bool depthwise_bf16_takes(const struct conv_shape *shape, const struct conv_options *options,
                          enum conv_pass pass);

/* Of the kernel; a multiple of 64. */
size_t depthwise_bf16_packed_size(const struct conv_shape *shape);
/* What the last two ask of lane_scratch(), at most. */
size_t depthwise_bf16_scratch_bytes(const struct conv_shape *shape);

/* kernel [r,s,c] of f32, times scale [c] unless that is NULL, rounded to bf16; for
 * CONV_BACKWARD_DATA turned by half. */
void depthwise_bf16_pack(const struct conv_shape *shape, enum conv_pass pass, const float *kernel,
                         const float *scale, void *packed);

struct depthwise_operands {
    enum activation activation;
    const void *x, *packed;
    const float *bias; /* NULL: none */
    void *y;
};

/* y = activation(x * kernel + bias); of CONV_BACKWARD_DATA x is dy and y is dx. `*taken` is false
 * where a sum is NaN: then y holds nothing. */
int depthwise_bf16(struct lane *lane, const struct conv_shape *shape,
                   const struct depthwise_operands *operands, bool *taken, struct error *err);
/* After that, with y as another kernel made it: the images of which no sum is NaN, so that no
 * image's bits depend on its neighbours. */
int depthwise_bf16_sound(struct lane *lane, const struct conv_shape *shape,
                         const struct depthwise_operands *operands, struct error *err);

#endif
