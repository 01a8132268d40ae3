#include "known.h"
#include "naive.h"
#include "on_lane.h"

#include "nn/norm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

/* A batch norm over `rows` rows that come in shards of at most `shard` rows, put together as a
 * training step does. */
struct layer {
    int64_t rows, c, shard;
    float epsilon;
    const float *x, *dy, *gamma, *beta;
    float *mean, *variance, *rstd, *scale, *shift; /* [c] */
    float *y, *dx, *dgamma, *dbeta;
};

static int64_t shard_rows(const struct layer *l, int64_t start)
{
    return l->rows - start < l->shard ? l->rows - start : l->shard;
}

static void layer_forward(struct layer *l, struct lane *lane)
{
    struct error err = {0};
    struct norm_moments *all = naive_new(l->c, sizeof(*all));
    double *mean = naive_new(2 * l->c, sizeof(*mean)), *m2 = mean + l->c;
    for (int64_t start = 0; start < l->rows; start += l->shard) {
        int64_t rows = shard_rows(l, start);
        norm_statistics(lane, DTYPE_F32, rows, l->c, l->x + start * l->c, mean, m2, &err);
        for (int64_t i = 0; i < l->c; i++)
            norm_join(&all[i], &(struct norm_moments){rows, mean[i], m2[i]});
    }
    for (int64_t i = 0; i < l->c; i++) {
        l->mean[i] = (float)all[i].mean;
        l->variance[i] = norm_variance(&all[i]);
        l->rstd[i] = norm_rstd(l->variance[i], l->epsilon);
        norm_scale_shift(l->gamma[i], l->beta[i], l->mean[i], l->variance[i], l->epsilon,
                         &l->scale[i], &l->shift[i]);
    }
    norm_apply(lane, DTYPE_F32, l->rows, l->c, l->x, l->scale, l->shift, NULL, ACTIVATION_NONE,
               l->y, &err);
    free(all), free(mean);
}

static void layer_sums(struct layer *l, struct lane *lane, double *dgamma, double *dbeta)
{
    struct error err = {0};
    double *sums = naive_new(2 * l->c, sizeof(*sums));
    for (int64_t i = 0; i < l->c; i++)
        dgamma[i] = dbeta[i] = 0;
    for (int64_t start = 0; start < l->rows; start += l->shard) {
        norm_backward_sums(lane, DTYPE_F32, shard_rows(l, start), l->c, l->x + start * l->c,
                           l->dy + start * l->c, l->mean, l->rstd, sums, sums + l->c, &err);
        for (int64_t i = 0; i < l->c; i++) {
            dgamma[i] += sums[i];
            dbeta[i] += sums[l->c + i];
        }
    }
    for (int64_t i = 0; i < l->c; i++) {
        l->dgamma[i] = (float)dgamma[i];
        l->dbeta[i] = (float)dbeta[i];
    }
    free(sums);
}

static void layer_backward(struct layer *l, struct lane *lane)
{
    struct error err = {0};
    double *dgamma = naive_new(2 * l->c, sizeof(*dgamma)), *dbeta = dgamma + l->c;
    float *a = naive_new(3 * l->c, sizeof(*a)), *b = a + l->c, *d = b + l->c;
    layer_sums(l, lane, dgamma, dbeta);
    for (int64_t i = 0; i < l->c; i++)
        norm_batch_backward(l->gamma[i], l->mean[i], l->rstd[i], l->rows, dgamma[i], dbeta[i],
                            &a[i], &b[i], &d[i]);
    norm_backward_data(lane, DTYPE_F32, l->rows, l->c, l->x, l->dy, a, b, d, l->dx, &err);
    free(dgamma), free(a);
}

static float *layer_carve(struct layer *l)
{
    float *memory = naive_new(2 * l->rows * l->c + 7 * l->c, sizeof(*memory)), *next = memory;
    float **small[] = {&l->mean,  &l->variance, &l->rstd, &l->scale,
                       &l->shift, &l->dgamma,   &l->dbeta};
    l->y = next, next += l->rows * l->c;
    l->dx = next, next += l->rows * l->c;
    for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++, next += l->c)
        *small[i] = next;
    return memory;
}

