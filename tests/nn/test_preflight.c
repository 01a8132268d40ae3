/* Preflight on a small network whose batch norms were given the statistics of
 * one way to feed it: that way passes, every other is named.
 */
#include "nn/preflight.h"

#include "base/file.h"
#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

enum { SIZE = 12, PICTURE = SIZE * SIZE * 3, COUNT = 24, CLASSES = 2, NORMS = 16 };

struct bed {
    uint8_t images[COUNT * PICTURE];
    uint16_t labels[COUNT];
    int64_t samples[COUNT];
    struct augment augment;
    struct feed feed;
    struct device *device;
    struct model *model;
    struct network *network;
    struct preflight preflight;
};

/* Pictures with an average colour and soft waves of their own. */
static void draw(struct bed *bed)
{
    for (int i = 0; i < COUNT; i++) {
        bed->samples[i] = i;
        for (int k = 0; k < PICTURE; k++) {
            const int x = k / 3 % SIZE, y = k / 3 / SIZE, c = k % 3;
            const double wave = sin(0.3 * (i + 1) * x + c) * cos(0.2 * (i % 5) * y);
            const double level = 110 + 50 * sin(i * 2.1 + c * (1 + i % 3));
            bed->images[i * PICTURE + k] = (uint8_t)(level + 60 * wave);
        }
    }
}

static int make_bed(void **state)
{
    const struct architecture architecture = {
        .name = "resnet8", .alpha = 1, .image_size = 16, .classes = CLASSES};
    struct bed *bed = calloc(1, sizeof(*bed));
    struct error err;
    draw(bed);
    bed->feed = (struct feed){.images = bed->images,
                              .labels = bed->labels,
                              .count = COUNT,
                              .height = SIZE,
                              .width = SIZE,
                              .classes = CLASSES,
                              .image_size = 16};
    assert_int_equal(device_open("cpu", 1, &bed->device, &err), 0);
    assert_int_equal(model_new(&architecture, &bed->feed.preprocess, 1, &bed->model, &err), 0);
    *state = bed;
    return 0;
}

static int free_bed(void **state)
{
    struct bed *bed = *state;
    network_free(bed->network);
    model_free(bed->model);
    device_close(bed->device);
    free(bed);
    return 0;
}

static void renew_network(struct bed *bed)
{
    const struct network_options options = {.shard = 8, .norm = NORM_INFERENCE};
    struct error err;
    network_free(bed->network);
    bed->network = NULL;
    if (network_new(bed->model, bed->device, &options, &bed->network, &err) < 0)
        fail_msg("%s", err.message);
}

static float *parameter(struct bed *bed, int node, enum parameter_role role)
{
    for (size_t i = 0; i < bed->model->count; i++)
        if (bed->model->parameters[i].node == node && bed->model->parameters[i].role == role)
            return bed->model->parameters[i].value;
    fail_msg("node %d has no such parameter", node);
    return NULL;
}

/* Gives each batch norm the statistics that it sees, first to last. */
static void calibrate(struct bed *bed, enum preprocess_mode mode)
{
    struct error err;
    bed->feed.preprocess = (struct preprocess){mode, 255};
    for (int i = 0; i < (int)bed->model->graph.count; i++) {
        const struct node *node = &bed->model->graph.nodes[i];
        double mean[256], variance[256];
        if (node->norm[0] == '\0')
            continue;
        renew_network(bed);
        assert_in_range(node->channels, 1, 256);
        if (network_observe(bed->network, &bed->feed, bed->samples, COUNT, i, mean, variance,
                            &err) < 0)
            fail_msg("%s", err.message);
        for (int64_t c = 0; c < node->channels; c++) {
            parameter(bed, i, PARAMETER_MOVING_MEAN)[c] = (float)mean[c];
            parameter(bed, i, PARAMETER_MOVING_VARIANCE)[c] = (float)variance[c];
        }
    }
    renew_network(bed);
}

