/* Scores, losses and outputs of nodes without training: shards of images go through the fused
 * nodes, all of them or those behind what is remembered. */
#include "base/memory.h"
#include "nn/cpu/cpu.h"
#include "nn/cpu/executor.h"

#include <stdlib.h>
#include <string.h>

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

static void keep_scores(const struct inference_run *run, int64_t first, int64_t images,
                        const float *logits, const float *probabilities)
{
    const struct executor *executor = run->fused.executor;
    int64_t classes = executor->model->architecture.classes;
    size_t bytes = (size_t)(images * classes) * sizeof(float);
    for (int64_t i = 0; i < images; i++)
        run->hits[first + i] = network_argmax(logits + i * classes, classes) ==
                               run->fused.feed->labels[run->fused.samples[first + i]];
    if (run->logits)
        memcpy(run->logits + first * classes, logits, bytes);
    if (run->probabilities)
        memcpy(run->probabilities + first * classes, probabilities, bytes);
}

/* A node's output of the shard's images to where the caller wants it, in f32. */
static int keep_output(const struct inference_run *run, struct lane *lane,
                       const struct network_tap *tap, const struct fused_place *place,
                       int64_t images, struct error *err)
{
    const struct executor *executor = run->fused.executor;
    const int node = tap->node;
    const int64_t count = node_count(&executor->model->graph.nodes[node]);
    const enum dtype dtype = node_dtype(executor, node);
    const void *maps = fused_output(executor, node, place);
    if (dtype != DTYPE_F32) {
        float *widened = run->widened + (int64_t)executor_lane(executor, lane) *
                                            executor->inference.shard * run->widened_count;
        if (tensor_convert(lane, images * count, dtype, maps, DTYPE_F32, widened, err))
            return -1;
        maps = widened;
    }
    memcpy(tap->values + place->first * count, maps, (size_t)(images * count) * sizeof(float));
    return 0;
}

static int keep_outputs(const struct inference_run *run, struct lane *lane, int node,
                        const struct fused_place *place, int64_t images, struct error *err)
{
    const struct program_node *nodes = run->fused.executor->program->nodes;
    for (size_t i = 0; i < run->tap_count; i++)
        if (nodes[run->taps[i].node].output == nodes[node].output &&
            keep_output(run, lane, &run->taps[i], place, images, err))
            return -1;
    return 0;
}

static int inference_shard(void *arg, struct lane *lane, size_t shard, struct error *err)
{
    const struct inference_run *run = arg;
    struct executor *executor = run->fused.executor;
    const struct inference *inference = &executor->inference;
    const struct step_list *list = &executor->program->inference;
    const size_t number = executor_lane(executor, lane);
    const int64_t classes = executor->model->architecture.classes;
    const size_t scores = number * (size_t)(inference->shard * classes);
    const struct fused_place place = {inference->arenas[number], (int64_t)shard * inference->shard,
                                      false};
    const int64_t left = run->fused.n - place.first;
    const int64_t images = left < inference->shard ? left : inference->shard;
    const int prefix = run->fused.remembers ? (int)executor->program->first : 1;
    float *targets = inference->targets + scores;
    float *probabilities = inference->probabilities + scores;
    if (fused_prefix(&run->fused, lane, &place, (size_t)prefix, targets, err))
        return -1;
    for (size_t s = 0; s < list->count; s++) {
        const int node = list->steps[s].node;
        if (node >= prefix && fused_node(executor, lane, node, &place, run->fused.feed, err))
            return -1;
        if (keep_outputs(run, lane, node, &place, images, err))
            return -1;
    }
    const float *logits = fused_output(executor, (int)executor->model->graph.count - 1, &place);
    if (cross_entropy(lane, images, classes, logits, targets, 1.0f, run->losses + place.first,
                      probabilities, NULL, err))
        return -1;
    keep_scores(run, place.first, images, logits, probabilities);
    return 0;
}

/* Memory for outputs that are not in f32. */
static int widen_outputs(struct inference_run *run, struct error *err)
{
    struct executor *executor = run->fused.executor;
    for (size_t i = 0; i < run->tap_count; i++) {
        const int node = run->taps[i].node;
        const int64_t count = node_count(&executor->model->graph.nodes[node]);
        if (node_dtype(executor, node) != DTYPE_F32 && count > run->widened_count)
            run->widened_count = count;
    }
    if (run->widened_count == 0)
        return 0;
    run->widened = allocate_floats((size_t)cpu_lanes(executor->cpu),
                                   (size_t)(executor->inference.shard * run->widened_count), err);
    return run->widened ? 0 : -1;
}

int executor_infer(struct executor *executor, const struct feed *feed, const int64_t *samples,
                   int64_t n, float *logits, float *probabilities, const struct network_tap *taps,
                   size_t tap_count, struct batch_result *result, struct error *err)
{
    struct feed plain = *feed;
    plain.augment = NULL;
    /* An output of the prefix has to be computed. */
    bool inside = false;
    for (size_t i = 0; i < tap_count; i++) {
        ASSERT(taps[i].node >= 0 && taps[i].node < (int)executor->model->graph.count);
        inside = inside || taps[i].node < (int)executor->program->first;
    }
    struct inference_run run = {
        .fused = {.executor = executor,
                  .feed = &plain,
                  .samples = samples,
                  .n = n,
                  .remembers = !inside && features_are_of(executor, &plain)},
        .logits = logits,
        .probabilities = probabilities,
        .taps = taps,
        .tap_count = tap_count};
    ASSERT(n >= 0);
    run.losses = allocate_floats(1, (size_t)n, err);
    run.hits = memory_new((size_t)n, 1, err);
    int status = run.losses && run.hits ? widen_outputs(&run, err) : -1;
    if (status == 0)
        status = executor_prepare_feed(executor, feed, err);
    if (status == 0)
        status = fused_run_shards(executor, executor->model->graph.count, fused_shards(&run.fused),
                                  inference_shard, &run, err);
    if (status == 0 && result) {
        *result = (struct batch_result){0};
        for (int64_t i = 0; i < n; i++) {
            result->loss += (double)run.losses[i];
            result->hits += run.hits[i];
        }
    }
    free(run.widened);
    free(run.losses);
    free(run.hits);
    return status;
}
