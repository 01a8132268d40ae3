/* Inference: batch norm in the kernel and the bias, residual and activation in
 * the convolution. A lane takes a few images through all nodes in memory of
 * its own, so that what one layer wrote is still in the cache for the next.
 * The same nodes, up to the first that trains, are the prefix of a training
 * step. */
#include "base/memory.h"
#include "nn/network_parts.h"
#include "nn/norm.h"

#include <stdlib.h>
#include <string.h>

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
            span->floats = (size_t)(node_floats(node) * inference->shard);
        span->first = span->last = i;
        keep_until(inference, graph, node->input, i);
        keep_until(inference, graph, node->residual, i);
    }
    keep_until(inference, graph, (int)graph->count - 1, graph->count);
    if (spans_place(inference->outputs, graph->count, &inference->arena_floats, err))
        return -1;
    for (size_t i = 0; i < lanes; i++) {
        inference->arenas[i] = network_allocate(network, 1, inference->arena_floats, err);
        if (!inference->arenas[i])
            return -1;
    }
    size_t scores = (size_t)(inference->shard * network->model->architecture.classes);
    inference->targets = network_allocate(network, lanes, scores, err);
    inference->probabilities = network_allocate(network, lanes, scores, err);
    return inference->targets && inference->probabilities ? 0 : -1;
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
                                   .activation = node->activation};
    if (network->ops->conv_new(network->backend, &shape, &options, &fused->conv, err))
        return error_prefix(err, "layer '%s'", node->name);
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

void inference_release(struct network *network)
{
    struct inference *inference = &network->inference;
    const struct operations *ops = network->ops;
    for (size_t i = 0; inference->nodes && i < network->model->graph.count; i++) {
        struct fused *fused = &inference->nodes[i];
        if (fused->conv)
            ops->conv_free(fused->conv);
        ops->release(network->backend, fused->packed);
        ops->release(network->backend, fused->bias);
        ops->release(network->backend, fused->scale);
    }
    for (int i = 0; inference->arenas && i < network->backend->lanes; i++)
        ops->release(network->backend, inference->arenas[i]);
    ops->release(network->backend, inference->targets);
    ops->release(network->backend, inference->probabilities);
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
    bool has_norm = network_value(network, (int)index, PARAMETER_GAMMA) != NULL;
    if (network->ops->conv_pack(lane, fused->conv, CONV_FORWARD,
                                network_value(network, (int)index, PARAMETER_KERNEL),
                                has_norm ? fused->scale : NULL, fused->packed, err))
        return -1;
    fused->version = version;
    return 0;
}

/* Images on their way through the fused nodes. */
struct fused_run {
    struct network *network;
    const struct feed *feed;
    const int64_t *samples;
    int64_t n;
    uint32_t epoch;
    /* inference */
    float *logits, *probabilities, *maps;
    int map_node;
    float *losses;
    uint8_t *hits;
    /* observation */
    int observed; /* node whose convolution's plain output is looked at */
    struct conv *conv;
    void *packed;
    float **outputs;    /* [lanes] */
    double *statistics; /* [shards][2][c] */
};

/* Where node `index` leaves its output, for a shard that starts at image `first`; `edges` of a
 * training step go to memory of the batch. */
static float *output_of(const struct network *network, int index, float *arena, bool edges,
                        int64_t first)
{
    int source = source_of(&network->model->graph, index);
    if (edges && network->training.nodes[source].edge)
        return network->training.nodes[source].edge +
               first * node_floats(&network->model->graph.nodes[source]);
    return arena + network->inference.outputs[source].offset;
}

