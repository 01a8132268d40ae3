/* Grad-CAM (Selvaraju et al., ICCV 2017) for a network that ends in average
 * pooling and one or two dense layers: the gradient of a class's probability
 * with respect to the last map is known in closed form, so no backward pass is
 * needed. Averages of other layers beside the last map's are constants to it. As in the usual Keras
 * recipe the gradient is that of the probability and not of the logit.
 *
 *   gradcam_head_of(model, &head, err)
 *   network_infer_taps(..., probabilities, {map_node, maps; and graph_features()}, ...)
 *   gradcam_gradient(&head, map, places, features, probabilities, class, gradient, err)
 *   gradcam_heat(map, places, channels, gradient, heat)
 *   gradcam_normalise(heat, places)         then gradcam_to_bytes, or
 *   gradcam_hottest
 */
#ifndef NN_GRADCAM_H
#define NN_GRADCAM_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct model;

/* The classifier on top of the map: pool, dense ReLU, dense softmax. Borrowed. */
struct gradcam_head {
    int64_t channels, hidden, classes; /* hidden 0: the pool feeds the softmax layer */
    const float *hidden_kernel;        /* [others + channels,hidden] */
    const float *hidden_bias;          /* [hidden] */
    const float *kernel;               /* [hidden or others + channels,classes] */
    int64_t others;                    /* averages of other layers before those of the map */
};

/* Points into the model's weights. ERR_USAGE if its head has another shape. */
int gradcam_head_of(const struct model *model, struct gradcam_head *head, struct error *err);

/* gradient [channels] of probabilities[class] with respect to any one place of map
 * [places,channels]: it is the same at all of them. probabilities [classes] are the network's own
 * for this image; so are features [others + channels], of which the others are read, where the head
 * has a hidden layer. NULL without others. */
int gradcam_gradient(const struct gradcam_head *head, const float *map, int64_t places,
                     const float *features, const float *probabilities, int64_t class,
                     float *gradient, struct error *err);

/* heat [places] = max(0, sum over channels of map * gradient). */
void gradcam_heat(const float *map, int64_t places, int64_t channels, const float *gradient,
                  float *heat);

/* heat /= max + 1e-8: a map that is zero stays zero, and one whose gradient has vanished (a
 * probability of nearly 1) stays dark. */
void gradcam_normalise(float *heat, int64_t places);

/* bytes = 255 * heat, truncated; heat in [0,1]. */
void gradcam_to_bytes(const float *heat, int64_t places, uint8_t *bytes);

/* The pixel of a [rows,columns] picture at the centre of the place where heat [height,width] is
 * greatest, the first such in row-major order. False for a map without a positive value. */
bool gradcam_hottest(const float *heat, int64_t height, int64_t width, int64_t rows,
                     int64_t columns, int64_t *y, int64_t *x);

#endif
