#include "stage_run.h"

#include "base/file.h"
#include "base/json.h"
#include "data/dataset.h"
#include "nn/device.h"
#include "nn/feed.h"
#include "nn/model.h"
#include "nn/network.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

enum { IMAGES = 40, SIDE = 32, CLASSES = 3 };

/* A network with random weights, pictures of coloured squares in known boxes, and its own
 * predictions. */
struct setting {
    struct stage_run run;
    struct dataset dataset;
    float probabilities[IMAGES * CLASSES];
    char *predictions; /* path */
};

static void paint(uint8_t *picture, uint8_t *box, int index)
{
    int x0 = (index * 7) % 20, y0 = (index * 11) % 20;
    for (int i = 0; i < SIDE * SIDE * 3; i++)
        picture[i] = (uint8_t)(60 + (i * 37 + index * 13) % 40);
    for (int y = y0; y < y0 + 12; y++)
        for (int x = x0; x < x0 + 12; x++)
            picture[(y * SIDE + x) * 3 + index % CLASSES] = 250;
    box[0] = (uint8_t)x0;
    box[1] = (uint8_t)y0;
    box[2] = (uint8_t)(x0 + 11);
    box[3] = (uint8_t)(y0 + 11);
}

static void make_dataset(struct dataset *dataset, bool boxes)
{
    static const char *const names[CLASSES] = {"red", "green", "blue"};
    const int64_t pictures[4] = {IMAGES, SIDE, SIDE, 3}, labels[1] = {IMAGES},
                  corners[2] = {IMAGES, 4};
    struct error err = {0};
    *dataset =
        (struct dataset){.class_count = CLASSES, .height = SIDE, .width = SIDE, .has_boxes = boxes};
    dataset->classes = calloc(CLASSES, sizeof(char *));
    for (int i = 0; i < CLASSES; i++)
        dataset->classes[i] = strdup(names[i]);
    struct npy *const images[2] = {&dataset->train_images, &dataset->test_images};
    struct npy *const truth[2] = {&dataset->train_labels, &dataset->test_labels};
    struct npy *const known[2] = {&dataset->train_boxes, &dataset->test_boxes};
    for (int part = 0; part < 2; part++) {
        assert_int_equal(npy_new(NPY_U8, 4, pictures, images[part], &err), 0);
        assert_int_equal(npy_new(NPY_U16, 1, labels, truth[part], &err), 0);
        uint8_t unused[4];
        if (boxes)
            assert_int_equal(npy_new(NPY_U8, 2, corners, known[part], &err), 0);
        for (int i = 0; i < IMAGES; i++) {
            paint((uint8_t *)images[part]->data + i * SIDE * SIDE * 3,
                  boxes ? (uint8_t *)known[part]->data + i * 4 : unused, i);
            ((uint16_t *)truth[part]->data)[i] = (uint16_t)(i % CLASSES);
        }
    }
}

static void predict(struct setting *setting, const char *model_path, bool pooled)
{
    const struct architecture architecture = {.name = "resnet8",
                                              .alpha = 1,
                                              .image_size = SIDE,
                                              .classes = CLASSES,
                                              .hidden = 8,
                                              .pooled_layers = {"conv2_block1_out"},
                                              .pooled_count = pooled ? 1 : 0};
    const struct preprocess preprocess = {PREPROCESS_TF, 255};
    const struct network_options options = {.shard = 8, .norm = NORM_INFERENCE};
    struct model *model;
    struct device *device;
    struct network *network;
    struct batch_result result;
    struct error err = {0};
    int64_t samples[IMAGES];
    for (int i = 0; i < IMAGES; i++)
        samples[i] = i;
    assert_int_equal(model_new(&architecture, &preprocess, 3, &model, &err), 0);
    assert_int_equal(model_write(model, model_path, &err), 0);
    assert_int_equal(device_open("cpu", 1, &device, &err), 0);
    if (network_new(model, device, &options, &network, &err) < 0)
        fail_msg("%s", err.message);
    const struct feed feed = {.images = setting->dataset.test_images.data,
                              .labels = setting->dataset.test_labels.data,
                              .count = IMAGES,
                              .height = SIDE,
                              .width = SIDE,
                              .classes = CLASSES,
                              .image_size = SIDE,
                              .preprocess = preprocess};
    if (network_infer(network, &feed, samples, IMAGES, NULL, setting->probabilities, -1, NULL,
                      &result, &err) < 0)
        fail_msg("%s", err.message);
    network_free(network);
    device_close(device);
    model_free(model);
}

