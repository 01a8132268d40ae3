/* Grad-CAM: what in the picture raised the probability of the class that the network chose. Where
 * the objects' boxes are known, also how often the hottest point lies inside. */
#include "base/json.h"
#include "base/memory.h"
#include "base/stage.h"
#include "data/dataset.h"
#include "drawing.h"
#include "gradcam/gradcam_choose.h"
#include "gradcam/gradcam_explain.h"
#include "gradcam/gradcam_figures.h"
#include "model_use.h"

#include <stdlib.h>
#include <string.h>

struct settings {
    bool flipped;    /* what evaluate recorded is a mean over mirror images */
    bool raw_pixels; /* feed [0,1] pixels, past the model's preprocessing */
    struct overlay overlay;
    const json_t *pairs;
    struct weight_check weight_check;
};

struct box_result {
    int64_t correct, inside;
    double area; /* sum over the correct ones of the box's share of the picture: what chance would
                    hit */
};

static int read_settings(struct stage *stage, struct settings *settings, struct error *err)
{
    static const char *const ways[] = {"model", "none"};
    int way = 0, colormap = COLORMAP_VIRIDIS;
    *settings = (struct settings){.overlay = {.alpha = 0.4}};
    if (stage_choice_or_null(stage, "gradcam.preprocess", ways, 2, &way, err) < 0 ||
        stage_real_or_null(stage, "gradcam.alpha", 0, 1, &settings->overlay.alpha, err) < 0 ||
        stage_choice_or_null(stage, "gradcam.colormap", colormap_names, COLORMAPS, &colormap, err) <
            0 ||
        stage_value_or_null(stage, "gradcam.pairs", &settings->pairs, err) < 0 ||
        model_use_check(stage, &settings->weight_check, err) < 0 ||
        stage_bool_or_null(stage, "evaluate.flip", &settings->flipped, err) < 0)
        return -1;
    settings->raw_pixels = way == 1;
    settings->overlay.colormap = (enum colormap)colormap;
    return stage_params_done(stage, err) < 0 ? -1 : choice_check_pairs(settings->pairs, err);
}

static int check(struct stage *stage, struct error *err)
{
    struct settings settings;
    return read_settings(stage, &settings, err);
}

static int read_predictions(const char *path, const struct dataset *dataset,
                            struct npy *predictions, struct error *err)
{
    if (npy_read_as(path, NPY_F32, 2, predictions, err) < 0)
        return -1;
    if (predictions->shape[0] != dataset->test_labels.count ||
        predictions->shape[1] != dataset->class_count)
        return error_set(err, ERR_STAGE,
                         "the predictions are %lld x %lld, the test set has %lld images of %lld "
                         "classes",
                         (long long)predictions->shape[0], (long long)predictions->shape[1],
                         (long long)dataset->test_labels.count, (long long)dataset->class_count);
    const float *values = predictions->data;
    for (int64_t i = 0; i < predictions->count; i++)
        if (!(values[i] >= 0 && values[i] <= 1.0001f))
            return error_set(err, ERR_FORMAT,
                             "the predictions of test image %lld are not "
                             "probabilities",
                             (long long)(i / dataset->class_count));
    return 0;
}

/* predicted [test images] */
static int choose(const struct explainer *explainer, const json_t *pairs, uint16_t **predicted,
                  struct choice *choice, struct error *err)
{
    int64_t n = explainer->dataset->test_labels.count;
    if ((*predicted = memory_new((size_t)n, sizeof(**predicted), err)) == NULL)
        return -1;
    for (int64_t i = 0; i < n; i++)
        (*predicted)[i] = (uint16_t)explainer_predicted(explainer, i);
    return choice_make(explainer->dataset->test_labels.data, *predicted, n,
                       (const char *const *)explainer->dataset->classes, explainer->classes, pairs,
                       choice, err);
}

static void measure_box(const struct explainer *explainer, int64_t sample, const float *heat,
                        struct box_result *boxes)
{
    const struct dataset *dataset = explainer->dataset;
    const uint8_t *box = (const uint8_t *)dataset->test_boxes.data + sample * 4;
    int64_t y, x;
    boxes->area += (double)((box[2] - box[0] + 1) * (box[3] - box[1] + 1)) /
                   (double)(dataset->height * dataset->width);
    if (gradcam_hottest(heat, explainer->height, explainer->width, dataset->height, dataset->width,
                        &y, &x))
        boxes->inside += x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3];
}

