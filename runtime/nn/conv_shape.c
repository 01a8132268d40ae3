#include "nn/conv_shape.h"

int64_t conv_out_height(const struct conv_shape *shape)
{
    return (shape->h + shape->pad_top + shape->pad_bottom - shape->r) / shape->stride + 1;
}

int64_t conv_out_width(const struct conv_shape *shape)
{
    return (shape->w + shape->pad_left + shape->pad_right - shape->s) / shape->stride + 1;
}

struct conv_shape node_conv_shape(const struct graph *graph, int index, int64_t n)
{
    const struct node *node = &graph->nodes[index];
    const struct node *input = &graph->nodes[node->input];
    return (struct conv_shape){
        .n = n,
        .h = input->height,
        .w = input->width,
        .c = input->channels,
        .k = node->channels,
        .r = node->kernel,
        .s = node->kernel,
        .stride = node->stride,
        .pad_top = node->pad_top,
        .pad_bottom = node->pad_bottom,
        .pad_left = node->pad_left,
        .pad_right = node->pad_right,
        .groups = node->groups,
    };
}

bool node_is_depthwise(const struct graph *graph, int index)
{
    const struct node *node = &graph->nodes[index];
    return node_has_conv(node) && node->groups > 1 &&
           node->groups == graph->nodes[node->input].channels;
}
