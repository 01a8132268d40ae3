/* The out `tensorboard`: a folder of runs, as Keras' callback names them. A phase has the runs
 * <phase>/train (epoch_accuracy, epoch_loss, epoch_learning_rate) and <phase>/validation; its steps
 * are its epochs, from 1. The run `test` has test_accuracy and test_loss of metrics, and the
 * hyperparameters, which the tab HPARAMS shows beside them.
 */
#ifndef STAGES_CURVES_TENSORBOARD_H
#define STAGES_CURVES_TENSORBOARD_H

#include "curves/curves_content.h"

/* hyperparameters: a map of any depth, or NULL. A value in an inner map gets a dotted name; a list
 * is shown as its JSON, and null not at all. */
int curves_tensorboard(const char *folder, const struct curves_content *content,
                       const json_t *hyperparameters, struct error *err);

#endif
