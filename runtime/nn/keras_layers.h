/* A network as Keras' layers, in the order that Keras gives them: what a model file of Keras lists,
 * and what it numbers layers by. In front stand an input of pictures of any size (RGB, 0 to 255), a
 * resizing, and the preprocessing as a convolution of 1x1. */
#ifndef NN_KERAS_LAYERS_H
#define NN_KERAS_LAYERS_H

#include "base/error.h"
#include "nn/model.h"

#include <stddef.h>
#include <stdint.h>

enum keras_kind {
    KERAS_INPUT,
    KERAS_RESIZING,
    KERAS_CONV,
    KERAS_DEPTHWISE,
    KERAS_PADDING,
    KERAS_NORM,
    KERAS_RELU,
    KERAS_ADD,
    KERAS_MAX_POOL,
    KERAS_AVERAGE_POOL,
    KERAS_CONCATENATE,
    KERAS_DROPOUT,
    KERAS_DENSE,
};

enum { KERAS_INPUTS_MOST = 1 + POOLED_LAYERS_MOST };

struct keras_layer {
    enum keras_kind kind;
    char name[2 * NODE_NAME_SIZE];
    int node;                      /* of the graph; -1 for the layers in front */
    int inputs[KERAS_INPUTS_MOST]; /* indices into the list */
    int input_count;
    int number;                      /* among the layers of its class, from 0 */
    int64_t height, width, channels; /* of the output; height and width -1: any; 0: a vector */
};

struct keras_layers {
    struct keras_layer *list;
    size_t count, capacity;
};

const char *keras_class(enum keras_kind kind); /* "Conv2D" */
const char *keras_group(enum keras_kind kind); /* "conv2d", as files have it */

int keras_layers_make(const struct model *model, struct keras_layers *layers, struct error *err);
void keras_layers_release(struct keras_layers *layers);

/* The preprocessing as kernel [3 in][3 out] and bias [3] on pixels of 0 to 255. */
void keras_preprocess(const struct model *model, float kernel[9], float bias[3]);

#endif
