/* A NaN and an infinity go through every operation as IEEE 754 has it, forward
 * and backward, whichever kernel the library takes: test_nan_kernels.sh runs
 * this with each instruction set that the library can be told to keep to.
 */
#include "nn/cpu/cpu.h"
#include "nn/cpu/executor.h"
#include "nn/loss.h"
#include "nn/norm.h"
#include "nn/reach.h"

#include "formula.h"
#include "naive.h"
#include "on_lane.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

static const float specials[] = {NAN, INFINITY, -INFINITY};
enum { SPECIALS = 3 };

static void ok(int status, const struct error *err)
{
    if (status)
        fail_msg("%s", err->message);
}

/* bf16 has 8 bits; here it is rounded operands, too. */
static bool is_alike(double a, double b, enum dtype dtype)
{
    const double tolerance = dtype == DTYPE_F32 ? 1e-4 : 0.1;
    return isnan(b) ? isnan(a) : isinf(b) ? a == b : fabs(a - b) < tolerance * (1 + fabs(b));
}

/* Same kind of number at each place: a NaN, an infinity of that sign, or near; as in b or, where
 * that is not NULL, in c. */
static void same_kind(const char *what, enum dtype dtype, const float *a, const double *b,
                      const double *c, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!is_alike((double)a[i], b[i], dtype) &&
            (c == NULL || !is_alike((double)a[i], c[i], dtype)))
            fail_msg("%s: at %lld is %g, should be %g", what, (long long)i, (double)a[i], b[i]);
}

/* ---- convolution ---- */

