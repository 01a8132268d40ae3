/* A heatmap laid over a picture, as Grad-CAM's figures show it. */
#ifndef FIGURE_HEATMAP_H
#define FIGURE_HEATMAP_H

#include "figure/colormap.h"

#include <stdint.h>

/* out = (1-alpha)*image + alpha*colour(heat), cut to [0,1]; the first product in f32, the rest in
 * f64, as numpy does for an f32 picture. image [height,width,3] in [0,1]; heat [height,width] ->
 * out [height,width,3], may be image */
void heatmap_blend(const float *image, const uint8_t *heat, int64_t height, int64_t width,
                   enum colormap map, double alpha, float *out);

#endif
