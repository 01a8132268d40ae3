#include "nn/gradcam.h"

#include "data/golden.h"
#include "formula.h"
#include "nn/network.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

/* The numbers of the next line `name ...`; *at moves behind it. */
static float *next_line(char **at, const char *name, int64_t count)
{
    size_t length = strlen(name);
    assert_memory_equal(*at, name, length);
    char *from = *at + length;
    float *values = calloc((size_t)count + 1, sizeof(*values));
    assert_non_null(values);
    for (int64_t i = 0; i < count; i++)
        values[i] = strtof(from, &from);
    assert_int_equal(*from, '\n');
    *at = from + 1;
    return values;
}

static void expect_near(const float *got, const float *expected, int64_t count, float tolerance)
{
    float largest = 0;
    for (int64_t i = 0; i < count; i++)
        largest = fmaxf(largest, fabsf(expected[i]));
    for (int64_t i = 0; i < count; i++)
        assert_float_equal(got[i], expected[i], tolerance * largest);
}

static void check_case(char **at)
{
    long long h, w, c, hidden, classes, class;
    struct error err = {0};
    assert_int_equal(
        sscanf(*at, "case %lld %lld %lld %lld %lld %lld", &h, &w, &c, &hidden, &classes, &class),
        6);
    *at = strchr(*at, '\n') + 1;
    float *map = next_line(at, "map", h * w * c);
    float *hidden_kernel = next_line(at, "hidden_kernel", c * hidden);
    float *hidden_bias = next_line(at, "hidden_bias", hidden);
    float *kernel = next_line(at, "kernel", (hidden ? hidden : c) * classes);
    float *probabilities = next_line(at, "probabilities", classes);
    float *gradient = next_line(at, "gradient", c);
    float *heat = next_line(at, "heat", h * w);
    float *bytes = next_line(at, "bytes", h * w);
    struct gradcam_head head = {c, hidden, classes, hidden_kernel, hidden_bias, kernel, 0};
    float got_gradient[64], got_heat[64];
    uint8_t got_bytes[64];
    assert_int_equal(
        gradcam_gradient(&head, map, h * w, NULL, probabilities, class, got_gradient, &err), 0);
    expect_near(got_gradient, gradient, c, 1e-4f);
    gradcam_heat(map, h * w, c, got_gradient, got_heat);
    gradcam_normalise(got_heat, h * w);
    expect_near(got_heat, heat, h * w, 1e-4f);
    gradcam_to_bytes(got_heat, h * w, got_bytes);
    for (int64_t i = 0; i < h * w; i++)
        assert_true(fabsf((float)got_bytes[i] - bytes[i]) <= 1);
    float *all[] = {map, hidden_kernel, hidden_bias, kernel, probabilities, gradient, heat, bytes};
    for (int i = 0; i < 8; i++)
        free(all[i]);
}

static void gradcam_equals_keras_gradient_tape(void **state)
{
    (void)state;
    char *text = golden_read("gradcam/cases.txt");
    char *at = strchr(text, '\n') + 1;
    int cases = 0;
    for (; *at != '\0'; cases++)
        check_case(&at);
    assert_int_equal(cases, 6);
    free(text);
}

/* One hidden unit, on: dp_0/dmap = p0 p1 (w0 - w1) h / places, whatever p0 rounds to. */
static void gradcam_keeps_its_direction_where_the_softmax_saturates(void **state)
{
    (void)state;
    const float map[4] = {1, 2, 0, 1}, one = 1, zero = 0, kernel[2] = {1, -1};
    const float probabilities[2] = {1.0f, 1e-20f};
    const struct gradcam_head head = {1, 1, 2, &one, &zero, kernel, 0};
    float gradient, heat[4];
    int64_t y = -1, x = -1;
    struct error err = {0};
    assert_int_equal(gradcam_gradient(&head, map, 4, NULL, probabilities, 0, &gradient, &err), 0);
    assert_float_equal(gradient / 5e-21f, 1, 1e-5);
    gradcam_heat(map, 4, 1, &gradient, heat);
    assert_true(gradcam_hottest(heat, 2, 2, 2, 2, &y, &x));
    assert_int_equal(y * 2 + x, 1);
    gradcam_normalise(heat, 4);
    assert_true(heat[1] < 1e-9f); /* next to the 1e-8 it stays dark */
}

static void gradcam_leaves_a_map_without_heat_at_zero(void **state)
{
    (void)state;
    const float map[2] = {1, 2}, gradient = -1;
    float heat[2];
    int64_t y = 0, x = 0;
    gradcam_heat(map, 2, 1, &gradient, heat);
    gradcam_normalise(heat, 2);
    assert_true(heat[0] == 0 && heat[1] == 0);
    assert_false(gradcam_hottest(heat, 1, 2, 8, 8, &y, &x));
}

static void gradcam_finds_the_hottest_pixel(void **state)
{
    (void)state;
    /* The place (1,2) of 4 x 4 covers rows 8..15 and columns 16..23 of 32 x 32. */
    float heat[16] = {0};
    int64_t y = 0, x = 0;
    heat[1 * 4 + 2] = 1;
    heat[3 * 4 + 3] = 1;
    assert_true(gradcam_hottest(heat, 4, 4, 32, 32, &y, &x));
    assert_int_equal(y, 12);
    assert_int_equal(x, 20);
    /* 2 x 3 over 20 x 9: places of 10 by 3 pixels */
    const float last[6] = {0, 0, 0, 0, 0, 1};
    assert_true(gradcam_hottest(last, 2, 3, 20, 9, &y, &x));
    assert_int_equal(y, 15);
    assert_int_equal(x, 7);
}