static const struct conv_shape shapes[] = {
    {2, 5, 6, 3, 8, 3, 3, 1, 1, 1, 1, 1, 1},     {1, 20, 20, 3, 16, 7, 7, 2, 3, 3, 3, 3, 1},
    {2, 9, 8, 16, 32, 3, 3, 2, 0, 1, 0, 1, 1},   {2, 8, 8, 16, 16, 3, 3, 1, 1, 1, 1, 1, 1},
    {3, 7, 6, 32, 16, 1, 1, 1, 0, 0, 0, 0, 1},   {3, 7, 7, 16, 48, 1, 1, 2, 0, 0, 0, 0, 1},
    {2, 9, 9, 16, 16, 3, 3, 1, 1, 1, 1, 1, 16},  {2, 8, 8, 8, 8, 3, 3, 2, 0, 1, 0, 1, 8},
    {1, 6, 6, 24, 24, 3, 3, 1, 1, 1, 1, 1, 24},  {4, 1, 1, 64, 10, 1, 1, 1, 0, 0, 0, 0, 1},
    {2, 5, 5, 6, 10, 3, 3, 1, 1, 1, 1, 1, 1},    {1, 4, 9, 5, 7, 3, 2, 1, 0, 2, 1, 0, 1},
    {1, 2, 3, 128, 256, 1, 1, 1, 0, 0, 0, 0, 1}, {1, 5, 6, 64, 64, 3, 3, 1, 1, 1, 1, 1, 1},
    {1, 15, 14, 32, 32, 3, 3, 1, 1, 1, 1, 1, 1},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

/* Operands of all passes of one convolution; `into` names the one that is spoilt. */
enum operand { OF_X, OF_KERNEL, OF_BIAS, OF_RESIDUAL, OF_DY, OPERANDS };
struct bench {
    enum dtype dtype; /* of x, y, dx and dy; kernel and bias are f32 */
    struct cpu *cpu;
    struct lane *lane;
    struct conv *conv;
    const struct conv_shape *shape;
    float *operands[OPERANDS];
    int64_t counts[OPERANDS];
};

/* A kernel may leave padding out or multiply by its zeros, as gemm does; then a NaN times one of
 * them is a NaN. The same convolution of a picture that has the padding: free() its pixels. */
static double *padded(const struct conv_shape *s, const double *x, struct conv_shape *larger)
{
    *larger = *s;
    larger->h += s->pad_top + s->pad_bottom;
    larger->w += s->pad_left + s->pad_right;
    larger->pad_top = larger->pad_bottom = larger->pad_left = larger->pad_right = 0;
    double *pixels = naive_new(naive_count_x(larger), sizeof *pixels);
    for (int64_t i = 0; i < s->n * s->h; i++)
        memcpy(pixels + ((i / s->h * larger->h + i % s->h + s->pad_top) * larger->w + s->pad_left) *
                            s->c,
               x + i * s->w * s->c, (size_t)(s->w * s->c) * sizeof *pixels);
    return pixels;
}

static void *packed_kernel(struct bench *b, enum conv_pass pass)
{
    struct error err = {0};
    void *packed = naive_new((int64_t)conv_packed_size(b->conv, pass), 1);
    ok(conv_pack(b->lane, b->conv, pass, b->operands[OF_KERNEL], NULL, packed, &err), &err);
    return packed;
}

/* An operand in the bench's kind of elements. */
static void *given(const struct bench *b, enum operand operand)
{
    const float *values = b->operands[operand];
    const int64_t count = b->counts[operand];
    void *memory = naive_new(count, sizeof *values);
    for (int64_t i = 0; i < count; i++)
        if (b->dtype == DTYPE_F32)
            ((float *)memory)[i] = values[i];
        else
            ((uint16_t *)memory)[i] = bf16_from_f32(values[i]);
    return memory;
}

/* A result in them as f32; frees it. */
static float *widened(const struct bench *b, void *result, int64_t count)
{
    float *values = naive_new(count, sizeof *values);
    for (int64_t i = 0; i < count; i++)
        values[i] =
            b->dtype == DTYPE_F32 ? ((float *)result)[i] : bf16_to_f32(((uint16_t *)result)[i]);
    free(result);
    return values;
}

static void check_forward(struct bench *b)
{
    struct error err = {0};
    const int64_t count = b->counts[OF_RESIDUAL];
    void *packed = packed_kernel(b, CONV_FORWARD);
    void *x = given(b, OF_X), *residual = given(b, OF_RESIDUAL);
    void *raw = naive_new(count, sizeof(float));
    double *known = naive_new(count, sizeof *known), *wide[OPERANDS];
    for (int i = 0; i < OPERANDS; i++)
        wide[i] = naive_widen(b->operands[i], b->counts[i]);
    ok(conv_forward(b->lane, b->conv, x, packed, b->operands[OF_BIAS], residual, raw, &err), &err);
    float *y = widened(b, raw, count);
    naive_conv_forward(b->shape, wide[OF_X], wide[OF_KERNEL], wide[OF_BIAS], wide[OF_RESIDUAL],
                       ACTIVATION_NONE, known);
    struct conv_shape larger;
    double *pixels = padded(b->shape, wide[OF_X], &larger);
    double *with_zeros = naive_new(count, sizeof *with_zeros);
    naive_conv_forward(&larger, pixels, wide[OF_KERNEL], wide[OF_BIAS], wide[OF_RESIDUAL],
                       ACTIVATION_NONE, with_zeros);
    same_kind(conv_implementation(b->conv, CONV_FORWARD), b->dtype, y, known, with_zeros, count);
    for (int i = 0; i < OPERANDS; i++)
        free(wide[i]);
    free(packed), free(y), free(known), free(pixels), free(with_zeros), free(x), free(residual);
}

/* The gradient of the input where a kernel multiplies its taps by zeros, too, that lie between the
 * places of a strided output or around it, as AMX's does: dx plus 0 times each weight of a channel.
 */
static double *with_zero_taps(const struct conv_shape *s, const double *dx, const double *kernel)
{
    const int64_t c = s->c / s->groups, k = s->k / s->groups;
    double *values = naive_new(naive_count_x(s), sizeof *values);
    for (int64_t i = 0; i < naive_count_x(s); i++) {
        const int64_t group = i % s->c / c, channel = i % s->c % c;
        values[i] = dx[i];
        for (int64_t tap = 0; tap < s->r * s->s; tap++)
            for (int64_t j = 0; j < k; j++)
                values[i] += 0.0 * kernel[(tap * c + channel) * s->k + group * k + j];
    }
    return values;
}

static void check_backward(struct bench *b)
{
    struct error err = {0};
    const struct conv_shape *s = b->shape;
    void *packed = packed_kernel(b, CONV_BACKWARD_DATA);
    void *dw = naive_new((int64_t)conv_packed_size(b->conv, CONV_BACKWARD_WEIGHTS), 1);
    void *given_x = given(b, OF_X), *given_dy = given(b, OF_DY);
    void *raw = naive_new(naive_count_x(s), sizeof(float));
    float *dkernel = naive_new(naive_count_w(s), sizeof *dkernel);
    float *dbias = naive_new(s->k, sizeof *dbias);
    double *x = naive_widen(b->operands[OF_X], naive_count_x(s));
    double *kernel = naive_widen(b->operands[OF_KERNEL], naive_count_w(s));
    double *dy = naive_widen(b->operands[OF_DY], naive_count_y(s));
    double *known_dx = naive_new(naive_count_x(s), sizeof *known_dx);
    double *known_dkernel = naive_new(naive_count_w(s), sizeof *known_dkernel);
    double *known_dbias = naive_new(s->k, sizeof *known_dbias);
    ok(conv_backward_data(b->lane, b->conv, given_dy, packed, raw, &err), &err);
    ok(conv_backward_weights(b->lane, b->conv, given_x, given_dy, dw, dbias, &err), &err);
    float *dx = widened(b, raw, naive_count_x(s));
    ok(conv_unpack_gradient(b->lane, b->conv, dw, dkernel, &err), &err);
    naive_conv_backward_data(s, dy, kernel, known_dx);
    naive_conv_backward_weights(s, x, dy, known_dkernel, known_dbias);
    struct conv_shape larger;
    double *pixels = padded(s, x, &larger);
    double *with_zeros = naive_new(naive_count_w(s), sizeof *with_zeros);
    naive_conv_backward_weights(&larger, pixels, dy, with_zeros, known_dbias);
    double *zero_taps = with_zero_taps(s, known_dx, kernel);
    same_kind(conv_implementation(b->conv, CONV_BACKWARD_DATA), b->dtype, dx, known_dx, zero_taps,
              naive_count_x(s));
    free(zero_taps);
    same_kind(conv_implementation(b->conv, CONV_BACKWARD_WEIGHTS), b->dtype, dkernel, known_dkernel,
              with_zeros, naive_count_w(s));
    same_kind("gradient of a bias", b->dtype, dbias, known_dbias, NULL, s->k);
    free(pixels), free(with_zeros);
    free(given_x), free(given_dy);
    free(packed), free(dw), free(dx), free(dkernel), free(dbias), free(x), free(kernel), free(dy);
    free(known_dx), free(known_dkernel), free(known_dbias);
}

static void open_bench(struct bench *b, const struct conv_shape *shape, enum dtype dtype)
{
    struct error err = {0};
    const struct conv_options options = {.passes = CONV_FORWARD | CONV_BACKWARD_DATA |
                                                   CONV_BACKWARD_WEIGHTS,
                                         .bias = true,
                                         .residual = true,
                                         .dtype = dtype,
                                         .y = dtype};
    *b = (struct bench){.dtype = dtype,
                        .shape = shape,
                        .counts = {naive_count_x(shape), naive_count_w(shape), shape->k,
                                   naive_count_y(shape), naive_count_y(shape)}};
    b->cpu = on_lane_open(&b->lane);
    ok(conv_new(b->cpu, shape, &options, &b->conv, &err), &err);
}

static void close_bench(struct bench *b)
{
    conv_free(b->conv);
    cpu_close(b->cpu);
}

static void convolution_carries_nan_and_infinity_in_every_operand(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPES * (size_t)on_lane_dtypes(); s++) {
        struct bench b;
        open_bench(&b, &shapes[s % SHAPES], (enum dtype)(s / SHAPES));
        for (int spoilt = 0; spoilt < OPERANDS; spoilt++)
            for (int special = 0; special < SPECIALS; special++) {
                for (int i = 0; i < OPERANDS; i++)
                    b.operands[i] = naive_filled(b.counts[i], (uint32_t)i + 1);
                b.operands[spoilt][b.counts[spoilt] / 2] = specials[special];
                check_forward(&b);
                check_backward(&b);
                for (int i = 0; i < OPERANDS; i++)
                    free(b.operands[i]);
            }
        close_bench(&b);
    }
}

