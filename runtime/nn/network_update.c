/* A training step around its shards: segments, the gradient's sum over shards,
 * moving statistics. */
#include "base/memory.h"
#include "nn/network_parts.h"
#include "nn/norm.h"

#include <math.h>
#include <stdlib.h>

/* ---- a step ---- */

struct step_run {
    struct network *network;
    const struct feed *feed;
    const int64_t *samples;
    int64_t n;
    uint32_t step;
    size_t full, shards;          /* full shards; with the short one */
    size_t full_size, short_size; /* in training.sizes */
    size_t packing;               /* the size whose kernels are packed */
    size_t begin, end;            /* steps of the segment */
};

static int pack_conv(void *arg, struct lane *lane, size_t task, struct error *err)
{
    const struct step_run *run = arg;
    struct network *network = run->network;
    size_t index = network->training.first + task;
    struct shard_conv *conv = &network->training.sizes[run->packing].convs[index];
    const struct train_node *t = &network->training.nodes[index];
    uint64_t version = t->kernel_trains ? network->version : network->frozen_version;
    if (!conv->conv || conv->version == version)
        return 0;
    const float *kernel = network_value(network, (int)index, PARAMETER_KERNEL);
    if (t->folded)
        network_fold(network, (int)index, t->fold,
                     t->fold + network->model->graph.nodes[index].channels);
    if (network->ops->conv_pack(lane, conv->conv, CONV_FORWARD, kernel, t->fold, conv->forward,
                                err))
        return -1;
    if (conv->backward && network->ops->conv_pack(lane, conv->conv, CONV_BACKWARD_DATA, kernel,
                                                  t->fold, conv->backward, err))
        return -1;
    conv->version = version;
    return 0;
}

static int pack(struct step_run *run, size_t size, struct error *err)
{
    struct network *network = run->network;
    run->packing = size;
    return network->ops->parallel(network->backend,
                                  network->model->graph.count - network->training.first, pack_conv,
                                  run, err);
}

static int64_t shard_images(const struct step_run *run, size_t shard)
{
    const struct training *t = &run->network->training;
    return shard < run->full ? t->shard : run->n % t->shard;
}

static int run_segment(void *arg, struct lane *lane, size_t shard, struct error *err)
{
    const struct step_run *run = arg;
    struct network *network = run->network;
    const struct training *t = &network->training;
    bool full = shard < run->full;
    struct shard_run shard_run = {
        .network = network,
        .lane = lane,
        .size = &t->sizes[full ? run->full_size : run->short_size],
        .shard = shard,
        .part = full ? shard : 0,
        .first_image = (int64_t)shard * t->shard,
        .images = shard_images(run, shard),
        .arena = t->arenas[t->segment_count == 1 ? network_lane(network, lane) : shard],
        .feed = run->feed,
        .samples = run->samples + (int64_t)shard * t->shard,
        .step = run->step,
        .scale = 1.0f / (float)run->n,
    };
    for (size_t s = run->begin; s < run->end; s++) {
        const struct step *step = &t->steps[s];
        bool forward = step->kind <= STEP_LOSS;
        if ((forward ? forward_step : backward_step)(&shard_run, step, err))
            return error_prefix(err, "layer '%s': ", network->model->graph.nodes[step->node].name);
    }
    return 0;
}

/* What the segment's batch norms gathered in their shards becomes the batch's. */
static int join(const struct step_run *run, struct error *err)
{
    struct network *network = run->network;
    const struct training *t = &network->training;
    int64_t *rows = memory_new(run->shards, sizeof *rows, err);
    if (!rows)
        return -1;
    for (size_t i = run->begin; i < run->end; i++) {
        const struct step *step = &t->steps[i];
        const struct node *node = &network->model->graph.nodes[step->node];
        int64_t places = node->height * node->width;
        for (size_t s = 0; s < run->shards; s++)
            rows[s] = shard_images(run, s) * places;
        if (step->kind == STEP_COMPUTE && t->nodes[step->node].batch_norm)
            forward_join(network, step->node, rows, run->shards);
        if (step->kind == STEP_MASK && t->nodes[step->node].norm_trains)
            backward_join(network, step->node, run->n * places, run->shards);
    }
    free(rows);
    return 0;
}

static int run_segments(struct step_run *run, struct error *err)
{
    struct network *network = run->network;
    const struct training *t = &network->training;
    for (size_t s = 0; s < t->segment_count; s++) {
        run->begin = s == 0 ? 0 : t->segments[s - 1];
        run->end = t->segments[s];
        if (network->ops->parallel(network->backend, run->shards, run_segment, run, err) ||
            join(run, err))
            return -1;
    }
    return 0;
}

/* ---- the sum of gradients ---- */

/* Adds up one range of the packed gradients, in shard order, into the first part. */
static int add_parts(void *arg, struct lane *lane, size_t range, struct error *err)
{
    const struct step_run *run = arg;
    const struct network *network = run->network;
    const struct shard_size *size = &network->training.sizes[run->full_size];
    size_t start = range * RANGE;
    size_t count = size->part_floats - start < RANGE ? size->part_floats - start : RANGE;
    for (size_t part = 1; part < run->full; part++)
        if (network->ops->accumulate(lane, DTYPE_F32, (int64_t)count,
                                     size->parts + part * size->part_floats + start,
                                     size->parts + start, err))
            return -1;
    return 0;
}

