#include "nn/cuda/operation_graph.h"

#include <stdbool.h>

enum { ALIGNMENT = 16, OPERATIONS_MOST = 8, FIRST_VIRTUAL = 100 };

struct builder {
    struct descriptors *own;
    const struct fusion *fusion;
    cudnnBackendDescriptor_t operations[OPERATIONS_MOST];
    int64_t count;
    int64_t next_virtual; /* id */
};

struct extent {
    int64_t n, c, h, w; /* cuDNN's order, whatever the layout */
};

static cudnnDataType_t type_of(enum dtype dtype)
{
    return dtype == DTYPE_BF16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
}

static cudnnBackendDescriptor_t tensor(struct builder *b, int64_t id, struct extent e,
                                       cudnnDataType_t type, bool is_virtual, const char *what)
{
    const int64_t dimensions[] = {e.n, e.c, e.h, e.w};
    const int64_t strides[] = {e.h * e.w * e.c, 1, e.w * e.c, e.c};
    cudnnBackendDescriptor_t made = descriptors_new(b->own, CUDNN_BACKEND_TENSOR_DESCRIPTOR, what);
    descriptors_set_integer(b->own, made, CUDNN_ATTR_TENSOR_UNIQUE_ID, id);
    descriptors_set_type(b->own, made, CUDNN_ATTR_TENSOR_DATA_TYPE, type);
    descriptors_set(b->own, made, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, dimensions);
    descriptors_set(b->own, made, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, strides);
    descriptors_set_integer(b->own, made, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, ALIGNMENT);
    descriptors_set(b->own, made, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &is_virtual);
    descriptors_finish(b->own, made);
    return made;
}

static cudnnBackendDescriptor_t operand(struct builder *b, enum operand id, struct extent extent,
                                        enum dtype dtype)
{
    return tensor(b, (int64_t)id, extent, type_of(dtype), false, operand_name(id));
}

/* What passes from one step to the next: f32, never in memory. */
static cudnnBackendDescriptor_t between(struct builder *b, struct extent extent)
{
    return tensor(b, b->next_virtual++, extent, CUDNN_DATA_FLOAT, true, "intermediate");
}

static struct extent x_extent(const struct conv_shape *s)
{
    return (struct extent){s->n, s->c, s->h, s->w};
}

static struct extent w_extent(const struct conv_shape *s)
{
    return (struct extent){s->k, s->c / s->groups, s->r, s->s};
}

static struct extent y_extent(const struct conv_shape *s)
{
    return (struct extent){s->n, s->k, conv_out_height(s), conv_out_width(s)};
}

static void add(struct builder *b, cudnnBackendDescriptor_t operation)
{
    descriptors_finish(b->own, operation);
    ASSERT(b->count < OPERATIONS_MOST);
    b->operations[b->count++] = operation;
}

/* ---- the convolution ---- */

static cudnnBackendDescriptor_t convolution(struct builder *b)
{
    const struct conv_shape *s = &b->fusion->shape;
    const int64_t dilations[] = {1, 1}, strides[] = {s->stride, s->stride};
    const int64_t before[] = {s->pad_top, s->pad_left}, after[] = {s->pad_bottom, s->pad_right};
    const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
    struct descriptors *own = b->own;
    cudnnBackendDescriptor_t made =
        descriptors_new(own, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, "convolution");
    descriptors_set_type(own, made, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT);
    descriptors_set(own, made, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1,
                    &mode);
    descriptors_set_integer(own, made, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 2);
    descriptors_set(own, made, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, dilations);
    descriptors_set(own, made, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, strides);
    descriptors_set(own, made, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, before);
    descriptors_set(own, made, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, after);
    descriptors_finish(own, made);
    return made;
}

/* Names of the attributes of the three operations, by enum fusion_kind. */
static const struct {
    cudnnBackendDescriptorType_t type;
    cudnnBackendAttributeName_t convolution, x, w, y, alpha, beta;
} passes[] = {
    [FUSION_FORWARD] = {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA},
    [FUSION_BACKWARD_DATA] = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA},
    [FUSION_BACKWARD_WEIGHTS] = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
                                 CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                                 CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                                 CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
                                 CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
                                 CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                                 CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA},
};

