/* Inference: batch norm in the kernel and the bias, residual and activation in
 * the convolution. A lane takes a few images through all nodes in memory of
 * its own, so that what one layer wrote is still in the cache for the next.
 * The same nodes, up to the first that trains, are the prefix of a training
 * step. */
#include "base/memory.h"
#include "nn/cpu/cpu.h"
#include "nn/cpu/executor.h"
#include "nn/reach.h"

#include <stdlib.h>

/* Images at once: one, and two where an image is so small that a call's own cost shows. Fixed by
 * the network, so the bits cannot depend on how many images a caller has. */
static int64_t shard_images(const struct architecture *architecture)
{
    return architecture->image_size >= 96 ? 1 : 2;
}

static int allocate_memory(struct executor *executor, struct error *err)
{
    struct inference *inference = &executor->inference;
    const struct step_list *list = &executor->program->inference;
    size_t lanes = (size_t)cpu_lanes(executor->cpu);
    if (arena_place(list->buffers, list->buffer_count, inference->shard, inference->offsets,
                    &inference->arena_bytes, err))
        return -1;
    for (size_t i = 0; i < lanes; i++) {
        inference->arenas[i] =
            executor_bytes(executor, FOOTPRINT_ACTIVATIONS, 1, inference->arena_bytes, err);
        if (!inference->arenas[i])
            return -1;
    }
    size_t scores = (size_t)(inference->shard * executor->model->architecture.classes);
    inference->targets = executor_floats(executor, FOOTPRINT_ACTIVATIONS, lanes, scores, err);
    inference->probabilities = executor_floats(executor, FOOTPRINT_ACTIVATIONS, lanes, scores, err);
    inference->reach = memory_new(lanes * list->buffer_count, sizeof *inference->reach, err);
    return inference->targets && inference->probabilities && inference->reach ? 0 : -1;
}

static int fused_init(struct executor *executor, int index, struct error *err)
{
    const struct graph *graph = &executor->model->graph;
    const struct node *node = &graph->nodes[index];
    struct fused *fused = &executor->inference.nodes[index];
    struct conv_shape shape = node_conv_shape(graph, index, executor->inference.shard);
    struct conv_options options = {.passes = CONV_FORWARD,
                                   .bias = true,
                                   .residual = node->residual >= 0,
                                   .activation = executor->inference.careful ? ACTIVATION_NONE
                                                                             : node->activation,
                                   .dtype = executor->options.dtype,
                                   .y = node_dtype(executor, index)};
    if (conv_new(executor->cpu, &shape, &options, &fused->conv, err))
        return error_prefix(err, "layer '%s': ", node->name);
    executor_needs_scratch(executor, fused->conv);
    size_t bytes = conv_packed_size(fused->conv, CONV_FORWARD);
    fused->packed = executor_bytes(executor, FOOTPRINT_KERNELS, 1, bytes, err);
    fused->bias = executor_floats(executor, FOOTPRINT_KERNELS, 1, (size_t)node->channels, err);
    fused->scale = executor_floats(executor, FOOTPRINT_KERNELS, 1, (size_t)node->channels, err);
    return fused->packed && fused->bias && fused->scale ? 0 : -1;
}

int inference_init(struct executor *executor, struct error *err)
{
    struct inference *inference = &executor->inference;
    const struct graph *graph = &executor->model->graph;
    inference->shard = shard_images(&executor->model->architecture);
    inference->nodes = memory_new(graph->count, sizeof *inference->nodes, err);
    inference->offsets =
        memory_new(executor->program->inference.buffer_count, sizeof *inference->offsets, err);
    inference->arenas =
        memory_new((size_t)cpu_lanes(executor->cpu), sizeof *inference->arenas, err);
    if (!inference->nodes || !inference->offsets || !inference->arenas ||
        allocate_memory(executor, err))
        return -1;
    for (size_t i = 0; i < graph->count; i++)
        if (node_has_conv(&graph->nodes[i]) && fused_init(executor, (int)i, err))
            return -1;
    return 0;
}

static void fused_release(struct fused *fused)
{
    if (fused->conv)
        conv_free(fused->conv);
    free(fused->packed);
    free(fused->bias);
    free(fused->scale);
    *fused = (struct fused){0};
}

void inference_release(struct executor *executor)
{
    struct inference *inference = &executor->inference;
    for (size_t i = 0; inference->nodes && i < executor->model->graph.count; i++)
        fused_release(&inference->nodes[i]);
    for (int i = 0; inference->arenas && i < cpu_lanes(executor->cpu); i++)
        free(inference->arenas[i]);
    free(inference->targets);
    free(inference->probabilities);
    free(inference->reach);
    free(inference->arenas);
    free(inference->offsets);
    free(inference->nodes);
    *inference = (struct inference){0};
}

