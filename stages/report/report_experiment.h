/* The same work done several ways: items of a group of stages, each with what sets it apart from
 * the others and what it reached. */
#ifndef STAGES_REPORT_EXPERIMENT_H
#define STAGES_REPORT_EXPERIMENT_H

#include "base/error.h"
#include "base/stage.h"
#include "base/text.h"

#include <jansson.h>

/* From the deps experiment_metrics, experiment_phase1_history and experiment_phase2_history,
 * folders with one for each item (such as `evaluate@*.metrics`), and the lineage (or NULL).
 * *experiment stays NULL without the first dep, else becomes
 *   [{"name": item, "settings": {"model.pixel_range": 255, ...}, "phase1_val_accuracy",
 * "phase2_val_accuracy", "test_accuracy", "n"}, ...] with numbers null where unknown; settings are
 * the parameters of the item's stages that are not the same for all. */
int report_experiment_read(struct stage *stage, const json_t *lineage, json_t **experiment,
                           struct error *err);

/* A setting of a row as people write it: a text bare, all else as JSON; nothing where the row has
 * none. */
void report_experiment_setting(const json_t *row, const char *name, struct text *value);

#endif
