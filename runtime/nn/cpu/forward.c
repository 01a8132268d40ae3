/* A training shard up to the loss. */
#include "nn/cpu/executor.h"
#include "nn/norm.h"

static const struct train_node *train_node(const struct shard_run *run, int node)
{
    return &run->executor->training.nodes[node];
}

void *run_buffer(const struct shard_run *run, int buffer)
{
    return buffer < 0 ? NULL : run->arena + run->executor->training.offsets[buffer];
}

const void *run_output(const struct shard_run *run, int node)
{
    if (node < 0)
        return NULL;
    const struct train_node *t = train_node(run, node);
    if (t->edge)
        return t->edge + (size_t)run->first_image * node_bytes(run->executor, node);
    return run_buffer(run, t->program->y);
}

float *run_part(const struct shard_run *run, int node)
{
    return run->size->parts + run->part * run->size->part_floats + run->size->convs[node].gradient;
}

static bool has_own_norm(const struct shard_run *run, int node)
{
    return program_has_own_norm(run->executor->program, node);
}

static int compute_conv(const struct shard_run *run, int index, struct error *err)
{
    const struct executor *executor = run->executor;
    const struct node *node = &executor->model->graph.nodes[index];
    const struct train_node *t = train_node(run, index);
    const struct shard_conv *conv = &run->size->convs[index];
    const float *bias = t->program->folded ? t->fold + node->channels
                                           : executor_value(executor, index, PARAMETER_BIAS);
    const void *residual = has_own_norm(run, index) ? NULL : run_output(run, node->residual);
    const enum dtype dtype = node_dtype(executor, index);
    void *z = run_buffer(run, t->program->z);
    if (conv_forward(run->lane, conv->conv, run_output(run, node->input), conv->forward, bias,
                     residual, z, err))
        return -1;
    if (!has_own_norm(run, index) && node->activation != ACTIVATION_NONE)
        return activation_forward(run->lane, dtype, run->images * node_count(node),
                                  node->activation, z, err);
    if (!t->program->batch_norm)
        return 0;
    double *mean = t->statistics + run->shard * 2 * (size_t)node->channels;
    return norm_statistics(run->lane, dtype, run->images * node->height * node->width,
                           node->channels, z, mean, mean + node->channels, err);
}

int run_dropout(const struct shard_run *run, int index, const void *x, void *y, struct error *err)
{
    const struct executor *executor = run->executor;
    const struct node *node = &executor->model->graph.nodes[index];
    struct dropout_key key = {.seed = executor->options.seed,
                              .step = run->step,
                              .layer = executor->program->nodes[index].dropout,
                              .rate = node->rate};
    return dropout_apply(run->lane, executor->options.dtype, &key, run->images, node_count(node),
                         run->samples, x, y, err);
}

static int compute(const struct shard_run *run, int index, struct error *err)
{
    const struct executor *executor = run->executor;
    const struct graph *graph = &executor->model->graph;
    const struct node *node = &graph->nodes[index];
    const struct node *input = &graph->nodes[node->input];
    const void *x = run_output(run, node->input);
    void *y = run_buffer(run, train_node(run, index)->program->y);
    const enum dtype dtype = node_dtype(executor, index);
    switch (node->kind) {
    case NODE_CONV:
    case NODE_DENSE: return compute_conv(run, index, err);
    case NODE_MAX_POOL: {
        struct pool_shape shape = node_pool_shape(graph, index, run->images);
        return max_pool_forward(run->lane, dtype, &shape, x, y, err);
    }
    case NODE_AVERAGE_POOL:
        return average_pool_forward(run->lane, dtype, run->images, input->height * input->width,
                                    input->channels, x, y, err);
    case NODE_CONCATENATE:
        for (int i = 0; i < node_inputs(node); i++)
            if (concatenate_forward(executor, run->lane, index, i, run->images,
                                    run_output(run, node_input(node, i)), y, err))
                return -1;
        return 0;
    case NODE_DROPOUT: return run_dropout(run, index, x, y, err);
    case NODE_INPUT: break;
    }
    return 0;
}

static int normalise(const struct shard_run *run, int index, struct error *err)
{
    const struct node *node = &run->executor->model->graph.nodes[index];
    const struct train_node *t = train_node(run, index);
    const float *scale = t->factors + NORM_SCALE * node->channels;
    const float *shift = t->factors + NORM_SHIFT * node->channels;
    return norm_apply(run->lane, node_dtype(run->executor, index),
                      run->images * node->height * node->width, node->channels,
                      run_buffer(run, t->program->z), scale, shift, run_output(run, node->residual),
                      node->activation, run_buffer(run, t->program->y), err);
}

