/* What the marks of a chart stand for: a row of samples and labels above it, where it hides no
 * data; it goes on in another row where one is too narrow.
 */
#ifndef FIGURE_LEGEND_H
#define FIGURE_LEGEND_H

#include "figure/canvas.h"

#include <stddef.h>

enum legend_mark { LEGEND_LINE, LEGEND_BAR, LEGEND_DISC };

struct legend_entry {
    const char *label;
    enum legend_mark mark;
    struct pen pen; /* its colour fills bars and discs */
};

enum { LEGEND_ROW_HEIGHT = 18 };

/* Rows that entries take in `width`; as many times LEGEND_ROW_HEIGHT is their height. */
size_t legend_rows(struct canvas *canvas, const struct legend_entry *entries, size_t count,
                   double width);
void legend_draw(struct canvas *canvas, const struct legend_entry *entries, size_t count, double x,
                 double y, double width);

#endif
