/* A training shard after the loss. dy of a node is the gradient of its output; STEP_PROPAGATE turns
 * it, in place, into that of the convolution's output. */
#include "nn/cuda/cuda_executor.h"

static const struct cuda_node *own_of(const struct shard_run *run, int node)
{
    return &run->executor->nodes[node];
}

static void *dy_of(const struct shard_run *run, int node)
{
    return cuda_run_buffer(run, own_of(run, node)->program->dy);
}

static void mask(const struct shard_run *run, const struct step *step)
{
    struct executor *e = run->executor;
    const struct node *node = &e->model->graph.nodes[step->node];
    const struct cuda_node *own = own_of(run, step->node);
    const int64_t c = node->channels;
    void *residual = node->residual >= 0 && own_of(run, node->residual)->program->active
                         ? dy_of(run, node->residual)
                         : NULL;
    const bool own_norm = program_has_own_norm(e->program, step->node);
    /* Of a convolution without a norm of its own this is the bias's gradient, too. */
    double *sums = own->program->norm_trains     ? own->sums
                   : own->bias_sums && !own_norm ? own->bias_sums
                                                 : NULL;
    const bool norm = sums == own->sums && sums;
    kernel_mask(run->queue->stream, e->options.dtype, cuda_run_rows(run, step->node), c,
                node->activation, cuda_run_buffer(run, own->program->y), dy_of(run, step->node),
                step->adds, residual, norm ? cuda_run_buffer(run, own->program->z) : NULL,
                norm ? own->factors + NORM_MEAN * c : NULL,
                norm ? own->factors + NORM_RSTD * c : NULL, run->queue->scratch,
                sums ? cuda_run_sums(run, step->node, sums) : NULL);
}

static void through_norm(const struct shard_run *run, int index)
{
    struct executor *e = run->executor;
    const struct cuda_node *own = own_of(run, index);
    const int64_t c = e->model->graph.nodes[index].channels, rows = cuda_run_rows(run, index);
    const bool batch = own->program->batch_norm;
    void *dy = dy_of(run, index);
    if (!own->factors)
        return;
    kernel_norm_backward_data(run->queue->stream, e->options.dtype, rows, c,
                              batch ? cuda_run_buffer(run, own->program->z) : NULL, dy,
                              own->factors + NORM_A * c, batch ? own->factors + NORM_B * c : NULL,
                              batch ? own->factors + NORM_D * c : NULL, dy);
    if (own->bias_sums)
        kernel_mask(run->queue->stream, e->options.dtype, rows, c, ACTIVATION_NONE, NULL, dy, false,
                    NULL, NULL, NULL, NULL, run->queue->scratch,
                    cuda_run_sums(run, index, own->bias_sums));
}

/* The first shard's gradient is written, those of the others are added in their order. */
static int to_weights(const struct shard_run *run, int index, struct error *err)
{
    struct executor *e = run->executor;
    const struct node *node = &e->model->graph.nodes[index];
    const struct conv_shape s = node_conv_shape(&e->model->graph, index, run->images);
    float *gradient = cuda_gradient_of(e, index, PARAMETER_KERNEL);
    float *to = run->shard == 0 ? gradient : e->tail;
    void *x = cuda_run_output(run, node->input), *dy = dy_of(run, index);
    void *stream = run->queue->stream;
    struct fusion fusion;
    if (node_is_depthwise(&e->model->graph, index)) {
        const struct window_shape window = cuda_window(e, index, run->images);
        kernel_depthwise_backward_weights(stream, e->options.dtype, &window, x, dy,
                                          run->queue->scratch, to);
    } else {
        fusion_of_backward_weights(e->program, index, run->images, CUDA_DW, &fusion);
        void *const memory[OPERAND_END] = {
            [OPERAND_X] = x, [OPERAND_W] = e->packed_gradient, [OPERAND_Y] = dy};
        if (card_run(e->card, stream, cuda_plan(e, &fusion), memory, run->queue->workspace, err))
            return -1;
        kernel_unpack_gradient(stream, s.r * s.s, s.c / s.groups, s.k,
                               fusion.shape.c / fusion.shape.groups, fusion.w, e->packed_gradient,
                               to);
    }
    if (run->shard > 0)
        kernel_accumulate(stream, DTYPE_F32, s.r * s.s * (s.c / s.groups) * s.k, to, gradient);
    return 0;
}

