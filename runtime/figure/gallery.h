/* A grid of pictures with titles. Cells lie row by row; zeroed members mean "not there", so a
 * caller names only what it uses:
 *
 *   struct gallery_cell cells[] = {
 *       {.u8 = image, .height = 32, .width = 32, .title = "cat\nas dog", .mood = GALLERY_WRONG},
 *       {.heat = map, .height = 32, .width = 32},
 *       {.f32 = blended, .height = 32, .width = 32, .box = &box},
 *   };
 *   struct gallery gallery = {.title = "Grad-CAM", .cells = cells, .rows = 1, .columns = 3};
 *   figure_gallery("gradcam.png", &gallery, err);
 *
 * Pictures of any size are scaled to the cell with nearest neighbour: every source pixel is a clean
 * square.
 */
#ifndef FIGURE_GALLERY_H
#define FIGURE_GALLERY_H

#include "base/error.h"
#include "figure/canvas.h"

#include <stddef.h>
#include <stdint.h>

enum gallery_mood { GALLERY_NEUTRAL, GALLERY_RIGHT, GALLERY_WRONG }; /* title in dark, green, red */

/* In source pixels, corners inclusive, as the dataset's boxes are. */
struct gallery_box {
    int64_t x0, y0, x1, y1;
};

/* At most one of u8, f32 and heat; with none the cell is empty. */
struct gallery_cell {
    const uint8_t *u8;   /* [height,width,3], RGB */
    const float *f32;    /* [height,width,3], RGB, cut to [0,1] */
    const uint8_t *heat; /* [height,width], drawn in the gallery's colormap */
    int64_t height, width;
    const char *title; /* above the picture; lines parted by \n */
    enum gallery_mood mood;
    const struct gallery_box *box; /* outlined */
};

/* A label or title in a list may be NULL. */
struct gallery {
    const char *title;                /* of the figure */
    const char *subtitle;             /* a line below it, in grey */
    const struct gallery_cell *cells; /* [rows,columns] */
    size_t rows, columns;
    const char *const *row_labels;    /* [rows], left of the rows, lines parted by \n */
    const char *const *column_titles; /* [columns], above the first row */
    size_t column_group;              /* a wider gap after every so many columns; 0: none */
    const char *const *group_titles;  /* [columns / column_group], above the column titles */
    double cell_size;                 /* side of a cell in units (1/100 inch); 0: 112 */
    const char *note;                 /* a line at the foot, in grey */
    enum colormap colormap;           /* of heat */
    const char *colourbar;            /* legend of its bar on the right, 0 to 1; NULL: no bar */
};

/* The styles of a cell's title and of a row's first line, and the room they have beside a cell of
 * this size (0: 112), for who makes names fit (short_names.h). */
struct text_style gallery_title_style(void);
struct text_style gallery_label_style(void);
double gallery_title_room(double cell_size);
double gallery_label_room(void);

int figure_gallery(const char *path, const struct gallery *gallery, struct error *err);
/* The same on a canvas that is not laid yet. */
int figure_draw_gallery(struct canvas *canvas, const struct gallery *gallery, struct error *err);

#endif
