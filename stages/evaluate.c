/* The final model on the test images.
 *
 * deps dataset, model; outs metrics (JSON), predictions (probabilities, f32 [n,classes]) and report
 * (scikit-learn's classification report). How a picture is fed is the model's to say.
 * Parameters, which may be left out: weights.check (model_use.h); evaluate.flip, the mean of each
 * picture's answer and its mirror image's.
 */
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/stage.h"
#include "base/text.h"
#include "data/classification.h"
#include "data/dataset.h"
#include "data/npy.h"
#include "nn/elementary.h"
#include "nn/fit.h"
#include "nn/model.h"
#include "nn/network.h"

#include "model_use.h"

#include <math.h>
#include <stdlib.h>

struct evaluate {
    struct stage *stage;
    struct weight_check weight_check;
    bool flip;
    struct dataset dataset;
    struct model *model;
    struct device *device;
    struct network *network;
    struct feed feed;     /* of the test images */
    int64_t *samples;     /* [n] */
    float *probabilities; /* [n,classes] */
    uint16_t *predicted;  /* [n] */
    struct fit_evaluation evaluation;
    struct classification classification;
};

static int64_t test_count(const struct evaluate *e)
{
    return e->dataset.test_images.shape[0];
}

static int open_all(struct evaluate *e, struct error *err)
{
    const char *dataset = stage_dep(e->stage, "dataset", err);
    const char *model = dataset != NULL ? stage_dep(e->stage, "model", err) : NULL;
    if (model == NULL || dataset_open(dataset, &e->dataset, err) < 0 ||
        model_read(model, &e->weight_check, &e->model, err) < 0 ||
        model_use_feed(e->model, &e->dataset, TEST_HALF, &e->feed, err) < 0)
        return -1;
    if (test_count(e) < 1)
        return error_set(err, ERR_STAGE, "the dataset has no test images");
    if (model_use_device(e->stage, &e->device, err) < 0)
        return -1;
    return model_use_network(e->stage, e->model, e->device, &e->feed, &e->network, err);
}

static bool on_images(void *arg, int64_t epoch, int64_t done, int64_t total)
{
    (void)epoch;
    stage_progress(arg, "test images", done, total, "image");
    return !stage_stop_requested();
}

/* Flip at test time: the mean of what the model says of a picture and of its mirror image, and the
 * loss of that. */
static int average_with_mirrored(struct evaluate *e, const struct fit_observer *observer,
                                 struct error *err)
{
    const int64_t n = test_count(e), classes = e->dataset.class_count;
    struct fit_evaluation ignored;
    struct feed mirrored = e->feed;
    double total = 0;
    float *other = memory_new((size_t)(n * classes), sizeof(float), err);
    mirrored.mirror = true;
    int result = other == NULL ? -1
                               : fit_evaluate(e->network, &mirrored, e->samples, n, 0, observer,
                                              other, &ignored, err);
    for (int64_t i = 0; result == 0 && i < n * classes; i++)
        e->probabilities[i] = 0.5f * (e->probabilities[i] + other[i]);
    for (int64_t i = 0; result == 0 && i < n; i++)
        total -= elementary_log((double)e->probabilities[i * classes + e->feed.labels[i]]);
    if (result == 0)
        e->evaluation.loss = total / (double)n;
    free(other);
    return result;
}

static int predict(struct evaluate *e, struct error *err)
{
    const struct dataset *dataset = &e->dataset;
    const struct fit_observer observer = {.arg = e->stage, .validation = on_images};
    const int64_t n = test_count(e), classes = dataset->class_count;
    if ((e->samples = memory_new((size_t)n, sizeof(int64_t), err)) == NULL ||
        (e->probabilities = memory_new((size_t)(n * classes), sizeof(float), err)) == NULL ||
        (e->predicted = memory_new((size_t)n, sizeof(*e->predicted), err)) == NULL)
        return -1;
    for (int64_t i = 0; i < n; i++)
        e->samples[i] = i;
    if (fit_evaluate(e->network, &e->feed, e->samples, n, 0, &observer, e->probabilities,
                     &e->evaluation, err) < 0)
        return -1;
    if (e->flip && average_with_mirrored(e, &observer, err) < 0)
        return -1;
    if (isnan(e->evaluation.loss))
        return error_set(err, ERR_STAGE,
                         "the loss on the test images is not a number: the model's outputs are not "
                         "finite, though its weights are; it is one of a training that diverged");
    for (int64_t i = 0; i < n; i++)
        e->predicted[i] = (uint16_t)network_argmax(e->probabilities + i * classes, classes);
    return classification_compute(dataset->test_labels.data, e->predicted, n, classes,
                                  &e->classification, err);
}

