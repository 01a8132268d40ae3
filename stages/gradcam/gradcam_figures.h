/* The Grad-CAM figures: a grid of images, each as picture, heat map and both
 * blended, with the object's box where it is known.
 */
#ifndef STAGES_GRADCAM_FIGURES_H
#define STAGES_GRADCAM_FIGURES_H

#include "base/error.h"
#include "figure/colormap.h"
#include "gradcam/gradcam_choose.h"
#include "gradcam/gradcam_explain.h"

/* Of the third picture of each image: (1 - alpha) of the picture and alpha of the heat. */
struct overlay {
    double alpha;
    enum colormap colormap;
};

/* To the outs samples and confusion, and to drawings (drawing.h). heats
 * [choice->count,height,width], normalised. */
int gradcam_draw_samples(struct stage *stage, const struct explainer *explainer,
                         const struct choice *choice, const float *heats,
                         const struct overlay *overlay, struct error *err);
int gradcam_draw_confusions(struct stage *stage, const struct explainer *explainer,
                            const struct choice *choice, const float *heats,
                            const struct overlay *overlay, struct error *err);

#endif