/* Does training change the node's weights? */
static bool varies(const struct executor *executor, int index)
{
    for (int role = 0; role < ROLE_COUNT; role++) {
        int p = executor->parameter[index][role];
        if (p >= 0 && executor->trains[p])
            return true;
    }
    return false;
}

static int pack_node(void *arg, struct lane *lane, size_t index, struct error *err)
{
    struct executor *executor = arg;
    struct fused *fused = &executor->inference.nodes[index];
    uint64_t version = varies(executor, (int)index) ? executor->version : executor->frozen_version;
    if (!fused->conv || fused->version == version)
        return 0;
    executor_fold(executor, (int)index, fused->scale, fused->bias);
    const float *kernel = executor_value(executor, (int)index, PARAMETER_KERNEL);
    const int p = executor->parameter[index][PARAMETER_KERNEL];
    const int64_t channels = executor->model->graph.nodes[index].channels;
    bool has_norm = executor_value(executor, (int)index, PARAMETER_GAMMA) != NULL;
    const float *scale = has_norm ? fused->scale : NULL;
    if (conv_pack(lane, fused->conv, CONV_FORWARD, kernel, scale, fused->packed, err))
        return -1;
    fused->gain =
        reach_gain(executor->model->parameters[p].count / channels, channels, kernel, scale);
    fused->offset = reach_largest(channels, fused->bias);
    fused->version = version;
    return 0;
}

void *fused_output(const struct executor *executor, int index, const struct fused_place *place)
{
    if (place->edges && executor->training.nodes[index].edge)
        return executor->training.nodes[index].edge +
               (size_t)place->first * node_bytes(executor, index);
    return place->arena + executor->inference.offsets[executor->program->nodes[index].output];
}

int fused_node(struct executor *executor, struct lane *lane, int index,
               const struct fused_place *place, const struct feed *feed, struct error *err)
{
    const struct graph *graph = &executor->model->graph;
    const struct node *node = &graph->nodes[index];
    const struct node *input = &graph->nodes[node->input];
    const void *x = fused_output(executor, node->input, place);
    const void *residual =
        node->residual < 0 ? NULL : fused_output(executor, node->residual, place);
    void *y = fused_output(executor, index, place);
    const enum dtype dtype = node_dtype(executor, index);
    int64_t n = executor->inference.shard;
    if (!executor->inference.careful &&
        guard_node(executor, lane, index, place, &feed->preprocess, err))
        return -1;
    switch (node->kind) {
    case NODE_CONV:
    case NODE_DENSE: {
        const struct fused *fused = &executor->inference.nodes[index];
        if (conv_forward(lane, fused->conv, x, fused->packed, fused->bias, residual, y, err))
            return -1;
        return executor->inference.careful && node->activation != ACTIVATION_NONE
                   ? activation_forward(lane, dtype, n * node_count(node), node->activation, y, err)
                   : 0;
    }
    case NODE_MAX_POOL: {
        struct pool_shape shape = node_pool_shape(graph, index, n);
        return max_pool_forward(lane, dtype, &shape, x, y, err);
    }
    case NODE_AVERAGE_POOL:
        return average_pool_forward(lane, dtype, n, input->height * input->width, input->channels,
                                    x, y, err);
    case NODE_CONCATENATE:
        for (int i = 0; i < node_inputs(node); i++)
            if (concatenate_forward(executor, lane, index, i, n,
                                    fused_output(executor, node_input(node, i), place), y, err))
                return -1;
        return 0;
    case NODE_DROPOUT:
    case NODE_INPUT: break;
    }
    return 0;
}

/* Image `i` of a shard; the last one is repeated where they are too few. */
static int64_t sample_of(const struct fused_run *run, const struct fused_place *place, int64_t i)
{
    return run->samples[place->first + i < run->n ? place->first + i : run->n - 1];
}

static int feed_shard(const struct fused_run *run, struct lane *lane,
                      const struct fused_place *place, float *targets, struct error *err)
{
    const struct executor *executor = run->executor;
    const enum dtype dtype = node_dtype(executor, 0);
    float *picture = executor->feed_scratch[executor_lane(executor, lane)];
    float *scratch = picture + executor_picture_floats(executor);
    int64_t count = node_count(&executor->model->graph.nodes[0]);
    int64_t classes = executor->model->architecture.classes;
    for (int64_t i = 0; i < executor->inference.shard; i++) {
        void *x = dtype_at(fused_output(executor, 0, place), dtype, i * count);
        feed_image(run->feed, run->epoch, sample_of(run, place, i), scratch,
                   dtype == DTYPE_F32 ? x : picture, targets + i * classes);
        if (dtype != DTYPE_F32 && tensor_convert(lane, count, DTYPE_F32, picture, dtype, x, err))
            return -1;
    }
    return 0;
}

