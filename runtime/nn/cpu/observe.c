/* What a batch norm sees before it normalises, for preflight: the images run
 * through the fused nodes up to it, and its own convolution without what is
 * fused to it. */
#include "base/memory.h"
#include "nn/cpu/cpu.h"
#include "nn/cpu/executor.h"
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
    struct executor *executor = run->fused.executor;
    const struct node *node = &executor->model->graph.nodes[run->node];
    const size_t number = executor_lane(executor, lane);
    const struct fused_place place = {executor->inference.arenas[number],
                                      (int64_t)shard * executor->inference.shard, false};
    const int64_t left = run->fused.n - place.first;
    const int64_t images = left < executor->inference.shard ? left : executor->inference.shard;
    float *targets = executor->inference.targets +
                     number * (size_t)(executor->inference.shard * run->fused.feed->classes);
    double *mean = run->statistics + shard * 2 * (size_t)node->channels;
    if (fused_prefix(&run->fused, lane, &place, (size_t)node->input + 1, targets, err))
        return -1;
    const float *bias = executor_value(executor, run->node, PARAMETER_BIAS);
    const void *x = fused_output(executor, node->input, &place);
    void *z = run->outputs[number];
    if (conv_forward(lane, run->conv, x, run->packed, bias, NULL, z, err))
        return -1;
    return norm_statistics(lane, node_dtype(executor, run->node),
                           images * node->height * node->width, node->channels, z, mean,
                           mean + node->channels, err);
}

static int pack_observed(void *arg, struct lane *lane, size_t index, struct error *err)
{
    const struct observation *run = arg;
    const struct executor *executor = run->fused.executor;
    (void)index;
    return conv_pack(lane, run->conv, CONV_FORWARD,
                     executor_value(executor, run->node, PARAMETER_KERNEL), NULL, run->packed, err);
}

/* The node's convolution without what is fused to it, and memory for its output. */
static int observe_init(struct observation *run, struct error *err)
{
    struct executor *executor = run->fused.executor;
    const struct node *node = &executor->model->graph.nodes[run->node];
    size_t lanes = (size_t)cpu_lanes(executor->cpu);
    struct conv_shape shape =
        node_conv_shape(&executor->model->graph, run->node, executor->inference.shard);
    struct conv_options options = {.passes = CONV_FORWARD,
                                   .bias = node->bias,
                                   .dtype = executor->options.dtype,
                                   .y = node_dtype(executor, run->node)};
    if (conv_new(executor->cpu, &shape, &options, &run->conv, err))
        return error_prefix(err, "layer '%s': ", node->name);
    run->packed = memory_new_aligned(conv_packed_size(run->conv, CONV_FORWARD), 1, err);
    run->outputs = memory_new(lanes, sizeof *run->outputs, err);
    run->statistics = memory_new(fused_shards(&run->fused) * 2 * (size_t)node->channels,
                                 sizeof *run->statistics, err);
    if (!run->packed || !run->outputs || !run->statistics)
        return -1;
    for (size_t i = 0; i < lanes; i++) {
        run->outputs[i] =
            allocate_bytes((size_t)executor->inference.shard, node_bytes(executor, run->node), err);
        if (!run->outputs[i])
            return -1;
    }
    return 0;
}

static void observe_release(struct observation *run)
{
    struct executor *executor = run->fused.executor;
    for (int i = 0; run->outputs && i < cpu_lanes(executor->cpu); i++)
        free(run->outputs[i]);
    free(run->outputs);
    free(run->statistics);
    free(run->packed);
    if (run->conv)
        conv_free(run->conv);
}

size_t observe_bytes(const struct executor *executor)
{
    const struct inference *inference = &executor->inference;
    size_t most = 0;
    for (size_t i = 0; i < executor->model->graph.count; i++) {
        const struct conv *conv = inference->nodes[i].conv;
        if (conv == NULL || executor->model->graph.nodes[i].norm[0] == '\0')
            continue;
        const size_t output = (size_t)inference->shard * node_bytes(executor, (int)i);
        const size_t bytes = footprint_aligned(conv_packed_size(conv, CONV_FORWARD)) +
                             (size_t)cpu_lanes(executor->cpu) * footprint_aligned(output);
        most = bytes > most ? bytes : most;
    }
    return most;
}

static void observe_join(const struct observation *run, double *mean, double *variance)
{
    const struct node *node = &run->fused.executor->model->graph.nodes[run->node];
    int64_t shard = run->fused.executor->inference.shard, places = node->height * node->width;
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

int executor_observe(struct executor *executor, const struct feed *feed, const int64_t *samples,
                     int64_t n, int node, double *mean, double *variance, struct error *err)
{
    struct feed plain = *feed;
    plain.augment = NULL;
    ASSERT(node > 0 && node < (int)executor->model->graph.count &&
           node_has_conv(&executor->model->graph.nodes[node]));
    struct observation run = {
        .fused = {.executor = executor, .feed = &plain, .samples = samples, .n = n}, .node = node};
    int status = executor_prepare_feed(executor, feed, err);
    if (status == 0)
        status = observe_init(&run, err);
    if (status == 0)
        status = cpu_parallel(executor->cpu, 1, pack_observed, &run, err);
    if (status == 0)
        status = fused_run_shards(executor, (size_t)node, fused_shards(&run.fused), observe_shard,
                                  &run, err);
    if (status == 0)
        observe_join(&run, mean, variance);
    observe_release(&run);
    return status;
}
