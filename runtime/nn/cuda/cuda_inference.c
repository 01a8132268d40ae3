/* The inference batch through the nodes, each with its norm, residual and activation at once. Of a
 * network that trains the nodes before the suffix are its prefix. */
#include "nn/cuda/cuda_executor.h"

void *cuda_output(const struct executor *e, int node)
{
    return e->inference_arena + e->inference_offsets[e->program->nodes[node].output];
}

/* ---- weights ---- */

/* Does training change the node's weights? */
static bool varies(const struct executor *e, int index)
{
    for (int role = 0; role < CUDA_ROLES; role++)
        if (e->parameter[index][role] >= 0 && e->trains[e->parameter[index][role]])
            return true;
    return false;
}

void cuda_pack_kernel(const struct executor *e, const struct queue *queue, int index,
                      const float *scale, void *packed)
{
    const struct conv_shape s = node_conv_shape(&e->model->graph, index, 1);
    const float *kernel = cuda_value(e, index, PARAMETER_KERNEL);
    const enum dtype dtype = e->options.dtype;
    if (node_is_depthwise(&e->model->graph, index))
        kernel_pack_depthwise(queue->stream, s.r * s.s, s.k, kernel, scale, dtype, packed);
    else
        kernel_pack(queue->stream, s.r * s.s, s.c / s.groups, s.k, kernel, scale,
                    cuda_packed_channels(e, index), dtype, packed);
}

int cuda_pack_node(struct executor *e, int index, struct error *err)
{
    const struct node *node = &e->model->graph.nodes[index];
    struct cuda_node *own = &e->nodes[index];
    const uint64_t version = varies(e, index) ? e->version : e->frozen_version;
    const float *gamma = cuda_value(e, index, PARAMETER_GAMMA);
    if (!node_has_conv(node) || own->version == version)
        return 0;
    kernel_norm_fold(
        e->ahead.stream, node->channels, cuda_value(e, index, PARAMETER_BIAS), gamma,
        cuda_value(e, index, PARAMETER_BETA), cuda_value(e, index, PARAMETER_MOVING_MEAN),
        cuda_value(e, index, PARAMETER_MOVING_VARIANCE), node->norm_epsilon, own->scale, own->bias);
    cuda_pack_kernel(e, &e->ahead, index, gamma ? own->scale : NULL, own->packed);
    own->version = version;
    return card_launched(e->card, "the packing of kernels", err) || cuda_guard_gain(e, index, err)
               ? -1
               : 0;
}

int cuda_pack(struct executor *e, size_t nodes, struct error *err)
{
    for (size_t i = 0; i < nodes; i++)
        if (cuda_pack_node(e, (int)i, err))
            return -1;
    return 0;
}

/* ---- nodes ---- */

static int fused_conv(struct executor *e, int index, struct error *err)
{
    const struct node *node = &e->model->graph.nodes[index];
    struct cuda_node *own = &e->nodes[index];
    void *residual = node->residual < 0 ? NULL : cuda_output(e, node->residual);
    void *x = cuda_output(e, node->input), *y = cuda_output(e, index);
    const int64_t n = e->inference_batch;
    const int64_t count = n * node_count(node);
    const enum dtype dtype = cuda_dtype(e, index);
    void *stream = e->ahead.stream;
    struct fusion fusion;
    if (node_is_depthwise(&e->model->graph, index)) {
        const struct window_shape window = cuda_window(e, index, n);
        kernel_depthwise(stream, dtype, &window, x, own->packed, own->bias,
                         residual ? ACTIVATION_NONE : node->activation, y);
        if (!residual)
            return 0;
        kernel_accumulate(stream, dtype, count, residual, y);
        kernel_activation(stream, dtype, count, node->activation, y);
        return 0;
    }
    if (!own->plan && fusion_of_inference(e->program, index, n, e->careful, &fusion))
        own->plan = cuda_plan(e, &fusion);
    void *const memory[OPERAND_END] = {[OPERAND_X] = x,
                                       [OPERAND_W] = own->packed,
                                       [OPERAND_Y] = y,
                                       [OPERAND_BIAS] = own->bias,
                                       [OPERAND_RESIDUAL] = residual};
    if (card_run(e->card, stream, own->plan, memory, e->ahead.workspace, err))
        return -1;
    if (e->careful && node->activation != ACTIVATION_NONE)
        kernel_activation(stream, dtype, count, node->activation, y);
    return 0;
}

void cuda_concatenate(const struct executor *e, const struct queue *queue, int index, int which,
                      int64_t n, const void *x, void *y)
{
    const struct graph *graph = &e->model->graph;
    const struct node *node = &graph->nodes[index];
    const int64_t c = graph->nodes[node_input(node, which)].channels;
    kernel_copy_channels(queue->stream, cuda_dtype(e, index), n, c, x, c, 0, y, node->channels,
                         graph_concatenated_at(graph, index, which));
}

static int run_node(struct executor *e, int index, struct error *err)
{
    const struct node *node = &e->model->graph.nodes[index];
    const enum dtype dtype = cuda_dtype(e, index);
    const int64_t n = e->inference_batch;
    void *y = cuda_output(e, index);
    switch (node->kind) {
    case NODE_CONV:
    case NODE_DENSE: return fused_conv(e, index, err);
    case NODE_MAX_POOL: {
        const struct window_shape window = cuda_window(e, index, n);
        kernel_max_pool(e->ahead.stream, dtype, &window, cuda_output(e, node->input), y);
        break;
    }
    case NODE_AVERAGE_POOL: {
        const struct node *input = &e->model->graph.nodes[node->input];
        kernel_average_pool(e->ahead.stream, dtype, n, input->height * input->width,
                            input->channels, cuda_output(e, node->input), y);
        break;
    }
    case NODE_CONCATENATE:
        for (int i = 0; i < node_inputs(node); i++)
            cuda_concatenate(e, &e->ahead, index, i, n, cuda_output(e, node_input(node, i)), y);
        break;
    case NODE_DROPOUT: /* has its input's output */
    case NODE_INPUT: break;
    }
    return 0;
}

int cuda_fused_node(struct executor *e, int index, struct error *err)
{
    const char *name = e->model->graph.nodes[index].name;
    if (run_node(e, index, err))
        return error_prefix(err, "layer '%s': ", name);
    return card_launched(e->card, name, err) || cuda_guard_output(e, index, err) ? -1 : 0;
}

int cuda_fused_nodes(struct executor *e, int end, struct error *err)
{
    const struct step_list *list = &e->program->inference;
    for (size_t s = 0; s < list->count; s++) {
        const int node = list->steps[s].node;
        if (node > 0 && node < end && cuda_fused_node(e, node, err))
            return -1;
    }
    return cuda_guard_nodes(e, 0, end, err);
}

int cuda_feed_batch(struct executor *e, const struct feed *on_card, const int64_t *samples,
                    float *targets, struct error *err)
{
    kernel_feed(e->ahead.stream, on_card, e->ahead_scalars, samples, e->inference_batch,
                e->options.dtype, (int)fusion_picture_channels(e->program), e->feed_scratch,
                cuda_output(e, 0), targets);
    return card_launched(e->card, "the feeding of pictures", err);
}
