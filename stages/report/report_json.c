#include "report/report_json.h"

#include "base/json.h"

#include <math.h>

/* The value itself, or null. New reference. */
static json_t *shared(const json_t *value)
{
    return value != NULL ? json_incref((json_t *)value) : json_null();
}

static json_t *phase_json(const struct report_phase *phase)
{
    if (phase->history == NULL)
        return json_null();
    json_t *json = json_pack(
        "{s:I, s:I, s:o, s:o, s:o, s:I, s:I, s:s, s:o, s:o}", "epochs",
        (json_int_t)phase->epoch_count, "best_epoch", (json_int_t)phase->best_epoch, "accuracy",
        json_measured(phase->accuracy), "val_accuracy", json_measured(phase->val_accuracy),
        "val_loss", json_measured(phase->val_loss), "trainable_parameters",
        (json_int_t)phase->trainable, "frozen_parameters", (json_int_t)phase->frozen, "precision",
        phase->precision, "stopped_early", shared(json_object_get(phase->history, "stopped_early")),
        "preflight", shared(phase->preflight));
    if (phase->further_epochs > 0)
        json = json_object_with(json, "further_epochs", json_integer(phase->further_epochs));
    return phase->kept_epoch == phase->best_epoch
               ? json
               : json_object_with(json, "kept_epoch", json_integer(phase->kept_epoch));
}

static json_t *phases_json(const struct report_content *content)
{
    json_t *phases = json_object();
    for (int i = 0; i < REPORT_PHASES; i++)
        phases = json_object_with(phases, content->phases[i].id, phase_json(&content->phases[i]));
    return phases;
}

static json_t *confused_json(const struct report_content *content)
{
    json_t *list = json_array();
    for (size_t i = 0; i < content->confused_count; i++) {
        const struct report_confusion *pair = &content->confused[i];
        list = json_list_with(
            list, json_pack("{s:s, s:s, s:I, s:o}", "true", report_class(content, pair->truth),
                            "predicted", report_class(content, pair->predicted), "count",
                            (json_int_t)pair->count, "share", json_measured(pair->share)));
    }
    return list;
}

json_t *report_json(const struct report_content *content, struct error *err)
{
    const bool has_target = !isnan(content->target);
    json_t *report = json_pack(
        "{s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
        "s:o, s:o}",
        "schema", 1, "title", content->title, "profile",
        shared(json_object_get(content->lineage, "profile")), "sets",
        shared(json_object_get(content->lineage, "sets")), "target",
        has_target ? json_real(content->target) : json_null(), "test_accuracy",
        json_measured(content->accuracy), "test_loss", json_measured(content->loss), "tested",
        (json_int_t)content->tested, "reached",
        has_target ? json_boolean(content->reached) : json_null(), "published",
        shared(content->published), "phases", phases_json(content), "confused",
        confused_json(content), "per_class", shared(json_object_get(content->metrics, "per_class")),
        "macro", shared(json_object_get(content->metrics, "macro")), "weighted",
        shared(json_object_get(content->metrics, "weighted")), "gradcam", shared(content->gradcam),
        "dataset", shared(content->dataset), "split", shared(content->split), "stages",
        shared(json_object_get(content->lineage, "stages")));
    if (content->experiment != NULL)
        report = json_object_with(report, "experiment", shared(content->experiment));
    if (report == NULL)
        error_set(err, ERR_MEMORY, "out of memory for the report");
    return report;
}