/* Else a network whose activations run apart could have other bits. Processors before AVX2 have
 * other kernels for the two; some of their fused ones give -0. */
static void fused_activation_changes_no_finite_value(void **state)
{
    static const enum activation kinds[] = {ACTIVATION_RELU, ACTIVATION_RELU6};
    struct error err = {0};
    struct lane *lane;
    char isa[ONEDNN_ISA_SIZE];
    (void)state;
    struct cpu *cpu = on_lane_open(&lane);
    onednn_isa(isa);
    for (size_t i = 0; i < 4 * SHAPES; i++) {
        const struct conv_shape *s = &shapes[i / 4];
        struct conv_options options = {.passes = CONV_FORWARD, .bias = true, .residual = i % 2};
        struct conv *apart, *fused;
        ok(conv_new(cpu, s, &options, &apart, &err), &err);
        options.activation = kinds[i / 2 % 2];
        ok(conv_new(cpu, s, &options, &fused, &err), &err);
        const bool same = strcmp(conv_implementation(fused, CONV_FORWARD),
                                 conv_implementation(apart, CONV_FORWARD)) == 0;
        assert_true(same || strstr(isa, "avx2") == NULL);
        float *x = naive_filled(naive_count_x(s), 1), *kernel = naive_filled(naive_count_w(s), 2),
              *bias = naive_filled(s->k, 3);
        float *residual = naive_filled(naive_count_y(s), 4);
        float *y[2] = {naive_new(naive_count_y(s), sizeof(float)),
                       naive_new(naive_count_y(s), sizeof(float))};
        for (int64_t j = 0; j < naive_count_w(s); j++)
            kernel[j] *= 9.0f; /* some come above 6 */
        for (int j = 0; j < 2; j++) {
            struct conv *conv = j == 0 ? apart : fused;
            void *packed = naive_new((int64_t)conv_packed_size(conv, CONV_FORWARD), 1);
            ok(conv_pack(lane, conv, CONV_FORWARD, kernel, NULL, packed, &err), &err);
            ok(conv_forward(lane, conv, x, packed, bias, options.residual ? residual : NULL, y[j],
                            &err),
               &err);
            free(packed);
        }
        ok(activation_forward(lane, DTYPE_F32, naive_count_y(s), options.activation, y[0], &err),
           &err);
        for (int64_t j = 0; j < naive_count_y(s); j++)
            assert_true(same ? y[0][j] == y[1][j]
                             : is_alike((double)y[0][j], (double)y[1][j], DTYPE_F32));
        free(x), free(kernel), free(bias), free(residual), free(y[0]), free(y[1]);
        conv_free(apart), conv_free(fused);
    }
    cpu_close(cpu);
}

