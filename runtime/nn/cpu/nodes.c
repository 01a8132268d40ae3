/* What all files of the executor ask of a node: shapes, element types, values, memory. */
#include "base/memory.h"
#include "nn/cpu/cpu.h"
#include "nn/cpu/executor.h"
#include "nn/norm.h"

#include <stdlib.h>

enum dtype node_dtype(const struct executor *executor, int node)
{
    return executor->program->nodes[node].dtype;
}

size_t node_bytes(const struct executor *executor, int node)
{
    return (size_t)node_count(&executor->model->graph.nodes[node]) *
           dtype_size(node_dtype(executor, node));
}

struct pool_shape node_pool_shape(const struct graph *graph, int index, int64_t n)
{
    const struct node *node = &graph->nodes[index];
    const struct node *input = &graph->nodes[node->input];
    return (struct pool_shape){
        .n = n,
        .h = input->height,
        .w = input->width,
        .c = input->channels,
        .r = node->kernel,
        .stride = node->stride,
        .pad_top = node->pad_top,
        .pad_bottom = node->pad_bottom,
        .pad_left = node->pad_left,
        .pad_right = node->pad_right,
        .zero_padding = true, /* as keras.applications pads */
    };
}

float *executor_value(const struct executor *executor, int node, enum parameter_role role)
{
    int index = executor->parameter[node][role];
    return index < 0 ? NULL : executor->values[index];
}

char *allocate_bytes(size_t count, size_t bytes, struct error *err)
{
    size_t total;
    if (!memory_multiply(count, bytes, &total)) {
        error_set(err, ERR_MEMORY, "a network's memory has no size that fits");
        return NULL;
    }
    return memory_new_aligned(total ? total : sizeof(float), 1, err);
}

float *allocate_floats(size_t count, size_t floats, struct error *err)
{
    size_t total;
    if (!memory_multiply(count, floats, &total))
        total = SIZE_MAX; /* of floats: too many, which is told below */
    return (void *)allocate_bytes(total, sizeof(float), err);
}

char *executor_bytes(struct executor *executor, enum footprint_part part, size_t count,
                     size_t bytes, struct error *err)
{
    size_t total;
    if (!memory_multiply(count, bytes, &total))
        return allocate_bytes(count, bytes, err);
    footprint_add(&executor->footprint, part, 1, footprint_aligned(total));
    return allocate_bytes(1, executor->options.only_counts ? 0 : total, err);
}

float *executor_floats(struct executor *executor, enum footprint_part part, size_t count,
                       size_t floats, struct error *err)
{
    size_t total;
    if (!memory_multiply(count, floats, &total))
        return allocate_floats(count, floats, err);
    return (void *)executor_bytes(executor, part, total, sizeof(float), err);
}

void executor_needs_scratch(struct executor *executor, const struct conv *conv)
{
    const size_t bytes = conv_scratch_bytes(conv);
    if (bytes > executor->scratch_bytes)
        executor->scratch_bytes = bytes;
}

static size_t feed_bytes(const struct executor *executor, const struct feed *feed)
{
    return (size_t)(executor_picture_floats(executor) + feed_scratch_size(feed)) * sizeof(float);
}

void executor_measure(const struct executor *executor, const struct network_use *use,
                      struct footprint *footprint)
{
    const size_t lanes = (size_t)cpu_lanes(executor->cpu);
    for (int part = 0; part < FOOTPRINT_PARTS; part++)
        footprint_add(footprint, (enum footprint_part)part, 1, executor->footprint.bytes[part]);
    footprint_add(footprint, FOOTPRINT_SCRATCH, lanes, footprint_aligned(executor->scratch_bytes));
    if (use->feed != NULL)
        footprint_add(footprint, FOOTPRINT_SCRATCH, lanes,
                      footprint_aligned(feed_bytes(executor, use->feed)));
    if (use->observed)
        footprint_add(footprint, FOOTPRINT_ACTIVATIONS, 1, observe_bytes(executor));
    footprint_add(footprint, FOOTPRINT_FEATURES, 1, features_bytes(executor, use->plain));
}

size_t executor_lane(const struct executor *executor, const struct lane *lane)
{
    int index = lane->index;
    ASSERT(index >= 0 && index < cpu_lanes(executor->cpu));
    return (size_t)index;
}

/* A picture is fed in f32: what it takes before it is rounded. */
int64_t executor_picture_floats(const struct executor *executor)
{
    const int64_t line = 16; /* floats of 64 bytes */
    int64_t count = node_count(&executor->model->graph.nodes[0]);
    return executor->options.dtype == DTYPE_F32 ? 0 : (count + line - 1) / line * line;
}

int executor_prepare_feed(struct executor *executor, const struct feed *feed, struct error *err)
{
    const struct architecture *a = &executor->model->architecture;
    if (feed->image_size != a->image_size || feed->classes != a->classes)
        return error_set(err, ERR_USAGE,
                         "the network takes %lld classes at size %lld, it was fed %lld at %lld",
                         (long long)a->classes, (long long)a->image_size, (long long)feed->classes,
                         (long long)feed->image_size);
    int64_t floats = executor_picture_floats(executor) + feed_scratch_size(feed);
    if (floats <= executor->feed_scratch_floats)
        return 0;
    executor->feed_scratch_floats = 0;
    for (int i = 0; i < cpu_lanes(executor->cpu); i++) {
        free(executor->feed_scratch[i]);
        executor->feed_scratch[i] = memory_new_aligned((size_t)floats, sizeof(float), err);
        if (!executor->feed_scratch[i])
            return -1;
    }
    executor->feed_scratch_floats = floats;
    return 0;
}

void executor_fold(const struct executor *executor, int index, float *scale, float *bias)
{
    const struct node *node = &executor->model->graph.nodes[index];
    const float *own = executor_value(executor, index, PARAMETER_BIAS);
    const float *gamma = executor_value(executor, index, PARAMETER_GAMMA);
    const float *beta = executor_value(executor, index, PARAMETER_BETA);
    const float *mean = executor_value(executor, index, PARAMETER_MOVING_MEAN);
    const float *variance = executor_value(executor, index, PARAMETER_MOVING_VARIANCE);
    for (int64_t k = 0; k < node->channels; k++) {
        float factor = 1.0f, shift = 0.0f;
        if (gamma)
            norm_scale_shift(gamma[k], beta[k], mean[k], variance[k], node->norm_epsilon, &factor,
                             &shift);
        scale[k] = factor;
        bias[k] = own ? own[k] * factor + shift : shift;
    }
}
