/* Charts, each written to one PNG file (2 pixels to the unit, 200 dpi). The same arguments give the
 * same bytes under the same libraries (figure_fingerprint, canvas.h). Every pointer is borrowed;
 * texts are UTF-8. On failure nothing is left at `path`.
 */
#ifndef FIGURE_PLOT_H
#define FIGURE_PLOT_H

#include "base/error.h"
#include "figure/colormap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One value per epoch, the first is epoch 1. A value that is not finite is a gap in the line. */
struct curves_series {
    const char *label;
    const double *values;
    size_t count;
    struct colour colour; /* colormap_deep(0), ... */
    bool dashed;          /* for what is beside the point: training beside validation */
};

struct curves_panel {
    const char *title;   /* "Accuracy" */
    const char *y_label; /* NULL: none */
    const struct curves_series *series;
    size_t count;
    bool unit_range;          /* values are fractions: the axis stays within [0,1] */
    size_t best_epoch;        /* 1-based, marked on series `best_series`; 0: none */
    size_t best_series;       /* index into series */
    double target;            /* a dashed line across; 0: none */
    const char *target_label; /* NULL: "target" and the value */
};

/* Panels side by side over a common axis of epochs. */
int figure_training_curves(const char *path, const char *title, const struct curves_panel *panels,
                           size_t count, struct error *err);

/* With more classes than FIGURE_ALL_CLASSES a matrix shows the FIGURE_MOST_CONFUSED that confused.h
 * chooses, and says so; bars become a profile and the two ends of the list. A phone has room for
 * less: there a matrix of more than FIGURE_NARROW_CLASSES shows FIGURE_NARROW_CONFUSED, and more
 * bars than FIGURE_NARROW_BARS become a profile. */
enum {
    FIGURE_ALL_CLASSES = 60,
    FIGURE_MOST_CONFUSED = 40,
    FIGURE_NARROW_CLASSES = 10,
    FIGURE_NARROW_CONFUSED = 8,
    FIGURE_NARROW_BARS = 20,
};

/* confusion [classes,classes], rows the true class. Cells hold counts; the colour is the share of
 * the row. Names are written as short_names.h says. */
int figure_confusion_matrix(const char *path, const char *title, const int64_t *confusion,
                            const char *const *names, int64_t classes, struct error *err);

struct bars_series {
    const char *label;     /* "train" */
    const int64_t *counts; /* [classes] */
    struct colour colour;
};

/* Bars side by side for each class, or of many classes those with most and with fewest images and
 * all of them sorted. */
int figure_class_distribution(const char *path, const char *title, const char *const *names,
                              int64_t classes, const struct bars_series *series, size_t count,
                              struct error *err);

/* The same on a canvas that is not laid yet, for who wants to know where the texts lie
 * (text_layout.h).
 */
struct canvas;
int figure_draw_training_curves(struct canvas *canvas, const char *title,
                                const struct curves_panel *panels, size_t count, struct error *err);
int figure_draw_confusion_matrix(struct canvas *canvas, const char *title, const int64_t *confusion,
                                 const char *const *names, int64_t classes, struct error *err);
int figure_draw_class_distribution(struct canvas *canvas, const char *title,
                                   const char *const *names, int64_t classes,
                                   const struct bars_series *series, size_t count,
                                   struct error *err);

#endif