/* ---- element by element ---- */

enum { COUNT = 133 }; /* strips and what is left over */

static void activations_carry_nan(void **state)
{
    struct error err = {0};
    struct lane *lane;
    (void)state;
    struct cpu *cpu = on_lane_open(&lane);
    for (int a = ACTIVATION_RELU; a <= ACTIVATION_RELU6; a++)
        for (int at = 0; at < COUNT; at++) {
            float y[COUNT], dy[COUNT];
            const float top = a == ACTIVATION_RELU ? INFINITY : 6.0f;
            for (int special = 0; special < SPECIALS; special++) {
                naive_fill(y, COUNT, 1);
                y[at] = specials[special];
                ok(activation_forward(lane, DTYPE_F32, COUNT, (enum activation)a, y, &err), &err);
                for (int i = 0; i < COUNT; i++)
                    assert_true(i == at || (y[i] >= 0 && y[i] <= 1));
                assert_true(special == 0   ? isnan(y[at])
                            : special == 1 ? y[at] == top
                                           : y[at] == 0.0f);
            }
            naive_fill(dy, COUNT, 2);
            for (int i = 0; i < COUNT; i++)
                y[i] = i == at ? NAN : 1.0f;
            ok(activation_backward(lane, DTYPE_F32, COUNT, (enum activation)a, y, dy, &err), &err);
            for (int i = 0; i < COUNT; i++)
                assert_true(isnan(dy[i]) == (i == at));
            /* Times a derivative of 0, and of 1. */
            for (int i = 0; i < COUNT; i++)
                y[i] = i == at ? 0.0f : 1.0f, dy[i] = i % 2 ? INFINITY : NAN;
            ok(activation_backward(lane, DTYPE_F32, COUNT, (enum activation)a, y, dy, &err), &err);
            for (int i = 0; i < COUNT; i++)
                assert_true(i % 2 && i != at ? dy[i] == INFINITY : isnan(dy[i]));
        }
    float infinite = INFINITY, dy = 3.0f;
    ok(activation_backward(lane, DTYPE_F32, 1, ACTIVATION_RELU, &infinite, &dy, &err), &err);
    assert_true(dy == 3.0f);
    cpu_close(cpu);
}

