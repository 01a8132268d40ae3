/* The network's architecture as data: a list of nodes in order of computation.
 * A node is a unit as the executor runs it: convolution or dense layer with
 * the batch norm, residual sum and activation that follow it, or a pool, or
 * dropout. Layers keep the names of keras.applications, by which weights are
 * found, layers are unfrozen and Grad-CAM picks its map.
 */
#ifndef NN_GRAPH_H
#define NN_GRAPH_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum activation { ACTIVATION_NONE, ACTIVATION_RELU, ACTIVATION_RELU6 };

enum node_kind {
    NODE_INPUT, /* [h,w,3], preprocessed */
    NODE_CONV,
    NODE_DENSE, /* on [1,1,c] */
    NODE_MAX_POOL,
    NODE_AVERAGE_POOL, /* over all places: [h,w,c] -> [1,1,c] */
    NODE_CONCATENATE,  /* [1,1,c] each, one behind the other */
    NODE_DROPOUT,
};

enum { NODE_NAME_SIZE = 48, POOLED_LAYERS_MOST = 32 };

struct node {
    enum node_kind kind;
    char name[NODE_NAME_SIZE];    /* of the convolution, dense, pool or dropout layer */
    char norm[NODE_NAME_SIZE];    /* of the batch norm; "" where there is none */
    char output[NODE_NAME_SIZE];  /* of the layer whose output this unit's output is */
    int input;                    /* index of a node before this one; -1 for the input node */
    int residual;                 /* index of the node that is added before the activation, or -1 */
    int more[POOLED_LAYERS_MOST]; /* of NODE_CONCATENATE: the inputs behind the first */
    int more_count;
    bool head; /* part of the classifier on top of the base */
    bool bias;
    enum activation activation;
    int64_t height, width, channels; /* of the output */
    int64_t kernel, stride, groups;  /* square kernels */
    int64_t pad_top, pad_bottom, pad_left, pad_right;
    float norm_epsilon;
    double norm_momentum; /* f64, so that f32(1 - momentum) is what Keras has */
    float rate;           /* of dropout */
};

struct graph {
    struct node *nodes;
    size_t count, capacity;
};

/* What a network is built from; written into the model file. */
struct architecture {
    char name[32];      /* resnet20, resnet50, mobilenet, ... */
    double alpha;       /* width multiplier of mobilenet; else 1 */
    int64_t image_size; /* height = width of the input */
    int64_t classes;
    int64_t hidden;  /* units of the head's ReLU layer, 0 for none */
    double dropout;  /* before each dense layer; 0 leaves the nodes out */
    bool pad_around; /* zeros on all sides of strided convolutions, as PyTorch's networks have them
                      */
    /* Layers whose averages the head sees, too: in this order, before that of the last map. */
    char pooled_layers[POOLED_LAYERS_MOST][NODE_NAME_SIZE];
    size_t pooled_count;
};

/* arch.c: the base, then the head (dropout, dense ReLU, dropout, dense_1; or dropout, dense without
 * a hidden layer). An unknown name is ERR_USAGE and names the nearest one. graph_release() frees.
 */
int graph_build(const struct architecture *architecture, struct graph *graph, struct error *err);
void graph_release(struct graph *graph);

/* graph_pad.c: puts zeros around strided convolutions where the architecture says so; graph_build()
 * does. ERR_USAGE where that would make other maps. */
int graph_pad(struct graph *graph, const struct architecture *architecture, struct error *err);

/* graph_pool.c: adds to architecture->pooled_layers. ERR_USAGE where the name is too long to be
 * one, or they are too many. */
int architecture_pool(struct architecture *architecture, const char *layer, struct error *err);

/* graph_pool.c: an average pool behind each of architecture->pooled_layers and, behind all, one
 * concatenation with the base's own pool *last, which *last then is; graph_build() does. ERR_USAGE,
 * with the nearest right name, where a layer's output is no map, or its average is there already.
 */
int graph_pool(struct graph *graph, const struct architecture *architecture, int *last,
               struct error *err);

/* What a node reads beside its residual: `i` from 0 to node_inputs() - 1. */
static inline int node_inputs(const struct node *node)
{
    return 1 + node->more_count;
}
static inline int node_input(const struct node *node, int i)
{
    return i == 0 ? node->input : node->more[i - 1];
}
static inline bool node_reads(const struct node *node, int input)
{
    for (int i = 0; i < node_inputs(node); i++)
        if (node_input(node, i) == input)
            return true;
    return false;
}
/* The channel of a NODE_CONCATENATE at which its input `which` begins. */
static inline int64_t graph_concatenated_at(const struct graph *graph, int node, int which)
{
    int64_t at = 0;
    for (int i = 0; i < which; i++)
        at += graph->nodes[node_input(&graph->nodes[node], i)].channels;
    return at;
}

static inline int64_t node_count(const struct node *node) /* of elements of one image's output */
{
    return node->height * node->width * node->channels;
}
static inline bool node_has_conv(const struct node *node)
{
    return node->kind == NODE_CONV || node->kind == NODE_DENSE;
}

/* Index of the node that has a layer of this name (conv, norm or output), or -1. */
int graph_find(const struct graph *graph, const char *layer);

/* The last node whose output still has places: what Grad-CAM looks at. */
int graph_last_map(const struct graph *graph);

/* The node whose output the head is fed: what the base makes of a picture. The average of the last
 * map is at its end. */
int graph_features(const struct graph *graph);

#endif
