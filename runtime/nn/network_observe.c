/* What a batch norm sees before it normalises, for preflight: the images run
 * through the fused nodes up to it, and its own convolution without what is
 * fused to it. */
#include "base/memory.h"
#include "nn/network_parts.h"
#include "nn/norm.h"

#include <stdlib.h>

struct observation {
    struct fused_run fused; /* first */
    int node;
    struct conv *conv;
    void *packed;
    char **outputs;     /* [lanes] */
    double *statistics; /* [shards][2][c] */
};

static int observe_shard(void *arg, struct lane *lane, size_t shard, struct error *err)
{
    const struct observation *run = arg;
    struct network *network = run->fused.network;
    const struct node *node = &network->model->graph.nodes[run->node];
    const size_t number = network_lane(network, lane);
    const struct fused_place place = {network->inference.arenas[number],
                                      (int64_t)shard * network->inference.shard, false};
    const int64_t left = run->fused.n - place.first;
    const int64_t images = left < network->inference.shard ? left : network->inference.shard;
    float *targets = network->inference.targets +
                     number * (size_t)(network->inference.shard * run->fused.feed->classes);
    double *mean = run->statistics + shard * 2 * (size_t)node->channels;
    if (fused_prefix(&run->fused, lane, &place, (size_t)node->input + 1, targets, err))
        return -1;
    const float *bias = network_value(network, run->node, PARAMETER_BIAS);
    const void *x = fused_output(network, node->input, &place);
    void *z = run->outputs[number];
    if (network->ops->conv_forward(lane, run->conv, x, run->packed, bias, NULL, z, err))
        return -1;
    return network->ops->norm_statistics(lane, node_dtype(network, run->node),
                                         images * node->height * node->width, node->channels, z,
                                         mean, mean + node->channels, err);
}

static int pack_observed(void *arg, struct lane *lane, size_t index, struct error *err)
{
    const struct observation *run = arg;
    const struct network *network = run->fused.network;
    (void)index;
    return network->ops->conv_pack(lane, run->conv, CONV_FORWARD,
                                   network_value(network, run->node, PARAMETER_KERNEL), NULL,
                                   run->packed, err);
}

/* The node's convolution without what is fused to it, and memory for its output. */
static int observe_init(struct observation *run, struct error *err)
{
    struct network *network = run->fused.network;
    const struct node *node = &network->model->graph.nodes[run->node];
    size_t lanes = (size_t)network->backend->lanes;
    struct conv_shape shape =
        node_conv_shape(&network->model->graph, run->node, network->inference.shard);
    struct conv_options options = {.passes = CONV_FORWARD,
                                   .bias = node->bias,
                                   .dtype = network->options.dtype,
                                   .y = node_dtype(network, run->node)};
    if (network->ops->conv_new(network->backend, &shape, &options, &run->conv, err))
        return error_prefix(err, "layer '%s': ", node->name);
    run->packed = network->ops->allocate(
        network->backend, network->ops->conv_packed_size(run->conv, CONV_FORWARD), err);
    run->outputs = memory_new(lanes, sizeof *run->outputs, err);
    run->statistics = memory_new(fused_shards(&run->fused) * 2 * (size_t)node->channels,
                                 sizeof *run->statistics, err);
    if (!run->packed || !run->outputs || !run->statistics)
        return -1;
    for (size_t i = 0; i < lanes; i++) {
        run->outputs[i] = network_allocate_bytes(network, (size_t)network->inference.shard,
                                                 node_bytes(network, run->node), err);
        if (!run->outputs[i])
            return -1;
    }
    return 0;
}

static void observe_release(struct observation *run)
{
    struct network *network = run->fused.network;
    for (int i = 0; run->outputs && i < network->backend->lanes; i++)
        network->ops->release(network->backend, run->outputs[i]);
    free(run->outputs);
    free(run->statistics);
    network->ops->release(network->backend, run->packed);
    if (run->conv)
        network->ops->conv_free(run->conv);
}

static void observe_join(const struct observation *run, double *mean, double *variance)
{
    const struct node *node = &run->fused.network->model->graph.nodes[run->node];
    int64_t shard = run->fused.network->inference.shard, places = node->height * node->width;
    for (int64_t c = 0; c < node->channels; c++) {
        struct norm_moments all = {0};
        for (int64_t first = 0; first < run->fused.n; first += shard) {
            const double *s = run->statistics + first / shard * 2 * node->channels;
            int64_t images = run->fused.n - first < shard ? run->fused.n - first : shard;
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
    struct observation run = {
        .fused = {.network = network, .feed = &plain, .samples = samples, .n = n}, .node = node};
    int status = network_prepare_feed(network, feed, err);
    if (status == 0)
        status = observe_init(&run, err);
    if (status == 0)
        status = network->ops->parallel(network->backend, 1, pack_observed, &run, err);
    if (status == 0)
        status = fused_run_shards(network, (size_t)node, fused_shards(&run.fused), observe_shard,
                                  &run, err);
    if (status == 0)
        observe_join(&run, mean, variance);
    observe_release(&run);
    return status;
}