static int run_node(const struct network *network, struct lane *lane, int index, float *arena,
                    bool edges, int64_t first, struct error *err)
{
    const struct operations *ops = network->ops;
    const struct graph *graph = &network->model->graph;
    const struct node *node = &graph->nodes[index];
    const struct node *input = &graph->nodes[node->input];
    const float *x = output_of(network, node->input, arena, edges, first);
    const float *residual =
        node->residual < 0 ? NULL : output_of(network, node->residual, arena, edges, first);
    float *y = output_of(network, index, arena, edges, first);
    int64_t n = network->inference.shard;
    switch (node->kind) {
    case NODE_CONV:
    case NODE_DENSE: {
        const struct fused *fused = &network->inference.nodes[index];
        return ops->conv_forward(lane, fused->conv, x, fused->packed, fused->bias, residual, y,
                                 err);
    }
    case NODE_MAX_POOL: {
        struct pool_shape shape = node_pool_shape(graph, index, n);
        return ops->max_pool_forward(lane, &shape, x, y, err);
    }
    case NODE_AVERAGE_POOL:
        return ops->average_pool_forward(lane, n, input->height * input->width, input->channels, x,
                                         y, err);
    case NODE_DROPOUT:
    case NODE_INPUT: break;
    }
    return 0;
}

/* Inputs of the shard's images; the last one is repeated where they are too few. */
static void feed_shard(const struct fused_run *run, struct lane *lane, int64_t first, float *x,
                       float *targets)
{
    const struct network *network = run->network;
    float *scratch = network->feed_scratch[network_lane(network, lane)];
    int64_t floats = node_floats(&network->model->graph.nodes[0]);
    int64_t classes = network->model->architecture.classes;
    for (int64_t i = 0; i < network->inference.shard; i++) {
        int64_t image = first + i < run->n ? first + i : run->n - 1;
        feed_image(run->feed, run->epoch, run->samples[image], scratch, x + i * floats,
                   targets + i * classes);
    }
}

static size_t shard_count(const struct fused_run *run)
{
    int64_t shard = run->network->inference.shard;
    return (size_t)((run->n + shard - 1) / shard);
}

static int prefix_shard(void *arg, struct lane *lane, size_t shard, struct error *err)
{
    const struct fused_run *run = arg;
    const struct network *network = run->network;
    float *arena = network->inference.arenas[network_lane(network, lane)];
    int64_t first = (int64_t)shard * network->inference.shard;
    int64_t classes = network->model->architecture.classes;
    feed_shard(run, lane, first, output_of(network, 0, arena, true, first),
               network->training.targets + first * classes);
    for (size_t i = 1; i < network->training.first; i++)
        if (run_node(network, lane, (int)i, arena, true, first, err))
            return -1;
    return 0;
}

int prefix_run(struct network *network, const struct feed *feed, const int64_t *samples, int64_t n,
               uint32_t epoch, struct error *err)
{
    struct fused_run run = {
        .network = network, .feed = feed, .samples = samples, .n = n, .epoch = epoch};
    if (network->ops->parallel(network->backend, network->training.first, pack_node, network, err))
        return -1;
    return network->ops->parallel(network->backend, shard_count(&run), prefix_shard, &run, err);
}

static int keep_scores(const struct fused_run *run, int64_t first, int64_t images,
                       const float *logits, const float *probabilities, struct error *err)
{
    struct network *network = run->network;
    int64_t classes = network->model->architecture.classes;
    size_t bytes = (size_t)(images * classes) * sizeof(float);
    for (int64_t i = 0; i < images; i++)
        run->hits[first + i] = network_argmax(logits + i * classes, classes) ==
                               run->feed->labels[run->samples[first + i]];
    if (run->logits &&
        network->ops->download(network->backend, run->logits + first * classes, logits, bytes, err))
        return -1;
    if (!run->probabilities)
        return 0;
    return network->ops->download(network->backend, run->probabilities + first * classes,
                                  probabilities, bytes, err);
}

