/* The gradient of a depthwise kernel. oneDNN 2.6 computes all pairs of 16 channels for 5x5, and
 * takes two to six times as long for 3x3. */
#ifndef NN_DEPTHWISE_CPU_H
#define NN_DEPTHWISE_CPU_H

#include "nn/cpu/operations.h"

/* Whether the next function takes it: depthwise, 16 channels at a time, 3 or 5 places wide, no
 * bias. */
bool depthwise_gradient_takes(const struct conv_shape *shape, const struct conv_options *options);

/* dw [r,s,c] = sum over images and places of dy [n,p,q,c] * x [n,h,w,c], of options' dtype; dw is
 * f32. Each row's products are summed from left to right, then rows and images in order. */
void depthwise_gradient(const struct conv_shape *shape, enum dtype dtype, const void *x,
                        const void *dy, float *dw);

#endif