static void largest_sees_nan_and_infinity_anywhere(void **state)
{
    struct error err = {0};
    struct lane *lane;
    float x[COUNT], largest;
    (void)state;
    struct cpu *cpu = on_lane_open(&lane);
    for (int at = 0; at < COUNT; at++)
        for (int special = 0; special < SPECIALS; special++) {
            naive_fill(x, COUNT, 1);
            x[at] = specials[special];
            ok(tensor_largest(lane, DTYPE_F32, COUNT, x, &largest, &err), &err);
            assert_true(special == 0 ? isnan(largest) : largest == INFINITY);
            x[at] = -7.5f;
            ok(tensor_largest(lane, DTYPE_F32, COUNT, x, &largest, &err), &err);
            assert_true(largest == 7.5f);
        }
    cpu_close(cpu);
}

static void sums_and_copies_and_dropout_carry_nan(void **state)
{
    struct error err = {0};
    struct lane *lane;
    float x[COUNT], y[COUNT];
    const int64_t samples[1] = {0};
    const struct dropout_key key = {.seed = 1, .rate = 0.5f};
    (void)state;
    struct cpu *cpu = on_lane_open(&lane);
    for (int at = 0; at < COUNT; at++)
        for (int special = 0; special < SPECIALS; special++) {
            naive_fill(x, COUNT, 1), naive_fill(y, COUNT, 2);
            x[at] = specials[special];
            ok(tensor_accumulate(lane, DTYPE_F32, COUNT, x, y, &err), &err);
            assert_true(special == 0 ? isnan(y[at]) : y[at] == x[at]);
            /* What is dropped is multiplied by 0, and infinity times 0 is a NaN. */
            ok(dropout_apply(lane, DTYPE_F32, &key, 1, COUNT, samples, x, y, &err), &err);
            assert_true(special == 0 ? isnan(y[at]) : isnan(y[at]) || y[at] == x[at]);
            for (int i = 0; i < COUNT; i++)
                assert_true(i == at || isfinite(y[i]));
        }
    cpu_close(cpu);
}

/* ---- pools ---- */

static void max_pool_carries_nan_forward_and_back(void **state)
{
    struct error err = {0};
    struct lane *lane;
    (void)state;
    struct cpu *cpu = on_lane_open(&lane);
    for (int padded = 0; padded < 2; padded++) {
        const struct pool_shape s = {1, 6, 6, 19, 3, 2, 1, 1, 1, 1, padded == 1};
        enum { IN = 6 * 6 * 19, OUT = 3 * 3 * 19 };
        float x[IN], y[OUT], dy[OUT], dx[IN];
        for (int at = 0; at < IN; at++) {
            naive_fill(x, IN, 1);
            for (int i = 0; i < OUT; i++)
                dy[i] = 1.0f;
            x[at] = NAN;
            ok(max_pool_forward(lane, DTYPE_F32, &s, x, y, &err), &err);
            ok(max_pool_backward(lane, DTYPE_F32, &s, x, y, dy, dx, &err), &err);
            int touched = 0;
            for (int i = 0; i < OUT; i++) {
                const int p = i / 19 / 3, q = i / 19 % 3, c = i % 19;
                const int row = at / 19 / 6, column = at / 19 % 6;
                const bool sees = c == at % 19 && row >= 2 * p - 1 && row <= 2 * p + 1 &&
                                  column >= 2 * q - 1 && column <= 2 * q + 1;
                assert_true(isnan(y[i]) == sees);
                touched += sees;
            }
            assert_true(dx[at] == (float)touched); /* the NaN is the maximum of its windows */
            x[at] = -INFINITY;
            ok(max_pool_forward(lane, DTYPE_F32, &s, x, y, &err), &err);
            for (int i = 0; i < OUT; i++)
                assert_true(isfinite(y[i]));
        }
    }
    cpu_close(cpu);
}