static int inference_shard(void *arg, struct lane *lane, size_t shard, struct error *err)
{
    const struct fused_run *run = arg;
    struct network *network = run->network;
    const struct inference *inference = &network->inference;
    const struct graph *graph = &network->model->graph;
    size_t number = network_lane(network, lane);
    float *arena = inference->arenas[number];
    int64_t classes = network->model->architecture.classes;
    size_t scores = number * (size_t)(inference->shard * classes);
    float *targets = inference->targets + scores;
    float *probabilities = inference->probabilities + scores;
    int64_t first = (int64_t)shard * inference->shard;
    int64_t images = run->n - first < inference->shard ? run->n - first : inference->shard;
    feed_shard(run, lane, first, output_of(network, 0, arena, false, first), targets);
    for (int i = 0; i < (int)graph->count; i++) {
        if (i > 0 && run_node(network, lane, i, arena, false, first, err))
            return -1;
        int64_t floats = node_floats(&graph->nodes[i]);
        if (i == run->map_node && run->maps &&
            network->ops->download(network->backend, run->maps + first * floats,
                                   output_of(network, i, arena, false, first),
                                   (size_t)(images * floats) * sizeof(float), err))
            return -1;
    }
    const float *logits = output_of(network, (int)graph->count - 1, arena, false, first);
    if (network->ops->loss(lane, images, classes, logits, targets, 1.0f, run->losses + first,
                           probabilities, NULL, err))
        return -1;
    return keep_scores(run, first, images, logits, probabilities, err);
}

int network_infer(struct network *network, const struct feed *feed, const int64_t *samples,
                  int64_t n, float *logits, float *probabilities, int map_node, float *maps,
                  struct batch_result *result, struct error *err)
{
    struct feed plain = *feed;
    plain.augment = NULL;
    struct fused_run run = {.network = network,
                            .feed = &plain,
                            .samples = samples,
                            .n = n,
                            .logits = logits,
                            .probabilities = probabilities,
                            .map_node = map_node,
                            .maps = maps};
    ASSERT(n >= 0 && map_node < (int)network->model->graph.count);
    run.losses = network_allocate(network, 1, (size_t)n, err);
    run.hits = memory_new((size_t)n, 1, err);
    int status = run.losses && run.hits ? 0 : -1;
    if (status == 0)
        status = network_prepare_feed(network, feed, err);
    if (status == 0)
        status = network->ops->parallel(network->backend, network->model->graph.count, pack_node,
                                        network, err);
    if (status == 0)
        status =
            network->ops->parallel(network->backend, shard_count(&run), inference_shard, &run, err);
    if (status == 0 && result) {
        *result = (struct batch_result){0};
        for (int64_t i = 0; i < n; i++) {
            result->loss += (double)run.losses[i];
            result->hits += run.hits[i];
        }
    }
    network->ops->release(network->backend, run.losses);
    free(run.hits);
    return status;
}

static int observe_shard(void *arg, struct lane *lane, size_t shard, struct error *err)
{
    const struct fused_run *run = arg;
    struct network *network = run->network;
    const struct node *node = &network->model->graph.nodes[run->observed];
    size_t number = network_lane(network, lane);
    float *arena = network->inference.arenas[number];
    float *targets = network->inference.targets +
                     number * (size_t)(network->inference.shard * run->feed->classes);
    int64_t first = (int64_t)shard * network->inference.shard;
    int64_t left = run->n - first;
    int64_t images = left < network->inference.shard ? left : network->inference.shard;
    double *mean = run->statistics + shard * 2 * (size_t)node->channels;
    feed_shard(run, lane, first, output_of(network, 0, arena, false, first), targets);
    for (int i = 1; i <= node->input; i++)
        if (run_node(network, lane, i, arena, false, first, err))
            return -1;
    const float *bias = network_value(network, run->observed, PARAMETER_BIAS);
    const float *x = output_of(network, node->input, arena, false, first);
    float *z = run->outputs[number];
    if (network->ops->conv_forward(lane, run->conv, x, run->packed, bias, NULL, z, err))
        return -1;
    return network->ops->norm_statistics(lane, images * node->height * node->width, node->channels,
                                         z, mean, mean + node->channels, err);
}

