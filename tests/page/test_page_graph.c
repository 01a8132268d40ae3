#include "page/page_graph.h"

#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NODES = 7 };

static const struct page_node nodes[NODES] = {
    {"get", "good", "executed"},
    {"split", "", "cached"},
    {"fit", "", ""},
    {"see", "bad", "failed"},
    {"<odd>", "warn", "a&b"},
    {"report", "", ""},
    {"a-name-that-is-longer-than-a-box-can-be", "", ""},
};
static const struct page_edge edges[] = {{0, 1}, {1, 2}, {0, 2}, {0, 3}, {2, 3},
                                         {3, 5}, {0, 5}, {4, 5}, {4, 5}};

static char *drawn(void)
{
    const struct page_graph graph = {nodes, NODES, edges, sizeof(edges) / sizeof(edges[0])};
    struct text page = {0};
    struct error err;
    assert_int_equal(page_graph(&page, &graph, "what & why", &err), 0);
    return page.data;
}

struct box {
    double x, y, width;
    int height;
};

/* The boxes in the order of the nodes. */
static void read_boxes(const char *svg, struct box boxes[NODES])
{
    for (int i = 0; i < NODES; i++) {
        svg = strstr(svg, "<rect ");
        assert_non_null(svg);
        assert_int_equal(sscanf(svg, "<rect x=\"%lf\" y=\"%lf\" width=\"%lf\" height=\"%d\"",
                                &boxes[i].x, &boxes[i].y, &boxes[i].width, &boxes[i].height),
                         4);
        svg++;
    }
    assert_null(strstr(svg, "<rect "));
}

static void graph_has_what_is_needed_above_what_needs_it(void **state)
{
    (void)state;
    struct box boxes[NODES];
    char *svg = drawn();
    read_boxes(svg, boxes);
    for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
        assert_true(boxes[edges[i].to].y >= boxes[edges[i].from].y + boxes[edges[i].from].height);
    for (int a = 0; a < NODES; a++)
        for (int b = 0; b < a; b++)
            assert_true(boxes[a].y != boxes[b].y || boxes[a].x >= boxes[b].x + boxes[b].width ||
                        boxes[b].x >= boxes[a].x + boxes[a].width);
    free(svg);
}

static void graph_lies_inside_its_drawing(void **state)
{
    (void)state;
    struct box boxes[NODES];
    char *svg = drawn();
    int width, height;
    assert_int_equal(
        sscanf(svg, "<svg class=\"graph\" width=\"%d\" height=\"%d\"", &width, &height), 2);
    read_boxes(svg, boxes);
    for (int i = 0; i < NODES; i++)
        assert_true(boxes[i].x >= 0 && boxes[i].x + boxes[i].width <= width && boxes[i].y >= 0 &&
                    boxes[i].y + boxes[i].height <= height);
    free(svg);
}

static void graph_is_safe_and_the_same_again(void **state)
{
    (void)state;
    char *svg = drawn(), *again = drawn();
    assert_string_equal(svg, again);
    assert_null(strstr(svg, "<odd>"));
    assert_non_null(strstr(svg, "href=\"#stage-&lt;odd&gt;\" class=\"warn\""));
    assert_non_null(strstr(svg, ">a&amp;b<"));
    assert_non_null(strstr(svg, "aria-label=\"what &amp; why\""));
    assert_non_null(strstr(svg, "<title>a-name-that-is-longer-than-a-box-can-be</title>"));
    assert_non_null(strstr(svg, ">a-name-that\xe2\x80\xa6"
                                "box-can-be</text>"));
    free(svg);
    free(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graph_has_what_is_needed_above_what_needs_it),
        cmocka_unit_test(graph_lies_inside_its_drawing),
        cmocka_unit_test(graph_is_safe_and_the_same_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
