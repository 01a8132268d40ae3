/* The same drawing as SVG (W3C SVG 2), for pages: it is sharp at any size, and its paper, ink and
 * lines take the colours of a dark page (prefers-color-scheme). Pictures are in it as PNG.
 *
 *   struct svg svg = {0};
 *   svg_rectangle(&svg, ...), svg_text(&svg, ...) ...
 *   svg_finish(&svg, width, height, &file, err);
 *   svg_release(&svg);
 *
 * Units are the canvas's (1/100 inch), which a page shows as pixels. Appending never reports, as
 * struct text (base/text.h). The colours of theme.h change with the page, unless `fixed`; all
 * others stay.
 */
#ifndef FIGURE_SVG_H
#define FIGURE_SVG_H

#include "base/error.h"
#include "base/text.h"
#include "figure/pen.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct svg {
    struct text body;
    bool fixed; /* colours stay as they are */
};

void svg_rectangle(struct svg *svg, double x, double y, double width, double height,
                   struct colour fill, double opacity);
void svg_outline(struct svg *svg, double x, double y, double width, double height, struct pen pen);
/* Joined lines, parted where a coordinate is not finite. */
void svg_path(struct svg *svg, const struct point *points, size_t count, struct pen pen);
void svg_disc(struct svg *svg, double x, double y, double radius, struct colour fill,
              struct pen rim);
/* A line of text, `length` long, whose baseline starts at (left, drop) from (x, y), turned. */
void svg_text(struct svg *svg, double x, double y, const char *text, double left, double drop,
              double length, struct text_style style);
/* rgb [rows,columns,3] */
int svg_picture(struct svg *svg, double x, double y, double width, double height,
                const uint8_t *rgb, int64_t rows, int64_t columns, struct error *err);
void svg_clip(struct svg *svg, double x, double y, double width, double height);
void svg_unclip(struct svg *svg);

/* The whole file. */
int svg_finish(const struct svg *svg, double width, double height, struct text *file,
               struct error *err);
void svg_release(struct svg *svg);

#endif
