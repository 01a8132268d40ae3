/* Memory of training: convolutions for each size of shard, arenas, edges,
 * vectors of parameters. */
#include "base/memory.h"
#include "nn/cpu/cpu.h"
#include "nn/cpu/executor.h"

#include <stdlib.h>

enum { ALIGNMENT = 16 }; /* floats: 64 bytes */

static size_t align(size_t floats)
{
    return (floats + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static void size_release(struct executor *executor, struct shard_size *size)
{
    for (size_t i = 0; size->convs && i < executor->model->graph.count; i++) {
        struct shard_conv *conv = &size->convs[i];
        if (conv->conv)
            conv_free(conv->conv);
        free(conv->forward);
        free(conv->backward);
    }
    free(size->parts);
    free(size->convs);
}

static int conv_init(struct executor *executor, struct shard_size *size, int index,
                     struct error *err)
{
    const struct node *node = &executor->model->graph.nodes[index];
    const struct train_node *t = &executor->training.nodes[index];
    struct shard_conv *conv = &size->convs[index];
    bool fused = t->program->folded || !node->norm[0];
    bool to_input = executor->training.nodes[node->input].program->active;
    struct conv_shape shape = node_conv_shape(&executor->model->graph, index, size->images);
    struct conv_options options = {
        .passes = CONV_FORWARD | (to_input ? CONV_BACKWARD_DATA : 0u) |
                  (t->program->kernel_trains ? CONV_BACKWARD_WEIGHTS : 0u),
        .bias = node->bias || t->program->folded,
        .residual = fused && node->residual >= 0,
        .activation = ACTIVATION_NONE, /* a pass of its own, in which a NaN stays one */
        .dtype = executor->options.dtype,
        .y = node_dtype(executor, index),
    };
    if (conv_new(executor->cpu, &shape, &options, &conv->conv, err))
        return error_prefix(err, "layer '%s': ", node->name);
    executor_needs_scratch(executor, conv->conv);
    conv->forward = executor_bytes(executor, FOOTPRINT_KERNELS, 1,
                                   conv_packed_size(conv->conv, CONV_FORWARD), err);
    if (!conv->forward)
        return -1;
    if (to_input) {
        conv->backward = executor_bytes(executor, FOOTPRINT_KERNELS, 1,
                                        conv_packed_size(conv->conv, CONV_BACKWARD_DATA), err);
        if (!conv->backward)
            return -1;
    }
    if (t->program->kernel_trains) {
        size_t bytes = conv_packed_size(conv->conv, CONV_BACKWARD_WEIGHTS);
        conv->gradient = size->part_floats;
        conv->packed_floats = align(bytes / sizeof(float));
        size->part_floats += conv->packed_floats + align((size_t)node->channels);
    }
    return 0;
}

int training_find_size(struct executor *executor, int64_t images, size_t *index, struct error *err)
{
    struct training *t = &executor->training;
    const struct graph *graph = &executor->model->graph;
    for (*index = 0; *index < t->size_count; ++*index)
        if (t->sizes[*index].images == images)
            return 0;
    if (memory_grow(&t->sizes, &t->size_capacity, t->size_count + 1, sizeof *t->sizes, err))
        return -1;
    struct shard_size size = {.images = images};
    size.convs = memory_new(graph->count, sizeof *size.convs, err);
    int status = size.convs ? 0 : -1;
    for (size_t i = executor->program->first; i < graph->count && status == 0; i++)
        if (node_has_conv(&graph->nodes[i]))
            status = conv_init(executor, &size, (int)i, err);
    size_t count = images == t->shard ? t->shards : 1;
    if (status == 0 && !(size.parts = executor_floats(executor, FOOTPRINT_GRADIENTS, count,
                                                      size.part_floats, err)))
        status = -1;
    if (status)
        size_release(executor, &size);
    else
        t->sizes[t->size_count++] = size;
    return status;
}

static int allocate_node(struct executor *executor, int index, struct error *err)
{
    struct training *training = &executor->training;
    struct train_node *t = &training->nodes[index];
    const struct node *node = &executor->model->graph.nodes[index];
    size_t channels = (size_t)node->channels;
    if (t->program->folded &&
        !(t->fold = executor_floats(executor, FOOTPRINT_ACTIVATIONS, 2, channels, err)))
        return -1;
    if (index < (int)executor->program->first || !node->norm[0] || t->program->folded)
        return 0;
    t->factors = executor_floats(executor, FOOTPRINT_ACTIVATIONS, NORM_FACTORS, channels, err);
    t->moments = executor_floats(executor, FOOTPRINT_ACTIVATIONS, 2, channels, err);
    /* f64, hence twice as many floats */
    t->statistics = (void *)executor_floats(executor, FOOTPRINT_ACTIVATIONS, training->shards,
                                            4 * channels, err);
    t->sums = (void *)executor_floats(executor, FOOTPRINT_ACTIVATIONS, training->shards,
                                      4 * channels, err);
    return t->factors && t->moments && t->statistics && t->sums ? 0 : -1;
}

static int allocate_edge(struct executor *executor, int index, struct error *err)
{
    struct training *t = &executor->training;
    if (!t->nodes[index].program->edge)
        return 0;
    size_t images = (size_t)(t->batch + executor->inference.shard);
    t->nodes[index].edge =
        executor_bytes(executor, FOOTPRINT_ACTIVATIONS, images, node_bytes(executor, index), err);
    return t->nodes[index].edge ? 0 : -1;
}

static int allocate_vectors(struct executor *executor, struct error *err)
{
    struct training *t = &executor->training;
    size_t classes = (size_t)executor->model->architecture.classes;
    size_t parameters = (size_t)t->parameters;
    t->targets = executor_floats(executor, FOOTPRINT_ACTIVATIONS,
                                 (size_t)(t->batch + executor->inference.shard), classes, err);
    t->losses = executor_floats(executor, FOOTPRINT_ACTIVATIONS, (size_t)t->batch, 1, err);
    t->hits = memory_new((size_t)t->batch, 1, err);
    t->gradient = executor_floats(executor, FOOTPRINT_GRADIENTS, parameters, 1, err);
    t->tail = executor_floats(executor, FOOTPRINT_GRADIENTS, parameters, 1, err);
    t->m = executor_floats(executor, FOOTPRINT_OPTIMIZER, parameters, 1, err);
    t->v = executor_floats(executor, FOOTPRINT_OPTIMIZER, parameters, 1, err);
    return t->targets && t->losses && t->hits && t->gradient && t->tail && t->m && t->v ? 0 : -1;
}

static int allocate_arenas(struct executor *executor, struct error *err)
{
    struct training *t = &executor->training;
    const struct step_list *list = &executor->program->training;
    t->offsets = memory_new(list->buffer_count + 1, sizeof *t->offsets, err);
    if (!t->offsets ||
        arena_place(list->buffers, list->buffer_count, t->shard, t->offsets, &t->arena_bytes, err))
        return -1;
    /* Where a shard runs from end to end in its lane, the next one can have its memory. */
    t->arena_count = list->segment_count == 1 ? (size_t)cpu_lanes(executor->cpu) : t->shards;
    t->arenas = memory_new(t->arena_count, sizeof *t->arenas, err);
    for (size_t i = 0; t->arenas && i < t->arena_count; i++)
        if (!(t->arenas[i] =
                  executor_bytes(executor, FOOTPRINT_ACTIVATIONS, 1, t->arena_bytes, err)))
            return -1;
    return t->arenas ? 0 : -1;
}

int training_init(struct executor *executor, struct error *err)
{
    struct training *t = &executor->training;
    const struct graph *graph = &executor->model->graph;
    size_t index;
    t->batch = executor->options.batch;
    t->shard = executor->options.shard < t->batch ? executor->options.shard : t->batch;
    t->shards = (size_t)((t->batch + t->shard - 1) / t->shard);
    t->nodes = memory_new(graph->count, sizeof *t->nodes, err);
    if (!t->nodes)
        return -1;
    for (size_t i = 0; i < graph->count; i++)
        t->nodes[i].program = &executor->program->nodes[i];
    if (allocate_vectors(executor, err) || allocate_arenas(executor, err))
        return -1;
    for (int i = 0; i < (int)graph->count; i++)
        if (allocate_node(executor, i, err) || allocate_edge(executor, i, err))
            return -1;
    if (training_find_size(executor, t->shard, &index, err))
        return -1;
    /* Of the last shard of a batch: else it would be made, and its memory taken, within an epoch.
     */
    const int64_t short_shards[] = {t->batch % t->shard, executor->options.rest % t->shard};
    for (size_t i = 0; i < 2; i++)
        if (short_shards[i] > 0 && training_find_size(executor, short_shards[i], &index, err))
            return -1;
    return 0;
}

void training_release(struct executor *executor)
{
    struct training *t = &executor->training;
    for (size_t i = 0; i < t->size_count; i++)
        size_release(executor, &t->sizes[i]);
    for (size_t i = 0; t->arenas && i < t->arena_count; i++)
        free(t->arenas[i]);
    for (size_t i = 0; t->nodes && i < executor->model->graph.count; i++) {
        void *const owned[] = {t->nodes[i].edge,    t->nodes[i].fold,       t->nodes[i].factors,
                               t->nodes[i].moments, t->nodes[i].statistics, t->nodes[i].sums};
        for (size_t j = 0; j < sizeof owned / sizeof owned[0]; j++)
            free(owned[j]);
    }
    float *const vectors[] = {t->targets, t->losses, t->gradient, t->tail, t->m, t->v, t->averages};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
        free(vectors[i]);
    free(t->hits);
    free(t->sizes);
    free(t->arenas);
    free(t->offsets);
    free(t->nodes);
    *t = (struct training){0};
}
