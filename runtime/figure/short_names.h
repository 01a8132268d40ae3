/* Names of classes as a figure can write them: each fits its room, and no two look alike.
 *
 *   struct short_names names = {0};
 *   short_names_make(&names, canvas, classes, NULL, count, 130, THEME_LABEL, err);
 *   ... names.texts[i], names.widths[i] ...
 *   short_names_release(&names);
 *
 * A name that fits is kept. One too long ends in an ellipsis, unless another would then look the
 * same: of those the part in which they differ is kept and the ellipsis stands before it. What
 * still looks alike (also a Latin and a Cyrillic a) gets its number, "cat #3"; what the
 * font cannot write is its number alone, "#3". Numbers are those of the classes, counted from 0.
 */
#ifndef FIGURE_SHORT_NAMES_H
#define FIGURE_SHORT_NAMES_H

#include "base/error.h"
#include "figure/canvas.h"

#include <stddef.h>

struct short_names {
    char **texts;
    double *widths; /* in the style they were made for */
    size_t count;
    size_t shortened; /* that are not whole; of these */
    size_t numbered;  /* are their number alone, and of those */
    size_t unwritten; /* the font cannot write */
};

/* A line for the foot of a figure with names that are not whole, which says where they are; NULL
 * where all are. */
const char *short_names_note(const struct short_names *short_names);

/* names [count]; numbers [count] are their classes, NULL for 0, 1, 2 ... */
int short_names_make(struct short_names *short_names, struct canvas *canvas,
                     const char *const *names, const size_t *numbers, size_t count, double room,
                     struct text_style style, struct error *err);
/* The same without a canvas at hand, for titles that the caller puts together. */
int short_names_of(struct short_names *short_names, const char *const *names, size_t count,
                   double room, struct text_style style, struct error *err);
void short_names_release(struct short_names *short_names);

/* How many of the names the font cannot write. */
int short_names_unwritten(const char *const *names, size_t count, size_t *unwritten,
                          struct error *err);

#endif
