/* Operations in bf16: our own are those in f32 of what the operands are, rounded once, to the bit;
 * convolutions are within bf16's error of a reference that sums in f64. test_bf16_kernels.sh runs
 * this with each instruction set that has bf16.
 */
#include "nn/cpu/cpu.h"

#include "naive.h"
#include "on_lane.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

static void ok(int status, const struct error *err)
{
    if (status)
        fail_msg("%s", err->message);
}

/* ---- rounding, as the definition reads ---- */

static double value_of(uint16_t bits)
{
    return (double)bf16_to_f32(bits);
}

/* The nearest of all bf16: `below` and its neighbour away from zero enclose the value. */
static uint16_t naive_round(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint16_t below = (uint16_t)(bits >> 16);
    if (isnan(value))
        return 0x7fc0;
    if (isinf(value))
        return below;
    /* Beyond the largest: as if the next were there. */
    uint16_t above = (uint16_t)(below + 1);
    double next =
        (above & 0x7fff) == 0x7f80 ? copysign(ldexp(1.0, 128), (double)value) : value_of(above);
    double to_below = fabs((double)value - value_of(below)), to_above = fabs(next - (double)value);
    return to_below < to_above || (to_below == to_above && below % 2 == 0) ? below : above;
}

static bool same(uint16_t a, uint16_t b)
{
    return a == b || (isnan(value_of(a)) && isnan(value_of(b)));
}

static uint16_t *rounded(const float *values, int64_t count)
{
    uint16_t *narrow = naive_new(count, sizeof *narrow);
    for (int64_t i = 0; i < count; i++)
        narrow[i] = naive_round(values[i]);
    return narrow;
}

static float *widened(const uint16_t *narrow, int64_t count)
{
    float *values = naive_new(count, sizeof *values);
    for (int64_t i = 0; i < count; i++)
        values[i] = bf16_to_f32(narrow[i]);
    return values;
}

static uint16_t *filled(int64_t count, uint32_t seed)
{
    float *values = naive_new(count, sizeof *values);
    naive_fill(values, count, seed);
    uint16_t *narrow = rounded(values, count);
    free(values);
    return narrow;
}

/* NaN, infinities, zeros, what is subnormal, the largest, among others. */
static uint16_t *mixed(int64_t count, uint32_t seed)
{
    static const uint16_t specials[] = {0x7fc0, 0x7f80, 0xff80, 0x0000, 0x8000,
                                        0x0001, 0x8071, 0x7f7f, 0xffff, 0x7f81};
    uint16_t *narrow = filled(count, seed);
    for (int64_t i = 0; i < count; i++) {
        uint32_t draw = (uint32_t)(i * 2654435761u + seed * 40503u) >> 8;
        if (draw % 7 == 0)
            narrow[i] = specials[draw / 7 % 10];
    }
    return narrow;
}

static void must_be_rounded(const char *what, const uint16_t *narrow, const float *wide,
                            int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!same(narrow[i], naive_round(wide[i])))
            fail_msg("%s: at %lld is %g, should be %g rounded", what, (long long)i,
                     value_of(narrow[i]), (double)wide[i]);
}

static void bf16_is_nearest_and_of_two_the_even_one(void **state)
{
    static const uint32_t lower[] = {0,      1,      2,      0x7ffe, 0x7fff, 0x8000,
                                     0x8001, 0x8002, 0xfffe, 0xffff, 0x4321, 0xabcd};
    enum { LOWER = sizeof lower / sizeof lower[0] };
    const int64_t count = 65536 * LOWER + 5; /* and what is left over of a strip */
    struct error err = {0};
    struct lane *lane;
    (void)state;
    struct cpu *cpu = on_lane_open(&lane);
    float *values = naive_new(count, sizeof *values), *back = naive_new(count, sizeof *back);
    uint16_t *narrow = naive_new(count, sizeof *narrow);
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)(i / LOWER) << 16 | lower[i % LOWER];
        memcpy(&values[i], &bits, sizeof bits);
    }
    ok(tensor_convert(lane, count, DTYPE_F32, values, DTYPE_BF16, narrow, &err), &err);
    must_be_rounded("f32 to bf16", narrow, values, count);
    for (int64_t i = 0; i < count; i++)
        assert_true(same(narrow[i], bf16_from_f32(values[i])));
    ok(tensor_convert(lane, count, DTYPE_BF16, narrow, DTYPE_F32, back, &err), &err);
    for (int64_t i = 0; i < count; i++)
        assert_true(same(bf16_from_f32(back[i]), narrow[i]) &&
                    (isnan(back[i]) || (double)back[i] == value_of(narrow[i])));
    free(values), free(back), free(narrow);
    cpu_close(cpu);
}