static void write_predictions(struct setting *setting)
{
    const int64_t shape[2] = {IMAGES, CLASSES};
    struct error err = {0};
    assert_int_equal(
        npy_write(setting->predictions, NPY_F32, 2, shape, setting->probabilities, &err), 0);
}

static void init(struct setting *setting, bool boxes, bool pooled)
{
    static const struct dataset_origin origin = {
        "sample:test", "0000000000000000000000000000000000000000000000000000000000000000", true};
    struct error err = {0};
    struct stage_run *run = &setting->run;
    stage_run_init(run, "gradcam");
    make_dataset(&setting->dataset, boxes);
    char *folder = file_join(run->folder, "dataset", &err);
    char *model = file_join(run->folder, "model.safetensors", &err);
    setting->predictions = file_join(run->folder, "predictions.npy", &err);
    if (dataset_write(folder, &setting->dataset, &origin, &err) < 0)
        fail_msg("%s", err.message);
    predict(setting, model, pooled);
    write_predictions(setting);
    stage_run_dep(run, "dataset", folder);
    stage_run_dep(run, "model", model);
    stage_run_dep(run, "predictions", setting->predictions);
    stage_run_out(run, "samples", "samples.png");
    stage_run_out(run, "confusion", "confusion.png");
    stage_run_out(run, "heatmaps", "heatmaps.npy");
    stage_run_out(run, "metrics", "metrics.json");
    stage_run_param(run, "gradcam",
                    json_pack("{s:s, s:f, s:n}", "preprocess", "model", "alpha", 0.4, "pairs"));
    free(model);
    free(folder);
}

static void release(struct setting *setting)
{
    dataset_release(&setting->dataset);
    free(setting->predictions);
    stage_run_release(&setting->run);
}

static json_t *metrics_of(struct setting *setting)
{
    struct error err = {0};
    json_t *metrics;
    if (stage_run_execute(&setting->run) != 0)
        fail_msg("%s", setting->run.messages);
    char *path = file_join(setting->run.folder, "metrics.json", &err);
    assert_int_equal(json_read(path, &metrics, &err), 0);
    free(path);
    return metrics;
}

static int64_t count_correct(const struct setting *setting)
{
    int64_t correct = 0;
    for (int i = 0; i < IMAGES; i++) {
        const float *p = setting->probabilities + i * CLASSES;
        int best = p[1] > p[0] ? 1 : 0;
        best = p[2] > p[best] ? 2 : best;
        correct += best == i % CLASSES;
    }
    return correct;
}

static void explains_and_measures_boxes(bool pooled)
{
    struct setting setting;
    init(&setting, true, pooled);
    json_t *metrics = metrics_of(&setting);
    struct error err = {0};
    struct npy heatmaps;
    char *path = file_join(setting.run.folder, "heatmaps.npy", &err);
    assert_int_equal(npy_read_as(path, NPY_F32, 3, &heatmaps, &err), 0);
    assert_int_equal(heatmaps.shape[1], 8);
    assert_int_equal(heatmaps.shape[2], 8);
    for (int64_t i = 0; i < heatmaps.count; i++) {
        float heat = ((const float *)heatmaps.data)[i];
        assert_true(heat >= 0 && heat <= 1);
    }
    int64_t correct = count_correct(&setting);
    assert_float_equal(json_number_value(json_at(metrics, "agreement")), 1, 0);
    assert_int_equal(json_integer_value(json_at(metrics, "compared")), heatmaps.shape[0] + correct);
    assert_int_equal(json_integer_value(json_at(metrics, "boxes.correct")), correct);
    assert_float_equal(json_number_value(json_at(metrics, "boxes.chance")), 144.0 / 1024, 1e-12);
    assert_true(json_integer_value(json_at(metrics, "boxes.inside")) <= correct);
    assert_string_equal(json_string_value(json_at(metrics, "preprocess")), "model");
    npy_release(&heatmaps);
    free(path);
    json_decref(metrics);
    release(&setting);
}

static void gradcam_stage_explains_and_measures_boxes(void **state)
{
    (void)state;
    explains_and_measures_boxes(false);
}

static void gradcam_stage_explains_a_head_that_sees_more_layers(void **state)
{
    (void)state;
    explains_and_measures_boxes(true);
}

