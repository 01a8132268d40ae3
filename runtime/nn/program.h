/* What a network computes, as plain data: made once from a model's graph, from what trains in it
 * and from the mode of batch norm, and executed by every device. Counts are of one image; how many
 * images go through at once, in which memory and in how many threads is the device's own.
 *
 * Two lists of steps. `inference` takes pictures through all nodes, each in one step with its norm,
 * residual and activation. `training` takes the suffix, the nodes from `first` on, forward, through
 * the loss and backward; what lies before is the prefix, whose weights stay as they are, and runs
 * as in inference. Outputs of the prefix that the suffix reads are its edges.
 *
 * Training is cut into segments. At the end of one, what its steps gathered over the images of a
 * batch is joined: after the STEP_COMPUTE of a node with `batch_norm` the mean and variance of the
 * batch, after the STEP_MASK of one with `norm_trains` the gradients of gamma and beta, and of
 * these what STEP_PROPAGATE needs. Steps come as late as their results are needed, so that batch
 * norms side by side end up before the same join, and a network whose norms use moving statistics
 * has one segment.
 */
#ifndef NN_PROGRAM_H
#define NN_PROGRAM_H

#include "base/error.h"
#include "nn/arena.h"
#include "nn/dtype.h"
#include "nn/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Batch norm of layers that may train; frozen ones always use their moving statistics. What a
 * notebook means by calling its base with training=False is NORM_INFERENCE. What Keras 3 did to it
 * is NORM_BATCH: fit() passes training=True through a functional model to every layer, in place of
 * the value given when the model was called. Seen with Keras 3.12: the loss of such a fit() step is
 * that of the batch's statistics, and the moving statistics of trainable norms move (biased
 * variance, momentum 0.99). tests/nn/test_network_keras.c has that step. */
enum norm_mode { NORM_INFERENCE, NORM_BATCH };

enum step_kind {
    /* inference */
    STEP_FEED,  /* the picture, preprocessed */
    STEP_FUSED, /* the node and all that follows in it */
    /* training, forward */
    STEP_COMPUTE,   /* the convolution, pool or dropout, and what is fused to it */
    STEP_NORMALISE, /* batch norm, residual and activation of its own */
    STEP_LOSS,
    /* training, backward */
    STEP_MASK,      /* dy is complete: through the activation, to the residual, sums of the norm */
    STEP_PROPAGATE, /* through the norm, to the weights and the input */
};

struct step {
    enum step_kind kind;
    int node;
    bool adds; /* to a gradient that is there already (the input's; in STEP_MASK the residual's) */
    int temporary; /* buffer for what is added, or of the loss for what is rounded then; or -1 */
};

struct step_list {
    struct step *steps;
    size_t count, capacity;
    size_t *segments; /* index of the step after each */
    size_t segment_count, segment_capacity;
    struct buffer *buffers;
    size_t buffer_count, buffer_capacity;
};

struct program_node {
    enum dtype dtype; /* of its output: the network's, but logits are f32, for the loss */
    int output;       /* inference.buffers; dropout has its input's */
    bool edge;
    uint32_t dropout; /* the number of a dropout layer among its like: its draws are keyed by it */
    /* of the suffix */
    bool active;        /* a gradient reaches its output */
    bool kernel_trains; /* and bias */
    bool norm_trains;   /* gamma and beta */
    bool batch_norm;    /* normalises with the batch's statistics */
    bool folded;        /* frozen norm and kernel: fused as in inference */
    int z, y, dy; /* training.buffers: before the norm, output, gradient of the output; or -1 */
};

struct program {
    const struct graph *graph; /* borrowed */
    enum dtype dtype;          /* of what is computed from picture to logits, and of gradients */
    enum norm_mode norm;
    size_t first;               /* node of the suffix; 0 where nothing trains */
    struct program_node *nodes; /* [graph->count] */
    struct step_list inference, training;
};

/* The model's graph is borrowed until program_release(), its trainable flags are read here. Without
 * `trains` there is no training. Release it initialised, zeroed or failed. */
int program_init(struct program *program, const struct model *model, bool trains,
                 enum norm_mode norm, enum dtype dtype, struct error *err);
void program_release(struct program *program);

/* Batch norm with a step of its own, in the suffix. */
bool program_has_own_norm(const struct program *program, int node);

/* Tells which buffers of its list a step reads and writes, the ones that it reads first. */
enum buffer_use { BUFFER_READ, BUFFER_WRITE, BUFFER_UPDATE };
typedef void buffer_use_fn(void *arg, int buffer, enum buffer_use use);
void program_visit(const struct program *program, const struct step *step, buffer_use_fn *see,
                   void *arg);

/* All of it as text for people: a line a step, with the buffers that it reads and writes and, in
 * brackets, the steps between which a buffer lives. */
int program_print(const struct program *program, FILE *stream, struct error *err);

#endif
