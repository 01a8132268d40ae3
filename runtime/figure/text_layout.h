/* Where the texts of a figure lie, as data: what a test asks of a drawing without looking at
 * pixels.
 *
 *   struct text_layout layout = {0};
 *   canvas_record(canvas, &layout);   before drawing
 *   ... draw ...
 *   text_layout_find_overlap(&layout, pair);
 *   text_layout_release(&layout);
 *
 * Boxes are the ink of the glyphs, turned as the text is; units are the canvas's (1/100 inch).
 */
#ifndef FIGURE_TEXT_LAYOUT_H
#define FIGURE_TEXT_LAYOUT_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* The smallest text of a figure, 6 points, in units of the canvas. */
#define TEXT_LAYOUT_SMALLEST (100.0 * 6 / 72)

struct text_box {
    char *text;
    double size;       /* of the em */
    double x[4], y[4]; /* corners, in order around the box */
};

struct text_layout {
    struct text_box *texts;
    size_t count, capacity;
};

/* Adds a text with its corners; the text is copied. */
int text_layout_add(struct text_layout *layout, const char *text, double size, const double x[4],
                    const double y[4], struct error *err);
void text_layout_release(struct text_layout *layout);

/* Whether two boxes share more than a hair's breadth (a quarter of a unit). */
bool text_layout_overlap(const struct text_box *a, const struct text_box *b);

/* The first two texts that overlap, if any do. */
bool text_layout_find_overlap(const struct text_layout *layout, size_t pair[2]);

/* Whether a text lies within a sheet of this size. */
bool text_layout_within(const struct text_box *text, double width, double height);

#endif
