/* The sizes of a convolution, for every device. */
#ifndef NN_CONV_SHAPE_H
#define NN_CONV_SHAPE_H

#include "nn/graph.h"

#include <stdbool.h>
#include <stdint.h>

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

/* What node `node` computes of n images; it has a convolution (node_has_conv). */
struct conv_shape node_conv_shape(const struct graph *graph, int node, int64_t n);
/* Whether it has one, with each channel apart. */
bool node_is_depthwise(const struct graph *graph, int node);

#endif