/* ---- outs ---- */

static json_t *score_to_json(const struct class_score *score)
{
    return json_pack("{s:o, s:o, s:o, s:I}", "precision", json_measured(score->precision), "recall",
                     json_measured(score->recall), "f1", json_measured(score->f1), "support",
                     (json_int_t)score->support);
}

static json_t *metrics_to_json(const struct evaluate *e)
{
    const struct classification *c = &e->classification;
    json_t *confusion = json_array(), *names = json_array(), *scores = json_array();
    for (int64_t i = 0; i < c->classes; i++) {
        json_t *row = json_array();
        for (int64_t j = 0; j < c->classes; j++)
            row = json_list_with(row, json_integer(c->confusion[i * c->classes + j]));
        const char *name = e->dataset.classes[i];
        confusion = json_list_with(confusion, row);
        names = json_list_with(names, json_string(name));
        scores = json_list_with(
            scores, json_object_with(score_to_json(&c->scores[i]), "name", json_string(name)));
    }
    return json_pack("{s:i, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o}", "schema", 1, "test_loss",
                     json_measured(e->evaluation.loss), "test_accuracy", json_measured(c->accuracy),
                     "n", (json_int_t)c->n, "confusion", confusion, "classes", names, "per_class",
                     scores, "macro", score_to_json(&c->macro), "weighted",
                     score_to_json(&c->weighted));
}

static int write_metrics(const struct evaluate *e, const char *path, struct error *err)
{
    json_t *metrics = metrics_to_json(e);
    if (metrics == NULL)
        return error_set(err, ERR_MEMORY, "out of memory");
    int result = json_write(path, metrics, err);
    json_decref(metrics);
    return result;
}

static int write_report(const struct evaluate *e, const char *path, struct error *err)
{
    struct text text = {0};
    classification_text(&e->classification, (const char *const *)e->dataset.classes, &text);
    int result = text_check(&text, err);
    if (result == 0)
        result = file_write(path, text.data, text.size, err);
    text_release(&text);
    return result;
}

static int write_outs(const struct evaluate *e, struct error *err)
{
    const int64_t shape[2] = {test_count(e), e->dataset.class_count};
    const char *metrics = stage_out(e->stage, "metrics", err);
    const char *predictions = stage_out(e->stage, "predictions", err);
    const char *report = stage_out(e->stage, "report", err);
    if (metrics == NULL || predictions == NULL || report == NULL ||
        npy_write(predictions, NPY_F32, 2, shape, e->probabilities, err) < 0 ||
        write_report(e, report, err) < 0)
        return -1;
    return write_metrics(e, metrics, err);
}

static int read_params(struct evaluate *e, struct error *err)
{
    if (model_use_check(e->stage, &e->weight_check, err) < 0 ||
        stage_bool_or_null(e->stage, "evaluate.flip", &e->flip, err) < 0)
        return -1;
    return stage_params_done(e->stage, err);
}

static int check(struct stage *stage, struct error *err)
{
    struct evaluate e = {.stage = stage};
    return read_params(&e, err);
}

static int run(struct stage *stage, struct error *err)
{
    struct evaluate e = {.stage = stage};
    int result = -1;
    if (read_params(&e, err) < 0)
        return -1;
    if (open_all(&e, err) == 0 && predict(&e, err) == 0 && write_outs(&e, err) == 0) {
        stage_metric(stage, "test_loss", e.evaluation.loss, 0);
        stage_metric(stage, "test_accuracy", e.classification.accuracy, 0);
        result = 0;
    }
    classification_release(&e.classification);
    free(e.predicted);
    free(e.probabilities);
    free(e.samples);
    network_free(e.network);
    model_free(e.model);
    device_close(e.device);
    dataset_release(&e.dataset);
    return result;
}

static const struct stage_kind evaluate_kind = {
    .name = "evaluate",
    .summary = "loss, accuracy, confusions and predictions on the test images",
    .run = run,
    .check = check,
    .fingerprint = model_use_fingerprint,
    .deps = "dataset model",
    .outs = "metrics predictions report",
    .metrics = "n test_loss test_accuracy macro.precision macro.recall macro.f1 macro.support "
               "weighted.precision weighted.recall weighted.f1 weighted.support "
               "per_class.*.precision per_class.*.recall per_class.*.f1 per_class.*.support",
};

int main(int argc, char **argv)
{
    return stage_main(argc, argv, &evaluate_kind);
}