/* Explains every test image that was recognised. */
static int measure_boxes(struct explainer *explainer, struct stage *stage,
                         const uint16_t *predicted, struct box_result *boxes, struct error *err)
{
    const uint16_t *truth = explainer->dataset->test_labels.data;
    int64_t n = explainer->dataset->test_labels.count;
    int64_t places = explainer->height * explainer->width;
    int64_t *samples = memory_new((size_t)n, sizeof(*samples), err);
    float *heats = memory_new((size_t)n, (size_t)places * sizeof(*heats), err);
    int result = samples != NULL && heats != NULL ? 0 : -1;
    *boxes = (struct box_result){0};
    for (int64_t i = 0; result == 0 && i < n; i++)
        if (truth[i] == predicted[i])
            samples[boxes->correct++] = i;
    if (result == 0)
        result = explainer_run(explainer, stage, samples, boxes->correct, heats, err);
    for (int64_t i = 0; result == 0 && i < boxes->correct; i++)
        measure_box(explainer, samples[i], heats + i * places, boxes);
    free(heats);
    free(samples);
    return result;
}

static json_t *describe_sample(const struct explainer *explainer, int64_t sample)
{
    int64_t predicted = explainer_predicted(explainer, sample);
    int64_t truth = ((const uint16_t *)explainer->dataset->test_labels.data)[sample];
    double probability = (double)explainer->predictions[sample * explainer->classes + predicted];
    return json_pack("{s:I, s:I, s:I, s:o}", "index", (json_int_t)sample, "true", (json_int_t)truth,
                     "predicted", (json_int_t)predicted, "probability", json_measured(probability));
}

static json_t *describe_slots(const struct explainer *explainer, const struct choice *choice,
                              const int *slots, int count)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++)
        if (slots[i] >= 0)
            list = json_list_with(list, describe_sample(explainer, choice->samples[slots[i]]));
    return list;
}

static json_t *describe_pairs(const struct explainer *explainer, const struct choice *choice)
{
    json_t *list = json_array();
    for (size_t i = 0; i < choice->pair_count; i++) {
        const struct confused_pair *pair = &choice->pairs[i];
        list = json_list_with(
            list,
            json_pack("{s:I, s:I, s:I, s:o}", "true", (json_int_t)pair->truth, "predicted",
                      (json_int_t)pair->predicted, "count", (json_int_t)pair->count, "samples",
                      describe_slots(explainer, choice, pair->slots, CHOICE_OF_PAIR)));
    }
    return list;
}

static json_t *describe_boxes(const struct explainer *explainer, const struct box_result *boxes)
{
    if (!explainer->dataset->has_boxes)
        return json_null();
    double correct = boxes->correct > 0 ? (double)boxes->correct : 1;
    return json_pack("{s:I, s:I, s:o, s:o}", "correct", (json_int_t)boxes->correct, "inside",
                     (json_int_t)boxes->inside, "fraction",
                     json_measured((double)boxes->inside / correct), "chance",
                     json_measured(boxes->area / correct));
}

static int write_metrics(const char *path, const struct explainer *explainer,
                         const struct choice *choice, const struct box_result *boxes,
                         struct error *err)
{
    int slots[2 * CHOICE_OF_EACH];
    memcpy(slots, choice->right, sizeof(choice->right));
    memcpy(slots + CHOICE_OF_EACH, choice->wrong, sizeof(choice->wrong));
    double agreement =
        explainer->passes > 0 ? (double)explainer->agreeing / (double)explainer->passes : 1;
    const struct node *node = &explainer->model->graph.nodes[explainer->map_node];
    json_t *metrics =
        json_pack("{s:i, s:s, s:s, s:s, s:o, s:I, s:o, s:o, s:o}", "schema", 1, "method",
                  "gradient of the most likely class's probability, last map", "layer",
                  node->output, "preprocess", explainer->own_preprocessing ? "model" : "none",
                  "agreement", json_measured(agreement), "compared", (json_int_t)explainer->passes,
                  "samples", describe_slots(explainer, choice, slots, 2 * CHOICE_OF_EACH), "pairs",
                  describe_pairs(explainer, choice), "boxes", describe_boxes(explainer, boxes));
    if (metrics == NULL)
        return error_set(err, ERR_MEMORY, "out of memory for the metrics");
    int result = json_write(path, metrics, err);
    json_decref(metrics);
    return result;
}