/* What the shard's images came to before, if all of them are remembered. */
static int recall_shard(const struct fused_run *run, struct lane *lane,
                        const struct fused_place *place, float *targets, bool *recalled,
                        struct error *err)
{
    struct executor *executor = run->executor;
    int64_t classes = executor->model->architecture.classes;
    *recalled = run->remembers;
    for (int64_t i = 0; i < executor->inference.shard && *recalled; i++)
        *recalled = features_has(executor, sample_of(run, place, i));
    for (int64_t i = 0; i < executor->inference.shard && *recalled; i++) {
        int64_t sample = sample_of(run, place, i);
        feed_target(run->feed, sample, targets + i * classes);
        if (features_recall(executor, lane, sample, place, i, err))
            return -1;
    }
    return 0;
}

int fused_prefix(const struct fused_run *run, struct lane *lane, const struct fused_place *place,
                 size_t end, float *targets, struct error *err)
{
    struct executor *executor = run->executor;
    bool recalled;
    if (recall_shard(run, lane, place, targets, &recalled, err))
        return -1;
    if (recalled) {
        guard_forget(executor, lane, end);
        return 0;
    }
    if (feed_shard(run, lane, place, targets, err) ||
        guard_node(executor, lane, 0, place, &run->feed->preprocess, err))
        return -1;
    const struct step_list *list = &executor->program->inference;
    for (size_t s = 1; s < list->count && (size_t)list->steps[s].node < end; s++)
        if (fused_node(executor, lane, list->steps[s].node, place, run->feed, err))
            return -1;
    for (int64_t i = 0; i < executor->inference.shard && run->remembers; i++)
        if (features_keep(executor, lane, sample_of(run, place, i), place, i, err))
            return -1;
    return 0;
}

size_t fused_shards(const struct fused_run *run)
{
    int64_t shard = run->executor->inference.shard;
    return (size_t)((run->n + shard - 1) / shard);
}

static int prefix_shard(void *arg, struct lane *lane, size_t shard, struct error *err)
{
    const struct fused_run *run = arg;
    const struct executor *executor = run->executor;
    const int64_t first = (int64_t)shard * executor->inference.shard;
    const struct fused_place place = {executor->inference.arenas[executor_lane(executor, lane)],
                                      first, true};
    return fused_prefix(run, lane, &place, executor->program->first,
                        executor->training.targets + first * executor->model->architecture.classes,
                        err);
}

/* Kernels and biases of the first `nodes` nodes, where they have changed. */
static int fused_pack(struct executor *executor, size_t nodes, struct error *err)
{
    return cpu_parallel(executor->cpu, nodes, pack_node, executor, err);
}

bool executor_is_careful(const struct executor *executor)
{
    return executor->inference.careful;
}

/* What is remembered may come from runs that do not count. */
int executor_be_careful(struct executor *executor, struct error *err)
{
    const struct graph *graph = &executor->model->graph;
    executor->inference.careful = true;
    features_forget(executor);
    for (size_t i = 0; i < graph->count; i++) {
        if (!node_has_conv(&graph->nodes[i]) || graph->nodes[i].activation == ACTIVATION_NONE)
            continue;
        fused_release(&executor->inference.nodes[i]);
        if (fused_init(executor, (int)i, err))
            return -1;
    }
    return 0;
}

int fused_run_shards(struct executor *executor, size_t nodes, size_t shards,
                     int (*work)(void *arg, struct lane *lane, size_t shard, struct error *err),
                     void *arg, struct error *err)
{
    struct inference *inference = &executor->inference;
    for (;;) {
        atomic_store(&inference->hidden, false);
        if (fused_pack(executor, nodes, err) || cpu_parallel(executor->cpu, shards, work, arg, err))
            return -1;
        if (!atomic_load(&inference->hidden))
            return 0;
        if (executor_be_careful(executor, err))
            return -1;
    }
}

int prefix_run(struct executor *executor, const struct feed *feed, const int64_t *samples,
               int64_t n, uint32_t epoch, struct error *err)
{
    struct fused_run run = {.executor = executor,
                            .feed = feed,
                            .samples = samples,
                            .n = n,
                            .epoch = epoch,
                            .remembers = features_are_of(executor, feed)};
    return fused_run_shards(executor, executor->program->first, fused_shards(&run), prefix_shard,
                            &run, err);
}
