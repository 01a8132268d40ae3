#include "figure/heatmap.h"

static float blend(float pixel, double heat, double alpha)
{
    double value = (double)((float)(1 - alpha) * pixel) + alpha * heat;
    return (float)(value > 0 ? (value < 1 ? value : 1) : 0);
}

void heatmap_blend(const float *image, const uint8_t *heat, int64_t height, int64_t width,
                   enum colormap map, double alpha, float *out)
{
    for (int64_t i = 0; i < height * width; i++) {
        struct colour colour = colormap_heat(map, heat[i]);
        out[3 * i] = blend(image[3 * i], colour.r, alpha);
        out[3 * i + 1] = blend(image[3 * i + 1], colour.g, alpha);
        out[3 * i + 2] = blend(image[3 * i + 2], colour.b, alpha);
    }
}