static int conv_to_input(const struct shard_run *run, int index, void *dx, struct error *err)
{
    struct executor *e = run->executor;
    struct fusion fusion;
    if (node_is_depthwise(&e->model->graph, index)) {
        const struct window_shape window = cuda_window(e, index, run->images);
        kernel_depthwise_backward_data(run->queue->stream, e->options.dtype, &window,
                                       dy_of(run, index), cuda_run_kernel(run, index), dx);
        return 0;
    }
    fusion_of_backward_data(e->program, index, run->images, &fusion);
    void *const memory[OPERAND_END] = {[OPERAND_X] = dx,
                                       [OPERAND_W] = cuda_run_kernel(run, index),
                                       [OPERAND_Y] = dy_of(run, index)};
    return card_run(e->card, run->queue->stream, cuda_plan(e, &fusion), memory,
                    run->queue->workspace, err);
}

static int to_input(const struct shard_run *run, int index, void *dx, struct error *err)
{
    struct executor *e = run->executor;
    const struct node *node = &e->model->graph.nodes[index];
    const struct node *input = &e->model->graph.nodes[node->input];
    const enum dtype dtype = e->options.dtype;
    void *dy = dy_of(run, index), *stream = run->queue->stream;
    switch (node->kind) {
    case NODE_CONV:
    case NODE_DENSE: return conv_to_input(run, index, dx, err);
    case NODE_MAX_POOL: {
        const struct window_shape window = cuda_window(e, index, run->images);
        kernel_max_pool_backward(stream, dtype, &window, cuda_run_output(run, node->input),
                                 cuda_run_output(run, index), dy, dx);
        break;
    }
    case NODE_AVERAGE_POOL:
        kernel_average_pool_backward(stream, dtype, run->images, input->height * input->width,
                                     input->channels, dy, dx);
        break;
    case NODE_DROPOUT: cuda_run_dropout(run, index, dy, dx); break;
    case NODE_CONCATENATE: /* to_inputs() */
    case NODE_INPUT: break;
    }
    return 0;
}

static void to_inputs(const struct shard_run *run, int index)
{
    struct executor *e = run->executor;
    const struct graph *graph = &e->model->graph;
    const struct node *node = &graph->nodes[index];
    for (int i = 0; i < node_inputs(node); i++) {
        const int input = node_input(node, i);
        const int64_t c = graph->nodes[input].channels;
        if (own_of(run, input)->program->active)
            kernel_copy_channels(run->queue->stream, e->options.dtype, run->images, c,
                                 dy_of(run, index), node->channels,
                                 graph_concatenated_at(graph, index, i), dy_of(run, input), c, 0);
    }
}

static int propagate(const struct shard_run *run, const struct step *step, struct error *err)
{
    struct executor *e = run->executor;
    const struct node *node = &e->model->graph.nodes[step->node];
    const int input = node->input;
    if (node->kind == NODE_CONCATENATE) {
        to_inputs(run, step->node);
        return 0;
    }
    through_norm(run, step->node);
    if (own_of(run, step->node)->program->kernel_trains && to_weights(run, step->node, err))
        return -1;
    if (!own_of(run, input)->program->active)
        return 0;
    void *to = dy_of(run, input);
    void *dx = step->adds ? cuda_run_buffer(run, step->temporary) : to;
    if (to_input(run, step->node, dx, err))
        return -1;
    if (step->adds)
        kernel_accumulate(run->queue->stream, e->options.dtype,
                          run->images * node_count(&e->model->graph.nodes[input]), dx, to);
    return 0;
}

int cuda_backward_step(const struct shard_run *run, const struct step *step, struct error *err)
{
    if (step->kind == STEP_PROPAGATE)
        return propagate(run, step, err);
    mask(run, step);
    return 0;
}