static void batch_norm_equals_keras(void **state)
{
    (void)state;
    struct error err = {0};
    struct lane *lane;
    struct cpu *cpu = on_lane_open(&lane);
    struct known_text file;
    known_open(&file, "tests/golden/norm/norm.txt");
    struct layer l = {.rows = (int64_t)known_number(&file), .c = (int64_t)known_number(&file)};
    l.epsilon = (float)known_number(&file);
    float momentum = (float)known_number(&file);
    int64_t all = l.rows * l.c, c = l.c;
    int64_t counts[] = {all, all, c, c, c, c, all, all, c, c, c, c, all, all, c, c};
    float *k[16];
    for (int i = 0; i < 16; i++)
        k[i] = known_read(&file, counts[i]);
    l.x = k[0], l.dy = k[1], l.gamma = k[2], l.beta = k[3];
    float *memory = layer_carve(&l);
    for (l.shard = 7; l.shard < 100; l.shard *= 5) {
        layer_forward(&l, lane);
        layer_backward(&l, lane);
        known_compare("y", l.y, k[6], all, 1e-6, 4);
        known_compare("dx", l.dx, k[7], all, 2e-6, 4);
        known_compare("dgamma", l.dgamma, k[8], c, 1e-6, 20);
        known_compare("dbeta", l.dbeta, k[9], c, 1e-6, 20);
        for (int64_t i = 0; i < c; i++) {
            l.mean[i] = norm_moving(k[4][i], l.mean[i], momentum);
            l.variance[i] = norm_moving(k[5][i], l.variance[i], momentum);
        }
        known_compare("moving mean", l.mean, k[10], c, 1e-6, 1);
        known_compare("moving variance", l.variance, k[11], c, 1e-6, 1);
    }
    for (int64_t i = 0; i < c; i++) { /* inference mode */
        l.mean[i] = k[4][i];
        l.rstd[i] = norm_rstd(k[5][i], l.epsilon);
        norm_scale_shift(l.gamma[i], l.beta[i], k[4][i], k[5][i], l.epsilon, &l.scale[i],
                         &l.shift[i]);
    }
    double sums[64];
    layer_sums(&l, lane, sums, sums + c);
    norm_apply(lane, DTYPE_F32, l.rows, c, l.x, l.scale, l.shift, NULL, ACTIVATION_NONE, l.y, &err);
    norm_backward_data(lane, DTYPE_F32, l.rows, c, l.x, l.dy, l.scale, NULL, NULL, l.dx, &err);
    known_compare("y", l.y, k[12], all, 1e-6, 4);
    known_compare("dx", l.dx, k[13], all, 1e-6, 1);
    known_compare("dgamma", l.dgamma, k[14], c, 1e-6, 40);
    known_compare("dbeta", l.dbeta, k[15], c, 1e-6, 20);
    for (int i = 0; i < 16; i++)
        free(k[i]);
    free(memory);
    known_close(&file);
    cpu_close(cpu);
}

static const int64_t sizes[][2] = {{1, 1}, {19, 3}, {31, 16}, {33, 17}, {100, 40}, {300, 64}};
enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