/* Gradient of one node's kernel and bias out of a part, in the kernel's own layout. */
static int unpack(const struct step_run *run, struct lane *lane, size_t index, size_t size_index,
                  float *vector, struct error *err)
{
    const struct network *network = run->network;
    const struct shard_size *size = &network->training.sizes[size_index];
    const struct shard_conv *conv = &size->convs[index];
    const float *part = size->parts + conv->gradient;
    int kernel = network->parameter[index][PARAMETER_KERNEL];
    int bias = network->parameter[index][PARAMETER_BIAS];
    if (bias >= 0 &&
        network->ops->copy(lane, DTYPE_F32, network->model->parameters[bias].count,
                           part + conv->packed_floats, vector + network->offsets[bias], err))
        return -1;
    return network->ops->conv_unpack_gradient(lane, conv->conv, part,
                                              vector + network->offsets[kernel], err);
}

/* Adds a node's gradient of the short shard, which may be packed in another layout. */
static int add_tail(const struct step_run *run, struct lane *lane, size_t index, struct error *err)
{
    const struct network *network = run->network;
    const struct training *t = &network->training;
    for (int role = PARAMETER_KERNEL; role <= PARAMETER_BIAS; role++) {
        int p = network->parameter[index][role];
        if (p >= 0 && network->ops->accumulate(lane, DTYPE_F32, network->model->parameters[p].count,
                                               t->tail + network->offsets[p],
                                               t->gradient + network->offsets[p], err))
            return -1;
    }
    return 0;
}

static int unpack_node(void *arg, struct lane *lane, size_t task, struct error *err)
{
    const struct step_run *run = arg;
    const struct training *t = &run->network->training;
    size_t index = t->first + task;
    bool has_short = run->shards > run->full;
    if (!t->nodes[index].kernel_trains)
        return 0;
    if (run->full == 0)
        return unpack(run, lane, index, run->short_size, t->gradient, err);
    if (unpack(run, lane, index, run->full_size, t->gradient, err))
        return -1;
    if (!has_short)
        return 0;
    if (unpack(run, lane, index, run->short_size, t->tail, err))
        return -1;
    return add_tail(run, lane, index, err);
}

static int sum_gradients(struct step_run *run, struct error *err)
{
    struct network *network = run->network;
    const struct training *t = &network->training;
    size_t ranges = (t->sizes[run->full_size].part_floats + RANGE - 1) / RANGE;
    if (run->full > 1 && network->ops->parallel(network->backend, ranges, add_parts, run, err))
        return -1;
    return network->ops->parallel(network->backend, network->model->graph.count - t->first,
                                  unpack_node, run, err);
}

int training_gradient(struct network *network, const struct feed *feed, const int64_t *samples,
                      int64_t n, uint32_t epoch, int64_t step, struct batch_result *result,
                      struct error *err)
{
    const struct training *t = &network->training;
    if (n < 1 || n > t->batch)
        return error_set(err, ERR_USAGE, "a batch of %lld for a network that takes %lld",
                         (long long)n, (long long)t->batch);
    struct step_run run = {
        .network = network, .feed = feed, .samples = samples, .n = n, .step = (uint32_t)step};
    run.full = (size_t)(n / t->shard);
    run.shards = run.full + (n % t->shard != 0);
    if (network_prepare_feed(network, feed, err) ||
        training_find_size(network, t->shard, &run.full_size, err) ||
        (n % t->shard && training_find_size(network, n % t->shard, &run.short_size, err)) ||
        prefix_run(network, feed, samples, n, epoch, err) ||
        (run.full && pack(&run, run.full_size, err)) ||
        (run.full < run.shards && pack(&run, run.short_size, err)))
        return -1;
    forward_set_factors(network);
    if (run_segments(&run, err) || sum_gradients(&run, err))
        return -1;
    *result = (struct batch_result){0};
    for (int64_t i = 0; i < n; i++) {
        result->loss += (double)t->losses[i];
        result->hits += t->hits[i];
    }
    return 0;
}

/* ---- the update ---- */

static void move_statistics(struct network *network)
{
    const struct training *t = &network->training;
    const struct graph *graph = &network->model->graph;
    for (int i = (int)t->first; i < (int)graph->count; i++) {
        const struct node *node = &graph->nodes[i];
        if (!t->nodes[i].batch_norm)
            continue;
        float *mean = network_value(network, i, PARAMETER_MOVING_MEAN);
        float *variance = network_value(network, i, PARAMETER_MOVING_VARIANCE);
        const float *moments = t->nodes[i].moments;
        for (int64_t c = 0; c < node->channels; c++) {
            mean[c] = norm_moving(mean[c], moments[c], node->norm_momentum);
            variance[c] =
                norm_moving(variance[c], moments[node->channels + c], node->norm_momentum);
        }
    }
}

int network_train(struct network *network, const struct feed *feed, const int64_t *samples,
                  int64_t n, uint32_t epoch, int64_t step, float learning_rate,
                  struct batch_result *result, struct error *err)
{
    if (training_gradient(network, feed, samples, n, epoch, step, result, err))
        return -1;
    if (!isfinite(result->loss))
        return 0;
    move_statistics(network);
    network->version++;
    return optimize(network, step, learning_rate, err);
}

int network_gradients(struct network *network, const struct feed *feed, const int64_t *samples,
                      int64_t n, uint32_t epoch, int64_t step, float *const *gradients,
                      struct batch_result *result, struct error *err)
{
    const struct training *t = &network->training;
    if (training_gradient(network, feed, samples, n, epoch, step, result, err))
        return -1;
    for (size_t p = 0; p < network->model->count; p++)
        if (gradients[p] && network->trains[p] &&
            network->ops->download(
                network->backend, gradients[p], t->gradient + network->offsets[p],
                (size_t)network->model->parameters[p].count * sizeof(float), err))
            return -1;
    return 0;
}
