/* A sheet to draw figures on: cairo's image surface, text from DejaVu Sans' outlines, PNG out; and
 * beside it the same as SVG (svg.h).
 * Equal calls give equal bytes: no fontconfig, no hinting, no times; what remains are the libraries
 * and the font, which figure_fingerprint names.
 *
 *   canvas_new, canvas_text_width ..., canvas_lay, canvas_rectangle, canvas_text ...,
 *   canvas_write, canvas_free
 *
 * Units are 1/100 inch, y grows downwards; one unit is CANVAS_SCALE pixels. Drawing never fails:
 * what goes wrong is remembered and canvas_write reports it.
 */
#ifndef FIGURE_CANVAS_H
#define FIGURE_CANVAS_H

#include "base/error.h"
#include "figure/pen.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { CANVAS_SCALE = 2, CANVAS_DPI = 100 * CANVAS_SCALE };

struct canvas;
struct text_layout;

/* Opens the fonts, so that texts can be measured before the size is known. NULL with an error; a
 * missing font file names the package that holds it. */
struct canvas *canvas_new(struct error *err);

/* The same for a file: where its name ends in .narrow.svg, a figure is laid out for a phone, about
 * CANVAS_NARROW wide, with the same content. */
enum { CANVAS_NARROW = 410 };
struct canvas *canvas_for(const char *path, struct error *err);
bool canvas_is_narrow(const struct canvas *canvas);

/* Lays a white sheet of this size. Once, before drawing. */
int canvas_lay(struct canvas *canvas, double width, double height, struct error *err);
double canvas_width(const struct canvas *canvas);
double canvas_height(const struct canvas *canvas);

void canvas_free(struct canvas *canvas);

void canvas_rectangle(struct canvas *canvas, double x, double y, double width, double height,
                      struct colour fill, double opacity);
void canvas_outline(struct canvas *canvas, double x, double y, double width, double height,
                    struct pen pen);
void canvas_line(struct canvas *canvas, double x0, double y0, double x1, double y1, struct pen pen);

/* Joined lines; a point with a coordinate that is not finite parts them. */
void canvas_path(struct canvas *canvas, const struct point *points, size_t count, struct pen pen);
void canvas_disc(struct canvas *canvas, double x, double y, double radius, struct colour fill,
                 struct pen rim);

/* RGB bytes [height,width,3] scaled into a rectangle with nearest neighbour. */
void canvas_picture(struct canvas *canvas, double x, double y, double width, double height,
                    const uint8_t *rgb, int64_t rows, int64_t columns);

/* Everything drawn until canvas_unclip stays within the rectangle. */
void canvas_clip(struct canvas *canvas, double x, double y, double width, double height);
void canvas_unclip(struct canvas *canvas);

/* One line of UTF-8; bytes that are not are drawn as U+FFFD. */
void canvas_text(struct canvas *canvas, double x, double y, const char *text,
                 struct text_style style);
/* Its advance in units. */
double canvas_text_width(struct canvas *canvas, const char *text, struct text_style style);

/* Whether the font can write it, as font_writes (font.h) says; and its look (font_look), 0 where
 * that failed, which canvas_write reports. */
bool canvas_text_writable(const struct canvas *canvas, const char *text, bool bold);
uint64_t canvas_text_look(struct canvas *canvas, const char *text, bool bold);

/* From here on the box of every text drawn is added to `layout` (text_layout.h), which stays the
 * caller's and must outlive the canvas. */
void canvas_record(struct canvas *canvas, struct text_layout *layout);

/* What lies on a ground that a dark page leaves as it is, keeps its colours there, too. */
void canvas_fix_colours(struct canvas *canvas, bool fixed);

/* Writes the PNG, or the SVG where the path ends in .svg, complete or not at all. */
int canvas_write(struct canvas *canvas, const char *path, struct error *err);

/* What the bits of a drawing depend on, a `name value` a line, and `uses PATH` for the fonts: for
 * the fingerprint of every stage that draws. */
int figure_fingerprint(FILE *stream, struct error *err);

#endif
