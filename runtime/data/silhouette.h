/* The things that the generated pictures show: 10 objects, and 10 geometric
 * shapes to pretrain on. Each is a short list of painted parts.
 */
#ifndef DATA_SILHOUETTE_H
#define DATA_SILHOUETTE_H

enum { SILHOUETTE_CLASSES = 10 };

/* What covers a point; a later part of a silhouette paints over an earlier one. */
enum paint { PAINT_NONE, PAINT_MAIN, PAINT_ACCENT, PAINT_DARK };

struct silhouette;

enum silhouette_family { FAMILY_OBJECTS, FAMILY_SHAPES };

const char *silhouette_class_name(enum silhouette_family family, int class_index);
const struct silhouette *silhouette_of(enum silhouette_family family, int class_index);

/* The paint at a point of the silhouette's own square, u to the right and v
 * down, both in [-1, 1]. */
enum paint silhouette_paint(const struct silhouette *silhouette, double u, double v);

#endif
