/* Averages of several layers for the head. A pool stands right behind its map, which is still at
 * hand then: of a frozen prefix only the averages are kept, and remembered. */
#include "nn/arch_parts.h"

#include "base/memory.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

int architecture_pool(struct architecture *architecture, const char *layer, struct error *err)
{
    const size_t at = architecture->pooled_count;
    if (at == POOLED_LAYERS_MOST)
        return error_set(err, ERR_USAGE, "pooled_layers: more than %d", POOLED_LAYERS_MOST);
    if (strlen(layer) >= sizeof architecture->pooled_layers[at])
        return error_set(err, ERR_USAGE,
                         "pooled_layers: no network has a layer '%s' (docs/recipes.md lists the "
                         "layers)",
                         layer);
    snprintf(architecture->pooled_layers[at], sizeof architecture->pooled_layers[at], "%s", layer);
    architecture->pooled_count++;
    return 0;
}

/* ---- what may be pooled ---- */

static bool has_map(const struct node *node)
{
    return node->kind == NODE_CONV || node->kind == NODE_MAX_POOL;
}

/* The node whose output is called so, or -1. */
static int find_output(const struct graph *graph, const char *layer)
{
    for (size_t i = 0; i < graph->count; i++)
        if (strcmp(graph->nodes[i].output, layer) == 0)
            return (int)i;
    return -1;
}

static int unknown_layer(const struct graph *graph, const char *architecture, const char *layer,
                         struct error *err)
{
    const char **names = memory_new(graph->count, sizeof *names, err);
    size_t count = 0;
    if (!names)
        return -1;
    for (size_t i = 0; i < graph->count; i++)
        if (has_map(&graph->nodes[i]))
            names[count++] = graph->nodes[i].output;
    const char *nearest = text_nearest(layer, names, count);
    error_set(err, ERR_USAGE,
              "pooled_layers: '%s' has no layer '%s'%s%s%s (docs/recipes.md lists the layers)",
              architecture, layer, nearest ? ", did you mean '" : "", nearest ? nearest : "",
              nearest ? "'?" : "");
    free(names);
    return -1;
}

static int check_layer(const struct graph *graph, const struct architecture *architecture, size_t k,
                       struct error *err)
{
    const char *layer = architecture->pooled_layers[k];
    const int node = find_output(graph, layer), inner = graph_find(graph, layer);
    for (size_t i = 0; i < k; i++)
        if (strcmp(layer, architecture->pooled_layers[i]) == 0)
            return error_set(err, ERR_USAGE, "pooled_layers: '%s' is named twice", layer);
    if (node < 0 && inner > 0 && layer[0] != '\0')
        return error_set(err, ERR_USAGE,
                         "pooled_layers: '%s' and what follows it are computed in one, take its "
                         "output '%s'",
                         layer, graph->nodes[inner].output);
    if (node < 0)
        return unknown_layer(graph, architecture->name, layer, err);
    if (!has_map(&graph->nodes[node]))
        return error_set(err, ERR_USAGE,
                         "pooled_layers: '%s' has no map of features (docs/recipes.md lists the "
                         "layers that have)",
                         layer);
    if (node == graph_last_map(graph))
        return error_set(err, ERR_USAGE,
                         "pooled_layers: '%s' is the last map, whose average the head sees anyway",
                         layer);
    return 0;
}

/* ---- the nodes ---- */

static void pool_name(char name[NODE_NAME_SIZE], const char *layer)
{
    arch_set_name(name, layer, "_avg_pool");
}

/* Makes room for a node at index `at`. */
static void move_up(struct graph *graph, int at)
{
    struct node *nodes = graph->nodes;
    memmove(nodes + at + 1, nodes + at, (graph->count - 1 - (size_t)at) * sizeof *nodes);
    for (size_t i = (size_t)at + 1; i < graph->count; i++) {
        nodes[i].input += nodes[i].input >= at;
        nodes[i].residual += nodes[i].residual >= at;
    }
}

static int add_pool(struct graph *graph, const char *layer, struct error *err)
{
    char name[NODE_NAME_SIZE];
    const int map = find_output(graph, layer);
    int pool = map;
    pool_name(name, layer);
    if (arch_add_average_pool(graph, name, &pool, err))
        return -1;
    const struct node node = graph->nodes[pool]; /* at the end, where the last one moves to */
    move_up(graph, map + 1);
    graph->nodes[map + 1] = node;
    return 0;
}

static int add_concatenation(struct graph *graph, const struct architecture *architecture,
                             int *last, struct error *err)
{
    struct node node = {.kind = NODE_CONCATENATE, .residual = -1, .height = 1, .width = 1};
    node.more_count = (int)architecture->pooled_count;
    arch_set_name(node.name, "concatenate", "");
    arch_set_name(node.output, "concatenate", "");
    for (size_t k = 0; k < architecture->pooled_count; k++) {
        char name[NODE_NAME_SIZE];
        pool_name(name, architecture->pooled_layers[k]);
        int pool = find_output(graph, name);
        if (k == 0)
            node.input = pool;
        else
            node.more[k - 1] = pool;
    }
    node.more[node.more_count - 1] = *last;
    for (int i = 0; i < node_inputs(&node); i++)
        node.channels += graph->nodes[node_input(&node, i)].channels;
    return arch_add(graph, &node, last, err);
}

int graph_pool(struct graph *graph, const struct architecture *architecture, int *last,
               struct error *err)
{
    ASSERT(architecture->pooled_count <= POOLED_LAYERS_MOST);
    if (architecture->pooled_count == 0)
        return 0;
    for (size_t k = 0; k < architecture->pooled_count; k++)
        if (check_layer(graph, architecture, k, err))
            return -1;
    for (size_t k = 0; k < architecture->pooled_count; k++)
        if (add_pool(graph, architecture->pooled_layers[k], err))
            return -1;
    *last = (int)graph->count - 1; /* the base's own pool, still */
    return add_concatenation(graph, architecture, last, err);
}
