#include "curves/curves_vega.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "figure/confused.h"
#include "figure/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the charts, without their data ---- */

/* JSON as it is written; no macro in it is expanded. */
#define JSON(...) #__VA_ARGS__

/* clang-format off */
static const char common[] = JSON({
  "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
  "config": {
    "font": "sans-serif", "view": {"stroke": null},
    "axis": {"gridColor": "#e6e6e6", "domainColor": "#888888", "tickColor": "#888888"},
    "title": {"anchor": "start", "fontSize": 15}}
});

#define PANEL(field_name, name, digits) JSON({ \
  "facet": {"row": {"field": "phase", "sort": null, "title": null, \
    "header": {"labelOrient": "top", "labelAnchor": "start", "labelFontWeight": "bold"}}}, \
  "resolve": {"scale": {"x": "independent", "y": "independent"}}, \
  "spec": {"width": 320, "height": 180, "layer": [ \
    {"transform": [{"filter": "datum.kept"}], \
     "mark": {"type": "rule", "strokeDash": [4, 3], "color": "#888888"}, \
     "encoding": {"x": {"field": "epoch", "type": "quantitative"}}}, \
    {"mark": {"type": "line", "point": {"size": 36}}, \
     "encoding": { \
       "x": {"field": "epoch", "type": "quantitative", "title": "Epoch", \
         "axis": {"format": "d", "tickMinStep": 1, "grid": false}, \
         "scale": {"zero": false, "nice": false}}, \
       "y": {"field": field_name, "type": "quantitative", "title": name, \
         "axis": {"format": digits}, "scale": {"zero": false}}, \
       "color": {"field": "part", "type": "nominal", "title": null, \
         "scale": {"domain": ["training", "validation"], "range": ["#4c72b0", "#dd8452"]}}, \
       "tooltip": [{"field": "phase"}, {"field": "part"}, {"field": "epoch"}, \
         {"field": "accuracy", "format": ".2%"}, {"field": "loss", "format": ".4f"}, \
         {"field": "learning_rate", "format": ".3~g", "title": "learning rate"}]}}]}})

static const char training_curves[] =
  "{\"hconcat\": [" PANEL("accuracy", "Accuracy", "~%") "," PANEL("loss", "Loss", "~g") "], \"title\": "
  JSON({"text": "Training", "subtitle": "dashed: the epoch whose weights were kept"}) "}";

static const char confusion_matrix[] = JSON({
  "title": "Confusion matrix of the test images",
  "width": {"step": 34}, "height": {"step": 34},
  "encoding": {
    "x": {"field": "predicted", "type": "nominal", "sort": null, "title": "Predicted class",
      "axis": {"labelAngle": -45}},
    "y": {"field": "true", "type": "nominal", "sort": null, "title": "True class"},
    "tooltip": [{"field": "true"}, {"field": "predicted"}, {"field": "images"},
      {"field": "share", "format": ".1%", "title": "share of the true class"}]},
  "layer": [
    {"mark": "rect",
     "encoding": {"color": {"field": "share", "type": "quantitative",
       "title": "Share of the true class", "legend": {"format": "~%"},
       "scale": {"domain": [0, 1], "range": ["#f7fbff", "#6baed6", "#08306b"]}}}},
    {"mark": {"type": "text", "fontSize": 11},
     "encoding": {"text": {"field": "images", "format": "~s"},
       "color": {"condition": {"test": "datum.share > 0.5", "value": "white"},
         "value": "#333333"},
       "opacity": {"condition": {"test": "datum.images > 0", "value": 1}, "value": 0.3}}}]
});

static const char classes[] = JSON({
  "title": {"text": "Classes by F1 on the test images",
    "subtitle": "the 60 worst at most; dashed: the mean of all"},
  "transform": [
    {"joinaggregate": [{"op": "mean", "field": "f1", "as": "mean"}]},
    {"window": [{"op": "row_number", "as": "place"}], "sort": [{"field": "f1"}]},
    {"filter": "datum.place <= 60"}],
  "width": 420, "height": {"step": 20},
  "layer": [
    {"mark": {"type": "bar", "color": "#4c72b0", "height": {"band": 0.7}},
     "encoding": {
       "y": {"field": "class", "type": "nominal", "title": null,
         "sort": {"field": "place", "op": "min"}},
       "x": {"field": "f1", "type": "quantitative", "title": "F1 (bar), precision and recall",
         "scale": {"domain": [0, 1]}, "axis": {"format": "~%"}},
       "tooltip": [{"field": "class"}, {"field": "f1", "format": ".2%", "title": "F1"},
         {"field": "precision", "format": ".2%"}, {"field": "recall", "format": ".2%"},
         {"field": "images"}]}},
    {"transform": [{"fold": ["precision", "recall"], "as": ["score", "value"]}],
     "mark": {"type": "point", "filled": true, "size": 50, "opacity": 1, "stroke": "white",
       "strokeWidth": 1},
     "encoding": {
       "y": {"field": "class", "type": "nominal", "sort": {"field": "place", "op": "min"}},
       "x": {"field": "value", "type": "quantitative"},
       "color": {"field": "score", "type": "nominal", "title": null,
         "scale": {"domain": ["precision", "recall"], "range": ["#dd8452", "#55a868"]}},
       "shape": {"field": "score", "type": "nominal", "title": null,
         "scale": {"domain": ["precision", "recall"]}}}},
    {"mark": {"type": "rule", "strokeDash": [4, 3], "color": "#888888"},
     "encoding": {"x": {"aggregate": "mean", "field": "mean", "type": "quantitative"}}}]
});
/* clang-format on */

