/* The report for programs. */
#ifndef STAGES_REPORT_JSON_H
#define STAGES_REPORT_JSON_H

#include "base/error.h"
#include "report/report_content.h"

/* {"schema": 1, "title", "profile", "target", "test_accuracy", "test_loss", "tested", "reached",
 * "phases": {id:
 * {...}}, "confused":
 * [...], "per_class", "macro", "weighted", "gradcam", "dataset", "split", "stages"}; what is not
 * there is null. New reference, or NULL with ERR_MEMORY. */
json_t *report_json(const struct report_content *content, struct error *err);

#endif