static void convolve(struct builder *b, cudnnBackendDescriptor_t x, cudnnBackendDescriptor_t w,
                     cudnnBackendDescriptor_t y)
{
    const enum fusion_kind kind = b->fusion->kind;
    const float one = 1.0f, zero = 0.0f;
    struct descriptors *own = b->own;
    cudnnBackendDescriptor_t shape = convolution(b);
    cudnnBackendDescriptor_t made = descriptors_new(own, passes[kind].type, "convolving operation");
    descriptors_set_one(own, made, passes[kind].convolution, shape);
    descriptors_set_one(own, made, passes[kind].x, x);
    descriptors_set_one(own, made, passes[kind].w, w);
    descriptors_set_one(own, made, passes[kind].y, y);
    descriptors_set(own, made, passes[kind].alpha, CUDNN_TYPE_FLOAT, 1, &one);
    descriptors_set(own, made, passes[kind].beta, CUDNN_TYPE_FLOAT, 1, &zero);
    add(b, made);
}

/* ---- the steps behind it ---- */

struct fused_step {
    enum operand other; /* that it reads beside what comes from before; 0 for none */
    cudnnPointwiseMode_t mode;
};

static cudnnBackendDescriptor_t pointwise(struct builder *b, cudnnPointwiseMode_t mode)
{
    struct descriptors *own = b->own;
    cudnnBackendDescriptor_t made =
        descriptors_new(own, CUDNN_BACKEND_POINTWISE_DESCRIPTOR, "pointwise step");
    descriptors_set(own, made, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode);
    descriptors_set_type(own, made, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT);
    if (mode == CUDNN_POINTWISE_RELU_FWD && b->fusion->activation == ACTIVATION_RELU6) {
        const double upper = 6.0;
        descriptors_set(own, made, CUDNN_ATTR_POINTWISE_RELU_UPPER_CLIP, CUDNN_TYPE_DOUBLE, 1,
                        &upper);
    }
    descriptors_finish(own, made);
    return made;
}

static void apply(struct builder *b, cudnnPointwiseMode_t mode, cudnnBackendDescriptor_t from,
                  cudnnBackendDescriptor_t other, cudnnBackendDescriptor_t to)
{
    const bool backward = mode == CUDNN_POINTWISE_RELU_BWD;
    struct descriptors *own = b->own;
    cudnnBackendDescriptor_t step = pointwise(b, mode);
    cudnnBackendDescriptor_t made =
        descriptors_new(own, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, "pointwise operation");
    descriptors_set_one(own, made, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, step);
    descriptors_set_one(own, made,
                        backward ? CUDNN_ATTR_OPERATION_POINTWISE_DYDESC
                                 : CUDNN_ATTR_OPERATION_POINTWISE_XDESC,
                        from);
    if (other)
        descriptors_set_one(own, made,
                            backward ? CUDNN_ATTR_OPERATION_POINTWISE_XDESC
                                     : CUDNN_ATTR_OPERATION_POINTWISE_BDESC,
                            other);
    descriptors_set_one(own, made,
                        backward ? CUDNN_ATTR_OPERATION_POINTWISE_DXDESC
                                 : CUDNN_ATTR_OPERATION_POINTWISE_YDESC,
                        to);
    add(b, made);
}

/* In order; returns how many. */
static size_t steps_of(const struct fusion *fusion, struct fused_step steps[OPERATIONS_MOST])
{
    size_t count = 0;
    if (fusion->scale)
        steps[count++] = (struct fused_step){OPERAND_SCALE, CUDNN_POINTWISE_MUL};
    if (fusion->bias)
        steps[count++] = (struct fused_step){OPERAND_BIAS, CUDNN_POINTWISE_ADD};
    if (fusion->residual)
        steps[count++] = (struct fused_step){OPERAND_RESIDUAL, CUDNN_POINTWISE_ADD};
    if (fusion->activation != ACTIVATION_NONE)
        steps[count++] = (struct fused_step){0, CUDNN_POINTWISE_RELU_FWD};
    if (fusion->mask)
        steps[count++] = (struct fused_step){OPERAND_MASK, CUDNN_POINTWISE_RELU_BWD};
    return count;
}