static void gradcam_stage_refuses_predictions_of_another_model(void **state)
{
    (void)state;
    struct setting setting;
    init(&setting, false, false);
    for (int i = 0; i < IMAGES; i++) { /* the second class takes what the third had */
        float *p = setting.probabilities + i * CLASSES;
        float kept = p[1];
        p[1] = p[2];
        p[2] = kept;
    }
    write_predictions(&setting);
    assert_int_equal(stage_run_execute(&setting.run), 1);
    assert_non_null(strstr(setting.run.messages, "the predictions say"));
    assert_non_null(strstr(setting.run.messages, "fed by the same model and preprocessing"));
    release(&setting);
}

static void gradcam_stage_reports_agreement_without_preprocessing(void **state)
{
    (void)state;
    struct setting setting;
    init(&setting, false, false);
    stage_run_param(
        &setting.run, "gradcam",
        json_pack("{s:s, s:f, s:[[i,i]]}", "preprocess", "none", "alpha", 0.5, "pairs", 0, 1));
    json_t *metrics = metrics_of(&setting);
    double agreement = json_number_value(json_at(metrics, "agreement"));
    assert_true(agreement >= 0 && agreement <= 1);
    assert_true(json_is_null(json_at(metrics, "boxes")));
    assert_string_equal(json_string_value(json_at(metrics, "preprocess")), "none");
    assert_int_equal(json_array_size(json_at(metrics, "pairs")), 1);
    json_decref(metrics);
    release(&setting);
}

/* Jet and viridis differ in the figures alone. */
static void gradcam_stage_draws_in_the_colormap_that_is_asked_for(void **state)
{
    (void)state;
    static const char *const maps[] = {NULL, "viridis", "jet"};
    struct setting setting;
    char *samples[3], *heatmaps[3];
    size_t sizes[3], size;
    init(&setting, true, false);
    for (int i = 0; i < 3; i++) {
        json_t *params = json_pack("{s:s, s:f, s:n}", "preprocess", "model", "alpha", 0.4, "pairs");
        if (maps[i] != NULL)
            json_object_set_new(params, "colormap", json_string(maps[i]));
        stage_run_param(&setting.run, "gradcam", params);
        json_decref(metrics_of(&setting));
        samples[i] = stage_run_read(&setting.run, "samples.png", &sizes[i]);
        heatmaps[i] = stage_run_read(&setting.run, "heatmaps.npy", &size);
        assert_memory_equal(heatmaps[i], heatmaps[0], size);
    }
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(samples[0], samples[1], sizes[0]);
    assert_false(sizes[2] == sizes[0] && memcmp(samples[2], samples[0], sizes[0]) == 0);
    for (int i = 0; i < 3; i++) {
        free(samples[i]);
        free(heatmaps[i]);
    }
    release(&setting);
}

static void gradcam_stage_gives_the_same_bytes_twice(void **state)
{
    (void)state;
    static const char *const files[] = {"samples.png",
                                        "confusion.png",
                                        "heatmaps.npy",
                                        "metrics.json",
                                        "drawings/gradcam_samples.svg",
                                        "drawings/gradcam_samples.narrow.svg",
                                        "drawings/gradcam_confusion_analysis.svg",
                                        "drawings/gradcam_confusion_analysis.narrow.svg"};
    enum { FILES = sizeof(files) / sizeof(files[0]) };
    struct setting setting;
    char *first[FILES];
    size_t sizes[FILES];
    init(&setting, true, false);
    stage_run_out(&setting.run, "drawings", "drawings");
    json_decref(metrics_of(&setting));
    for (int i = 0; i < FILES; i++)
        first[i] = stage_run_read(&setting.run, files[i], &sizes[i]);
    json_object_set_new(json_object_get(setting.run.description, "resources"), "threads",
                        json_integer(2));
    json_decref(metrics_of(&setting));
    for (int i = 0; i < FILES; i++) {
        size_t size;
        char *second = stage_run_read(&setting.run, files[i], &size);
        assert_int_equal(size, sizes[i]);
        assert_memory_equal(second, first[i], size);
        free(second);
        free(first[i]);
    }
    release(&setting);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradcam_stage_explains_and_measures_boxes),
        cmocka_unit_test(gradcam_stage_explains_a_head_that_sees_more_layers),
        cmocka_unit_test(gradcam_stage_refuses_predictions_of_another_model),
        cmocka_unit_test(gradcam_stage_reports_agreement_without_preprocessing),
        cmocka_unit_test(gradcam_stage_draws_in_the_colormap_that_is_asked_for),
        cmocka_unit_test(gradcam_stage_gives_the_same_bytes_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
