/* A training step around its shards: segments, the gradient's sum over shards,
 * moving statistics. */
#include "base/memory.h"
#include "nn/cpu/cpu.h"
#include "nn/cpu/executor.h"
#include "nn/norm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- a step ---- */

struct step_run {
    struct executor *executor;
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
    struct executor *executor = run->executor;
    size_t index = executor->program->first + task;
    struct shard_conv *conv = &executor->training.sizes[run->packing].convs[index];
    const struct train_node *t = &executor->training.nodes[index];
    uint64_t version = t->program->kernel_trains ? executor->version : executor->frozen_version;
    if (!conv->conv || conv->version == version)
        return 0;
    const float *kernel = executor_value(executor, (int)index, PARAMETER_KERNEL);
    if (t->program->folded)
        executor_fold(executor, (int)index, t->fold,
                      t->fold + executor->model->graph.nodes[index].channels);
    const struct profile_span span = profile_begin(lane->profile, (int)index);
    int status = conv_pack(lane, conv->conv, CONV_FORWARD, kernel, t->fold, conv->forward, err);
    if (status == 0 && conv->backward)
        status =
            conv_pack(lane, conv->conv, CONV_BACKWARD_DATA, kernel, t->fold, conv->backward, err);
    profile_end(lane->profile, &span, PROFILE_PACK, NULL);
    if (status == 0)
        conv->version = version;
    return status;
}

static int pack(struct step_run *run, size_t size, struct error *err)
{
    struct executor *executor = run->executor;
    run->packing = size;
    return cpu_parallel(executor->cpu, executor->model->graph.count - executor->program->first,
                        pack_conv, run, err);
}

static int64_t shard_images(const struct step_run *run, size_t shard)
{
    const struct training *t = &run->executor->training;
    return shard < run->full ? t->shard : run->n % t->shard;
}

static enum profile_kind kind_of(enum step_kind kind)
{
    switch (kind) {
    case STEP_NORMALISE: return PROFILE_NORMALISE;
    case STEP_LOSS: return PROFILE_LOSS;
    case STEP_MASK: return PROFILE_MASK;
    case STEP_PROPAGATE: return PROFILE_PROPAGATE;
    case STEP_FEED:
    case STEP_FUSED:
    case STEP_COMPUTE: break;
    }
    return PROFILE_COMPUTE;
}

static int run_segment(void *arg, struct lane *lane, size_t shard, struct error *err)
{
    const struct step_run *run = arg;
    struct executor *executor = run->executor;
    const struct training *t = &executor->training;
    bool full = shard < run->full;
    struct shard_run shard_run = {
        .executor = executor,
        .lane = lane,
        .size = &t->sizes[full ? run->full_size : run->short_size],
        .shard = shard,
        .part = full ? shard : 0,
        .first_image = (int64_t)shard * t->shard,
        .images = shard_images(run, shard),
        .arena =
            t->arenas[executor->program->training.segment_count == 1 ? executor_lane(executor, lane)
                                                                     : shard],
        .feed = run->feed,
        .samples = run->samples + (int64_t)shard * t->shard,
        .step = run->step,
        .scale = 1.0f / (float)run->n,
    };
    for (size_t s = run->begin; s < run->end; s++) {
        const struct step *step = &executor->program->training.steps[s];
        bool forward = step->kind <= STEP_LOSS;
        const struct profile_span span = profile_begin(lane->profile, step->node);
        const int status = (forward ? forward_step : backward_step)(&shard_run, step, err);
        profile_end(lane->profile, &span, kind_of(step->kind), NULL);
        if (status)
            return error_prefix(err, "layer '%s': ", executor->model->graph.nodes[step->node].name);
    }
    return 0;
}