/* ---- our own operations ---- */

enum { ROWS = 71, C = 53, ALL = ROWS * C };

/* The same operands in both kinds of elements. */
struct both {
    struct cpu *cpu;
    struct lane *lane;
    uint16_t *x, *y, *other; /* ALL of each */
    float *wide_x, *wide_y, *wide_other;
    float a[C], b[C], d[C];
};

static void open_both(struct both *t, bool special)
{
    uint16_t *(*fill)(int64_t count, uint32_t seed) = special ? mixed : filled;
    *t = (struct both){.x = fill(ALL, 1), .y = fill(ALL, 2), .other = fill(ALL, 3)};
    t->cpu = on_lane_open(&t->lane);
    t->wide_x = widened(t->x, ALL);
    t->wide_y = widened(t->y, ALL);
    t->wide_other = widened(t->other, ALL);
    naive_fill(t->a, C, 4), naive_fill(t->b, C, 5), naive_fill(t->d, C, 6);
}

static void close_both(struct both *t)
{
    free(t->x), free(t->y), free(t->other), free(t->wide_x), free(t->wide_y), free(t->wide_other);
    cpu_close(t->cpu);
}

static void elementwise_operations_are_those_in_f32_rounded_once(void **state)
{
    struct error err = {0};
    (void)state;
    for (int round = 0; round < 8; round++) {
        struct both t;
        float largest, wide_largest;
        const enum activation a = round / 2 % 2 ? ACTIVATION_RELU6 : ACTIVATION_RELU;
        open_both(&t, round % 2);
        for (int64_t i = 0; round >= 4 && i < ALL; i++)
            t.y[i] = naive_round(t.wide_y[i] *= 9.0f), t.wide_y[i] = bf16_to_f32(t.y[i]);
        ok(tensor_largest(t.lane, DTYPE_F32, ALL, t.wide_y, &wide_largest, &err), &err);
        ok(tensor_largest(t.lane, DTYPE_BF16, ALL, t.y, &largest, &err), &err);
        assert_true(largest == wide_largest || (isnan(largest) && isnan(wide_largest)));
        ok(activation_forward(t.lane, DTYPE_F32, ALL, a, t.wide_y, &err), &err);
        ok(activation_forward(t.lane, DTYPE_BF16, ALL, a, t.y, &err), &err);
        must_be_rounded("activation", t.y, t.wide_y, ALL);
        ok(activation_backward(t.lane, DTYPE_F32, ALL, a, t.wide_y, t.wide_x, &err), &err);
        ok(activation_backward(t.lane, DTYPE_BF16, ALL, a, t.y, t.x, &err), &err);
        must_be_rounded("activation's gradient", t.x, t.wide_x, ALL);
        ok(tensor_accumulate(t.lane, DTYPE_F32, ALL, t.wide_y, t.wide_other, &err), &err);
        ok(tensor_accumulate(t.lane, DTYPE_BF16, ALL, t.y, t.other, &err), &err);
        must_be_rounded("sum", t.other, t.wide_other, ALL);
        ok(tensor_copy(t.lane, DTYPE_BF16, ALL, t.y, t.x, &err), &err);
        assert_memory_equal(t.x, t.y, ALL * sizeof *t.x);
        close_both(&t);
    }
}

static void dropout_is_that_in_f32_rounded_once(void **state)
{
    struct error err = {0};
    const struct dropout_key key = {.seed = 1, .step = 2, .layer = 1, .rate = 0.3f};
    int64_t samples[ROWS];
    (void)state;
    for (int64_t i = 0; i < ROWS; i++)
        samples[i] = i * 3;
    for (int special = 0; special < 2; special++) {
        struct both t;
        open_both(&t, special);
        ok(dropout_apply(t.lane, DTYPE_F32, &key, ROWS, C, samples, t.wide_x, t.wide_y, &err),
           &err);
        ok(dropout_apply(t.lane, DTYPE_BF16, &key, ROWS, C, samples, t.x, t.y, &err), &err);
        must_be_rounded("dropout", t.y, t.wide_y, ALL);
        close_both(&t);
    }
}

