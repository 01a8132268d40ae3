/* The arithmetic of augmentation, pixel by pixel, against Keras, scipy and
 * PyTorch, and its draws against their distributions.
 */
#include "nn/augment.h"

#include "known_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

#define KERAS "tests/golden/keras_augment/augment.txt"

enum { H = 8, W = 10, PICTURE = H * W * 3 };

static void picture(float out[PICTURE])
{
    known_array(KERAS, "picture", out, PICTURE);
    for (int i = 0; i < PICTURE; i++)
        out[i] /= 255.0f;
}

static void warp(const float m[6], const float *in, float *out)
{
    for (int64_t y = 0; y < H; y++)
        for (int64_t x = 0; x < W; x++)
            augment_warp(in, H, W, m, x, y, out + (y * W + x) * 3);
}

static void rotation_equals_keras(void **state)
{
    (void)state;
    const struct {
        const char *name;
        float degrees;
    } cases[] = {{"rotate_20", 20}, {"rotate_-36", -36}, {"rotate_35.5", 35.5f}};
    float in[PICTURE], out[PICTURE], expected[PICTURE], m[6];
    picture(in);
    for (size_t i = 0; i < 3; i++) {
        known_array(KERAS, cases[i].name, expected, PICTURE);
        augment_rotation(cases[i].degrees, H, W, m);
        warp(m, in, out);
        known_near(out, expected, PICTURE, 2e-6);
    }
}

static void zoom_equals_keras(void **state)
{
    (void)state;
    const struct {
        const char *name;
        float zoom;
    } cases[] = {{"zoom_0.9", 0.9f}, {"zoom_0.93", 0.93f}, {"zoom_1.1", 1.1f}};
    float in[PICTURE], out[PICTURE], expected[PICTURE], m[6];
    picture(in);
    for (size_t i = 0; i < 3; i++) {
        known_array(KERAS, cases[i].name, expected, PICTURE);
        augment_zooming(cases[i].zoom, H, W, m);
        warp(m, in, out);
        known_near(out, expected, PICTURE, 2e-6);
    }
}

static void warp_equals_scipy(void **state)
{
    (void)state;
    float in[PICTURE], out[PICTURE], m[6];
    struct known_text golden;
    known_open(&golden, "tests/golden/affine_reflect/warps.txt");
    known_find(&golden, "input");
    assert_int_equal((int)known_number(&golden), H);
    assert_int_equal((int)known_number(&golden), W);
    for (int i = 0; i < H * W; i++)
        in[i * 3] = in[i * 3 + 1] = in[i * 3 + 2] = (float)known_number(&golden);
    int cases = 0;
    for (; known_word(&golden) != NULL; cases++) {
        float expected[H * W];
        known_word(&golden);
        for (int i = 0; i < 6; i++)
            m[i] = (float)known_number(&golden);
        for (int i = 0; i < H * W; i++)
            expected[i] = (float)known_number(&golden);
        warp(m, in, out);
        for (int i = 0; i < H * W; i++)
            out[i] = out[i * 3 + 2];
        known_near(out, expected, H * W, 1e-5);
    }
    known_close(&golden);
    assert_int_equal(cases, 6);
}

static void reflection_is_flat_at_the_edge(void **state)
{
    (void)state;
    const float cases[][2] = {{-1.5f, 0.5f}, {-1, 0},        {-0.5f, 0}, {3.4f, 3}, {4, 3},
                              {4.5f, 2.5f},  {1.25f, 1.25f}, {-9, 0},    {13, 2}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_true(augment_reflect(cases[i][0], 4) == cases[i][1]);
    for (float c = -100; c < 100; c += 0.37f) {
        float r = augment_reflect(c, 4);
        assert_true(r >= 0 && r <= 3);
    }
}

static void resize_equals_torch(void **state)
{
    (void)state;
    struct known_text golden;
    float in[4 * 6];
    known_open(&golden, "tests/golden/resize_bilinear/upscale_7.txt");
    known_find(&golden, "input");
    known_number(&golden);
    known_number(&golden);
    for (int i = 0; i < 4 * 6; i++)
        in[i] = (float)known_number(&golden);
    known_find(&golden, "output");
    assert_int_equal((int)known_number(&golden), 28);
    assert_int_equal((int)known_number(&golden), 42);
    for (int y = 0; y < 28; y++)
        for (int x = 0; x < 42; x++) {
            struct resize_point py = augment_resize_point(y, 4, 28);
            struct resize_point px = augment_resize_point(x, 6, 42);
            float top = augment_mix(in[py.lo * 6 + px.lo], in[py.lo * 6 + px.hi], px.t);
            float bottom = augment_mix(in[py.hi * 6 + px.lo], in[py.hi * 6 + px.hi], px.t);
            float value = augment_mix(top, bottom, py.t), expected = (float)known_number(&golden);
            known_near(&value, &expected, 1, 1e-5);
        }
    known_close(&golden);
}

/* Draws of 4,000 samples: bounds and means. */
static void draws_have_their_distribution(void **state)
{
    (void)state;
    const struct augment augment = {.flip = true, .rotation = 0.1f, .zoom = 0.1f, .cutout = 8};
    double flips = 0, degrees = 0, zoom = 0, x = 0, squares = 0;
    enum { N = 4000 };
    for (uint32_t i = 0; i < N; i++) {
        struct augment_key key = {7, RANDOM_AUGMENT, 3, i, 0};
        struct augment_draw draw = augment_draw(&augment, key, 32, 32);
        assert_true(draw.degrees >= -36 && draw.degrees < 36);
        assert_true(draw.zoom >= 0.9f && draw.zoom <= 1.1f);
        assert_true(draw.cutout_x >= -4 && draw.cutout_x < 28 && draw.cutout_y >= -4);
        flips += draw.flip;
        degrees += (double)draw.degrees;
        squares += (double)draw.degrees * (double)draw.degrees;
        zoom += (double)draw.zoom;
        x += (double)draw.cutout_x;
    }
    assert_true(fabs(flips / N - 0.5) < 0.03);
    assert_true(fabs(degrees / N) < 1.2 && fabs(squares / N - 72 * 72 / 12.0) < 20);
    assert_true(fabs(zoom / N - 1) < 0.004);
    assert_true(fabs(x / N - 11.5) < 0.6);
}

static void beta_has_its_moments(void **state)
{
    (void)state;
    const double alphas[] = {0.05, 0.2, 1, 2};
    enum { N = 4000 };
    for (size_t k = 0; k < 4; k++) {
        double a = alphas[k], sum = 0, squares = 0;
        for (uint32_t i = 0; i < N; i++) {
            struct augment_key key = {7, RANDOM_MIXUP, 3, i, 1};
            double b = augment_beta(key, a) - 0.5;
            assert_true(b >= -0.5 && b <= 0.5);
            sum += b;
            squares += b * b;
        }
        /* Variance of Beta(a, a). */
        assert_true(fabs(sum / N) < 0.03);
        assert_true(fabs(squares / N * (4 * (2 * a + 1)) - 1) < 0.06);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rotation_equals_keras), cmocka_unit_test(zoom_equals_keras),
        cmocka_unit_test(warp_equals_scipy),     cmocka_unit_test(reflection_is_flat_at_the_edge),
        cmocka_unit_test(resize_equals_torch),   cmocka_unit_test(draws_have_their_distribution),
        cmocka_unit_test(beta_has_its_moments),
    };
    return cmocka_run_group_tests_name("augment", tests, NULL, NULL);
}
