/* A training shard up to the loss. */
#include "nn/cuda/cuda_executor.h"

static const struct cuda_node *own_of(const struct shard_run *run, int node)
{
    return &run->executor->nodes[node];
}

void *cuda_run_buffer(const struct shard_run *run, int buffer)
{
    return buffer < 0 ? NULL : run->arena + run->executor->training_offsets[buffer];
}

void *cuda_run_output(const struct shard_run *run, int node)
{
    if (node < 0)
        return NULL;
    const struct cuda_node *own = own_of(run, node);
    if (own->edge)
        return own->edge + (size_t)run->first_image * cuda_bytes(run->executor, node);
    return cuda_run_buffer(run, own->program->y);
}

int64_t cuda_run_rows(const struct shard_run *run, int node)
{
    const struct node *n = &run->executor->model->graph.nodes[node];
    return run->images * n->height * n->width;
}

/* Of values [shards][2][c] of a node the shard's. */
double *cuda_run_sums(const struct shard_run *run, int node, double *values)
{
    return values + run->shard * 2 * (size_t)run->executor->model->graph.nodes[node].channels;
}

void *cuda_run_kernel(const struct shard_run *run, int node)
{
    const struct cuda_node *own = own_of(run, node);
    return own->program->folded ? own->packed : own->trained;
}

static int convolve(const struct shard_run *run, int index, float *bias, void *residual, void *z,
                    struct error *err)
{
    struct executor *e = run->executor;
    struct fusion fusion;
    fusion_of_forward(e->program, index, run->images, &fusion);
    void *const memory[OPERAND_END] = {[OPERAND_X] =
                                           cuda_run_output(run, e->model->graph.nodes[index].input),
                                       [OPERAND_W] = cuda_run_kernel(run, index),
                                       [OPERAND_Y] = z,
                                       [OPERAND_BIAS] = bias,
                                       [OPERAND_RESIDUAL] = residual};
    return card_run(e->card, run->queue->stream, cuda_plan(e, &fusion), memory,
                    run->queue->workspace, err);
}

static int compute_conv(const struct shard_run *run, int index, struct error *err)
{
    struct executor *e = run->executor;
    const struct node *node = &e->model->graph.nodes[index];
    const struct cuda_node *own = own_of(run, index);
    const bool own_norm = program_has_own_norm(e->program, index);
    void *stream = run->queue->stream, *z = cuda_run_buffer(run, own->program->z);
    float *bias = own->program->folded ? own->bias : cuda_value(e, index, PARAMETER_BIAS);
    void *residual = own_norm ? NULL : cuda_run_output(run, node->residual);
    const enum dtype dtype = cuda_dtype(e, index);
    const int64_t count = run->images * node_count(node);
    if (node_is_depthwise(&e->model->graph, index)) {
        const struct window_shape window = cuda_window(e, index, run->images);
        kernel_depthwise(stream, dtype, &window, cuda_run_output(run, node->input),
                         cuda_run_kernel(run, index), bias, ACTIVATION_NONE, z);
        if (residual)
            kernel_accumulate(stream, dtype, count, residual, z);
    } else if (convolve(run, index, bias, residual, z, err)) {
        return -1;
    }
    if (!own_norm && node->activation != ACTIVATION_NONE)
        kernel_activation(stream, dtype, count, node->activation, z);
    if (own->program->batch_norm)
        kernel_norm_statistics(stream, dtype, cuda_run_rows(run, index), node->channels, z,
                               run->queue->scratch, cuda_run_sums(run, index, own->statistics));
    return 0;
}

void cuda_run_dropout(const struct shard_run *run, int index, const void *x, void *y)
{
    const struct executor *e = run->executor;
    const struct node *node = &e->model->graph.nodes[index];
    kernel_dropout(run->queue->stream, e->options.dtype, e->scalars, e->samples + run->first_image,
                   e->options.seed, e->program->nodes[index].dropout, node->rate, run->images,
                   node_count(node), x, y);
}

static int compute(const struct shard_run *run, int index, struct error *err)
{
    struct executor *e = run->executor;
    const struct graph *graph = &e->model->graph;
    const struct node *node = &graph->nodes[index];
    const struct node *input = &graph->nodes[node->input];
    const void *x = cuda_run_output(run, node->input);
    void *y = cuda_run_buffer(run, own_of(run, index)->program->y);
    void *stream = run->queue->stream;
    const enum dtype dtype = cuda_dtype(e, index);
    switch (node->kind) {
    case NODE_CONV:
    case NODE_DENSE: return compute_conv(run, index, err);
    case NODE_MAX_POOL: {
        const struct window_shape window = cuda_window(e, index, run->images);
        kernel_max_pool(stream, dtype, &window, x, y);
        break;
    }
    case NODE_AVERAGE_POOL:
        kernel_average_pool(stream, dtype, run->images, input->height * input->width,
                            input->channels, x, y);
        break;
    case NODE_CONCATENATE:
        for (int i = 0; i < node_inputs(node); i++)
            cuda_concatenate(e, run->queue, index, i, run->images,
                             cuda_run_output(run, node_input(node, i)), y);
        break;
    case NODE_DROPOUT: cuda_run_dropout(run, index, x, y); break;
    case NODE_INPUT: break;
    }
    return 0;
}

static void normalise(const struct shard_run *run, int index)
{
    struct executor *e = run->executor;
    const struct node *node = &e->model->graph.nodes[index];
    const struct cuda_node *own = own_of(run, index);
    kernel_norm_apply(
        run->queue->stream, cuda_dtype(e, index), cuda_run_rows(run, index), node->channels,
        cuda_run_buffer(run, own->program->z), own->factors + NORM_SCALE * node->channels,
        own->factors + NORM_SHIFT * node->channels, cuda_run_output(run, node->residual),
        node->activation, cuda_run_buffer(run, own->program->y));
}

static void lose(const struct shard_run *run, int index)
{
    struct executor *e = run->executor;
    const struct cuda_node *own = own_of(run, index);
    const int64_t classes = e->model->architecture.classes, first = run->first_image;
    kernel_loss(run->queue->stream, e->scalars, run->images, classes,
                cuda_run_buffer(run, own->program->y), e->targets + first * classes,
                e->weighs ? e->class_weights : NULL, e->losses + first, e->hits + first, NULL,
                e->options.dtype, cuda_run_buffer(run, own->program->dy));
}

int cuda_forward_step(const struct shard_run *run, const struct step *step, struct error *err)
{
    if (step->kind == STEP_COMPUTE)
        return compute(run, step->node, err);
    if (step->kind == STEP_NORMALISE)
        normalise(run, step->node);
    else
        lose(run, step->node);
    return 0;
}
