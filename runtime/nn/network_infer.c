/* Scores, losses and outputs of nodes without training: shards of images go through the fused
 * nodes, all of them or those behind what is remembered. */
#include "base/memory.h"
#include "nn/network_parts.h"

#include <stdlib.h>

/* Images on their way through all fused nodes. */
struct inference_run {
    struct fused_run fused; /* first */
    float *logits, *probabilities;
    const struct network_tap *taps;
    size_t tap_count;
    float *widened; /* [lanes][shard] outputs in f32 of the largest node that is not; else NULL */
    int64_t widened_count; /* of one image */
    float *losses;
    uint8_t *hits;
};

static int keep_scores(const struct inference_run *run, int64_t first, int64_t images,
                       const float *logits, const float *probabilities, struct error *err)
{
    struct network *network = run->fused.network;
    int64_t classes = network->model->architecture.classes;
    size_t bytes = (size_t)(images * classes) * sizeof(float);
    for (int64_t i = 0; i < images; i++)
        run->hits[first + i] = network_argmax(logits + i * classes, classes) ==
                               run->fused.feed->labels[run->fused.samples[first + i]];
    if (run->logits &&
        network->ops->download(network->backend, run->logits + first * classes, logits, bytes, err))
        return -1;
    if (!run->probabilities)
        return 0;
    return network->ops->download(network->backend, run->probabilities + first * classes,
                                  probabilities, bytes, err);
}

/* A node's output of the shard's images to where the caller wants it, in f32. */
static int keep_output(const struct inference_run *run, struct lane *lane,
                       const struct network_tap *tap, const struct fused_place *place,
                       int64_t images, struct error *err)
{
    const struct network *network = run->fused.network;
    const int node = tap->node;
    const int64_t count = node_count(&network->model->graph.nodes[node]);
    const enum dtype dtype = node_dtype(network, node);
    const void *maps = fused_output(network, node, place);
    if (dtype != DTYPE_F32) {
        float *widened = run->widened + (int64_t)network_lane(network, lane) *
                                            network->inference.shard * run->widened_count;
        if (network->ops->convert(lane, images * count, dtype, maps, DTYPE_F32, widened, err))
            return -1;
        maps = widened;
    }
    return network->ops->download(network->backend, tap->values + place->first * count, maps,
                                  (size_t)(images * count) * sizeof(float), err);
}

static int keep_outputs(const struct inference_run *run, struct lane *lane, int node,
                        const struct fused_place *place, int64_t images, struct error *err)
{
    for (size_t i = 0; i < run->tap_count; i++)
        if (run->taps[i].node == node && keep_output(run, lane, &run->taps[i], place, images, err))
            return -1;
    return 0;
}

static int inference_shard(void *arg, struct lane *lane, size_t shard, struct error *err)
{
    const struct inference_run *run = arg;
    struct network *network = run->fused.network;
    const struct inference *inference = &network->inference;
    const struct graph *graph = &network->model->graph;
    const size_t number = network_lane(network, lane);
    const int64_t classes = network->model->architecture.classes;
    const size_t scores = number * (size_t)(inference->shard * classes);
    const struct fused_place place = {inference->arenas[number], (int64_t)shard * inference->shard,
                                      false};
    const int64_t left = run->fused.n - place.first;
    const int64_t images = left < inference->shard ? left : inference->shard;
    const int prefix = run->fused.remembers ? (int)network->training.first : 1;
    float *targets = inference->targets + scores;
    float *probabilities = inference->probabilities + scores;
    if (fused_prefix(&run->fused, lane, &place, (size_t)prefix, targets, err))
        return -1;
    for (int i = 0; i < (int)graph->count; i++) {
        if (i >= prefix && fused_node(network, lane, i, &place, run->fused.feed, err))
            return -1;
        if (keep_outputs(run, lane, i, &place, images, err))
            return -1;
    }
    const float *logits = fused_output(network, (int)graph->count - 1, &place);
    if (network->ops->loss(lane, images, classes, logits, targets, 1.0f, run->losses + place.first,
                           probabilities, NULL, err))
        return -1;
    return keep_scores(run, place.first, images, logits, probabilities, err);
}

/* Memory for outputs that are not in f32. */
static int widen_outputs(struct inference_run *run, struct error *err)
{
    struct network *network = run->fused.network;
    for (size_t i = 0; i < run->tap_count; i++) {
        const int node = run->taps[i].node;
        const int64_t count = node_count(&network->model->graph.nodes[node]);
        if (node_dtype(network, node) != DTYPE_F32 && count > run->widened_count)
            run->widened_count = count;
    }
    if (run->widened_count == 0)
        return 0;
    run->widened = network_allocate(network, (size_t)network->backend->lanes,
                                    (size_t)(network->inference.shard * run->widened_count), err);
    return run->widened ? 0 : -1;
}

int network_infer(struct network *network, const struct feed *feed, const int64_t *samples,
                  int64_t n, float *logits, float *probabilities, int map_node, float *maps,
                  struct batch_result *result, struct error *err)
{
    const struct network_tap tap = {map_node, maps};
    return network_infer_taps(network, feed, samples, n, logits, probabilities, &tap,
                              map_node >= 0 && maps ? 1 : 0, result, err);
}

int network_infer_taps(struct network *network, const struct feed *feed, const int64_t *samples,
                       int64_t n, float *logits, float *probabilities,
                       const struct network_tap *taps, size_t tap_count,
                       struct batch_result *result, struct error *err)
{
    struct feed plain = *feed;
    plain.augment = NULL;
    /* An output of the prefix has to be computed. */
    bool inside = false;
    for (size_t i = 0; i < tap_count; i++) {
        ASSERT(taps[i].node >= 0 && taps[i].node < (int)network->model->graph.count);
        inside = inside || taps[i].node < (int)network->training.first;
    }
    struct inference_run run = {.fused = {.network = network,
                                          .feed = &plain,
                                          .samples = samples,
                                          .n = n,
                                          .remembers = !inside && features_are_of(network, &plain)},
                                .logits = logits,
                                .probabilities = probabilities,
                                .taps = taps,
                                .tap_count = tap_count};
    ASSERT(n >= 0);
    run.losses = network_allocate(network, 1, (size_t)n, err);
    run.hits = memory_new((size_t)n, 1, err);
    int status = run.losses && run.hits ? widen_outputs(&run, err) : -1;
    if (status == 0)
        status = network_prepare_feed(network, feed, err);
    if (status == 0)
        status = fused_run_shards(network, network->model->graph.count, fused_shards(&run.fused),
                                  inference_shard, &run, err);
    if (status == 0 && result) {
        *result = (struct batch_result){0};
        for (int64_t i = 0; i < n; i++) {
            result->loss += (double)run.losses[i];
            result->hits += run.hits[i];
        }
    }
    network->ops->release(network->backend, run.widened);
    network->ops->release(network->backend, run.losses);
    free(run.hits);
    return status;
}
