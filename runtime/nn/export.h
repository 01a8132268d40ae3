/* A model for other programs: .keras (Keras 3) and .onnx (ONNX Runtime and others).
 *
 * Both take pictures as they are: f32 [n,height,width,3], RGB, 0 to 255, of any size. Resizing
 * (bilinear, half-pixel centres, no antialiasing) and preprocessing are inside. They give the
 * classes' probabilities [n,classes]. Class names and preprocessing stand in the file, too:
 *
 *   .keras  metadata.json, member "reprise"
 *   .onnx   metadata_props "class_names" (a JSON list), "preprocess", "architecture"
 *
 * Equal models give equal bytes (with one version of libhdf5 for .keras).
 */
#ifndef NN_EXPORT_H
#define NN_EXPORT_H

#include "base/error.h"
#include "base/text.h"
#include "nn/model.h"

int export_keras(const struct model *model, const char *path, struct error *err);

/* Operators of opset 18; IR version 8. */
int export_onnx(const struct model *model, const char *path, struct error *err);

/* For both: the class names as a JSON list ("class 0" ... where the model has none). */
void export_class_names(const struct model *model, struct text *text);

/* Parameter of a node, or NULL. */
const struct parameter *export_parameter(const struct model *model, int node,
                                         enum parameter_role role);

#endif