static void must_be_same_sums(const double *a, const double *b, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        assert_true(a[i] == b[i] || (isnan(a[i]) && isnan(b[i])));
}

static void norm_is_that_in_f32_with_statistics_in_f64(void **state)
{
    struct error err = {0};
    (void)state;
    for (int round = 0; round < 12; round++) {
        struct both t;
        double sums[2][C], wide_sums[2][C];
        const enum activation a = (enum activation)(round % 3);
        open_both(&t, round >= 6);
        const void *residual = round % 2 ? t.other : NULL;
        const void *wide_residual = round % 2 ? t.wide_other : NULL;
        ok(norm_statistics(t.lane, DTYPE_F32, ROWS, C, t.wide_x, wide_sums[0], wide_sums[1], &err),
           &err);
        ok(norm_statistics(t.lane, DTYPE_BF16, ROWS, C, t.x, sums[0], sums[1], &err), &err);
        must_be_same_sums(sums[0], wide_sums[0], 2 * C);
        ok(norm_backward_sums(t.lane, DTYPE_F32, ROWS, C, t.wide_x, t.wide_y, t.a, t.b,
                              wide_sums[0], wide_sums[1], &err),
           &err);
        ok(norm_backward_sums(t.lane, DTYPE_BF16, ROWS, C, t.x, t.y, t.a, t.b, sums[0], sums[1],
                              &err),
           &err);
        must_be_same_sums(sums[0], wide_sums[0], 2 * C);
        const float *b = round % 2 ? t.b : NULL, *d = round % 2 ? t.d : NULL;
        float *wide_dx = naive_new(ALL, sizeof *wide_dx);
        uint16_t *dx = naive_new(ALL, sizeof *dx);
        ok(norm_backward_data(t.lane, DTYPE_F32, ROWS, C, t.wide_x, t.wide_y, t.a, b, d, wide_dx,
                              &err),
           &err);
        ok(norm_backward_data(t.lane, DTYPE_BF16, ROWS, C, t.x, t.y, t.a, b, d, dx, &err), &err);
        must_be_rounded("norm's gradient", dx, wide_dx, ALL);
        ok(norm_apply(t.lane, DTYPE_F32, ROWS, C, t.wide_x, t.a, t.b, wide_residual, a, t.wide_x,
                      &err),
           &err);
        ok(norm_apply(t.lane, DTYPE_BF16, ROWS, C, t.x, t.a, t.b, residual, a, t.x, &err), &err);
        must_be_rounded("norm", t.x, t.wide_x, ALL);
        free(dx), free(wide_dx);
        close_both(&t);
    }
}

/* Windows that share no place, so that no gradient is rounded twice; and one that lies over
 * padding. */
