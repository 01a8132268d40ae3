/* What the stages that run a model do alike: say what their bits depend on,
 * open the device, and show the model a dataset's pictures as it is meant to
 * see them. One way of feeding, so that training, evaluation and Grad-CAM
 * cannot differ.
 */
#ifndef STAGES_MODEL_USE_H
#define STAGES_MODEL_USE_H

#include "base/error.h"
#include "base/stage.h"
#include "data/dataset.h"
#include "nn/device.h"
#include "nn/feed.h"
#include "nn/model.h"
#include "nn/network.h"
#include "nn/weight_check.h"

/* The stage's fingerprint: the device. */
int model_use_fingerprint(const char *device, struct error *err);

/* The device and threads that the stage was given; a note says which. */
int model_use_device(struct stage *stage, struct device **device, struct error *err);

/* What the parameter `precision` comes to on the device; a note says which. */
int model_use_precision(struct stage *stage, const struct device *device, enum precision precision,
                        enum dtype *dtype, struct error *err);

/* The parameter weights.check, which may be left out: stop (large weights are refused) or warn
 * (they are noted). */
int model_use_check(struct stage *stage, struct weight_check *check, struct error *err);

/* Held against resources.memory, before any work. ERR_USAGE names the figure needed and `ways` to
 * need less, a part of a sentence. */
int model_use_keep_memory(struct stage *stage, const struct footprint *footprint, const char *ways,
                          struct error *err);

/* A network that only infers on what `feed` presents (NULL: nobody knows yet); what it takes of the
 * machine's memory is noted, and held against resources.memory before it is made. */
int model_use_network(struct stage *stage, struct model *model, struct device *device,
                      const struct feed *feed, struct network **network, struct error *err);

enum dataset_half { TRAIN_HALF, TEST_HALF };

/* Pictures and labels, borrowed; how to present them is still to be said. */
struct feed model_use_pictures(const struct dataset *dataset, enum dataset_half half);

/* The same as the model's own preprocessing presents them, without augmentation. ERR_STAGE where
 * the model tells another number of classes apart, or has other names for them or another order. */
int model_use_feed(const struct model *model, const struct dataset *dataset, enum dataset_half half,
                   struct feed *feed, struct error *err);

#endif
