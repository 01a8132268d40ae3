#include "naive.h"
#include "on_lane.h"

#include "nn/dropout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

static const struct dropout_key key = {.seed = 42, .step = 7, .layer = 3, .rate = 0.3f};

static void ones(float *x, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        x[i] = 1;
}

/* Within four standard deviations of the rate; what is kept grows so that the mean stays. */
static void dropout_drops_at_its_rate_and_scales_the_rest(void **state)
{
    (void)state;
    enum { N = 40, C = 501 };
    struct error err = {0};
    struct lane *lane;
    struct cpu *cpu = on_lane_open(&lane);
    static float x[N * C], y[N * C];
    int64_t samples[N], dropped = 0;
    ones(x, N * C);
    for (int i = 0; i < N; i++)
        samples[i] = 1000 + i;
    assert_int_equal(dropout_apply(lane, DTYPE_F32, &key, N, C, samples, x, y, &err), 0);
    for (int i = 0; i < N * C; i++) {
        assert_true(y[i] == 0 || y[i] == 1.4285715f);
        dropped += y[i] == 0;
    }
    double deviation = sqrt(0.3 * 0.7 * N * C);
    assert_true(fabs((double)dropped - 0.3 * N * C) < 4 * deviation);
    cpu_close(cpu);
}

/* The mask belongs to the sample: not to its place in the batch, nor to the other samples, nor to
 * forward or backward. */
static void dropout_mask_belongs_to_seed_step_layer_and_sample(void **state)
{
    (void)state;
    enum { C = 131 };
    struct error err = {0};
    struct lane *lane;
    struct cpu *cpu = on_lane_open(&lane);
    float x[3 * C], y[3 * C], alone[C];
    const int64_t samples[] = {5, 9, 5};
    ones(x, 3 * C);
    dropout_apply(lane, DTYPE_F32, &key, 3, C, samples, x, y, &err);
    dropout_apply(lane, DTYPE_F32, &key, 1, C, samples + 1, x, alone, &err);
    assert_memory_equal(y + C, alone, sizeof(alone));
    assert_memory_equal(y, y + 2 * C, sizeof(alone));
    assert_memory_not_equal(y, alone, sizeof(alone));
    struct dropout_key others[] = {key, key, key};
    others[0].seed++, others[1].step++, others[2].layer++;
    for (int i = 0; i < 3; i++) {
        dropout_apply(lane, DTYPE_F32, &others[i], 1, C, samples + 1, x, y, &err);
        assert_memory_not_equal(y, alone, sizeof(alone));
    }
    dropout_apply(lane, DTYPE_F32, &key, 1, C, samples + 1, x, x, &err); /* in place */
    assert_memory_equal(x, alone, sizeof(alone));
    cpu_close(cpu);
}

static void dropout_of_rate_zero_is_identity(void **state)
{
    (void)state;
    struct error err = {0};
    struct lane *lane;
    struct cpu *cpu = on_lane_open(&lane);
    struct dropout_key none = {.seed = 1};
    float x[50], y[50];
    const int64_t sample = 3;
    naive_fill(x, 50, 1);
    dropout_apply(lane, DTYPE_F32, &none, 1, 50, &sample, x, y, &err);
    assert_memory_equal(x, y, sizeof(x));
    cpu_close(cpu);
}

static void dropout_refuses_more_than_its_counter_holds(void **state)
{
    (void)state;
    struct error err = {0};
    struct lane *lane;
    struct cpu *cpu = on_lane_open(&lane);
    const int64_t sample = 3;
    assert_int_equal(dropout_apply(lane, DTYPE_F32, &key, 1, 4LL * DROPOUT_BLOCKS + 1, &sample,
                                   NULL, NULL, &err),
                     -1);
    assert_int_equal(err.kind, ERR_DEVICE);
    cpu_close(cpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dropout_drops_at_its_rate_and_scales_the_rest),
        cmocka_unit_test(dropout_mask_belongs_to_seed_step_layer_and_sample),
        cmocka_unit_test(dropout_of_rate_zero_is_identity),
        cmocka_unit_test(dropout_refuses_more_than_its_counter_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