static void norm_equals_reference(void **state)
{
    (void)state;
    struct lane *lane;
    struct cpu *cpu = on_lane_open(&lane);
    for (size_t s = 1; s < SIZES; s++) {
        int64_t rows = sizes[s][0], c = sizes[s][1], all = rows * c;
        float *in = naive_new(2 * all + 2 * c, sizeof(*in));
        naive_fill(in, 2 * all + 2 * c, (uint32_t)s);
        for (int64_t i = 0; i < all; i++)
            in[i] += (float)(i % c % 5) * 3; /* means that are large against the spread */
        struct layer l = {.rows = rows, .c = c, .shard = 25, .epsilon = 1e-3f, .x = in};
        l.dy = in + all, l.gamma = in + 2 * all, l.beta = l.gamma + c;
        float *memory = layer_carve(&l);
        layer_forward(&l, lane);
        layer_backward(&l, lane);
        double *x = naive_widen(in, all), *dy = naive_widen(l.dy, all);
        double *gamma = naive_widen(l.gamma, c), *beta = naive_widen(l.beta, c);
        double *y = naive_new(all, sizeof(*y)), *sums = naive_new(2 * c, sizeof(*sums));
        naive_norm_batch_forward(rows, c, x, gamma, beta, (double)l.epsilon, y);
        assert_true(naive_distance(l.y, y, all) < 3e-6);
        naive_norm_batch_backward(rows, c, x, dy, gamma, (double)l.epsilon, y, sums, sums + c);
        assert_true(naive_distance(l.dx, y, all) < 3e-6);
        assert_true(naive_distance(l.dgamma, sums, c) < 1e-6);
        assert_true(naive_distance(l.dbeta, sums + c, c) < 1e-6);
        free(in), free(memory), free(x), free(dy), free(gamma), free(beta), free(y), free(sums);
    }
    cpu_close(cpu);
}

static void statistics_survive_a_mean_far_from_zero(void **state)
{
    (void)state;
    enum { ROWS = 1000, C = 20 };
    struct error err = {0};
    struct lane *lane;
    struct cpu *cpu = on_lane_open(&lane);
    float *x = naive_new(ROWS * C, sizeof(*x));
    double mean[C], m2[C], known_mean[C], known_m2[C];
    naive_fill(x, ROWS * C, 3);
    for (int i = 0; i < ROWS * C; i++)
        x[i] = x[i] + 1e4f;
    double *wide = naive_widen(x, ROWS * C);
    norm_statistics(lane, DTYPE_F32, ROWS, C, x, mean, m2, &err);
    naive_norm_statistics(ROWS, C, wide, known_mean, known_m2);
    for (int i = 0; i < C; i++) {
        assert_true(fabs(mean[i] - known_mean[i]) < 1e-6);
        assert_true(fabs(m2[i] - known_m2[i]) < 1e-5 * known_m2[i]);
    }
    free(x), free(wide);
    cpu_close(cpu);
}

struct quotient {
    int64_t rows, c;
    const double *gamma, *beta;
};

static void forward_of_x(void *arg, const double *x, double *y)
{
    struct quotient *q = arg;
    naive_norm_batch_forward(q->rows, q->c, x, q->gamma, q->beta, 1e-3, y);
}

static void reference_gradient_equals_difference_quotients(void **state)
{
    (void)state;
    enum { ROWS = 9, C = 2 };
    float fx[ROWS * C], fdy[ROWS * C];
    double gamma[C] = {0.5, -2}, beta[C] = {1, 0}, dgamma[C], dbeta[C];
    double y[ROWS * C], dx[ROWS * C];
    naive_fill(fx, ROWS * C, 1), naive_fill(fdy, ROWS * C, 2);
    double *x = naive_widen(fx, ROWS * C), *dy = naive_widen(fdy, ROWS * C);
    struct quotient q = {ROWS, C, gamma, beta};
    naive_norm_batch_backward(ROWS, C, x, dy, gamma, 1e-3, dx, dgamma, dbeta);
    for (int i = 0; i < ROWS * C; i++)
        assert_true(fabs(naive_difference_quotient(forward_of_x, &q, x, i, y, ROWS * C, dy) -
                         dx[i]) < 1e-7);
    for (int i = 0; i < C; i++) { /* linear in gamma and beta */
        double sum = 0, *vary[] = {gamma, beta}, known[] = {dgamma[i], dbeta[i]};
        for (int j = 0; j < 2; j++) {
            vary[j][i] += 1;
            forward_of_x(&q, x, y);
            vary[j][i] -= 2;
            double up = 0, down = 0;
            for (int k = 0; k < ROWS * C; k++)
                up += y[k] * dy[k];
            forward_of_x(&q, x, y);
            vary[j][i] += 1;
            for (int k = 0; k < ROWS * C; k++)
                down += y[k] * dy[k];
            sum = (up - down) / 2;
            assert_true(fabs(sum - known[j]) < 1e-9);
        }
    }
    free(x), free(dy);
}

