#include "page/page_graph.h"

#include "base/memory.h"
#include "page/escape.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* In pixels; a letter's width is about that of 13 px sans. */
enum { HEIGHT = 40, BETWEEN = 34, GAP = 18, PASSING = 8, LETTER = 8, MARGIN = 6, NAME_LIMIT = 22 };
enum { SWEEPS = 8, PASSES = 12 };

/* A node, or a place where an edge passes a layer. */
struct place {
    size_t node; /* of a passing edge, its source */
    bool passing;
    int layer, order;
    double width, x, wish; /* x: of its middle */
};

struct segment {
    size_t above, below; /* places */
};

struct drawing {
    const struct page_graph *graph;
    struct place *places;
    size_t place_count;
    struct segment *segments;
    size_t segment_count;
    size_t **layers; /* places from left to right */
    size_t *lengths;
    int layer_count;
};

/* ---- layers ---- */

static int layer_of(const struct page_graph *graph, const struct place *places, size_t node)
{
    int layer = 0;
    for (size_t i = 0; i < graph->edge_count; i++)
        if (graph->edges[i].to == node && places[graph->edges[i].from].layer >= layer)
            layer = places[graph->edges[i].from].layer + 1;
    return layer;
}

static double node_width(const struct page_graph *graph)
{
    size_t longest = 8;
    for (size_t i = 0; i < graph->node_count; i++)
        longest = strlen(graph->nodes[i].name) > longest ? strlen(graph->nodes[i].name) : longest;
    return (double)((longest < NAME_LIMIT ? longest : NAME_LIMIT) * LETTER + 20);
}

static void connect(struct drawing *drawing, size_t above, size_t below)
{
    for (size_t i = 0; i < drawing->segment_count; i++)
        if (drawing->segments[i].above == above && drawing->segments[i].below == below)
            return;
    drawing->segments[drawing->segment_count++] = (struct segment){above, below};
}

/* Edges of one source share their way down: its place in a layer. */
static size_t passing_place(struct drawing *drawing, size_t node, int layer)
{
    for (size_t i = drawing->graph->node_count; i < drawing->place_count; i++)
        if (drawing->places[i].node == node && drawing->places[i].layer == layer)
            return i;
    drawing->places[drawing->place_count] =
        (struct place){.node = node, .passing = true, .layer = layer, .width = PASSING};
    return drawing->place_count++;
}

static void place_edge(struct drawing *drawing, const struct page_edge *edge)
{
    size_t above = edge->from;
    for (int layer = drawing->places[edge->from].layer + 1; layer < drawing->places[edge->to].layer;
         layer++) {
        size_t place = passing_place(drawing, edge->from, layer);
        connect(drawing, above, place);
        above = place;
    }
    connect(drawing, above, edge->to);
}

static int make_places(struct drawing *drawing, struct error *err)
{
    const struct page_graph *graph = drawing->graph;
    const double width = node_width(graph);
    const size_t most = graph->node_count * (graph->node_count + 1);
    if ((drawing->places = memory_new(most, sizeof(*drawing->places), err)) == NULL ||
        (drawing->segments = memory_new(most + graph->edge_count * graph->node_count,
                                        sizeof(*drawing->segments), err)) == NULL)
        return -1;
    drawing->place_count = graph->node_count;
    for (size_t i = 0; i < graph->node_count; i++) {
        drawing->places[i] =
            (struct place){.node = i, .layer = layer_of(graph, drawing->places, i), .width = width};
        if (drawing->places[i].layer >= drawing->layer_count)
            drawing->layer_count = drawing->places[i].layer + 1;
    }
    for (size_t i = 0; i < graph->edge_count; i++)
        place_edge(drawing, &graph->edges[i]);
    return 0;
}

static int make_layers(struct drawing *drawing, struct error *err)
{
    const size_t count = (size_t)drawing->layer_count;
    if ((drawing->layers = memory_new(count, sizeof(*drawing->layers), err)) == NULL ||
        (drawing->lengths = memory_new(count, sizeof(*drawing->lengths), err)) == NULL)
        return -1;
    for (size_t i = 0; i < count; i++)
        if ((drawing->layers[i] = memory_new(drawing->place_count, sizeof(size_t), err)) == NULL)
            return -1;
    for (size_t i = 0; i < drawing->place_count; i++) {
        int layer = drawing->places[i].layer;
        drawing->places[i].order = (int)drawing->lengths[layer];
        drawing->layers[layer][drawing->lengths[layer]++] = i;
    }
    return 0;
}