static const struct preflight *look(struct bed *bed, enum preprocess_mode mode, float pixel_range)
{
    struct error err;
    bed->feed.preprocess = (struct preprocess){mode, pixel_range};
    if (preflight_check(bed->network, bed->model, &bed->feed, bed->samples, COUNT, &bed->preflight,
                        &err) < 0)
        fail_msg("%s", err.message);
    return &bed->preflight;
}

static void preflight_passes_what_the_weights_expect(void **state)
{
    struct bed *bed = *state;
    const enum preprocess_mode modes[] = {PREPROCESS_CAFFE, PREPROCESS_TF, PREPROCESS_TORCH};
    for (size_t i = 0; i < 3; i++) {
        calibrate(bed, modes[i]);
        const struct preflight *p = look(bed, modes[i], 255);
        assert_int_equal(p->verdict, PREFLIGHT_OK);
        assert_true(p->distance < 0.02 && p->spread > 0.1);
        assert_int_equal(p->layer_count, PREFLIGHT_LAYERS);
        assert_string_equal(p->layers[0].name, "conv1_bn");
        assert_int_equal(p->alternative_count, 0);
    }
}

static void preflight_names_pixels_scaled_twice(void **state)
{
    struct bed *bed = *state;
    const enum preprocess_mode modes[] = {PREPROCESS_CAFFE, PREPROCESS_TF};
    for (size_t i = 0; i < 2; i++) {
        calibrate(bed, modes[i]);
        const struct preflight *p = look(bed, modes[i], 1);
        assert_int_equal(p->verdict, PREFLIGHT_DEFECT);
        assert_true(p->spread < 0.05);
        assert_non_null(strstr(p->message, "pixels look scaled twice: batch norm '"));
        assert_non_null(strstr(p->message, "; model.pixel_range 1 should be 255"));
        assert_null(strchr(p->message, '\n'));
    }
}

static void preflight_names_the_mode_that_fits(void **state)
{
    struct bed *bed = *state;
    calibrate(bed, PREPROCESS_TF);
    assert_int_equal(look(bed, PREPROCESS_CAFFE, 255)->verdict, PREFLIGHT_DEFECT);
    assert_non_null(strstr(bed->preflight.message, "model.preprocess 'caffe' should be 'tf'"));
    calibrate(bed, PREPROCESS_CAFFE);
    assert_int_equal(look(bed, PREPROCESS_TF, 255)->verdict, PREFLIGHT_DEFECT);
    assert_non_null(strstr(bed->preflight.message, "model.preprocess 'tf' should be 'caffe'"));
    assert_int_equal(look(bed, PREPROCESS_UNIT, 1)->verdict, PREFLIGHT_DEFECT);
    assert_non_null(
        strstr(bed->preflight.message, "'unit' of pixel_range 1 should be 'caffe' of 255"));
}

/* Modes that differ by a shift and a factor of two leave features that differ, and cost accuracy.
 */
static void preflight_tells_modes_apart_that_are_near(void **state)
{
    struct bed *bed = *state;
    calibrate(bed, PREPROCESS_TF);
    assert_int_equal(look(bed, PREPROCESS_UNIT, 255)->verdict, PREFLIGHT_DEFECT);
    assert_non_null(strstr(bed->preflight.message, "model.preprocess 'unit' should be 'tf'"));
    assert_int_equal(look(bed, PREPROCESS_TORCH, 255)->verdict, PREFLIGHT_DEFECT);
    assert_non_null(strstr(bed->preflight.message, "model.preprocess 'torch' should be 'tf'"));
}

static void preflight_skips_fresh_weights(void **state)
{
    struct bed *bed = *state;
    renew_network(bed);
    assert_int_equal(look(bed, PREPROCESS_TF, 1)->verdict, PREFLIGHT_SKIPPED);
    assert_int_equal(bed->preflight.layer_count, 0);
}

