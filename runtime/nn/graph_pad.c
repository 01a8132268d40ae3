#include "nn/graph.h"

/* TensorFlow's "same" puts the odd zero below and to the right of a strided convolution, PyTorch's
 * networks put kernel / 2 on all sides: other weights for the same maps. */
int graph_pad(struct graph *graph, const struct architecture *architecture, struct error *err)
{
    for (size_t i = 0; i < graph->count && architecture->pad_around; i++) {
        struct node *node = &graph->nodes[i];
        const int64_t pad = node->kernel / 2;
        if (node->kind != NODE_CONV || node->stride == 1)
            continue;
        const struct node *input = &graph->nodes[node->input];
        if ((input->height + 2 * pad - node->kernel) / node->stride + 1 != node->height ||
            (input->width + 2 * pad - node->kernel) / node->stride + 1 != node->width)
            return error_set(
                err, ERR_USAGE,
                "layer '%s': PyTorch's padding makes another map of %lldx%lld; take an "
                "image_size that is a multiple of 32",
                node->name, (long long)input->height, (long long)input->width);
        node->pad_top = node->pad_bottom = node->pad_left = node->pad_right = pad;
    }
    return 0;
}