/* ---- order and places ---- */

enum { ORDER, X };

static double where(const struct place *place, int what)
{
    return what == ORDER ? place->order : place->x;
}

/* The mean of its neighbours', or its own where it has none on that side (both: of both sides). */
static double mean_of_neighbours(const struct drawing *drawing, size_t place, bool above,
                                 bool below, int what)
{
    double sum = 0.0;
    size_t count = 0;
    for (size_t i = 0; i < drawing->segment_count; i++) {
        const struct segment *segment = &drawing->segments[i];
        if ((above && segment->below == place) || (below && segment->above == place)) {
            size_t other = segment->below == place ? segment->above : segment->below;
            sum += where(&drawing->places[other], what);
            count++;
        }
    }
    return count > 0 ? sum / (double)count : where(&drawing->places[place], what);
}

/* Insertion keeps the order of equals. */
static void sort_layer(struct drawing *drawing, int layer)
{
    size_t *list = drawing->layers[layer];
    for (size_t i = 1; i < drawing->lengths[layer]; i++) {
        size_t moved = list[i], at = i;
        for (; at > 0 && drawing->places[list[at - 1]].wish > drawing->places[moved].wish; at--)
            list[at] = list[at - 1];
        list[at] = moved;
    }
    for (size_t i = 0; i < drawing->lengths[layer]; i++)
        drawing->places[list[i]].order = (int)i;
}

static void wish(struct drawing *drawing, int layer, bool above, bool below, int what)
{
    for (size_t i = 0; i < drawing->lengths[layer]; i++) {
        size_t place = drawing->layers[layer][i];
        drawing->places[place].wish = mean_of_neighbours(drawing, place, above, below, what);
    }
}

static void order_layers(struct drawing *drawing)
{
    for (int sweep = 0; sweep < SWEEPS; sweep++)
        for (int i = 1; i < drawing->layer_count; i++) {
            bool down = sweep % 2 == 0;
            int layer = down ? i : drawing->layer_count - 1 - i;
            wish(drawing, layer, down, !down, ORDER);
            sort_layer(drawing, layer);
        }
}

/* Each as near to its wish as those left of it let it, then all moved so that they are off by
 * nothing on average. */
static void settle(struct drawing *drawing, int layer)
{
    double right = -INFINITY, off = 0.0;
    const size_t *list = drawing->layers[layer];
    for (size_t i = 0; i < drawing->lengths[layer]; i++) {
        struct place *place = &drawing->places[list[i]];
        place->x = fmax(place->wish, right + place->width / 2);
        right = place->x + place->width / 2 + GAP;
        off += place->wish - place->x;
    }
    for (size_t i = 0; i < drawing->lengths[layer]; i++)
        drawing->places[list[i]].x += off / (double)drawing->lengths[layer];
}

static void place_layers(struct drawing *drawing)
{
    for (int layer = 0; layer < drawing->layer_count; layer++)
        settle(drawing, layer);
    for (int pass = 0; pass < PASSES; pass++)
        for (int i = 0; i < drawing->layer_count; i++) {
            int layer = pass % 2 == 0 ? i : drawing->layer_count - 1 - i;
            wish(drawing, layer, true, true, X);
            settle(drawing, layer);
        }
}

/* ---- SVG ---- */

static double top_of(const struct place *place)
{
    return MARGIN + place->layer * (HEIGHT + BETWEEN);
}

