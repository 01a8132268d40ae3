#include "nn/keras_layers.h"

#include "base/memory.h"
#include "nn/augment.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *class, *group;
} kinds[] = {
    [KERAS_INPUT] = {"InputLayer", "input_layer"},
    [KERAS_RESIZING] = {"Resizing", "resizing"},
    [KERAS_CONV] = {"Conv2D", "conv2d"},
    [KERAS_DEPTHWISE] = {"DepthwiseConv2D", "depthwise_conv2d"},
    [KERAS_PADDING] = {"ZeroPadding2D", "zero_padding2d"},
    [KERAS_NORM] = {"BatchNormalization", "batch_normalization"},
    [KERAS_RELU] = {"ReLU", "re_lu"},
    [KERAS_ADD] = {"Add", "add"},
    [KERAS_MAX_POOL] = {"MaxPooling2D", "max_pooling2d"},
    [KERAS_AVERAGE_POOL] = {"GlobalAveragePooling2D", "global_average_pooling2d"},
    [KERAS_CONCATENATE] = {"Concatenate", "concatenate"},
    [KERAS_DROPOUT] = {"Dropout", "dropout"},
    [KERAS_DENSE] = {"Dense", "dense"},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

const char *keras_class(enum keras_kind kind)
{
    return kinds[kind].class;
}

const char *keras_group(enum keras_kind kind)
{
    return kinds[kind].group;
}

void keras_layers_release(struct keras_layers *layers)
{
    free(layers->list);
    *layers = (struct keras_layers){0};
}

/* ---- the list, in the order of making ---- */

/* A layer on `input` with the same maps; returns its index, or -1. */
static int add(struct keras_layers *layers, enum keras_kind kind, int node, const char *name,
               const char *suffix, int input, struct error *err)
{
    struct keras_layer layer = {.kind = kind, .node = node, .inputs = {input}};
    layer.input_count = input >= 0;
    if (memory_grow(&layers->list, &layers->capacity, layers->count + 1, sizeof layer, err))
        return -1;
    if (input >= 0) {
        layer.height = layers->list[input].height;
        layer.width = layers->list[input].width;
        layer.channels = layers->list[input].channels;
    }
    int length = snprintf(layer.name, sizeof layer.name, "%s%s", name, suffix);
    ASSERT(length > 0 && (size_t)length < sizeof layer.name);
    layers->list[layers->count] = layer;
    return (int)layers->count++;
}

static void resize(struct keras_layers *layers, int index, const struct node *node)
{
    const bool flat = node->kind == NODE_AVERAGE_POOL || node->kind == NODE_CONCATENATE ||
                      node->kind == NODE_DENSE;
    layers->list[index].height = flat ? 0 : node->height;
    layers->list[index].width = flat ? 0 : node->width;
    layers->list[index].channels = node->channels;
}

static int add_padding(struct keras_layers *layers, int index, const struct node *node, int input,
                       struct error *err)
{
    if (node->pad_top + node->pad_bottom + node->pad_left + node->pad_right == 0)
        return input;
    int padding = add(layers, KERAS_PADDING, index, node->name, "_pad", input, err);
    if (padding >= 0) {
        layers->list[padding].height += node->pad_top + node->pad_bottom;
        layers->list[padding].width += node->pad_left + node->pad_right;
    }
    return padding;
}

/* Convolution, batch norm, sum and activation; the last of them is called what the unit's output is
 * called. */
static int add_conv(struct keras_layers *layers, int index, const struct node *node,
                    const int *made, struct error *err)
{
    const bool active = node->activation != ACTIVATION_NONE;
    int last = add_padding(layers, index, node, made[node->input], err);
    if (last < 0 || (last = add(layers, node->groups > 1 ? KERAS_DEPTHWISE : KERAS_CONV, index,
                                node->name, "", last, err)) < 0)
        return -1;
    resize(layers, last, node);
    if (node->norm[0] && (last = add(layers, KERAS_NORM, index, node->norm, "", last, err)) < 0)
        return -1;
    if (node->residual >= 0) {
        if ((last = add(layers, KERAS_ADD, index, node->output, active ? "_add" : "", last, err)) <
            0)
            return -1;
        layers->list[last].inputs[1] = layers->list[last].inputs[0];
        layers->list[last].inputs[0] = made[node->residual]; /* as keras.applications sums */
        layers->list[last].input_count = 2;
    }
    return active ? add(layers, KERAS_RELU, index, node->output, "", last, err) : last;
}

static int add_node(struct keras_layers *layers, int index, const struct node *node,
                    const int *made, struct error *err)
{
    int last = made[node->input];
    switch (node->kind) {
    case NODE_CONV: return add_conv(layers, index, node, made, err);
    case NODE_MAX_POOL:
        if ((last = add_padding(layers, index, node, last, err)) >= 0)
            last = add(layers, KERAS_MAX_POOL, index, node->name, "", last, err);
        break;
    case NODE_AVERAGE_POOL:
        last = add(layers, KERAS_AVERAGE_POOL, index, node->name, "", last, err);
        break;
    case NODE_CONCATENATE:
        if ((last = add(layers, KERAS_CONCATENATE, index, node->name, "", last, err)) < 0)
            return -1;
        layers->list[last].input_count = node_inputs(node);
        for (int i = 0; i < node_inputs(node); i++)
            layers->list[last].inputs[i] = made[node_input(node, i)];
        break;
    case NODE_DROPOUT: return add(layers, KERAS_DROPOUT, index, node->name, "", last, err);
    default: last = add(layers, KERAS_DENSE, index, node->name, "", last, err); break;
    }
    if (last >= 0)
        resize(layers, last, node);
    return last;
}

static int add_front(struct keras_layers *layers, const struct node *input, struct error *err)
{
    int last = add(layers, KERAS_INPUT, -1, "input", "", -1, err);
    if (last < 0)
        return -1;
    layers->list[last].height = layers->list[last].width = -1;
    layers->list[last].channels = 3;
    if ((last = add(layers, KERAS_RESIZING, -1, "resizing", "", last, err)) < 0)
        return -1;
    resize(layers, last, input);
    return add(layers, KERAS_CONV, -1, "preprocess", "", last, err);
}

static int add_all(const struct model *model, struct keras_layers *layers, struct error *err)
{
    const struct graph *graph = &model->graph;
    int result = -1, *made = memory_new(graph->count, sizeof *made, err);
    if (!made)
        return -1;
    if ((made[0] = add_front(layers, &graph->nodes[0], err)) < 0)
        goto done;
    for (size_t i = 1; i < graph->count; i++)
        if ((made[i] = add_node(layers, (int)i, &graph->nodes[i], made, err)) < 0)
            goto done;
    result = 0;
done:
    free(made);
    return result;
}

/* ---- Keras' order: by distance from the output, then by when a walk from the output, depth first,
 * comes by ---- */

struct rank {
    int layer, depth, seen;
};

static void walk(const struct keras_layers *layers, int index, struct rank *ranks, int *seen)
{
    while (index >= 0 && ranks[index].seen < 0) {
        const struct keras_layer *layer = &layers->list[index];
        ranks[index].seen = (*seen)++;
        for (int i = 0; i + 1 < layer->input_count; i++)
            walk(layers, layer->inputs[i], ranks, seen);
        index = layer->input_count > 0 ? layer->inputs[layer->input_count - 1] : -1;
    }
}

static int compare_ranks(const void *a, const void *b)
{
    const struct rank *x = a, *y = b;
    return x->depth != y->depth ? (x->depth > y->depth ? -1 : 1)
                                : (x->seen > y->seen) - (x->seen < y->seen);
}

static int sort_layers(struct keras_layers *layers, struct error *err)
{
    const size_t n = layers->count;
    int counts[KINDS] = {0}, seen = 0;
    struct rank *ranks = memory_new(n, sizeof *ranks, err);
    int *moved = memory_new(n, sizeof *moved, err);
    struct keras_layer *sorted = memory_new(n, sizeof *sorted, err);
    int result = ranks && moved && sorted ? 0 : -1;
    for (size_t i = 0; i < n && result == 0; i++)
        ranks[i] = (struct rank){(int)i, 0, -1};
    for (size_t i = n; i-- > 0 && result == 0;)
        for (int k = 0; k < layers->list[i].input_count; k++) {
            const int input = layers->list[i].inputs[k];
            if (ranks[input].depth < ranks[i].depth + 1)
                ranks[input].depth = ranks[i].depth + 1;
        }
    if (result == 0) {
        walk(layers, (int)n - 1, ranks, &seen);
        qsort(ranks, n, sizeof *ranks, compare_ranks);
        for (size_t i = 0; i < n; i++)
            moved[ranks[i].layer] = (int)i;
        for (size_t i = 0; i < n; i++) {
            sorted[i] = layers->list[ranks[i].layer];
            sorted[i].number = counts[sorted[i].kind]++;
            for (int k = 0; k < sorted[i].input_count; k++)
                sorted[i].inputs[k] = moved[sorted[i].inputs[k]];
        }
        memcpy(layers->list, sorted, n * sizeof *sorted);
    }
    free(ranks);
    free(moved);
    free(sorted);
    return result;
}

int keras_layers_make(const struct model *model, struct keras_layers *layers, struct error *err)
{
    struct keras_layers made = {0};
    if (add_all(model, &made, err) || sort_layers(&made, err)) {
        keras_layers_release(&made);
        return -1;
    }
    *layers = made;
    return 0;
}

void keras_preprocess(const struct model *model, float kernel[9], float bias[3])
{
    const struct preprocess_values p = preprocess_values(model->preprocess);
    memset(kernel, 0, 9 * sizeof *kernel);
    for (int out = 0; out < 3; out++) {
        const double scale = (double)p.range / 255.0 / (double)p.divisor;
        kernel[p.source[out] * 3 + out] = (float)(scale / (double)p.deviation[out]);
        bias[out] = (float)((double)p.offset[out] / (double)p.deviation[out]);
    }
}
