/* Inference: batch norm in the kernel and the bias, residual and activation in
 * the convolution. A lane takes a few images through all nodes in memory of
 * its own, so that what one layer wrote is still in the cache for the next.
 * The same nodes, up to the first that trains, are the prefix of a training
 * step. */
#include "base/memory.h"
#include "nn/network_parts.h"
#include "nn/reach.h"

#include <stdlib.h>

/* Images at once: one, and two where an image is so small that a call's own cost shows. Fixed by
 * the network, so the bits cannot depend on how many images a caller has. */
static int64_t shard_images(const struct architecture *architecture)
{
    return architecture->image_size >= 96 ? 1 : 2;
}

/* Dropout passes its input on. */
static int source_of(const struct graph *graph, int node)
{
    while (node >= 0 && graph->nodes[node].kind == NODE_DROPOUT)
        node = graph->nodes[node].input;
    return node;
}

static void keep_until(struct inference *inference, const struct graph *graph, int node,
                       size_t step)
{
    int source = source_of(graph, node);
    if (source >= 0)
        inference->outputs[source].last = step;
}

static int plan_memory(struct network *network, struct error *err)
{
    struct inference *inference = &network->inference;
    const struct graph *graph = &network->model->graph;
    size_t lanes = (size_t)network->backend->lanes;
    for (size_t i = 0; i < graph->count; i++) {
        const struct node *node = &graph->nodes[i];
        struct span *span = &inference->outputs[i];
        if (source_of(graph, (int)i) == (int)i)
            span->count = (size_t)(node_count(node) * inference->shard);
        span->dtype = node_dtype(network, (int)i);
        span->first = span->last = i;
        for (int input = 0; input < node_inputs(node); input++)
            keep_until(inference, graph, node_input(node, input), i);
        keep_until(inference, graph, node->residual, i);
    }
    keep_until(inference, graph, (int)graph->count - 1, graph->count);
    if (spans_place(inference->outputs, graph->count, &inference->arena_bytes, err))
        return -1;
    for (size_t i = 0; i < lanes; i++) {
        inference->arenas[i] = network_allocate_bytes(network, 1, inference->arena_bytes, err);
        if (!inference->arenas[i])
            return -1;
    }
    size_t scores = (size_t)(inference->shard * network->model->architecture.classes);
    inference->targets = network_allocate(network, lanes, scores, err);
    inference->probabilities = network_allocate(network, lanes, scores, err);
    inference->reach = memory_new(lanes * graph->count, sizeof *inference->reach, err);
    return inference->targets && inference->probabilities && inference->reach ? 0 : -1;
}

static int fused_init(struct network *network, int index, struct error *err)
{
    const struct graph *graph = &network->model->graph;
    const struct node *node = &graph->nodes[index];
    struct fused *fused = &network->inference.nodes[index];
    struct conv_shape shape = node_conv_shape(graph, index, network->inference.shard);
    struct conv_options options = {.passes = CONV_FORWARD,
                                   .bias = true,
                                   .residual = node->residual >= 0,
                                   .activation = network->inference.careful ? ACTIVATION_NONE
                                                                            : node->activation,
                                   .dtype = network->options.dtype,
                                   .y = node_dtype(network, index)};
    if (network->ops->conv_new(network->backend, &shape, &options, &fused->conv, err))
        return error_prefix(err, "layer '%s': ", node->name);
    size_t bytes = network->ops->conv_packed_size(fused->conv, CONV_FORWARD);
    fused->packed = network->ops->allocate(network->backend, bytes, err);
    fused->bias = network_allocate(network, 1, (size_t)node->channels, err);
    fused->scale = network_allocate(network, 1, (size_t)node->channels, err);
    return fused->packed && fused->bias && fused->scale ? 0 : -1;
}

int inference_init(struct network *network, struct error *err)
{
    struct inference *inference = &network->inference;
    const struct graph *graph = &network->model->graph;
    inference->shard = shard_images(&network->model->architecture);
    inference->nodes = memory_new(graph->count, sizeof *inference->nodes, err);
    inference->outputs = memory_new(graph->count, sizeof *inference->outputs, err);
    inference->arenas = memory_new((size_t)network->backend->lanes, sizeof *inference->arenas, err);
    if (!inference->nodes || !inference->outputs || !inference->arenas || plan_memory(network, err))
        return -1;
    for (size_t i = 0; i < graph->count; i++)
        if (node_has_conv(&graph->nodes[i]) && fused_init(network, (int)i, err))
            return -1;
    return 0;
}