static void add_segment(struct text *page, const struct drawing *drawing,
                        const struct segment *segment)
{
    const struct place *above = &drawing->places[segment->above],
                       *below = &drawing->places[segment->below];
    const double from = top_of(above) + (above->passing ? 0 : HEIGHT), to = top_of(below);
    const double middle = (top_of(above) + HEIGHT + to) / 2;
    text_addf(page, "<path d=\"M%.1f %.1f", above->x, from);
    if (above->passing)
        text_addf(page, "V%.1f", top_of(above) + HEIGHT);
    text_addf(page, "C%.1f %.1f %.1f %.1f %.1f %.1f\"%s/>\n", above->x, middle, below->x, middle,
              below->x, to, below->passing ? "" : " marker-end=\"url(#arrow)\"");
}

/* Where a character begins, here or before. */
static size_t whole(const char *name, size_t at)
{
    while (at > 0 && ((unsigned char)name[at] & 0xC0) == 0x80)
        at--;
    return at;
}

/* A long name loses its middle; the link's title has all of it. */
static void add_name(struct text *page, const char *name)
{
    struct text shown = {0};
    const size_t length = strlen(name), half = NAME_LIMIT / 2;
    if (length <= NAME_LIMIT)
        text_add(&shown, name);
    else
        text_addf(&shown, "%.*s\xe2\x80\xa6%s", (int)whole(name, half), name,
                  name + whole(name, length - half + 1));
    escape_html(page, text_string(&shown));
    text_release(&shown);
}

static void add_node(struct text *page, const struct drawing *drawing, const struct place *place)
{
    const struct page_node *node = &drawing->graph->nodes[place->node];
    const double left = place->x - place->width / 2, top = top_of(place);
    const bool noted = node->note[0] != '\0';
    text_add(page, "<a href=\"#stage-");
    escape_html(page, node->name);
    text_addf(page, "\" class=\"%s\"><title>", node->mood);
    escape_html(page, node->name);
    text_addf(page,
              "</title><rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" rx=\"8\"/>"
              "<text x=\"%.1f\" y=\"%.1f\">",
              left, top, place->width, HEIGHT, place->x, top + (noted ? 17 : 25));
    add_name(page, node->name);
    text_add(page, "</text>");
    if (noted) {
        text_addf(page, "<text class=\"note\" x=\"%.1f\" y=\"%.1f\">", place->x, top + 32);
        escape_html(page, node->note);
        text_add(page, "</text>");
    }
    text_add(page, "</a>\n");
}

static void add_drawing(struct text *page, struct drawing *drawing, const char *label)
{
    double left = INFINITY, right = -INFINITY;
    for (size_t i = 0; i < drawing->place_count; i++) {
        left = fmin(left, drawing->places[i].x - drawing->places[i].width / 2);
        right = fmax(right, drawing->places[i].x + drawing->places[i].width / 2);
    }
    for (size_t i = 0; i < drawing->place_count; i++)
        drawing->places[i].x += MARGIN - left;
    const double width = right - left + 2 * MARGIN;
    const int height = drawing->layer_count * (HEIGHT + BETWEEN) - BETWEEN + 2 * MARGIN;
    text_addf(page,
              "<svg class=\"graph\" width=\"%.0f\" height=\"%d\" viewBox=\"0 0 %.0f %d\" "
              "aria-label=\"",
              width, height, width, height);
    escape_html(page, label);
    text_add(page,
             "\">\n<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" "
             "markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/>"
             "</marker></defs>\n<g>\n");
    for (size_t i = 0; i < drawing->segment_count; i++)
        add_segment(page, drawing, &drawing->segments[i]);
    text_add(page, "</g>\n");
    for (size_t i = 0; i < drawing->graph->node_count; i++)
        add_node(page, drawing, &drawing->places[i]);
    text_add(page, "</svg>\n");
}

int page_graph(struct text *page, const struct page_graph *graph, const char *label,
               struct error *err)
{
    struct drawing drawing = {.graph = graph};
    int result = make_places(&drawing, err);
    if (result == 0)
        result = make_layers(&drawing, err);
    if (result == 0) {
        order_layers(&drawing);
        place_layers(&drawing);
        add_drawing(page, &drawing, label);
    }
    for (int i = 0; drawing.layers != NULL && i < drawing.layer_count; i++)
        free(drawing.layers[i]);
    free(drawing.layers);
    free(drawing.lengths);
    free(drawing.places);
    free(drawing.segments);
    return result;
}