/* What the segment's batch norms gathered in their shards becomes the batch's. */
static int join(const struct step_run *run, struct error *err)
{
    struct executor *executor = run->executor;
    const struct training *t = &executor->training;
    int64_t *rows = memory_new(run->shards, sizeof *rows, err);
    if (!rows)
        return -1;
    for (size_t i = run->begin; i < run->end; i++) {
        const struct step *step = &executor->program->training.steps[i];
        const struct node *node = &executor->model->graph.nodes[step->node];
        int64_t places = node->height * node->width;
        for (size_t s = 0; s < run->shards; s++)
            rows[s] = shard_images(run, s) * places;
        if (step->kind == STEP_COMPUTE && t->nodes[step->node].program->batch_norm)
            forward_join(executor, step->node, rows, run->shards);
        if (step->kind == STEP_MASK && t->nodes[step->node].program->norm_trains)
            backward_join(executor, step->node, run->n * places, run->shards);
    }
    free(rows);
    return 0;
}

static int run_segments(struct step_run *run, struct error *err)
{
    struct executor *executor = run->executor;
    const struct step_list *list = &executor->program->training;
    for (size_t s = 0; s < list->segment_count; s++) {
        run->begin = s == 0 ? 0 : list->segments[s - 1];
        run->end = list->segments[s];
        if (cpu_parallel(executor->cpu, run->shards, run_segment, run, err) || join(run, err))
            return -1;
    }
    return 0;
}

/* ---- the sum of gradients ---- */

/* Adds up one range of the packed gradients, in shard order, into the first part. */
static int add_parts(void *arg, struct lane *lane, size_t range, struct error *err)
{
    const struct step_run *run = arg;
    const struct executor *executor = run->executor;
    const struct shard_size *size = &executor->training.sizes[run->full_size];
    size_t start = range * RANGE;
    size_t count = size->part_floats - start < RANGE ? size->part_floats - start : RANGE;
    const struct profile_span span =
        profile_begin(lane->profile, (int)executor->model->graph.count);
    const struct profile_work work = {.bytes = (int64_t)((run->full + 1) * count * sizeof(float))};
    int status = 0;
    for (size_t part = 1; part < run->full && status == 0; part++)
        status = tensor_accumulate(lane, DTYPE_F32, (int64_t)count,
                                   size->parts + part * size->part_floats + start,
                                   size->parts + start, err);
    profile_end(lane->profile, &span, PROFILE_SUM, &work);
    return status;
}

/* Gradient of one node's kernel and bias out of a part, in the kernel's own layout. */
static int unpack(const struct step_run *run, struct lane *lane, size_t index, size_t size_index,
                  float *vector, struct error *err)
{
    const struct executor *executor = run->executor;
    const struct shard_size *size = &executor->training.sizes[size_index];
    const struct shard_conv *conv = &size->convs[index];
    const float *part = size->parts + conv->gradient;
    int kernel = executor->parameter[index][PARAMETER_KERNEL];
    int bias = executor->parameter[index][PARAMETER_BIAS];
    if (bias >= 0 && tensor_copy(lane, DTYPE_F32, executor->model->parameters[bias].count,
                                 part + conv->packed_floats, vector + executor->offsets[bias], err))
        return -1;
    const struct profile_span span = profile_begin(lane->profile, (int)index);
    const int status =
        conv_unpack_gradient(lane, conv->conv, part, vector + executor->offsets[kernel], err);
    profile_end(lane->profile, &span, PROFILE_UNPACK, NULL);
    return status;
}

/* Adds a node's gradient of the short shard, which may be packed in another layout. */
static int add_tail(const struct step_run *run, struct lane *lane, size_t index, struct error *err)
{
    const struct executor *executor = run->executor;
    const struct training *t = &executor->training;
    for (int role = PARAMETER_KERNEL; role <= PARAMETER_BIAS; role++) {
        int p = executor->parameter[index][role];
        if (p >= 0 && tensor_accumulate(lane, DTYPE_F32, executor->model->parameters[p].count,
                                        t->tail + executor->offsets[p],
                                        t->gradient + executor->offsets[p], err))
            return -1;
    }
    return 0;
}

