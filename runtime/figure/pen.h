/* How lines and texts of a drawing look. Units are the canvas's (canvas.h). */
#ifndef FIGURE_PEN_H
#define FIGURE_PEN_H

#include "figure/colormap.h"

#include <stdbool.h>

/* Lines of a pen: width in units, opacity in (0,1], dash length 0 for solid. */
struct pen {
    struct colour colour;
    double width;
    double opacity; /* 0 means 1 */
    double dash, gap;
};

struct point {
    double x, y;
};

/* Where (x, y) lies on the text: horizontally, and vertically on the baseline, half the height of a
 * capital, or a capital's top. */
enum text_align { TEXT_LEFT, TEXT_CENTRE, TEXT_RIGHT };
enum text_anchor { TEXT_BASELINE, TEXT_MIDDLE, TEXT_TOP };

struct text_style {
    double size; /* of the em, in units */
    struct colour colour;
    bool bold;
    enum text_align align;
    enum text_anchor anchor;
    double angle; /* degrees, counter-clockwise */
};

#endif