static void preflight_looks_without_augmentation(void **state)
{
    struct bed *bed = *state;
    calibrate(bed, PREPROCESS_TF);
    bed->augment = (struct augment){.flip = true, .rotation = 0.5f, .zoom = 0.5f, .cutout = SIZE};
    bed->feed.augment = &bed->augment;
    assert_int_equal(look(bed, PREPROCESS_TF, 255)->verdict, PREFLIGHT_OK);
    assert_true(bed->preflight.distance < 0.02);
}

static json_t *written(const struct preflight *preflight)
{
    struct error err;
    json_t *value = NULL;
    char path[] = "/tmp/reprise-preflight-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(preflight_write(path, preflight, &err), 0);
    assert_int_equal(json_read(path, &value, &err), 0);
    unlink(path);
    return value;
}

static void preflight_file_says_what_was_seen(void **state)
{
    struct bed *bed = *state;
    calibrate(bed, PREPROCESS_TF);
    json_t *value = written(look(bed, PREPROCESS_TF, 1));
    assert_string_equal(json_string_value(json_at(value, "verdict")), "defect");
    assert_string_equal(json_string_value(json_at(value, "message")), bed->preflight.message);
    assert_int_equal(json_array_size(json_at(value, "layers")), PREFLIGHT_LAYERS);
    assert_int_equal(json_array_size(json_at(value, "alternatives")), PREFLIGHT_ALTERNATIVES - 1);
    assert_true(json_number_value(json_at(value, "spread")) < 0.05);
    json_decref(value);
    preflight_skip(&bed->preflight, "preflight is off");
    value = written(&bed->preflight);
    assert_string_equal(json_string_value(json_at(value, "verdict")), "skipped");
    assert_true(json_is_null(json_at(value, "spread")));
    json_decref(value);
}

/* A network that has gone to NaN is a defect and still gives a file. */
static void preflight_survives_nan(void **state)
{
    struct bed *bed = *state;
    calibrate(bed, PREPROCESS_TF);
    for (int64_t c = 0; c < bed->model->graph.nodes[1].channels; c++)
        parameter(bed, 1, PARAMETER_MOVING_MEAN)[c] = NAN;
    renew_network(bed);
    assert_int_equal(look(bed, PREPROCESS_TF, 255)->verdict, PREFLIGHT_DEFECT);
    json_decref(written(&bed->preflight));
}

/* One number of one channel, in the first norm or far from it: medians do not see it. */
static void preflight_names_one_impossible_channel(void **state)
{
    static const struct {
        int norm; /* the how many-th */
        enum parameter_role role;
        float value;
        const char *said;
    } cases[] = {
        {0, PARAMETER_MOVING_MEAN, 2e4f, "a mean "},
        {0, PARAMETER_MOVING_MEAN, -9e5f, "a mean "},
        {0, PARAMETER_MOVING_VARIANCE, 1e11f, "of the variance that its weights expect"},
        {2, PARAMETER_MOVING_MEAN, 1e5f, "a mean "},
        {5, PARAMETER_MOVING_VARIANCE, 1e9f, "of the variance that its weights expect"},
        {6, PARAMETER_MOVING_MEAN, 1e5f, "a mean "},
    };
    struct bed *bed = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char start[96];
        int node = 0;
        calibrate(bed, PREPROCESS_TF);
        for (int left = cases[i].norm; left >= 0;
             left -= bed->model->graph.nodes[node].norm[0] != '\0')
            node++;
        parameter(bed, node, cases[i].role)[5] = cases[i].value;
        renew_network(bed);
        const struct preflight *p = look(bed, PREPROCESS_TF, 255);
        assert_int_equal(p->verdict, PREFLIGHT_DEFECT);
        snprintf(start, sizeof(start), "channel 5 of batch norm '%s' sees ",
                 bed->model->graph.nodes[node].norm);
        if (strncmp(p->message, start, strlen(start)) != 0 || !strstr(p->message, cases[i].said))
            fail_msg("%s", p->message);
        assert_null(strstr(p->message, "pixels"));
        assert_null(strstr(p->message, "alike"));
        json_t *value = written(p);
        assert_int_equal(json_integer_value(json_at(value, "channel.channel")), 5);
        assert_string_equal(json_string_value(json_at(value, "channel.name")),
                            bed->model->graph.nodes[node].norm);
        json_decref(value);
    }
}

