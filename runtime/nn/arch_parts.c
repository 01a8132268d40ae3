#include "nn/arch_parts.h"

#include "base/memory.h"

int arch_add(struct graph *graph, const struct node *node, int *last, struct error *err)
{
    if (memory_grow(&graph->nodes, &graph->capacity, graph->count + 1, sizeof *graph->nodes, err))
        return -1;
    if (node->height < 1 || node->width < 1)
        return error_set(err, ERR_USAGE,
                         "layer '%s' has nothing left to see: the image is too small", node->name);
    graph->nodes[graph->count] = *node;
    *last = (int)graph->count++;
    return 0;
}

void arch_set_name(char name[NODE_NAME_SIZE], const char *prefix, const char *suffix)
{
    int length = snprintf(name, NODE_NAME_SIZE, "%s%s", prefix, suffix);
    ASSERT(length > 0 && length < NODE_NAME_SIZE);
}

static int64_t slide(int64_t size, int64_t pad, int64_t kernel, int64_t stride)
{
    int64_t room = size + pad - kernel;
    return room < 0 ? 0 : room / stride + 1;
}

static void pad_side(enum arch_padding padding, int64_t size, int64_t kernel, int64_t stride,
                     int64_t *before, int64_t *after)
{
    int64_t total = ((size + stride - 1) / stride - 1) * stride + kernel - size;
    *before = *after = kernel / 2;
    if (padding == PAD_BELOW)
        *before = 0;
    if (padding != PAD_SAME)
        return;
    total = total > 0 ? total : 0;
    *before = total / 2;
    *after = total - *before;
}

void arch_place(const struct graph *graph, enum arch_padding padding, struct node *node)
{
    const struct node *input = &graph->nodes[node->input];
    const int64_t kernel = node->kernel, stride = node->stride;
    pad_side(padding, input->height, kernel, stride, &node->pad_top, &node->pad_bottom);
    pad_side(padding, input->width, kernel, stride, &node->pad_left, &node->pad_right);
    node->height = slide(input->height, node->pad_top + node->pad_bottom, kernel, stride);
    node->width = slide(input->width, node->pad_left + node->pad_right, kernel, stride);
}

int arch_add_conv(struct graph *graph, const struct arch_conv *conv, int *last, struct error *err)
{
    struct node node = {.kind = NODE_CONV, .input = conv->input, .residual = conv->residual};
    arch_set_name(node.name, conv->unit, conv->conv);
    arch_set_name(node.norm, conv->unit, conv->norm);
    arch_set_name(node.output, conv->unit, conv->output ? conv->output : conv->norm);
    node.activation = conv->activation;
    node.bias = conv->bias;
    node.channels = conv->channels;
    node.kernel = conv->kernel;
    node.stride = conv->stride;
    node.groups = conv->depthwise ? conv->channels : 1;
    node.norm_epsilon = conv->epsilon;
    node.norm_momentum = conv->momentum;
    arch_place(graph, conv->padding, &node);
    return arch_add(graph, &node, last, err);
}

int arch_add_average_pool(struct graph *graph, const char *name, int *last, struct error *err)
{
    const struct node *input = &graph->nodes[*last];
    struct node node = {.kind = NODE_AVERAGE_POOL, .input = *last, .residual = -1};
    node.height = node.width = 1;
    node.channels = input->channels;
    arch_set_name(node.name, name, "");
    arch_set_name(node.output, name, "");
    return arch_add(graph, &node, last, err);
}

int64_t arch_round_channels(double channels)
{
    int64_t rounded = (int64_t)(channels + 4.0) / 8 * 8;
    rounded = rounded < 8 ? 8 : rounded;
    return (double)rounded < 0.9 * channels ? rounded + 8 : rounded;
}