static void apply_adds_residual_then_activates(void **state)
{
    (void)state;
    struct error err = {0};
    struct lane *lane;
    struct cpu *cpu = on_lane_open(&lane);
    for (size_t s = 0; s < SIZES * 6; s++) {
        int64_t rows = sizes[s % SIZES][0], c = sizes[s % SIZES][1], all = rows * c;
        enum activation activation = (enum activation)(s / SIZES % 3);
        bool has_residual = s / SIZES >= 3;
        float *in = naive_new(3 * all + 2 * c, sizeof(*in)), *y = in + 2 * all + 2 * c;
        naive_fill(in, 2 * all + 2 * c, (uint32_t)s);
        for (int64_t i = 0; i < all; i++)
            in[i] *= 20;
        float *residual = in + all, *scale = in + 2 * all, *shift = scale + c;
        norm_apply(lane, DTYPE_F32, rows, c, in, scale, shift, has_residual ? residual : NULL,
                   activation, y, &err);
        for (int64_t i = 0; i < all; i++) {
            float value = in[i] * scale[i % c] + shift[i % c];
            value = has_residual ? value + residual[i] : value;
            assert_true((double)y[i] == naive_activation((double)value, activation));
        }
        norm_apply(lane, DTYPE_F32, rows, c, in, scale, shift, has_residual ? residual : NULL,
                   activation, in, &err); /* in place */
        assert_memory_equal(in, y, (size_t)all * sizeof(*y));
        free(in);
    }
    float nan = NAN, one = 1, zero = 0;
    norm_apply(lane, DTYPE_F32, 1, 1, &nan, &one, &zero, NULL, ACTIVATION_RELU6, &nan, &err);
    assert_true(isnan(nan));
    cpu_close(cpu);
}

/* A channel's bits are the same wherever it lies and whatever lies beside it. */
static void norm_bits_do_not_depend_on_the_channel_s_place(void **state)
{
    (void)state;
    enum { ROWS = 77, C = 37 };
    struct error err = {0};
    struct lane *lane;
    struct cpu *cpu = on_lane_open(&lane);
    float *x = naive_new(2 * ROWS * C, sizeof(*x)), *dy = x + ROWS * C, column[2][ROWS];
    double mean[C], m2[C], dgamma[C], dbeta[C], one[4];
    float centre[C], rstd[C];
    naive_fill(x, 2 * ROWS * C, 5);
    norm_statistics(lane, DTYPE_F32, ROWS, C, x, mean, m2, &err);
    for (int i = 0; i < C; i++)
        centre[i] = (float)mean[i], rstd[i] = (float)m2[i];
    norm_backward_sums(lane, DTYPE_F32, ROWS, C, x, dy, centre, rstd, dgamma, dbeta, &err);
    for (int i = 0; i < C; i++) {
        for (int row = 0; row < ROWS; row++)
            column[0][row] = x[row * C + i], column[1][row] = dy[row * C + i];
        norm_statistics(lane, DTYPE_F32, ROWS, 1, column[0], one, one + 1, &err);
        norm_backward_sums(lane, DTYPE_F32, ROWS, 1, column[0], column[1], centre + i, rstd + i,
                           one + 2, one + 3, &err);
        assert_true(one[0] == mean[i] && one[1] == m2[i]);
        assert_true(one[2] == dgamma[i] && one[3] == dbeta[i]);
    }
    free(x);
    cpu_close(cpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch_norm_equals_keras),
        cmocka_unit_test(norm_equals_reference),
        cmocka_unit_test(reference_gradient_equals_difference_quotients),
        cmocka_unit_test(statistics_survive_a_mean_far_from_zero),
        cmocka_unit_test(apply_adds_residual_then_activates),
        cmocka_unit_test(norm_bits_do_not_depend_on_the_channel_s_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
