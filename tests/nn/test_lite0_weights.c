/* EfficientNet-Lite0 with its published weights, as a file that people have: features are those of
 * the library that wrote it. */
#include "data/npy.h"
#include "nn/network.h"

#include "known_text.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

enum { IMAGES = 8, FEATURES = 1280 };

static struct model *load(struct error *err)
{
    const struct architecture architecture = {
        .name = "efficientnet_lite0", .alpha = 1.0, .image_size = 224, .classes = 10};
    const struct preprocess preprocess = {PREPROCESS_LITE, 255};
    struct model *model = NULL;
    char path[4096];
    const char *folder = getenv("REPRISE_DATA");
    snprintf(path, sizeof(path), "%s/weights/efficientnet_lite0_pytorch.safetensors",
             folder != NULL ? folder : "");
    if (folder == NULL || access(path, R_OK) != 0)
        skip_because("REPRISE_DATA names no folder with weights/");
    if (model_new(&architecture, &preprocess, 1, &model, err) < 0 ||
        model_load_base(model, path, NULL, NULL, err) < 0)
        fail_msg("%s", err->message);
    return model;
}

static void features_are_those_of_the_library_that_wrote_the_weights(void **state)
{
    (void)state;
    const int64_t samples[IMAGES] = {0, 1, 2, 3, 4, 5, 6, 7};
    const uint16_t labels[IMAGES] = {0};
    const struct network_options options = {.shard = 4, .norm = NORM_INFERENCE};
    struct npy images = {0}, expected = {0};
    struct device *device = NULL;
    struct network *network = NULL;
    struct error err = {0};
    struct model *model = load(&err);
    float *features = calloc(IMAGES * FEATURES, sizeof(*features));
    assert_non_null(features);
    if (npy_read_as("tests/golden/efficientnet_lite0/images.npy", NPY_U8, 4, &images, &err) < 0 ||
        npy_read_as("tests/golden/efficientnet_lite0/pooled_features.npy", NPY_F32, 2, &expected,
                    &err) < 0 ||
        device_open("cpu", 2, &device, &err) < 0 ||
        network_new(model, device, &options, &network, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(expected.count, IMAGES * FEATURES);
    const struct feed feed = {.images = images.data,
                              .labels = labels,
                              .count = IMAGES,
                              .height = 32,
                              .width = 32,
                              .classes = 10,
                              .image_size = 224,
                              .preprocess = model->preprocess};
    if (network_infer(network, &feed, samples, IMAGES, NULL, NULL,
                      graph_find(&model->graph, "avg_pool"), features, NULL, &err) < 0)
        fail_msg("%s", err.message);
    const float *known = expected.data;
    float largest = 0;
    for (int i = 0; i < IMAGES * FEATURES; i++)
        largest = fmaxf(largest, fabsf(known[i]));
    known_near(features, known, IMAGES * FEATURES, 1e-4 * (double)largest);
    network_free(network);
    device_close(device);
    model_free(model);
    npy_release(&images);
    npy_release(&expected);
    free(features);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_are_those_of_the_library_that_wrote_the_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
