/* Heat maps of test images: forward pass, closed-form gradient, and how the
 * pass agrees with the predictions that evaluate recorded.
 */
#ifndef STAGES_GRADCAM_EXPLAIN_H
#define STAGES_GRADCAM_EXPLAIN_H

#include "base/error.h"
#include "base/stage.h"
#include "data/dataset.h"
#include "nn/device.h"
#include "nn/feed.h"
#include "nn/gradcam.h"
#include "nn/model.h"
#include "nn/network.h"

#include <stdbool.h>
#include <stdint.h>

struct explainer {
    const struct dataset *dataset; /* borrowed */
    const float *predictions;      /* [test images,classes], borrowed */
    struct model *model;
    struct device *device;
    struct network *network;
    struct feed feed;
    struct gradcam_head head;
    int map_node;
    int64_t height, width, channels, classes; /* of the map */
    bool own_preprocessing;                   /* the model's own: then passes must agree */
    bool compares; /* what was recorded is a pass of this network: they must give the same */
    int64_t passes, agreeing; /* images explained; of these, same most likely class */
};

/* Opens model and device. `raw_pixels` feeds pixels in [0,1] without the model's preprocessing. */
int explainer_open(struct explainer *explainer, struct stage *stage, const char *model_path,
                   const struct dataset *dataset, const float *predictions,
                   const struct weight_check *check, bool raw_pixels, struct error *err);
void explainer_close(struct explainer *explainer);

/* heats [count,height,width], not normalised, of each image's most likely class in this pass. With
 * the model's own preprocessing, probabilities that differ from the recorded ones are ERR_STAGE. */
int explainer_run(struct explainer *explainer, struct stage *stage, const int64_t *samples,
                  int64_t count, float *heats, struct error *err);

/* The most likely class of test image `sample` as recorded, the first of equals. */
int64_t explainer_predicted(const struct explainer *explainer, int64_t sample);

#endif