static void fused_release(struct network *network, struct fused *fused)
{
    if (fused->conv)
        network->ops->conv_free(fused->conv);
    network->ops->release(network->backend, fused->packed);
    network->ops->release(network->backend, fused->bias);
    network->ops->release(network->backend, fused->scale);
    *fused = (struct fused){0};
}

void inference_release(struct network *network)
{
    struct inference *inference = &network->inference;
    const struct operations *ops = network->ops;
    for (size_t i = 0; inference->nodes && i < network->model->graph.count; i++)
        fused_release(network, &inference->nodes[i]);
    for (int i = 0; inference->arenas && i < network->backend->lanes; i++)
        ops->release(network->backend, inference->arenas[i]);
    ops->release(network->backend, inference->targets);
    ops->release(network->backend, inference->probabilities);
    free(inference->reach);
    free(inference->arenas);
    free(inference->outputs);
    free(inference->nodes);
    *inference = (struct inference){0};
}

/* Does training change the node's weights? */
static bool varies(const struct network *network, int index)
{
    for (int role = 0; role < ROLE_COUNT; role++) {
        int p = network->parameter[index][role];
        if (p >= 0 && network->trains[p])
            return true;
    }
    return false;
}

static int pack_node(void *arg, struct lane *lane, size_t index, struct error *err)
{
    struct network *network = arg;
    struct fused *fused = &network->inference.nodes[index];
    uint64_t version = varies(network, (int)index) ? network->version : network->frozen_version;
    if (!fused->conv || fused->version == version)
        return 0;
    network_fold(network, (int)index, fused->scale, fused->bias);
    const float *kernel = network_value(network, (int)index, PARAMETER_KERNEL);
    const int p = network->parameter[index][PARAMETER_KERNEL];
    const int64_t channels = network->model->graph.nodes[index].channels;
    bool has_norm = network_value(network, (int)index, PARAMETER_GAMMA) != NULL;
    const float *scale = has_norm ? fused->scale : NULL;
    if (network->ops->conv_pack(lane, fused->conv, CONV_FORWARD, kernel, scale, fused->packed, err))
        return -1;
    fused->gain =
        reach_gain(network->model->parameters[p].count / channels, channels, kernel, scale);
    fused->offset = reach_largest(channels, fused->bias);
    fused->version = version;
    return 0;
}

void *fused_output(const struct network *network, int index, const struct fused_place *place)
{
    int source = source_of(&network->model->graph, index);
    if (place->edges && network->training.nodes[source].edge)
        return network->training.nodes[source].edge +
               (size_t)place->first * node_bytes(network, source);
    return place->arena + network->inference.outputs[source].offset;
}

