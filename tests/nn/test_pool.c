#include "naive.h"
#include "on_lane.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

/* n, h, w, c, window, stride, pads, zero padding */
static const struct pool_shape shapes[] = {
    {2, 9, 8, 16, 3, 2, 1, 1, 1, 1, true},  /* ResNet50's pool1, also at an even width */
    {1, 7, 7, 20, 3, 2, 0, 1, 0, 1, false}, /* a strip and a rest */
    {2, 6, 6, 3, 2, 2, 0, 0, 0, 0, false},  /* windows that do not overlap */
    {1, 5, 4, 33, 3, 1, 1, 1, 1, 1, false},
};
enum { SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

static int64_t count_x(const struct pool_shape *s)
{
    return s->n * s->h * s->w * s->c;
}

static int64_t count_y(const struct pool_shape *s)
{
    return s->n * ((s->h + s->pad_top + s->pad_bottom - s->r) / s->stride + 1) *
           ((s->w + s->pad_left + s->pad_right - s->r) / s->stride + 1) * s->c;
}

/* Few different values, many zeros: windows have ties, as they do after a ReLU. */
static float *coarse(int64_t count, uint32_t seed)
{
    float *x = naive_new(count, sizeof(*x));
    naive_fill(x, count, seed);
    for (int64_t i = 0; i < count; i++)
        x[i] = x[i] < 0 ? 0 : floorf(x[i] * 3);
    return x;
}

static void max_pool_equals_reference(void **state)
{
    (void)state;
    struct error err = {0};
    struct lane *lane;
    struct cpu *cpu = on_lane_open(&lane);
    for (size_t i = 0; i < 2 * SHAPES; i++) {
        const struct pool_shape *s = &shapes[i / 2];
        int64_t in = count_x(s), out = count_y(s);
        float *x = i % 2 ? coarse(in, 1) : naive_new(in, sizeof(*x));
        float *y = naive_new(out, sizeof(*y)), *dy = naive_new(out, sizeof(*dy));
        float *dx = naive_new(in, sizeof(*dx));
        if (i % 2 == 0)
            naive_fill(x, in, 2); /* negative values too: zeros of the padding win */
        naive_fill(dy, out, 3);
        naive_fill(dx, in, 4); /* to be overwritten */
        assert_int_equal(max_pool_forward(lane, DTYPE_F32, s, x, y, &err), 0);
        assert_int_equal(max_pool_backward(lane, DTYPE_F32, s, x, y, dy, dx, &err), 0);
        double *wide = naive_widen(x, in), *wide_dy = naive_widen(dy, out);
        double *known = naive_new(in > out ? in : out, sizeof(*known));
        naive_max_pool_forward(s, wide, known);
        assert_true(naive_distance(y, known, out) == 0);
        naive_max_pool_backward(s, wide, wide_dy, known);
        assert_true(naive_distance(dx, known, in) < 1e-6);
        free(x), free(y), free(dy), free(dx), free(wide), free(wide_dy), free(known);
    }
    cpu_close(cpu);
}

static void forward_of_x(void *arg, const double *x, double *y)
{
    naive_max_pool_forward(arg, x, y);
}

static void reference_gradient_equals_difference_quotients(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPES; i++) {
        struct pool_shape s = shapes[i];
        int64_t in = count_x(&s), out = count_y(&s);
        float *fx = naive_new(in, sizeof(*fx)), *fdy = naive_new(out, sizeof(*fdy));
        naive_fill(fx, in, 1), naive_fill(fdy, out, 2);
        double *x = naive_widen(fx, in), *dy = naive_widen(fdy, out);
        double *y = naive_new(out, sizeof(*y)), *dx = naive_new(in, sizeof(*dx));
        naive_max_pool_backward(&s, x, dy, dx);
        for (int64_t j = 0; j < 20; j++) {
            int64_t at = j * 7919 % in;
            assert_true(fabs(naive_difference_quotient(forward_of_x, &s, x, at, y, out, dy) -
                             dx[at]) < 1e-6);
        }
        free(fx), free(fdy), free(x), free(dy), free(y), free(dx);
    }
}

static void max_pool_keeps_what_is_not_a_number(void **state)
{
    (void)state;
    struct error err = {0};
    struct lane *lane;
    struct cpu *cpu = on_lane_open(&lane);
    struct pool_shape s = {1, 2, 2, 1, 2, 2, 0, 0, 0, 0, false};
    for (int i = 0; i < 4; i++) {
        float x[4] = {1, 2, 3, 4}, y = 0;
        x[i] = NAN;
        max_pool_forward(lane, DTYPE_F32, &s, x, &y, &err);
        assert_true(isnan(y));
    }
    cpu_close(cpu);
}

static void average_pool_equals_reference(void **state)
{
    (void)state;
    static const int64_t sizes[][3] = {{2, 49, 96}, {3, 64, 21}, {1, 1, 5}, {2, 4, 16}};
    struct error err = {0};
    struct lane *lane;
    struct cpu *cpu = on_lane_open(&lane);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        int64_t n = sizes[i][0], places = sizes[i][1], c = sizes[i][2], in = n * places * c;
        float *x = naive_new(in, sizeof(*x)), *y = naive_new(n * c, sizeof(*y));
        double *mean = naive_new(n * c, sizeof(*mean));
        naive_fill(x, in, 1);
        assert_int_equal(average_pool_forward(lane, DTYPE_F32, n, places, c, x, y, &err), 0);
        for (int64_t j = 0; j < in; j++)
            mean[j / (places * c) * c + j % c] += (double)x[j] / (double)places;
        assert_true(naive_distance(y, mean, n * c) < 1e-6);
        assert_int_equal(average_pool_backward(lane, DTYPE_F32, n, places, c, y, x, &err), 0);
        for (int64_t j = 0; j < in; j++) /* linear: the derivative is 1 / places */
            assert_true(x[j] == y[j / (places * c) * c + j % c] / (float)places);
        free(x), free(y), free(mean);
    }
    cpu_close(cpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(max_pool_equals_reference),
        cmocka_unit_test(reference_gradient_equals_difference_quotients),
        cmocka_unit_test(max_pool_keeps_what_is_not_a_number),
        cmocka_unit_test(average_pool_equals_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