static void average_pool_carries_nan_forward_and_back(void **state)
{
    enum { PLACES = 5, CHANNELS = 83 };
    struct error err = {0};
    struct lane *lane;
    float x[PLACES * CHANNELS], y[CHANNELS], dx[PLACES * CHANNELS];
    (void)state;
    struct cpu *cpu = on_lane_open(&lane);
    for (int at = 0; at < PLACES * CHANNELS; at++)
        for (int special = 0; special < SPECIALS; special++) {
            naive_fill(x, PLACES * CHANNELS, 1);
            x[at] = specials[special];
            ok(average_pool_forward(lane, DTYPE_F32, 1, PLACES, CHANNELS, x, y, &err), &err);
            for (int c = 0; c < CHANNELS; c++)
                assert_true(c != at % CHANNELS ? isfinite(y[c])
                            : special == 0     ? isnan(y[c])
                                               : y[c] == x[at]);
            ok(average_pool_backward(lane, DTYPE_F32, 1, PLACES, CHANNELS, y, dx, &err), &err);
            for (int i = 0; i < PLACES * CHANNELS; i++)
                assert_true(isfinite(dx[i]) == (i % CHANNELS != at % CHANNELS));
        }
    cpu_close(cpu);
}

/* ---- norm and loss ---- */

static void norm_carries_nan(void **state)
{
    enum { ROWS = 70, C = 19 };
    struct error err = {0};
    struct lane *lane;
    float x[ROWS * C], y[ROWS * C], scale[C], shift[C], dx[ROWS * C];
    double mean[C], m2[C], dgamma[C], dbeta[C];
    (void)state;
    struct cpu *cpu = on_lane_open(&lane);
    for (int at = 0; at < ROWS * C; at += 7)
        for (int special = 0; special < SPECIALS; special++) {
            naive_fill(x, ROWS * C, 1), naive_fill(y, ROWS * C, 2);
            naive_fill(scale, C, 3), naive_fill(shift, C, 4);
            for (int c = 0; c < C; c++)
                scale[c] += 2.0f;
            x[at] = specials[special];
            ok(norm_statistics(lane, DTYPE_F32, ROWS, C, x, mean, m2, &err), &err);
            ok(norm_backward_sums(lane, DTYPE_F32, ROWS, C, x, y, shift, scale, dgamma, dbeta,
                                  &err),
               &err);
            for (int c = 0; c < C; c++) {
                struct norm_moments all = {0}, part = {ROWS, mean[c], m2[c]};
                norm_join(&all, &part);
                assert_true(isnan(norm_rstd(norm_variance(&all), 1e-3f)) == (c == at % C));
                assert_true(isfinite(dgamma[c]) == (c != at % C) && isfinite(dbeta[c]));
            }
            ok(norm_backward_data(lane, DTYPE_F32, ROWS, C, x, y, scale, shift, shift, dx, &err),
               &err);
            for (int i = 0; i < ROWS * C; i++)
                assert_true(isfinite(dx[i]) == (i != at));
            for (int a = ACTIVATION_NONE; a <= ACTIVATION_RELU6; a++) {
                ok(norm_apply(lane, DTYPE_F32, ROWS, C, x, scale, shift, NULL, (enum activation)a,
                              dx, &err),
                   &err);
                for (int i = 0; i < ROWS * C; i++)
                    assert_true(isnan(dx[i]) == (i == at && special == 0));
            }
        }
    cpu_close(cpu);
}

