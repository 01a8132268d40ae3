#include "nn/gradcam.h"

#include "data/golden.h"

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
    struct gradcam_head head = {c, hidden, classes, hidden_kernel, hidden_bias, kernel};
    float got_gradient[64], got_heat[64];
    uint8_t got_bytes[64];
    assert_int_equal(gradcam_gradient(&head, map, h * w, probabilities, class, got_gradient, &err),
                     0);
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
    const struct gradcam_head head = {1, 1, 2, &one, &zero, kernel};
    float gradient, heat[4];
    int64_t y = -1, x = -1;
    struct error err = {0};
    assert_int_equal(gradcam_gradient(&head, map, 4, probabilities, 0, &gradient, &err), 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradcam_equals_keras_gradient_tape),
        cmocka_unit_test(gradcam_keeps_its_direction_where_the_softmax_saturates),
        cmocka_unit_test(gradcam_leaves_a_map_without_heat_at_zero),
        cmocka_unit_test(gradcam_finds_the_hottest_pixel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
