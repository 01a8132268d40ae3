/* Colours of the figures: matplotlib's "viridis", "jet" and "Blues" (ColorBrewer, Cynthia Brewer),
 * entry for entry, and seaborn's "deep" palette for lines and bars.
 */
#ifndef FIGURE_COLORMAP_H
#define FIGURE_COLORMAP_H

#include <stddef.h>
#include <stdint.h>

/* Linear in the PNG's values (sRGB), each in [0,1]. */
struct colour {
    double r, g, b;
};

/* What heat is drawn in. Viridis is read the same in grey and by who sees no red; jet is what the
 * notebook had. */
enum colormap { COLORMAP_VIRIDIS, COLORMAP_JET, COLORMAPS };
extern const char *const colormap_names[COLORMAPS]; /* "viridis" */

/* Entry `index` of 256: of jet bit-exact, of viridis as a PNG stores it. */
struct colour colormap_heat(enum colormap map, uint8_t index);

/* Entry floor(t * 256) of 256, t cut to [0,1]; NaN gives entry 0. */
struct colour colormap_blues(double t);

/* Colour `index` modulo 10: blue, orange, green, red, purple, brown, pink, grey, olive, cyan. */
struct colour colormap_deep(size_t index);

/* How bright it looks: WCAG's relative luminance in [0,1]. Text on a colour below 0.408 is white.
 */
double colour_luminance(struct colour colour);

/* What a PNG stores: each channel rounded to 0..255. */
void colour_to_bytes(struct colour colour, uint8_t rgb[3]);

#endif