/* Class weights are Keras': the mean over images of weighted losses, not over the sum of weights.
 */
static int take_losses(const struct shard_run *run, const float *logits, const float *targets,
                       float *dlogits, struct error *err)
{
    const struct executor *executor = run->executor;
    const int64_t classes = executor->model->architecture.classes;
    float *losses = executor->training.losses + run->first_image;
    if (run->feed->class_weights == NULL)
        return cross_entropy(run->lane, run->images, classes, logits, targets, run->scale, losses,
                             NULL, dlogits, err);
    for (int64_t i = 0; i < run->images; i++) {
        const float *target = targets + i * classes;
        const float weight = run->feed->class_weights[network_argmax(target, classes)];
        if (cross_entropy(run->lane, 1, classes, logits + i * classes, target, run->scale * weight,
                          &losses[i], NULL, dlogits + i * classes, err))
            return -1;
        losses[i] *= weight;
    }
    return 0;
}

static int lose(const struct shard_run *run, const struct step *step, struct error *err)
{
    const struct executor *executor = run->executor;
    const struct training *training = &executor->training;
    const struct train_node *t = train_node(run, step->node);
    int64_t classes = executor->model->architecture.classes;
    const float *logits = run_buffer(run, t->program->y);
    const float *targets = training->targets + run->first_image * classes;
    void *dlogits = run_buffer(run, t->program->dy);
    float *wide = step->temporary < 0 ? dlogits : run_buffer(run, step->temporary);
    for (int64_t i = 0; i < run->images; i++)
        training->hits[run->first_image + i] = network_argmax(logits + i * classes, classes) ==
                                               network_argmax(targets + i * classes, classes);
    if (take_losses(run, logits, targets, wide, err))
        return -1;
    if (step->temporary < 0)
        return 0;
    return tensor_convert(run->lane, run->images * classes, DTYPE_F32, wide,
                          executor->options.dtype, dlogits, err);
}

int forward_step(const struct shard_run *run, const struct step *step, struct error *err)
{
    switch (step->kind) {
    case STEP_COMPUTE: return compute(run, step->node, err);
    case STEP_NORMALISE: return normalise(run, step->node, err);
    case STEP_LOSS: return lose(run, step, err);
    case STEP_FEED:
    case STEP_FUSED:
    case STEP_MASK:
    case STEP_PROPAGATE: break;
    }
    return 0;
}

static void set_factors(struct executor *executor, int index, int64_t c, float mean, float variance)
{
    const struct node *node = &executor->model->graph.nodes[index];
    float *f = executor->training.nodes[index].factors + c;
    int64_t channels = node->channels;
    float gamma = executor_value(executor, index, PARAMETER_GAMMA)[c];
    float beta = executor_value(executor, index, PARAMETER_BETA)[c];
    norm_scale_shift(gamma, beta, mean, variance, node->norm_epsilon, &f[NORM_SCALE * channels],
                     &f[NORM_SHIFT * channels]);
    f[NORM_MEAN * channels] = mean;
    f[NORM_RSTD * channels] = norm_rstd(variance, node->norm_epsilon);
    f[NORM_A * channels] = f[NORM_SCALE * channels];
}

void forward_set_factors(struct executor *executor)
{
    const struct training *training = &executor->training;
    const struct graph *graph = &executor->model->graph;
    for (int i = (int)executor->program->first; i < (int)graph->count; i++) {
        const struct train_node *t = &training->nodes[i];
        if (!t->factors || t->program->batch_norm)
            continue;
        const float *mean = executor_value(executor, i, PARAMETER_MOVING_MEAN);
        const float *variance = executor_value(executor, i, PARAMETER_MOVING_VARIANCE);
        for (int64_t c = 0; c < graph->nodes[i].channels; c++)
            set_factors(executor, i, c, mean[c], variance[c]);
    }
}

void forward_join(struct executor *executor, int index, const int64_t *shard_rows, size_t shards)
{
    int64_t channels = executor->model->graph.nodes[index].channels;
    const struct train_node *t = &executor->training.nodes[index];
    for (int64_t c = 0; c < channels; c++) {
        struct norm_moments all = {0};
        for (size_t s = 0; s < shards; s++) {
            const double *shard = t->statistics + s * 2 * (size_t)channels;
            struct norm_moments part = {shard_rows[s], shard[c], shard[channels + c]};
            norm_join(&all, &part);
        }
        t->moments[c] = (float)all.mean;
        t->moments[channels + c] = norm_variance(&all);
        set_factors(executor, index, c, t->moments[c], t->moments[channels + c]);
    }
}
