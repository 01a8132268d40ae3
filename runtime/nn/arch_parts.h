/* What the tables of architectures build with; private to arch*.c. */
#ifndef NN_ARCH_PARTS_H
#define NN_ARCH_PARTS_H

#include "nn/graph.h"

/* Where zeros go around a map. */
enum arch_padding {
    PAD_AROUND, /* kernel / 2 on all sides, as PyTorch's layers are given it */
    PAD_SAME,  /* TensorFlow's "same": as many as make ceil(size / stride) places, the odd one below
                  and to the right */
    PAD_BELOW, /* MobileNet v1 of keras.applications at stride 2: below and to the right, whatever
                  the size */
};

/* A convolution with its batch norm. A layer's name is `unit` and what follows. */
struct arch_conv {
    const char *unit;   /* "conv2_block1" or "" */
    const char *conv;   /* "_1_conv" */
    const char *norm;   /* "_1_bn" */
    const char *output; /* "_1_relu"; NULL: the batch norm is the last layer */
    int64_t channels, kernel, stride;
    int input, residual; /* residual -1 for none */
    bool bias, depthwise;
    enum activation activation;
    enum arch_padding padding;
    float epsilon;
    double momentum;
};

/* Each copies the last node's index to *last, so that a chain reads as a list of calls. */
int arch_add(struct graph *graph, const struct node *node, int *last, struct error *err);
int arch_add_conv(struct graph *graph, const struct arch_conv *conv, int *last, struct error *err);
int arch_add_average_pool(struct graph *graph, const char *name, int *last, struct error *err);

void arch_set_name(char name[NODE_NAME_SIZE], const char *prefix, const char *suffix);
/* Padding of a window and the size of its output, from the input's. */
void arch_place(const struct graph *graph, enum arch_padding padding, struct node *node);

/* Channels of a network of another width: the nearest multiple of 8, and never a tenth less than
 * asked for. */
int64_t arch_round_channels(double channels);

/* A family: the names it has, and its base from the input on. */
struct arch_family {
    const char *const *names;
    size_t count;
    int (*build)(struct graph *graph, const struct architecture *architecture, size_t which,
                 int *last, struct error *err);
};
extern const struct arch_family arch_resnet, arch_mobilenet, arch_mobilenet_v2, arch_efficientnet;

#endif
