/* What other libraries call a network's weights, and how they lay them out:
 * PyTorch's networks (torchvision, timm, efficientnet_lite_pytorch) and Keras'
 * files that only number their layers. Brings a set of tensors to our names and
 * layouts, those of keras.applications.
 *
 *   weights_read(path, &set, &note, err);
 *   tensor_names_map(model, path, &set, &note, err);    then set holds "<layer>/<variable>"
 */
#ifndef NN_TENSOR_NAMES_H
#define NN_TENSOR_NAMES_H

#include "base/error.h"
#include "base/text.h"
#include "data/safetensors.h"
#include "nn/model.h"

/* Adds to *note whose names and layout these are, unless they are Keras'. */
void tensor_names_describe(const struct safetensors *set, struct text *note);

/* Renames and transposes what the model's base has, drops the classifier on top of it with a word
 * in *note, and leaves what it does not know. What PyTorch's networks do otherwise is taken over:
 * no bias is a bias of 0; another epsilon of a batch norm goes into its gamma; zeros around strided
 * convolutions on all sides set model->architecture.pad_around. Weights of a network that only
 * looks the same (ResNet v1.5 for v1) are ERR_FORMAT, with the architecture to take. */
int tensor_names_map(struct model *model, struct safetensors *set, struct text *note,
                     struct error *err);

#endif
