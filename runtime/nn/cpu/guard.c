/* Sees while a shard runs through the fused nodes whether one of its activations could have taken a
 * NaN for 0; reach.h says how. It costs a few products a node, and a look at a node's input where
 * the bound has grown too large. */
#include "nn/cpu/executor.h"
#include "nn/reach.h"

#include <math.h>

static float *reach_of_lane(const struct executor *executor, const struct lane *lane)
{
    return executor->inference.reach +
           executor_lane(executor, lane) * executor->program->inference.buffer_count;
}

static float *reach_at(const struct executor *executor, float *reach, int node)
{
    return &reach[executor->program->nodes[node].output];
}

void guard_forget(struct executor *executor, const struct lane *lane, size_t end)
{
    float *reach = reach_of_lane(executor, lane);
    for (size_t i = 0; i < end; i++)
        *reach_at(executor, reach, (int)i) = INFINITY;
}

static int measure(const struct executor *executor, struct lane *lane, int node,
                   const struct fused_place *place, float *reach, struct error *err)
{
    const int64_t count = node_count(&executor->model->graph.nodes[node]);
    return tensor_largest(lane, node_dtype(executor, node), count * executor->inference.shard,
                          fused_output(executor, node, place), reach_at(executor, reach, node),
                          err);
}

static float sum_of(const struct executor *executor, int index, float *reach)
{
    const struct node *node = &executor->model->graph.nodes[index];
    const struct fused *fused = &executor->inference.nodes[index];
    return reach_sum(fused->gain, *reach_at(executor, reach, node->input), fused->offset,
                     node->residual < 0 ? 0.0f : *reach_at(executor, reach, node->residual));
}

static int guard_sum(struct executor *executor, struct lane *lane, int index,
                     const struct fused_place *place, float *reach, struct error *err)
{
    const struct node *node = &executor->model->graph.nodes[index];
    float sum = sum_of(executor, index, reach);
    if (!(sum < REACH_LIMIT)) {
        if (measure(executor, lane, node->input, place, reach, err) ||
            (node->residual >= 0 && measure(executor, lane, node->residual, place, reach, err)))
            return -1;
        sum = sum_of(executor, index, reach);
    }
    const bool finite = sum < REACH_LIMIT;
    if (!finite && node->activation != ACTIVATION_NONE)
        atomic_store(&executor->inference.hidden, true);
    *reach_at(executor, reach, index) =
        finite && node->activation == ACTIVATION_RELU6 && sum > 6.0f ? 6.0f : sum;
    return 0;
}

int guard_node(struct executor *executor, struct lane *lane, int index,
               const struct fused_place *place, const struct preprocess *preprocess,
               struct error *err)
{
    const struct graph *graph = &executor->model->graph;
    const struct node *node = &graph->nodes[index];
    float *reach = reach_of_lane(executor, lane);
    switch (node->kind) {
    case NODE_INPUT: *reach_at(executor, reach, index) = reach_of_feed(preprocess); break;
    case NODE_CONV:
    case NODE_DENSE: return guard_sum(executor, lane, index, place, reach, err);
    case NODE_AVERAGE_POOL: {
        const struct node *input = &graph->nodes[node->input];
        *reach_at(executor, reach, index) =
            reach_sum((float)(input->height * input->width),
                      *reach_at(executor, reach, node->input), 0.0f, 0.0f);
        break;
    }
    case NODE_CONCATENATE:
        *reach_at(executor, reach, index) = 0.0f;
        for (int i = 0; i < node_inputs(node); i++)
            *reach_at(executor, reach, index) = reach_larger(
                *reach_at(executor, reach, index), *reach_at(executor, reach, node_input(node, i)));
        break;
    case NODE_MAX_POOL:
        *reach_at(executor, reach, index) = *reach_at(executor, reach, node->input);
        break;
    case NODE_DROPOUT: break; /* has its input's output */
    }
    return 0;
}
