/* What the averages of several layers become for the head. */
#include "nn/cpu/executor.h"

/* The channel at which input `which` begins, and how many it has. */
static int64_t place_of(const struct graph *graph, int index, int which, int64_t *channels)
{
    const struct node *node = &graph->nodes[index];
    int64_t first = 0;
    for (int i = 0; i < which; i++)
        first += graph->nodes[node_input(node, i)].channels;
    *channels = graph->nodes[node_input(node, which)].channels;
    return first;
}

int concatenate_forward(const struct executor *executor, struct lane *lane, int node, int i,
                        int64_t n, const void *x, void *y, struct error *err)
{
    const struct graph *graph = &executor->model->graph;
    const enum dtype dtype = node_dtype(executor, node);
    const int64_t all = graph->nodes[node].channels;
    int64_t channels, first = place_of(graph, node, i, &channels);
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
    int64_t channels, first = place_of(graph, node, i, &channels);
    for (int64_t image = 0; image < n; image++)
        if (tensor_copy(lane, dtype, channels, dtype_in(dy, dtype, image * all + first),
                        dtype_at(dx, dtype, image * channels), err))
            return -1;
    return 0;
}
