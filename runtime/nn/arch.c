/* A graph: the base of an architecture by name, then the head. The tables of
 * the bases are in arch_resnet.c, arch_mobilenet.c and arch_efficientnet.c.
 */
#include "base/text.h"
#include "data/dataset.h"
#include "nn/arch_parts.h"

#include <stdlib.h>
#include <string.h>

static const struct arch_family *const families[] = {&arch_resnet, &arch_mobilenet,
                                                     &arch_mobilenet_v2, &arch_efficientnet};
enum { FAMILIES = sizeof families / sizeof families[0], MOST_NAMES = 64 };

static int add_dropout(struct graph *graph, const char *name, double rate, int *last,
                       struct error *err)
{
    if (rate <= 0.0)
        return 0;
    struct node node = {.kind = NODE_DROPOUT, .input = *last, .residual = -1, .head = true};
    arch_set_name(node.name, name, "");
    arch_set_name(node.output, name, "");
    node.height = node.width = 1;
    node.channels = graph->nodes[*last].channels;
    node.rate = (float)rate;
    return arch_add(graph, &node, last, err);
}

static int add_dense(struct graph *graph, const char *name, int64_t units,
                     enum activation activation, int *last, struct error *err)
{
    struct node node = {.kind = NODE_DENSE, .input = *last, .residual = -1, .head = true};
    arch_set_name(node.name, name, "");
    arch_set_name(node.output, name, "");
    node.bias = true;
    node.activation = activation;
    node.height = node.width = 1;
    node.channels = units;
    node.kernel = node.stride = node.groups = 1;
    return arch_add(graph, &node, last, err);
}

/* The last dense layer gives logits: softmax belongs to the loss. */
static int add_head(struct graph *graph, const struct architecture *architecture, int *last,
                    struct error *err)
{
    bool hidden = architecture->hidden > 0;
    if (add_dropout(graph, "dropout", architecture->dropout, last, err))
        return -1;
    if (hidden && (add_dense(graph, "dense", architecture->hidden, ACTIVATION_RELU, last, err) ||
                   add_dropout(graph, "dropout_1", architecture->dropout, last, err)))
        return -1;
    return add_dense(graph, hidden ? "dense_1" : "dense", architecture->classes, ACTIVATION_NONE,
                     last, err);
}

static int unknown_name(const char *name, struct error *err)
{
    const char *names[MOST_NAMES];
    struct text all = {0};
    size_t count = 0;
    for (size_t f = 0; f < FAMILIES; f++)
        for (size_t i = 0; i < families[f]->count && count < MOST_NAMES; i++) {
            text_addf(&all, "%s%s", count > 0 ? ", " : "", families[f]->names[i]);
            names[count++] = families[f]->names[i];
        }
    const char *nearest = text_nearest(name, names, count);
    if (nearest)
        error_set(err, ERR_USAGE, "unknown architecture '%s', did you mean '%s'?", name, nearest);
    else
        error_set(err, ERR_USAGE, "unknown architecture '%s'; there are %s", name,
                  text_string(&all));
    text_release(&all);
    return -1;
}

static int check_sizes(const struct architecture *a, struct error *err)
{
    const struct {
        const char *name;
        double value, low, high;
    } bounds[] = {
        {"image_size", (double)a->image_size, 8, 1024},
        {"classes", (double)a->classes, 1, DATASET_MAX_CLASSES},
        {"hidden", (double)a->hidden, 0, 65536},
        {"alpha", a->alpha, 0.01, 4},
        {"dropout", a->dropout, 0, 0.99},
    };
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++)
        if (!(bounds[i].value >= bounds[i].low && bounds[i].value <= bounds[i].high))
            return error_set(err, ERR_USAGE, "architecture '%s': %s %g is not in %g to %g", a->name,
                             bounds[i].name, bounds[i].value, bounds[i].low, bounds[i].high);
    return 0;
}

static int add_base(struct graph *graph, const struct architecture *architecture, int *last,
                    struct error *err)
{
    for (size_t f = 0; f < FAMILIES; f++)
        for (size_t i = 0; i < families[f]->count; i++)
            if (strcmp(architecture->name, families[f]->names[i]) == 0)
                return families[f]->build(graph, architecture, i, last, err);
    return unknown_name(architecture->name, err);
}

static int add_input(struct graph *graph, int64_t size, int *last, struct error *err)
{
    struct node node = {.kind = NODE_INPUT, .input = -1, .residual = -1, .groups = 1};
    node.height = node.width = size;
    node.channels = 3;
    arch_set_name(node.name, "input", "");
    arch_set_name(node.output, "input", "");
    return arch_add(graph, &node, last, err);
}

int graph_build(const struct architecture *architecture, struct graph *graph, struct error *err)
{
    struct graph built = {0};
    int last = -1;
    if (check_sizes(architecture, err) || add_input(&built, architecture->image_size, &last, err) ||
        add_base(&built, architecture, &last, err) ||
        graph_pool(&built, architecture, &last, err) ||
        add_head(&built, architecture, &last, err) || graph_pad(&built, architecture, err)) {
        graph_release(&built);
        return -1;
    }
    *graph = built;
    return 0;
}

void graph_release(struct graph *graph)
{
    if (!graph)
        return;
    free(graph->nodes);
    *graph = (struct graph){0};
}

int graph_find(const struct graph *graph, const char *layer)
{
    for (size_t i = 0; i < graph->count; i++) {
        const struct node *node = &graph->nodes[i];
        if (strcmp(node->name, layer) == 0 || strcmp(node->output, layer) == 0 ||
            (node->norm[0] && strcmp(node->norm, layer) == 0))
            return (int)i;
    }
    return -1;
}

int graph_features(const struct graph *graph)
{
    for (size_t i = 0; i < graph->count; i++)
        if (graph->nodes[i].head)
            return graph->nodes[i].input;
    return (int)graph->count - 1;
}

int graph_last_map(const struct graph *graph)
{
    for (size_t i = graph->count; i-- > 0;)
        if (graph->nodes[i].kind == NODE_AVERAGE_POOL)
            return graph->nodes[i].input;
    return -1;
}