/* Figures and heat maps of the chosen images. */
static int show(struct stage *stage, struct explainer *explainer, const struct choice *choice,
                const struct overlay *overlay, struct error *err)
{
    int64_t places = explainer->height * explainer->width;
    const int64_t shape[3] = {(int64_t)choice->count, explainer->height, explainer->width};
    const char *heatmaps = stage_out(stage, "heatmaps", err);
    if (heatmaps == NULL)
        return -1;
    float *heats = memory_new(choice->count, (size_t)places * sizeof(*heats), err);
    int result = -1;
    if (heats == NULL ||
        explainer_run(explainer, stage, choice->samples, (int64_t)choice->count, heats, err) < 0)
        goto done;
    for (size_t i = 0; i < choice->count; i++)
        gradcam_normalise(heats + (int64_t)i * places, places);
    if (npy_write(heatmaps, NPY_F32, 3, shape, heats, err) < 0 ||
        gradcam_draw_samples(stage, explainer, choice, heats, overlay, err) < 0 ||
        gradcam_draw_confusions(stage, explainer, choice, heats, overlay, err) < 0)
        goto done;
    result = 0;
done:
    free(heats);
    return result;
}

static int explain(struct stage *stage, const struct settings *settings,
                   struct explainer *explainer, struct error *err)
{
    struct choice choice;
    struct box_result boxes = {0};
    uint16_t *predicted = NULL;
    const char *metrics = stage_out(stage, "metrics", err);
    int result = -1;
    if (metrics == NULL ||
        drawing_note_names(stage, (const char *const *)explainer->dataset->classes,
                           (size_t)explainer->classes, err) < 0 ||
        choose(explainer, settings->pairs, &predicted, &choice, err) < 0 ||
        show(stage, explainer, &choice, &settings->overlay, err) < 0 ||
        (explainer->dataset->has_boxes &&
         measure_boxes(explainer, stage, predicted, &boxes, err) < 0) ||
        write_metrics(metrics, explainer, &choice, &boxes, err) < 0)
        goto done;
    if (explainer->agreeing < explainer->passes)
        stage_note(stage, "grad-cam's own pass chose another class for %lld of %lld images",
                   (long long)(explainer->passes - explainer->agreeing),
                   (long long)explainer->passes);
    if (explainer->dataset->has_boxes)
        stage_note(stage, "hottest point inside the object's box: %lld of %lld",
                   (long long)boxes.inside, (long long)boxes.correct);
    result = 0;
done:
    free(predicted);
    return result;
}

static int run(struct stage *stage, struct error *err)
{
    struct settings settings = {0};
    struct dataset dataset = {0};
    struct npy predictions = {0};
    struct explainer explainer = {0};
    int result = -1;
    const char *folder = stage_dep(stage, "dataset", err);
    const char *model = folder != NULL ? stage_dep(stage, "model", err) : NULL;
    const char *recorded = model != NULL ? stage_dep(stage, "predictions", err) : NULL;
    if (recorded == NULL || read_settings(stage, &settings, err) < 0 ||
        dataset_open(folder, &dataset, err) < 0 ||
        read_predictions(recorded, &dataset, &predictions, err) < 0 ||
        explainer_open(&explainer, stage, model, &dataset, predictions.data, &settings.weight_check,
                       settings.raw_pixels, err) < 0)
        goto done;
    /* A mean over mirror images is no pass of the network's. */
    explainer.compares = explainer.own_preprocessing && !settings.flipped;
    result = explain(stage, &settings, &explainer, err);
done:
    explainer_close(&explainer);
    npy_release(&predictions);
    dataset_release(&dataset);
    return result;
}

static int fingerprint(const char *device, struct error *err)
{
    return model_use_fingerprint(device, err) < 0 ? -1 : drawing_fingerprint(device, err);
}

int main(int argc, char **argv)
{
    static const struct stage_kind kind = {.name = "gradcam",
                                           .summary = "what the network looked at",
                                           .run = run,
                                           .check = check,
                                           .fingerprint = fingerprint,
                                           .deps = "dataset model predictions",
                                           .outs = "samples confusion heatmaps metrics drawings?",
                                           .metrics = "agreement compared boxes.correct "
                                                      "boxes.inside boxes.fraction boxes.chance"};
    return stage_main(argc, argv, &kind);
}
