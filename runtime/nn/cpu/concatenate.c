/* What the averages of several layers become for the head. */
#include "nn/cpu/executor.h"

int concatenate_forward(const struct executor *executor, struct lane *lane, int node, int i,
                        int64_t n, const void *x, void *y, struct error *err)
{
    const struct graph *graph = &executor->model->graph;
    const enum dtype dtype = node_dtype(executor, node);
    const int64_t all = graph->nodes[node].channels;
    const int64_t channels = graph->nodes[node_input(&graph->nodes[node], i)].channels;
    const int64_t first = graph_concatenated_at(graph, node, i);
    for (int64_t image = 0; image < n; image++)
        if (tensor_copy(lane, dtype, channels, dtype_in(x, dtype, image * channels),
                        dtype_at(y, dtype, image * all + first), err))
            return -1;
    return 0;
}

int concatenate_backward(const struct executor *executor, struct lane *lane, int node, int i,
                         int64_t n, const void *dy, void *dx, struct error *err)
{
    const struct graph *graph = &executor->model->graph;
    const enum dtype dtype = executor->options.dtype;
    const int64_t all = graph->nodes[node].channels;
    const int64_t channels = graph->nodes[node_input(&graph->nodes[node], i)].channels;
    const int64_t first = graph_concatenated_at(graph, node, i);
    for (int64_t image = 0; image < n; image++)
        if (tensor_copy(lane, dtype, channels, dtype_in(dy, dtype, image * all + first),
                        dtype_at(dx, dtype, image * channels), err))
            return -1;
    return 0;
}