static int pack_observed(void *arg, struct lane *lane, size_t index, struct error *err)
{
    const struct fused_run *run = arg;
    (void)index;
    return run->network->ops->conv_pack(
        lane, run->conv, CONV_FORWARD, network_value(run->network, run->observed, PARAMETER_KERNEL),
        NULL, run->packed, err);
}

/* The node's convolution without what is fused to it, and memory for its output. */
static int observe_init(struct fused_run *run, struct error *err)
{
    struct network *network = run->network;
    const struct node *node = &network->model->graph.nodes[run->observed];
    size_t lanes = (size_t)network->backend->lanes;
    struct conv_shape shape =
        node_conv_shape(&network->model->graph, run->observed, network->inference.shard);
    struct conv_options options = {.passes = CONV_FORWARD, .bias = node->bias};
    if (network->ops->conv_new(network->backend, &shape, &options, &run->conv, err))
        return error_prefix(err, "layer '%s'", node->name);
    run->packed = network->ops->allocate(
        network->backend, network->ops->conv_packed_size(run->conv, CONV_FORWARD), err);
    run->outputs = memory_new(lanes, sizeof *run->outputs, err);
    run->statistics =
        memory_new(shard_count(run) * 2 * (size_t)node->channels, sizeof *run->statistics, err);
    if (!run->packed || !run->outputs || !run->statistics)
        return -1;
    for (size_t i = 0; i < lanes; i++) {
        run->outputs[i] = network_allocate(network, (size_t)network->inference.shard,
                                           (size_t)node_floats(node), err);
        if (!run->outputs[i])
            return -1;
    }
    return 0;
}

static void observe_release(struct fused_run *run)
{
    struct network *network = run->network;
    for (int i = 0; run->outputs && i < network->backend->lanes; i++)
        network->ops->release(network->backend, run->outputs[i]);
    free(run->outputs);
    free(run->statistics);
    network->ops->release(network->backend, run->packed);
    if (run->conv)
        network->ops->conv_free(run->conv);
}

static void observe_join(const struct fused_run *run, double *mean, double *variance)
{
    const struct node *node = &run->network->model->graph.nodes[run->observed];
    int64_t shard = run->network->inference.shard, places = node->height * node->width;
    for (int64_t c = 0; c < node->channels; c++) {
        struct norm_moments all = {0};
        for (int64_t first = 0; first < run->n; first += shard) {
            const double *s = run->statistics + first / shard * 2 * node->channels;
            int64_t images = run->n - first < shard ? run->n - first : shard;
            struct norm_moments part = {images * places, s[c], s[node->channels + c]};
            norm_join(&all, &part);
        }
        mean[c] = all.mean;
        variance[c] = all.count ? all.m2 / (double)all.count : 0.0;
    }
}

int network_observe(struct network *network, const struct feed *feed, const int64_t *samples,
                    int64_t n, int node, double *mean, double *variance, struct error *err)
{
    struct feed plain = *feed;
    plain.augment = NULL;
    ASSERT(node > 0 && node < (int)network->model->graph.count &&
           node_has_conv(&network->model->graph.nodes[node]));
    struct fused_run run = {
        .network = network, .feed = &plain, .samples = samples, .n = n, .observed = node};
    int status = network_prepare_feed(network, feed, err);
    if (status == 0)
        status = observe_init(&run, err);
    if (status == 0)
        status = network->ops->parallel(network->backend, (size_t)node, pack_node, network, err);
    if (status == 0)
        status = network->ops->parallel(network->backend, 1, pack_observed, &run, err);
    if (status == 0)
        status =
            network->ops->parallel(network->backend, shard_count(&run), observe_shard, &run, err);
    if (status == 0)
        observe_join(&run, mean, variance);
    observe_release(&run);
    return status;
}
