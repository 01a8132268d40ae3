/* Convolutions of 3 x 3 in f32 by Winograd's F(4x4, 3x3): 36 products for 16 places instead of 144
 * (A. Lavin, S. Gray: Fast Algorithms for Convolutional Neural Networks, 2016).
 *
 * Tiles of 6 x 6 places of x become 36 matrices [tiles,c], the kernel 36 matrices [c,k]; their
 * products become tiles of 4 x 4 places of y. The points 0, 5/8, -5/8, 3/2, -3/2 and infinity lose
 * least: the result is within 3e-6 of its largest magnitude, direct convolution's within 3e-7.
 *
 * A number that is not finite would spread over its tiles, and large ones could overflow on the
 * way: such operands are not taken.
 */
#ifndef NN_WINOGRAD_CPU_H
#define NN_WINOGRAD_CPU_H

#include "nn/cpu/cpu.h"

struct winograd;

/* Whether it is faster than direct convolution, by a static rule: 3 x 3 in f32 with stride 1 and
 * padding 1, not too few places for its channels. */
bool winograd_takes(const struct conv_shape *shape, const struct conv_options *options);

/* For one pass of a convolution that it takes; CONV_BACKWARD_WEIGHTS only without a bias.
 * ERR_DEVICE where oneDNN has only its reference for the products. */
int winograd_new(struct cpu *cpu, const struct conv_shape *shape,
                 const struct conv_options *options, enum conv_pass pass,
                 struct winograd **winograd, struct error *err);
void winograd_free(struct winograd *winograd); /* NULL is harmless */

/* The kernel that oneDNN took for the products. */
const char *winograd_implementation(const struct winograd *winograd);
/* Of the kernel, in the first two passes; a multiple of 64. */
size_t winograd_packed_size(const struct winograd *winograd);
/* What its calls ask of lane_scratch(), at most; of NULL 0. */
size_t winograd_scratch_bytes(const struct winograd *winograd);

/* As conv_pack. */
int winograd_pack(struct lane *lane, const struct winograd *winograd, const float *kernel,
                  const float *scale, void *packed, struct error *err);
/* As conv_forward, or as conv_backward_data with dy for x, dx for y and neither bias nor residual.
 * `*taken` is false where x is not finite, or so large that a sum might not be: then y holds
 * nothing. */
int winograd_run(struct lane *lane, const struct winograd *winograd, const float *x,
                 const void *packed, const float *bias, const float *residual, float *y,
                 bool *taken, struct error *err);

/* After that, with y as another kernel made it: the images that are taken by themselves, so that no
 * image's bits depend on its neighbours. */
int winograd_run_sound(struct lane *lane, const struct winograd *winograd, const float *x,
                       const void *packed, const float *bias, const float *residual, float *y,
                       struct error *err);

/* dw [3,3,c,k] of x and dy, if `*taken`. */
int winograd_gradient(struct lane *lane, const struct winograd *winograd, const float *x,
                      const float *dy, float *dw, bool *taken, struct error *err);

#endif