/* The convolution's own result `from` through `steps` to the operand `last`. */
static void apply_all(struct builder *b, const struct fused_step *steps, size_t count,
                      cudnnBackendDescriptor_t from, struct extent extent, enum operand last,
                      enum dtype dtype)
{
    for (size_t i = 0; i < count; i++) {
        const bool vector = steps[i].other == OPERAND_SCALE || steps[i].other == OPERAND_BIAS;
        cudnnBackendDescriptor_t other = NULL;
        if (vector)
            other = operand(b, steps[i].other, (struct extent){1, extent.c, 1, 1}, DTYPE_F32);
        else if (steps[i].other)
            other = operand(b, steps[i].other, extent, dtype);
        cudnnBackendDescriptor_t to =
            i + 1 == count ? operand(b, last, extent, dtype) : between(b, extent);
        apply(b, steps[i].mode, from, other, to);
        from = to;
    }
}

static void forward(struct builder *b)
{
    const struct fusion *f = b->fusion;
    const struct extent extent = y_extent(&f->shape);
    struct fused_step steps[OPERATIONS_MOST];
    const size_t count = steps_of(f, steps);
    cudnnBackendDescriptor_t x = operand(b, OPERAND_X, x_extent(&f->shape), f->x);
    cudnnBackendDescriptor_t w = operand(b, OPERAND_W, w_extent(&f->shape), f->w);
    cudnnBackendDescriptor_t z = f->keeps_z   ? operand(b, OPERAND_Z, extent, f->y)
                                 : count == 0 ? operand(b, OPERAND_Y, extent, f->y)
                                              : between(b, extent);
    convolve(b, x, w, z);
    apply_all(b, steps, count, z, extent, OPERAND_Y, f->y);
}

static void backward_data(struct builder *b)
{
    const struct fusion *f = b->fusion;
    const struct extent extent = x_extent(&f->shape);
    struct fused_step steps[OPERATIONS_MOST];
    const size_t count = steps_of(f, steps);
    cudnnBackendDescriptor_t dy = operand(b, OPERAND_Y, y_extent(&f->shape), f->y);
    cudnnBackendDescriptor_t w = operand(b, OPERAND_W, w_extent(&f->shape), f->w);
    cudnnBackendDescriptor_t dx =
        count == 0 ? operand(b, OPERAND_X, extent, f->x) : between(b, extent);
    convolve(b, dx, w, dy);
    apply_all(b, steps, count, dx, extent, OPERAND_X, f->x);
}

/* No engine writes f32 of bf16 operands; one takes it through a step that changes nothing. */
static void backward_weights(struct builder *b)
{
    const struct fusion *f = b->fusion;
    const struct extent extent = w_extent(&f->shape);
    const struct fused_step identity = {0, CUDNN_POINTWISE_IDENTITY};
    const size_t count = f->w != f->x;
    cudnnBackendDescriptor_t x = operand(b, OPERAND_X, x_extent(&f->shape), f->x);
    cudnnBackendDescriptor_t dy = operand(b, OPERAND_Y, y_extent(&f->shape), f->y);
    cudnnBackendDescriptor_t dw =
        count == 0 ? operand(b, OPERAND_W, extent, f->w) : between(b, extent);
    convolve(b, x, dw, dy);
    apply_all(b, &identity, count, dw, extent, OPERAND_W, f->w);
}

cudnnBackendDescriptor_t operation_graph_new(struct descriptors *own, const struct fusion *fusion)
{
    static void (*const build[])(struct builder * b) = {forward, backward_data, backward_weights};
    struct builder b = {.own = own, .fusion = fusion, .next_virtual = FIRST_VIRTUAL};
    build[fusion->kind](&b);
    cudnnBackendDescriptor_t graph =
        descriptors_new(own, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, "operation graph");
    descriptors_set(own, graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                    b.count, b.operations);
    descriptors_finish(own, graph);
    return graph;
}
