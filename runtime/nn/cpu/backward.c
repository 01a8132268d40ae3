/* A training shard after the loss. dy of a node is the gradient of its output;
 * STEP_PROPAGATE turns it, in place, into that of the convolution's output. */
#include "nn/cpu/executor.h"
#include "nn/norm.h"

static const struct train_node *train_node(const struct shard_run *run, int node)
{
    return &run->executor->training.nodes[node];
}

static int mask(const struct shard_run *run, const struct step *step, struct error *err)
{
    const struct node *node = &run->executor->model->graph.nodes[step->node];
    const struct train_node *t = train_node(run, step->node);
    int64_t rows = run->images * node->height * node->width, channels = node->channels;
    const enum dtype dtype = run->executor->options.dtype;
    void *dy = run_buffer(run, t->program->dy);
    if (node->activation != ACTIVATION_NONE &&
        activation_backward(run->lane, dtype, rows * channels, node->activation,
                            run_buffer(run, t->program->y), dy, err))
        return -1;
    if (node->residual >= 0 && train_node(run, node->residual)->program->active) {
        void *to = run_buffer(run, train_node(run, node->residual)->program->dy);
        if ((step->adds ? tensor_accumulate : tensor_copy)(run->lane, dtype, rows * channels, dy,
                                                           to, err))
            return -1;
    }
    if (!t->program->norm_trains)
        return 0;
    double *dgamma = t->sums + run->shard * 2 * (size_t)channels;
    return norm_backward_sums(run->lane, dtype, rows, channels, run_buffer(run, t->program->z), dy,
                              t->factors + NORM_MEAN * channels, t->factors + NORM_RSTD * channels,
                              dgamma, dgamma + channels, err);
}

static int through_norm(const struct shard_run *run, int index, struct error *err)
{
    const struct node *node = &run->executor->model->graph.nodes[index];
    const struct train_node *t = train_node(run, index);
    void *dy = run_buffer(run, t->program->dy);
    int64_t channels = node->channels;
    if (!t->factors)
        return 0;
    const float *b = t->program->batch_norm ? t->factors + NORM_B * channels : NULL;
    const float *d = t->program->batch_norm ? t->factors + NORM_D * channels : NULL;
    return norm_backward_data(run->lane, run->executor->options.dtype,
                              run->images * node->height * node->width, channels,
                              b ? run_buffer(run, t->program->z) : NULL, dy,
                              t->factors + NORM_A * channels, b, d, dy, err);
}

static int to_weights(const struct shard_run *run, int index, struct error *err)
{
    const struct node *node = &run->executor->model->graph.nodes[index];
    const struct shard_conv *conv = &run->size->convs[index];
    float *part = run_part(run, index);
    return conv_backward_weights(run->lane, conv->conv, run_output(run, node->input),
                                 run_buffer(run, train_node(run, index)->program->dy), part,
                                 node->bias ? part + conv->packed_floats : NULL, err);
}

static int to_input(const struct shard_run *run, int index, void *dx, struct error *err)
{
    const struct graph *graph = &run->executor->model->graph;
    const struct node *node = &graph->nodes[index];
    const struct node *input = &graph->nodes[node->input];
    const struct train_node *t = train_node(run, index);
    const enum dtype dtype = run->executor->options.dtype;
    const void *dy = run_buffer(run, t->program->dy);
    switch (node->kind) {
    case NODE_CONV:
    case NODE_DENSE: {
        const struct shard_conv *conv = &run->size->convs[index];
        return conv_backward_data(run->lane, conv->conv, dy, conv->backward, dx, err);
    }
    case NODE_MAX_POOL: {
        struct pool_shape shape = node_pool_shape(graph, index, run->images);
        return max_pool_backward(run->lane, dtype, &shape, run_output(run, node->input),
                                 run_buffer(run, t->program->y), dy, dx, err);
    }
    case NODE_AVERAGE_POOL:
        return average_pool_backward(run->lane, dtype, run->images, input->height * input->width,
                                     input->channels, dy, dx, err);
    case NODE_DROPOUT: return run_dropout(run, index, dy, dx, err);
    case NODE_CONCATENATE: /* to_inputs() */
    case NODE_INPUT: break;
    }
    return 0;
}

static int to_inputs(const struct shard_run *run, int index, struct error *err)
{
    const struct node *node = &run->executor->model->graph.nodes[index];
    const void *dy = run_buffer(run, train_node(run, index)->program->dy);
    for (int i = 0; i < node_inputs(node); i++) {
        const struct train_node *input = train_node(run, node_input(node, i));
        if (input->program->active &&
            concatenate_backward(run->executor, run->lane, index, i, run->images, dy,
                                 run_buffer(run, input->program->dy), err))
            return -1;
    }
    return 0;
}

static int propagate(const struct shard_run *run, const struct step *step, struct error *err)
{
    const struct graph *graph = &run->executor->model->graph;
    if (graph->nodes[step->node].kind == NODE_CONCATENATE)
        return to_inputs(run, step->node, err);
    int input = graph->nodes[step->node].input;
    const struct train_node *t = train_node(run, step->node);
    if (through_norm(run, step->node, err) ||
        (t->program->kernel_trains && to_weights(run, step->node, err)))
        return -1;
    if (!train_node(run, input)->program->active)
        return 0;
    void *to = run_buffer(run, train_node(run, input)->program->dy);
    void *dx = step->adds ? run_buffer(run, step->temporary) : to;
    if (to_input(run, step->node, dx, err))
        return -1;
    if (!step->adds)
        return 0;
    return tensor_accumulate(run->lane, run->executor->options.dtype,
                             run->images * node_count(&graph->nodes[input]), dx, to, err);
}

int backward_step(const struct shard_run *run, const struct step *step, struct error *err)
{
    switch (step->kind) {
    case STEP_MASK: return mask(run, step, err);
    case STEP_PROPAGATE: return propagate(run, step, err);
    case STEP_FEED:
    case STEP_FUSED:
    case STEP_COMPUTE:
    case STEP_NORMALISE:
    case STEP_LOSS: break;
    }
    return 0;
}

static float *gradient_of(struct executor *executor, int node, enum parameter_role role)
{
    return executor->training.gradient + executor->offsets[executor->parameter[node][role]];
}

void backward_join(struct executor *executor, int index, int64_t rows, size_t shards)
{
    int64_t channels = executor->model->graph.nodes[index].channels;
    const struct train_node *t = &executor->training.nodes[index];
    const float *gamma = executor_value(executor, index, PARAMETER_GAMMA);
    float *gamma_gradient = gradient_of(executor, index, PARAMETER_GAMMA);
    float *beta_gradient = gradient_of(executor, index, PARAMETER_BETA);
    float *f = t->factors;
    for (int64_t c = 0; c < channels; c++) {
        double dgamma = 0.0, dbeta = 0.0;
        for (size_t s = 0; s < shards; s++) {
            const double *shard = t->sums + s * 2 * (size_t)channels;
            dgamma += shard[c];
            dbeta += shard[channels + c];
        }
        gamma_gradient[c] = (float)dgamma;
        beta_gradient[c] = (float)dbeta;
        if (t->program->batch_norm)
            norm_batch_backward(gamma[c], f[NORM_MEAN * channels + c], f[NORM_RSTD * channels + c],
                                rows, dgamma, dbeta, &f[NORM_A * channels + c],
                                &f[NORM_B * channels + c], &f[NORM_D * channels + c]);
    }
}