static void loss_carries_nan_and_is_infinite_where_it_is(void **state)
{
    enum { CLASSES = 5 };
    (void)state;
    for (int at = 0; at < CLASSES; at++)
        for (int special = 0; special < SPECIALS; special++) {
            float logits[CLASSES], targets[CLASSES] = {0, 1, 0, 0, 0}, p[CLASSES], d[CLASSES];
            float loss;
            naive_fill(logits, CLASSES, 1);
            logits[at] = specials[special];
            loss_image(CLASSES, logits, targets, 1.0f, &loss, p, d);
            if (special < 2) /* infinity less infinity is a NaN */
                assert_true(isnan(loss) && isnan(p[0]) && isnan(d[CLASSES - 1]));
            else
                assert_true(at == 1 ? loss == INFINITY : isfinite(loss));
        }
}

/* ---- bounds ---- */

static void reach_is_never_less_than_what_a_convolution_gives(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPES; i++) {
        const struct conv_shape *s = &shapes[i];
        const int64_t rows = s->r * s->s * (s->c / s->groups);
        float *kernel = naive_filled(naive_count_w(s), 2), *bias = naive_filled(s->k, 3),
              *scale = naive_filled(s->k, 4);
        double *x = naive_new(naive_count_x(s), sizeof *x),
               *y = naive_new(naive_count_y(s), sizeof *y);
        double *wide = naive_widen(kernel, naive_count_w(s)), *wide_bias = naive_widen(bias, s->k);
        double largest = 0, gain = 0;
        for (int64_t k = 0; k < s->k; k++) {
            double sum = 0;
            for (int64_t row = 0; row < rows; row++)
                sum += fabs(wide[row * s->k + k] *= (double)scale[k]);
            gain = fmax(gain, sum);
        }
        /* The input that makes the most of the first channel, at every place. */
        for (int64_t j = 0; j < naive_count_x(s); j++)
            x[j] = 3.0 * (wide[j % s->c % (s->c / s->groups) * s->k] < 0 ? -1 : 1);
        naive_conv_forward(s, x, wide, wide_bias, NULL, ACTIVATION_NONE, y);
        for (int64_t j = 0; j < naive_count_y(s); j++)
            largest = fmax(largest, fabs(y[j]));
        const float known = reach_gain(rows, s->k, kernel, scale);
        assert_true(fabs((double)known - gain) < 1e-5 * gain);
        assert_true((double)reach_sum(known, 3.0f, reach_largest(s->k, bias), 0.0f) >= largest);
        kernel[naive_count_w(s) / 3] = NAN;
        assert_true(isnan(reach_gain(rows, s->k, kernel, NULL)));
        kernel[naive_count_w(s) / 3] = -INFINITY;
        assert_true(reach_gain(rows, s->k, kernel, NULL) == INFINITY);
        free(kernel), free(bias), free(scale), free(x), free(y), free(wide), free(wide_bias);
    }
    assert_true(isnan(reach_sum(INFINITY, 0.0f, 0.0f, 0.0f)));
    assert_true(isnan(reach_larger(NAN, 1.0f)) && isnan(reach_larger(1.0f, NAN)));
    assert_true(reach_larger(1.0f, 2.0f) == 2.0f && reach_larger(INFINITY, 2.0f) == INFINITY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolution_carries_nan_and_infinity_in_every_operand),
        cmocka_unit_test(fused_activation_changes_no_finite_value),
        cmocka_unit_test(activations_carry_nan),
        cmocka_unit_test(largest_sees_nan_and_infinity_anywhere),
        cmocka_unit_test(sums_and_copies_and_dropout_carry_nan),
        cmocka_unit_test(max_pool_carries_nan_forward_and_back),
        cmocka_unit_test(average_pool_carries_nan_forward_and_back),
        cmocka_unit_test(norm_carries_nan),
        cmocka_unit_test(loss_carries_nan_and_is_infinite_where_it_is),
        cmocka_unit_test(reach_is_never_less_than_what_a_convolution_gives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
