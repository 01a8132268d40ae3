/* The Grad-CAM figures: a grid of images, each as picture, heat map and both
 * blended, with the object's box where it is known.
 */
#ifndef STAGES_GRADCAM_FIGURES_H
#define STAGES_GRADCAM_FIGURES_H

#include "base/error.h"
#include "gradcam/gradcam_choose.h"
#include "gradcam/gradcam_explain.h"

/* heats [choice->count,height,width], normalised; alpha: weight of the heat in the blend. */
int gradcam_draw_samples(const char *path, const struct explainer *explainer,
                         const struct choice *choice, const float *heats, double alpha,
                         struct error *err);
int gradcam_draw_confusions(const char *path, const struct explainer *explainer,
                            const struct choice *choice, const float *heats, double alpha,
                            struct error *err);

#endif