int fused_node(struct network *network, struct lane *lane, int index,
               const struct fused_place *place, const struct feed *feed, struct error *err)
{
    const struct operations *ops = network->ops;
    const struct graph *graph = &network->model->graph;
    const struct node *node = &graph->nodes[index];
    const struct node *input = &graph->nodes[node->input];
    const void *x = fused_output(network, node->input, place);
    const void *residual = node->residual < 0 ? NULL : fused_output(network, node->residual, place);
    void *y = fused_output(network, index, place);
    const enum dtype dtype = node_dtype(network, index);
    int64_t n = network->inference.shard;
    if (!network->inference.careful &&
        guard_node(network, lane, index, place, &feed->preprocess, err))
        return -1;
    switch (node->kind) {
    case NODE_CONV:
    case NODE_DENSE: {
        const struct fused *fused = &network->inference.nodes[index];
        if (ops->conv_forward(lane, fused->conv, x, fused->packed, fused->bias, residual, y, err))
            return -1;
        return network->inference.careful && node->activation != ACTIVATION_NONE
                   ? ops->activation_forward(lane, dtype, n * node_count(node), node->activation, y,
                                             err)
                   : 0;
    }
    case NODE_MAX_POOL: {
        struct pool_shape shape = node_pool_shape(graph, index, n);
        return ops->max_pool_forward(lane, dtype, &shape, x, y, err);
    }
    case NODE_AVERAGE_POOL:
        return ops->average_pool_forward(lane, dtype, n, input->height * input->width,
                                         input->channels, x, y, err);
    case NODE_CONCATENATE:
        for (int i = 0; i < node_inputs(node); i++)
            if (concatenate_forward(network, lane, index, i, n,
                                    fused_output(network, node_input(node, i), place), y, err))
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
    const struct network *network = run->network;
    const enum dtype dtype = node_dtype(network, 0);
    float *picture = network->feed_scratch[network_lane(network, lane)];
    float *scratch = picture + network_picture_floats(network);
    int64_t count = node_count(&network->model->graph.nodes[0]);
    int64_t classes = network->model->architecture.classes;
    for (int64_t i = 0; i < network->inference.shard; i++) {
        void *x = dtype_at(fused_output(network, 0, place), dtype, i * count);
        feed_image(run->feed, run->epoch, sample_of(run, place, i), scratch,
                   dtype == DTYPE_F32 ? x : picture, targets + i * classes);
        if (dtype != DTYPE_F32 &&
            network->ops->convert(lane, count, DTYPE_F32, picture, dtype, x, err))
            return -1;
    }
    return 0;
}

/* What the shard's images came to before, if all of them are remembered. */
static int recall_shard(const struct fused_run *run, struct lane *lane,
                        const struct fused_place *place, float *targets, bool *recalled,
                        struct error *err)
{
    struct network *network = run->network;
    int64_t classes = network->model->architecture.classes;
    *recalled = run->remembers;
    for (int64_t i = 0; i < network->inference.shard && *recalled; i++)
        *recalled = features_has(network, sample_of(run, place, i));
    for (int64_t i = 0; i < network->inference.shard && *recalled; i++) {
        int64_t sample = sample_of(run, place, i);
        feed_target(run->feed, sample, targets + i * classes);
        if (features_recall(network, lane, sample, place, i, err))
            return -1;
    }
    return 0;
}

int fused_prefix(const struct fused_run *run, struct lane *lane, const struct fused_place *place,
                 size_t end, float *targets, struct error *err)
{
    struct network *network = run->network;
    bool recalled;
    if (recall_shard(run, lane, place, targets, &recalled, err))
        return -1;
    if (recalled) {
        guard_forget(network, lane, end);
        return 0;
    }
    if (feed_shard(run, lane, place, targets, err) ||
        guard_node(network, lane, 0, place, &run->feed->preprocess, err))
        return -1;
    for (size_t i = 1; i < end; i++)
        if (fused_node(network, lane, (int)i, place, run->feed, err))
            return -1;
    for (int64_t i = 0; i < network->inference.shard && run->remembers; i++)
        if (features_keep(network, lane, sample_of(run, place, i), place, i, err))
            return -1;
    return 0;
}

size_t fused_shards(const struct fused_run *run)
{
    int64_t shard = run->network->inference.shard;
    return (size_t)((run->n + shard - 1) / shard);
}

static int prefix_shard(void *arg, struct lane *lane, size_t shard, struct error *err)
{
    const struct fused_run *run = arg;
    const struct network *network = run->network;
    const int64_t first = (int64_t)shard * network->inference.shard;
    const struct fused_place place = {network->inference.arenas[network_lane(network, lane)], first,
                                      true};
    return fused_prefix(run, lane, &place, network->training.first,
                        network->training.targets + first * network->model->architecture.classes,
                        err);
}

/* Kernels and biases of the first `nodes` nodes, where they have changed. */
static int fused_pack(struct network *network, size_t nodes, struct error *err)
{
    return network->ops->parallel(network->backend, nodes, pack_node, network, err);
}

/* From now on activations run apart. What is remembered may come from runs that do not count. */
static int be_careful(struct network *network, struct error *err)
{
    const struct graph *graph = &network->model->graph;
    network->inference.careful = true;
    features_forget(network);
    for (size_t i = 0; i < graph->count; i++) {
        if (!node_has_conv(&graph->nodes[i]) || graph->nodes[i].activation == ACTIVATION_NONE)
            continue;
        fused_release(network, &network->inference.nodes[i]);
        if (fused_init(network, (int)i, err))
            return -1;
    }
    return 0;
}

int fused_run_shards(struct network *network, size_t nodes, size_t shards,
                     int (*work)(void *arg, struct lane *lane, size_t shard, struct error *err),
                     void *arg, struct error *err)
{
    struct inference *inference = &network->inference;
    for (;;) {
        atomic_store(&inference->hidden, false);
        if (fused_pack(network, nodes, err) ||
            network->ops->parallel(network->backend, shards, work, arg, err))
            return -1;
        if (!atomic_load(&inference->hidden))
            return 0;
        if (be_careful(network, err))
            return -1;
    }
}

int prefix_run(struct network *network, const struct feed *feed, const int64_t *samples, int64_t n,
               uint32_t epoch, struct error *err)
{
    struct fused_run run = {.network = network,
                            .feed = feed,
                            .samples = samples,
                            .n = n,
                            .epoch = epoch,
                            .remembers = features_are_of(network, feed)};
    return fused_run_shards(network, network->training.first, fused_shards(&run), prefix_shard,
                            &run, err);
}