/* What is large shows in the norms that come after it. */
static void preflight_names_a_channel_behind_a_large_gamma(void **state)
{
    struct bed *bed = *state;
    calibrate(bed, PREPROCESS_TF);
    parameter(bed, 1, PARAMETER_GAMMA)[5] = 9e5f;
    renew_network(bed);
    const struct preflight *p = look(bed, PREPROCESS_TF, 255);
    assert_int_equal(p->verdict, PREFLIGHT_DEFECT);
    assert_null(strstr(p->message, "pixels look scaled twice"));
    if (!strstr(p->message, "'conv2_block1_1_bn' sees"))
        fail_msg("%s", p->message);
}

/* Plain pictures have no variance, and the words say that and no more. */
static void preflight_names_impossible_pixels(void **state)
{
    struct bed *bed = *state;
    calibrate(bed, PREPROCESS_TF);
    memset(bed->images, 0, sizeof(bed->images));
    const struct preflight *p = look(bed, PREPROCESS_TF, 255);
    assert_int_equal(p->verdict, PREFLIGHT_DEFECT);
    assert_non_null(strstr(p->message, "all images look alike"));
    assert_null(strstr(p->message, "damaged"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_bed, free_bed)

/* The features whose spread is measured are all that the head sees. */
static void preflight_measures_all_that_the_head_sees(void **state)
{
    struct bed *bed = *state;
    struct architecture architecture = bed->model->architecture;
    struct error err;
    double square = 0, difference = 0;
    assert_int_equal(architecture_pool(&architecture, "conv1_relu", &err), 0);
    model_free(bed->model);
    bed->model = NULL;
    assert_int_equal(model_new(&architecture, &bed->feed.preprocess, 1, &bed->model, &err), 0);
    calibrate(bed, PREPROCESS_TF);
    const double spread = look(bed, PREPROCESS_TF, 255)->spread;
    const int node = graph_features(&bed->model->graph);
    enum { FEATURES = 16 + 64 };
    float features[COUNT * FEATURES];
    assert_int_equal(bed->model->graph.nodes[node].channels, FEATURES);
    assert_int_equal(network_infer(bed->network, &bed->feed, bed->samples, COUNT, NULL, NULL, node,
                                   features, NULL, &err),
                     0);
    for (int c = 0; c < FEATURES; c++) {
        double mean = 0;
        for (int i = 0; i < COUNT; i++)
            mean += (double)features[i * FEATURES + c] / COUNT;
        for (int i = 0; i < COUNT; i++) {
            square += pow((double)features[i * FEATURES + c], 2);
            difference += pow((double)features[i * FEATURES + c] - mean, 2);
        }
    }
    assert_float_equal(spread, sqrt(difference / square), 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(preflight_measures_all_that_the_head_sees),
        TEST(preflight_passes_what_the_weights_expect),
        TEST(preflight_names_pixels_scaled_twice),
        TEST(preflight_names_the_mode_that_fits),
        TEST(preflight_tells_modes_apart_that_are_near),
        TEST(preflight_skips_fresh_weights),
        TEST(preflight_looks_without_augmentation),
        TEST(preflight_file_says_what_was_seen),
        TEST(preflight_survives_nan),
        TEST(preflight_names_one_impossible_channel),
        TEST(preflight_names_a_channel_behind_a_large_gamma),
        TEST(preflight_names_impossible_pixels),
    };
    return cmocka_run_group_tests_name("preflight", tests, NULL, NULL);
}