/* ---- beside averages of other layers ---- */

enum { N = 4, SIZE = 16, KINDS = 4, UNITS = 8, MAP = 64, PLACES = 16, OTHERS = 32 + 16 };

static float *values_of(const struct model *model, const char *name)
{
    for (size_t p = 0; p < model->count; p++)
        if (strcmp(model->parameters[p].name, name) == 0)
            return model->parameters[p].value;
    fail_msg("no parameter '%s'", name);
    return NULL;
}

/* y = x kernel + bias */
static void times(const double *x, int64_t in, const float *kernel, const float *bias, int64_t out,
                  double *y)
{
    for (int64_t j = 0; j < out; j++) {
        y[j] = (double)bias[j];
        for (int64_t i = 0; i < in; i++)
            y[j] += x[i] * (double)kernel[i * out + j];
    }
}

/* The head on features [OTHERS + MAP], one number after the other. */
static double probability(const struct model *model, const double *features, int64_t class)
{
    double hidden[UNITS], logits[KINDS], sum = 0;
    const bool deep = model->architecture.hidden > 0;
    times(features, OTHERS + MAP, values_of(model, "dense/kernel"), values_of(model, "dense/bias"),
          deep ? UNITS : KINDS, deep ? hidden : logits);
    for (int64_t j = 0; j < UNITS && deep; j++)
        hidden[j] = hidden[j] > 0 ? hidden[j] : 0;
    if (deep)
        times(hidden, UNITS, values_of(model, "dense_1/kernel"), values_of(model, "dense_1/bias"),
              KINDS, logits);
    for (int64_t k = 0; k < KINDS; k++)
        sum += exp(logits[k]);
    return exp(logits[class]) / sum;
}

static void check_picture(const struct model *model, const float *map, const float *features,
                          const float *probabilities)
{
    struct gradcam_head head;
    struct error err = {0};
    double wide[OTHERS + MAP];
    float gradient[MAP], expected[MAP];
    const int64_t class = network_argmax(probabilities, KINDS);
    assert_int_equal(gradcam_head_of(model, &head, &err), 0);
    assert_int_equal(head.channels, MAP);
    assert_int_equal(head.others, OTHERS);
    for (int c = 0; c < OTHERS + MAP; c++)
        wide[c] = (double)features[c];
    assert_true(fabs(probability(model, wide, class) - (double)probabilities[class]) < 1e-5);
    for (int c = 0; c < MAP; c++) { /* one place of the map, moved by h either way */
        const double h = 1e-3, kept = wide[OTHERS + c];
        wide[OTHERS + c] = kept + h / PLACES;
        const double above = probability(model, wide, class);
        wide[OTHERS + c] = kept - h / PLACES;
        expected[c] = (float)((above - probability(model, wide, class)) / (2 * h));
        wide[OTHERS + c] = kept;
    }
    assert_int_equal(
        gradcam_gradient(&head, map, PLACES, features, probabilities, class, gradient, &err), 0);
    expect_near(gradient, expected, MAP, 1e-3f);
}

/* The head's input begins with the averages of other layers, which have their share in what the
 * ReLU lets pass; the map has the last rows of the kernel. */
static void gradcam_is_the_derivative_beside_pooled_layers(void **state)
{
    static float maps[N * PLACES * MAP], features[N * (OTHERS + MAP)];
    (void)state;
    for (int hidden = 0; hidden <= UNITS; hidden += UNITS) {
        const struct network_options options = {0};
        struct error err = {0};
        struct device *device;
        struct network *network;
        struct pictures pictures;
        float probabilities[N * KINDS];
        struct model *model =
            formula_model("resnet8+conv3_block1_out+conv1_relu", SIZE, KINDS, hidden, 0.2);
        const struct network_tap taps[] = {{graph_last_map(&model->graph), maps},
                                           {graph_features(&model->graph), features}};
        float *kernel = values_of(model, "dense/kernel");
        for (int64_t i = 0; i < OTHERS * (hidden ? hidden : KINDS); i++)
            kernel[i] *= 4; /* so that they decide which units are cut */
        formula_pictures(&pictures, N, SIZE, KINDS);
        assert_int_equal(device_open("cpu", 1, &device, &err), 0);
        assert_int_equal(network_new(model, device, &options, &network, &err), 0);
        assert_int_equal(network_infer_taps(network, &pictures.feed, pictures.samples, N, NULL,
                                            probabilities, taps, 2, NULL, &err),
                         0);
        for (int i = 0; i < N; i++)
            check_picture(model, maps + i * PLACES * MAP, features + i * (OTHERS + MAP),
                          probabilities + i * KINDS);
        network_free(network);
        device_close(device);
        formula_release(&pictures);
        model_free(model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradcam_equals_keras_gradient_tape),
        cmocka_unit_test(gradcam_keeps_its_direction_where_the_softmax_saturates),
        cmocka_unit_test(gradcam_leaves_a_map_without_heat_at_zero),
        cmocka_unit_test(gradcam_is_the_derivative_beside_pooled_layers),
        cmocka_unit_test(gradcam_finds_the_hottest_pixel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
