/* The images of many classes: all of them sorted, and the names at both ends. */
#ifndef FIGURE_PLOT_PROFILE_H
#define FIGURE_PLOT_PROFILE_H

#include "figure/canvas.h"
#include "figure/plot.h"

/* Lays the canvas and draws. Classes are sorted by their images in all series, most first, those
 * with equally many in their order. At least two classes, and one series. */
int plot_profile_draw(struct canvas *canvas, const char *title, const char *const *names,
                      size_t classes, const struct bars_series *series, size_t count,
                      struct error *err);

#endif
