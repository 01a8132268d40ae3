/* A directed graph without circles as a drawing in SVG, in layers from top to bottom: each node
 * lies below all that lead to it (Sugiyama, Tagawa and Toda 1981: layers, places for edges that
 * pass a layer, order by barycentre). Equal graphs give equal bytes.
 */
#ifndef PAGE_GRAPH_H
#define PAGE_GRAPH_H

#include "base/error.h"
#include "base/text.h"

#include <stddef.h>

struct page_node {
    const char *name;
    const char *mood; /* "good", "bad", "warn" or "": its colour */
    const char *note; /* below the name, or "" */
};

struct page_edge {
    size_t from, to; /* nodes; `to` comes after `from` in their list */
};

struct page_graph {
    const struct page_node *nodes;
    size_t node_count;
    const struct page_edge *edges;
    size_t edge_count;
};

/* More nodes than that are no picture any more. */
enum { PAGE_GRAPH_NODES = 80 };

/* A figure; each node leads to the element of id "stage-" and its name. -1: no memory. */
int page_graph(struct text *page, const struct page_graph *graph, const char *label,
               struct error *err);

#endif
