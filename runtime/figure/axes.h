/* Scales, ticks and the labels along the sides of a chart.
 */
#ifndef FIGURE_AXES_H
#define FIGURE_AXES_H

#include "figure/canvas.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Round values at a round distance: (first + i) * step for i in [0, count). */
struct ticks {
    int64_t first;
    size_t count;
    double step;
    int decimals; /* that tell neighbours apart */
};

/* Ticks within [low, high], as many as `most` (at least 2) allows, a step of 1, 2, 2.5 or 5 times a
 * power of ten; whole numbers only where `whole`. low < high, both finite. */
struct ticks ticks_choose(double low, double high, size_t most, bool whole);
double ticks_value(const struct ticks *ticks, size_t index);

enum { TICK_TEXT_SIZE = 48 };
/* "0.25", "-3", "12,000". */
void ticks_format(double value, int decimals, char text[TICK_TEXT_SIZE]);

/* The plane that data is drawn in: a rectangle of the canvas and the values at its sides. */
struct axes {
    double x, y, width, height;
    double left, right, bottom, top;
};
double axes_x(const struct axes *axes, double value);
double axes_y(const struct axes *axes, double value);

void axes_draw_y(struct canvas *canvas, const struct axes *axes, const struct ticks *ticks);
double axes_y_labels_width(struct canvas *canvas, const struct ticks *ticks);
/* The border, over grid and data. */
void axes_draw_edge(struct canvas *canvas, const struct axes *axes);

/* Names under columns `slot` wide: level where all fit, else slanted. axes_names_height is the room
 * they take. A name too long is cut and ends in an ellipsis. */
struct names {
    const char *const *texts;
    size_t count;
    double slot;
};
bool axes_names_slanted(struct canvas *canvas, const struct names *names);
double axes_names_height(struct canvas *canvas, const struct names *names);
void axes_draw_names(struct canvas *canvas, const struct names *names, double x, double y);

/* Draws a text, cut with an ellipsis where it is wider than `width`; returns the width drawn. */
double axes_text_within(struct canvas *canvas, double x, double y, const char *text, double width,
                        struct text_style style);

/* A line at the foot of a figure of this size. */
void axes_draw_note(struct canvas *canvas, const char *note, double width, double height);

/* A vertical scale of colours from 0 at the bottom to 1 at the top, with its title beside it. */
enum { COLOURBAR_WIDTH = 74 };
void axes_draw_colourbar(struct canvas *canvas, double x, double y, double height,
                         struct colour (*map)(double), bool percent, const char *title);

#endif