static void pools_are_those_in_f32_rounded_once(void **state)
{
    static const struct pool_shape shapes[] = {{2, 9, 9, C, 3, 3, 0, 0, 0, 0, false},
                                               {1, 8, 7, C, 2, 2, 0, 0, 0, 1, true},
                                               {2, 6, 5, 70, 2, 2, 1, 1, 1, 1, false}};
    struct error err = {0};
    struct lane *lane;
    (void)state;
    struct cpu *cpu = on_lane_open(&lane);
    for (int round = 0; round < 6; round++) {
        const struct pool_shape *s = &shapes[round / 2];
        const int64_t p = (s->h + s->pad_top + s->pad_bottom - s->r) / s->stride + 1;
        const int64_t q = (s->w + s->pad_left + s->pad_right - s->r) / s->stride + 1;
        const int64_t in = s->n * s->h * s->w * s->c, out = s->n * p * q * s->c;
        uint16_t *x = round % 2 ? mixed(in, 1) : filled(in, 1), *dy = filled(out, 2);
        uint16_t *y = naive_new(out, sizeof *y), *dx = naive_new(in, sizeof *dx);
        float *wide_x = widened(x, in), *wide_dy = widened(dy, out);
        float *wide_y = naive_new(out, sizeof *wide_y), *wide_dx = naive_new(in, sizeof *wide_dx);
        ok(max_pool_forward(lane, DTYPE_F32, s, wide_x, wide_y, &err), &err);
        ok(max_pool_forward(lane, DTYPE_BF16, s, x, y, &err), &err);
        must_be_rounded("max pool", y, wide_y, out);
        ok(max_pool_backward(lane, DTYPE_F32, s, wide_x, wide_y, wide_dy, wide_dx, &err), &err);
        ok(max_pool_backward(lane, DTYPE_BF16, s, x, y, dy, dx, &err), &err);
        must_be_rounded("max pool's gradient", dx, wide_dx, in);
        ok(average_pool_forward(lane, DTYPE_F32, s->n, s->h * s->w, s->c, wide_x, wide_y, &err),
           &err);
        ok(average_pool_forward(lane, DTYPE_BF16, s->n, s->h * s->w, s->c, x, y, &err), &err);
        must_be_rounded("average pool", y, wide_y, s->n * s->c);
        ok(average_pool_backward(lane, DTYPE_F32, s->n, s->h * s->w, s->c, wide_dy, wide_dx, &err),
           &err);
        ok(average_pool_backward(lane, DTYPE_BF16, s->n, s->h * s->w, s->c, dy, dx, &err), &err);
        must_be_rounded("average pool's gradient", dx, wide_dx, in);
        free(x), free(dy), free(y), free(dx), free(wide_x), free(wide_dy), free(wide_y);
        free(wide_dx);
    }
    cpu_close(cpu);
}

/* ---- convolutions ---- */