static int unpack_node(void *arg, struct lane *lane, size_t task, struct error *err)
{
    const struct step_run *run = arg;
    const struct training *t = &run->executor->training;
    size_t index = run->executor->program->first + task;
    bool has_short = run->shards > run->full;
    if (!t->nodes[index].program->kernel_trains)
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
    struct executor *executor = run->executor;
    const struct training *t = &executor->training;
    size_t ranges = (t->sizes[run->full_size].part_floats + RANGE - 1) / RANGE;
    if (run->full > 1 && cpu_parallel(executor->cpu, ranges, add_parts, run, err))
        return -1;
    return cpu_parallel(executor->cpu, executor->model->graph.count - executor->program->first,
                        unpack_node, run, err);
}

int training_gradient(struct executor *executor, const struct feed *feed, const int64_t *samples,
                      int64_t n, uint32_t epoch, int64_t step, struct batch_result *result,
                      struct error *err)
{
    const struct training *t = &executor->training;
    if (n < 1 || n > t->batch)
        return error_set(err, ERR_USAGE, "a batch of %lld for a network that takes %lld",
                         (long long)n, (long long)t->batch);
    struct step_run run = {
        .executor = executor, .feed = feed, .samples = samples, .n = n, .step = (uint32_t)step};
    run.full = (size_t)(n / t->shard);
    run.shards = run.full + (n % t->shard != 0);
    if (executor_prepare_feed(executor, feed, err) ||
        training_find_size(executor, t->shard, &run.full_size, err) ||
        (n % t->shard && training_find_size(executor, n % t->shard, &run.short_size, err)) ||
        prefix_run(executor, feed, samples, n, epoch, err) ||
        (run.full && pack(&run, run.full_size, err)) ||
        (run.full < run.shards && pack(&run, run.short_size, err)))
        return -1;
    forward_set_factors(executor);
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

static void move_statistics(struct executor *executor)
{
    const struct training *t = &executor->training;
    const struct graph *graph = &executor->model->graph;
    for (int i = (int)executor->program->first; i < (int)graph->count; i++) {
        const struct node *node = &graph->nodes[i];
        if (!t->nodes[i].program->batch_norm)
            continue;
        float *mean = executor_value(executor, i, PARAMETER_MOVING_MEAN);
        float *variance = executor_value(executor, i, PARAMETER_MOVING_VARIANCE);
        const float *moments = t->nodes[i].moments;
        for (int64_t c = 0; c < node->channels; c++) {
            mean[c] = norm_moving(mean[c], moments[c], node->norm_momentum);
            variance[c] =
                norm_moving(variance[c], moments[node->channels + c], node->norm_momentum);
        }
    }
}

int executor_train(struct executor *executor, const struct feed *feed, const int64_t *samples,
                   const struct train_step *steps, size_t count, uint32_t epoch, int64_t first,
                   struct batch_result *results, size_t *done, struct error *err)
{
    for (*done = 0; *done < count;) {
        const struct train_step *step = &steps[*done];
        const int64_t number = first + (int64_t)*done;
        struct batch_result *result = &results[(*done)++];
        if (training_gradient(executor, feed, samples, step->n, epoch, number, result, err))
            return -1;
        if (!isfinite(result->loss))
            return 0;
        move_statistics(executor);
        executor->version++;
        if (optimize(executor, number, step->learning_rate, err))
            return -1;
        samples += step->n;
    }
    return 0;
}

int executor_gradients(struct executor *executor, const struct feed *feed, const int64_t *samples,
                       int64_t n, uint32_t epoch, int64_t step, float *const *gradients,
                       struct batch_result *result, struct error *err)
{
    const struct training *t = &executor->training;
    if (training_gradient(executor, feed, samples, n, epoch, step, result, err))
        return -1;
    for (size_t p = 0; p < executor->model->count; p++)
        if (gradients[p] && executor->trains[p])
            memcpy(gradients[p], t->gradient + executor->offsets[p],
                   (size_t)executor->model->parameters[p].count * sizeof(float));
    return 0;
}