/* `title` takes the place of the chart's own, where it is not NULL. */
static int write_chart(const char *folder, const char *name, const char *chart, const char *title,
                       json_t *values, struct error *err)
{
    json_t *spec = json_loads(chart, 0, NULL), *every = json_loads(common, 0, NULL);
    if (spec == NULL || json_object_update(spec, every) < 0) {
        json_decref(spec);
        spec = NULL;
    }
    json_decref(every);
    if (title != NULL)
        spec = json_object_with(spec, "title", json_string(title));
    spec = json_object_with(spec, "data", json_object_with(json_object(), "values", values));
    char *path = file_join(folder, name, err);
    int result = -1;
    if (spec == NULL)
        error_set(err, ERR_MEMORY, "out of memory for the charts");
    else if (path != NULL)
        result = json_write(path, spec, err);
    json_decref(spec);
    free(path);
    return result;
}

/* What is not finite is a gap. */
static json_t *number(double value)
{
    return isfinite(value) ? json_measured(value) : json_null();
}

/* ---- their data ---- */

static json_t *epoch_row(const struct curves_phase *phase, size_t epoch, bool training)
{
    const struct epoch_record *record = &phase->history.epochs[epoch];
    return json_pack("{s:s, s:I, s:s, s:o, s:o, s:o, s:b}", "phase", phase->title, "epoch",
                     (json_int_t)epoch + 1, "part", training ? "training" : "validation",
                     "accuracy", number(training ? record->accuracy : record->val_accuracy), "loss",
                     number(training ? record->loss : record->val_loss), "learning_rate",
                     number(record->learning_rate), "kept",
                     (int64_t)epoch == phase->history.kept_epoch);
}

static json_t *epochs(const struct curves_content *content)
{
    json_t *values = json_array();
    for (size_t i = 0; i < CURVES_PHASES; i++)
        for (size_t e = 0; e < content->phases[i].history.count; e++) {
            values = json_list_with(values, epoch_row(&content->phases[i], e, true));
            values = json_list_with(values, epoch_row(&content->phases[i], e, false));
        }
    return values;
}

static double row_sum(const struct curves_content *content, size_t row)
{
    double sum = 0;
    for (size_t j = 0; j < content->classes; j++)
        sum += (double)content->counts[row * content->classes + j];
    return sum;
}

/* shown [count]: the classes that a cell is written of. */
static json_t *cells(const struct curves_content *content, const size_t *shown, size_t count)
{
    json_t *values = json_array();
    for (size_t i = 0; i < count; i++) {
        const double images = row_sum(content, shown[i]);
        for (size_t j = 0; j < count; j++) {
            const int64_t cell = content->counts[shown[i] * content->classes + shown[j]];
            values = json_list_with(
                values, json_pack("{s:s, s:s, s:I, s:o}", "true", content->names[shown[i]],
                                  "predicted", content->names[shown[j]], "images", (json_int_t)cell,
                                  "share", number(images > 0 ? (double)cell / images : 0)));
        }
    }
    return values;
}

static int write_confusion(const char *folder, const struct curves_content *content,
                           struct error *err)
{
    const bool all = content->classes <= FIGURE_ALL_CLASSES;
    const size_t count = all ? content->classes : FIGURE_MOST_CONFUSED;
    size_t *shown = memory_new(count, sizeof(size_t), err);
    char title[128];
    int result = shown != NULL ? 0 : -1;
    for (size_t i = 0; result == 0 && i < count; i++)
        shown[i] = i;
    if (result == 0 && !all)
        result = confused_choose(content->counts, content->classes, count, shown, err);
    snprintf(title, sizeof(title),
             "Confusion matrix of the test images: the %zu most confused of %zu classes", count,
             content->classes);
    if (result == 0)
        result = write_chart(folder, "confusion_matrix.vl.json", confusion_matrix,
                             all ? NULL : title, cells(content, shown, count), err);
    free(shown);
    return result;
}

static json_t *score(const json_t *scores, const char *name)
{
    double value;
    return json_measurement(json_object_get(scores, name), &value) ? number(value) : json_null();
}

static json_t *class_rows(const struct curves_content *content)
{
    const json_t *per_class = json_object_get(content->metrics, "per_class");
    json_t *values = json_array();
    for (size_t c = 0; c < content->classes; c++) {
        const json_t *scores = json_array_get(per_class, c);
        values = json_list_with(values, json_pack("{s:s, s:o, s:o, s:o, s:o}", "class",
                                                  content->names[c], "f1", score(scores, "f1"),
                                                  "precision", score(scores, "precision"), "recall",
                                                  score(scores, "recall"), "images",
                                                  score(scores, "support")));
    }
    return values;
}

int curves_vega(const char *folder, const struct curves_content *content, struct error *err)
{
    bool trained = false;
    for (size_t i = 0; i < CURVES_PHASES; i++)
        trained |= content->phases[i].history.count > 0;
    if (file_make_folders(folder, err) < 0 ||
        (trained && write_chart(folder, "training_curves.vl.json", training_curves, NULL,
                                epochs(content), err) < 0))
        return -1;
    if (content->metrics == NULL)
        return 0;
    if (write_confusion(folder, content, err) < 0)
        return -1;
    return write_chart(folder, "classes.vl.json", classes, NULL, class_rows(content), err);
}