static const struct conv_shape shapes[] = {
    {2, 5, 6, 3, 8, 3, 3, 1, 1, 1, 1, 1, 1},
    {1, 20, 20, 3, 16, 7, 7, 2, 3, 3, 3, 3, 1},
    {2, 9, 8, 16, 32, 3, 3, 2, 0, 1, 0, 1, 1},
    {2, 8, 8, 16, 16, 3, 3, 1, 1, 1, 1, 1, 1},
    {3, 7, 6, 32, 16, 1, 1, 1, 0, 0, 0, 0, 1},
    {3, 7, 7, 16, 48, 1, 1, 2, 0, 0, 0, 0, 1},
    {2, 9, 9, 16, 16, 3, 3, 1, 1, 1, 1, 1, 16},
    {2, 8, 8, 8, 8, 3, 3, 2, 0, 1, 0, 1, 8},
    {1, 6, 6, 24, 24, 3, 3, 1, 1, 1, 1, 1, 24},
    {1, 9, 9, 32, 32, 5, 5, 2, 1, 2, 1, 2, 32},
    {4, 1, 1, 64, 10, 1, 1, 1, 0, 0, 0, 0, 1},
    {2, 5, 5, 6, 10, 3, 3, 1, 1, 1, 1, 1, 1},
    {2, 5, 5, 8, 12, 3, 3, 1, 1, 1, 1, 1, 2},
    {1, 4, 9, 5, 7, 3, 2, 1, 0, 2, 1, 0, 1},
    {1, 2, 3, 128, 256, 1, 1, 1, 0, 0, 0, 0, 1},
    {8, 1, 1, 512, 256, 1, 1, 1, 0, 0, 0, 0, 1},
    /* depthwise: odd and even, wider than the picture, a row, a place, stride 2, not symmetrical */
    {2, 7, 9, 48, 48, 5, 5, 1, 2, 2, 2, 2, 48},
    {1, 8, 6, 32, 32, 5, 5, 1, 2, 2, 2, 2, 32},
    {3, 2, 1, 16, 16, 5, 5, 1, 2, 2, 2, 2, 16},
    {1, 1, 12, 16, 16, 3, 3, 1, 1, 1, 1, 1, 16},
    {2, 1, 1, 16, 16, 3, 3, 1, 1, 1, 1, 1, 16},
    {2, 10, 11, 32, 32, 3, 3, 2, 1, 1, 1, 1, 32},
    {2, 12, 8, 16, 16, 3, 3, 2, 0, 1, 0, 1, 16},
    {1, 11, 14, 32, 32, 5, 5, 2, 2, 2, 2, 2, 32},
    {2, 1, 3, 16, 16, 5, 5, 2, 2, 2, 2, 2, 16},
    {1, 6, 7, 16, 16, 3, 3, 1, 0, 2, 2, 0, 16},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

/* One convolution: operands as bf16 where they are (x, residual, dy) or get rounded (kernel), what
 * the backend makes of them, and in f64 the exact results and the sums of their terms' magnitudes.
 */
struct trial {
    const struct conv_shape *s;
    struct conv_options options;
    uint16_t *x, *dy, *residual;
    float *kernel, *scale, *bias;
    void *y, *residual_of_y; /* of options.y */
    uint16_t *dx;
    float *dkernel, *dbias;
};

static double *doubles(const uint16_t *narrow, int64_t count, bool magnitudes)
{
    double *values = naive_new(count, sizeof *values);
    for (int64_t i = 0; i < count; i++)
        values[i] = magnitudes ? fabs(value_of(narrow[i])) : value_of(narrow[i]);
    return values;
}

/* As it is packed. */
static double *packed_values(const struct trial *t, bool scaled, bool magnitudes)
{
    double *values = naive_new(naive_count_w(t->s), sizeof *values);
    for (int64_t i = 0; i < naive_count_w(t->s); i++) {
        float value = scaled ? t->kernel[i] * t->scale[i % t->s->k] : t->kernel[i];
        double narrow = value_of(naive_round(value));
        values[i] = magnitudes ? fabs(narrow) : narrow;
    }
    return values;
}

/* Each rounding to bf16 costs at most 2^-8 of the value, sums in f32 little of their terms. */
static void must_be_near(const char *what, const char *kernel, const double *got,
                         const double *exact, const double *terms, int64_t count, int roundings)
{
    for (int64_t i = 0; i < count; i++) {
        double bound = roundings * ldexp(fabs(exact[i]) + 1e-5 * terms[i], -8) + 1e-5 * terms[i];
        if (!(fabs(got[i] - exact[i]) <= bound))
            fail_msg("%s by %s: at %lld is %.9g, should be %.9g within %.3g", what, kernel,
                     (long long)i, got[i], exact[i], bound);
    }
}

static double *got(const void *tensor, enum dtype dtype, int64_t count)
{
    double *values = naive_new(count, sizeof *values);
    for (int64_t i = 0; i < count; i++)
        values[i] = dtype == DTYPE_F32 ? (double)((const float *)tensor)[i]
                                       : value_of(((const uint16_t *)tensor)[i]);
    return values;
}

/* A result with room behind it that no kernel may touch: one of the library's did. */
enum { ROOM = 1024 };

static void *roomy(int64_t count, size_t size)
{
    char *memory = naive_new(count * (int64_t)size + ROOM, 1);
    memset(memory + (size_t)count * size, 0x5a, ROOM);
    return memory;
}

static void must_be_untouched(const void *result, int64_t count, size_t size)
{
    const char *behind = (const char *)result + (size_t)count * size;
    for (int i = 0; i < ROOM; i++)
        assert_int_equal(behind[i], 0x5a);
}

static void trial_init(struct trial *t, const struct conv_shape *s, const struct conv_options *o)
{
    *t = (struct trial){
        .s = s, .options = *o, .x = filled(naive_count_x(s), 1), .dy = filled(naive_count_y(s), 6)};
    t->kernel = naive_new(naive_count_w(s), sizeof(float));
    t->scale = naive_new(s->k, sizeof(float));
    t->bias = naive_new(s->k, sizeof(float));
    naive_fill(t->kernel, naive_count_w(s), 2);
    naive_fill(t->scale, s->k, 3);
    naive_fill(t->bias, s->k, 4);
    t->residual = filled(naive_count_y(s), 5);
    t->residual_of_y = o->y == DTYPE_F32 ? (void *)widened(t->residual, naive_count_y(s))
                                         : memcpy(naive_new(naive_count_y(s), 2), t->residual,
                                                  (size_t)naive_count_y(s) * 2);
    t->y = roomy(naive_count_y(s), dtype_size(o->y));
    t->dx = roomy(naive_count_x(s), sizeof *t->dx);
    t->dkernel = roomy(naive_count_w(s), sizeof(float));
    t->dbias = roomy(s->k, sizeof(float));
}

static void trial_release(struct trial *t)
{
    void *all[] = {t->x,     t->dy,      t->residual, t->kernel,
                   t->scale, t->bias,    t->y,        t->residual_of_y,
                   t->dx,    t->dkernel, t->dbias};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
}

static void check_forward(const struct trial *t, const char *name)
{
    const struct conv_shape *s = t->s;
    const struct conv_options *o = &t->options;
    double *exact[2], *found = got(t->y, o->y, naive_count_y(s));
    for (int magnitudes = 0; magnitudes < 2; magnitudes++) {
        double *x = doubles(t->x, naive_count_x(s), magnitudes);
        double *kernel = packed_values(t, true, magnitudes);
        double *residual = doubles(t->residual, naive_count_y(s), magnitudes);
        double *bias = naive_widen(t->bias, s->k);
        for (int64_t i = 0; magnitudes && i < s->k; i++)
            bias[i] = fabs(bias[i]);
        exact[magnitudes] = naive_new(naive_count_y(s), sizeof(double));
        naive_conv_forward(s, x, kernel, bias, o->residual ? residual : NULL,
                           magnitudes ? ACTIVATION_NONE : o->activation, exact[magnitudes]);
        free(x), free(kernel), free(residual), free(bias);
    }
    /* Where no kernel adds the residual, the sum before it is rounded, too: at most the terms. So
     * it is in oneDNN's for depthwise convolutions. */
    const bool twice = strstr(name, "gemm") != NULL || strstr(name, "brdgmm_dw") != NULL;
    if (o->residual && o->y == DTYPE_BF16 && twice)
        for (int64_t i = 0; i < naive_count_y(s); i++)
            exact[1][i] += ldexp(1e5, -8) * exact[1][i];
    must_be_near("output", name, found, exact[0], exact[1], naive_count_y(s), o->y == DTYPE_BF16);
    free(exact[0]), free(exact[1]), free(found);
}

static void check_backward(const struct trial *t, const char *data_name, const char *weights_name)
{
    const struct conv_shape *s = t->s;
    double *dx[2], *dkernel[2], *dbias[2];
    for (int magnitudes = 0; magnitudes < 2; magnitudes++) {
        double *x = doubles(t->x, naive_count_x(s), magnitudes);
        double *dy = doubles(t->dy, naive_count_y(s), magnitudes);
        double *kernel = packed_values(t, false, magnitudes);
        dx[magnitudes] = naive_new(naive_count_x(s), sizeof(double));
        dkernel[magnitudes] = naive_new(naive_count_w(s), sizeof(double));
        dbias[magnitudes] = naive_new(s->k, sizeof(double));
        naive_conv_backward_data(s, dy, kernel, dx[magnitudes]);
        naive_conv_backward_weights(s, x, dy, dkernel[magnitudes], dbias[magnitudes]);
        free(x), free(dy), free(kernel);
    }
    double *found = got(t->dx, DTYPE_BF16, naive_count_x(s));
    must_be_near("gradient of the input", data_name, found, dx[0], dx[1], naive_count_x(s), 1);
    free(found);
    found = got(t->dkernel, DTYPE_F32, naive_count_w(s));
    must_be_near("gradient of the kernel", weights_name, found, dkernel[0], dkernel[1],
                 naive_count_w(s), 0);
    free(found);
    found = got(t->dbias, DTYPE_F32, s->k);
    must_be_near("gradient of the bias", weights_name, found, dbias[0], dbias[1], s->k, 0);
    free(found);
    for (int i = 0; i < 2; i++)
        free(dx[i]), free(dkernel[i]), free(dbias[i]);
}

static void *packed(struct lane *lane, const struct conv *conv, enum conv_pass pass,
                    const struct trial *t)
{
    struct error err = {0};
    void *memory = naive_new((int64_t)conv_packed_size(conv, pass), 1);
    ok(conv_pack(lane, conv, pass, t->kernel, pass == CONV_FORWARD ? t->scale : NULL, memory, &err),
       &err);
    return memory;
}

static void try_conv(struct cpu *cpu, struct lane *lane, const struct conv_shape *s,
                     const struct conv_options *options)
{
    struct error err = {0};
    struct trial t;
    struct conv *conv;
    trial_init(&t, s, options);
    ok(conv_new(cpu, s, options, &conv, &err), &err);
    void *forward = packed(lane, conv, CONV_FORWARD, &t);
    void *backward = packed(lane, conv, CONV_BACKWARD_DATA, &t);
    void *dw = naive_new((int64_t)conv_packed_size(conv, CONV_BACKWARD_WEIGHTS), 1);
    ok(conv_forward(lane, conv, t.x, forward, t.bias, options->residual ? t.residual_of_y : NULL,
                    t.y, &err),
       &err);
    ok(conv_backward_data(lane, conv, t.dy, backward, t.dx, &err), &err);
    ok(conv_backward_weights(lane, conv, t.x, t.dy, dw, t.dbias, &err), &err);
    ok(conv_unpack_gradient(lane, conv, dw, t.dkernel, &err), &err);
    must_be_untouched(t.y, naive_count_y(s), dtype_size(options->y));
    must_be_untouched(t.dx, naive_count_x(s), sizeof *t.dx);
    must_be_untouched(t.dkernel, naive_count_w(s), sizeof(float));
    must_be_untouched(t.dbias, s->k, sizeof(float));
    check_forward(&t, conv_implementation(conv, CONV_FORWARD));
    check_backward(&t, conv_implementation(conv, CONV_BACKWARD_DATA),
                   conv_implementation(conv, CONV_BACKWARD_WEIGHTS));
    free(forward), free(backward), free(dw);
    conv_free(conv);
    trial_release(&t);
}

/* NULL where the test is skipped. */
static struct cpu *open_with_bf16(struct lane **lane)
{
    struct cpu *cpu = on_lane_open(lane);
    if (onednn_has_bf16())
        return cpu;
    cpu_close(cpu);
    skip_because("this processor has no bf16");
    return NULL;
}

static void convolution_is_within_the_error_of_bf16(void **state)
{
    struct lane *lane;
    (void)state;
    struct cpu *cpu = open_with_bf16(&lane);
    if (cpu == NULL)
        return;
    for (size_t i = 0; i < SHAPES; i++)
        for (int j = 0; j < 8; j++) {
            const struct conv_options options = {
                .passes = CONV_FORWARD | CONV_BACKWARD_DATA | CONV_BACKWARD_WEIGHTS,
                .bias = true,
                .residual = j % 2,
                .activation = j / 2 % 2 ? ACTIVATION_RELU6 : ACTIVATION_NONE,
                .dtype = DTYPE_BF16,
                .y = j / 4 ? DTYPE_F32 : DTYPE_BF16};
            try_conv(cpu, lane, &shapes[i], &options);
        }
    cpu_close(cpu);
}

/* The same place of all of x's images and channels. */
static void put(struct trial *t, int64_t row, int64_t column, uint16_t value)
{
    const struct conv_shape *s = t->s;
    for (int64_t image = 0; image < s->n; image++)
        for (int64_t i = 0; i < s->c; i++)
            t->x[((image * s->h + row) * s->w + column) * s->c + i] = value;
}

static bool meets(const struct conv_shape *s, int64_t p, int64_t q, int64_t row, int64_t column)
{
    const int64_t r = row - p * s->stride + s->pad_top, t = column - q * s->stride + s->pad_left;
    return r >= 0 && r < s->r && t >= 0 && t < s->s;
}

static void what_is_not_finite_stays_in_its_window(void **state)
{
    static const uint16_t infinity = 0x7f80, nan = 0x7fc0;
    struct error err = {0};
    struct lane *lane;
    (void)state;
    struct cpu *cpu = open_with_bf16(&lane);
    if (cpu == NULL)
        return;
    for (size_t i = 0; i < 2 * SHAPES; i++) {
        const struct conv_shape *s = &shapes[i / 2];
        if (s->groups != s->c)
            continue;
        const struct conv_options options = {
            .passes = CONV_FORWARD, .dtype = DTYPE_BF16, .y = DTYPE_BF16, .bias = true};
        const int64_t row = s->h / 2, column = s->w / 3;
        struct trial t;
        struct conv *conv;
        trial_init(&t, s, &options);
        put(&t, row, column, i % 2 == 0 ? infinity : nan);
        ok(conv_new(cpu, s, &options, &conv, &err), &err);
        void *kernel = packed(lane, conv, CONV_FORWARD, &t);
        ok(conv_forward(lane, conv, t.x, kernel, t.bias, NULL, t.y, &err), &err);
        double *y = got(t.y, DTYPE_BF16, naive_count_y(s));
        for (int64_t j = 0; j < naive_count_y(s); j++) {
            const int64_t place = j / s->k, width = conv_out_width(s);
            const int64_t p = place / width % conv_out_height(s), q = place % width;
            if (isfinite(y[j]) == meets(s, p, q, row, column))
                fail_msg("shape %zu: at %lld is %g", i / 2, (long long)j, y[j]);
        }
        free(kernel), free(y);
        conv_free(conv);
        trial_release(&t);
    }
    cpu_close(cpu);
}

/* y and dx of images of which the last has a NaN, in `wrong`. */
static void run_both(struct cpu *cpu, struct lane *lane, const struct conv_shape *s, bool wrong,
                     struct trial *t)
{
    const struct conv_options options = {.passes = CONV_FORWARD | CONV_BACKWARD_DATA,
                                         .dtype = DTYPE_BF16,
                                         .y = DTYPE_BF16,
                                         .bias = true};
    struct error err = {0};
    struct conv *conv;
    trial_init(t, s, &options);
    if (wrong)
        t->x[naive_count_x(s) - 1] = t->dy[naive_count_y(s) - 1] = 0x7fc0;
    ok(conv_new(cpu, s, &options, &conv, &err), &err);
    void *forward = packed(lane, conv, CONV_FORWARD, t);
    void *backward = packed(lane, conv, CONV_BACKWARD_DATA, t);
    ok(conv_forward(lane, conv, t->x, forward, t->bias, NULL, t->y, &err), &err);
    ok(conv_backward_data(lane, conv, t->dy, backward, t->dx, &err), &err);
    free(forward), free(backward);
    conv_free(conv);
}

static void image_s_bits_do_not_depend_on_its_neighbour(void **state)
{
    /* Large: sums in another order come out otherwise of one in ten thousand. */
    static const struct conv_shape large[] = {{2, 56, 56, 64, 64, 3, 3, 1, 1, 1, 1, 1, 64},
                                              {2, 48, 48, 64, 64, 5, 5, 1, 2, 2, 2, 2, 64},
                                              {2, 97, 96, 64, 64, 5, 5, 2, 2, 2, 1, 2, 64}};
    struct lane *lane;
    (void)state;
    struct cpu *cpu = open_with_bf16(&lane);
    for (size_t i = 0; cpu != NULL && i < sizeof large / sizeof large[0]; i++) {
        const struct conv_shape *s = &large[i];
        struct trial sound, beside;
        run_both(cpu, lane, s, false, &sound);
        run_both(cpu, lane, s, true, &beside);
        /* Of the first image: two bytes a number, two images. */
        assert_memory_equal(sound.y, beside.y, (size_t)naive_count_y(s));
        assert_memory_equal(sound.dx, beside.dx, (size_t)naive_count_x(s));
        assert_true(isnan(value_of(beside.dx[naive_count_x(s) - 1])));
        trial_release(&sound), trial_release(&beside);
    }
    if (cpu != NULL)
        cpu_close(cpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bf16_is_nearest_and_of_two_the_even_one),
        cmocka_unit_test(elementwise_operations_are_those_in_f32_rounded_once),
        cmocka_unit_test(dropout_is_that_in_f32_rounded_once),
        cmocka_unit_test(norm_is_that_in_f32_with_statistics_in_f64),
        cmocka_unit_test(pools_are_those_in_f32_rounded_once),
        cmocka_unit_test(convolution_is_within_the_error_of_bf16),
        cmocka_unit_test(what_is_not_finite_stays_in_its_window),
        cmocka_unit_test(image_s_bits_do_not_depend_on_its_neighbour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
