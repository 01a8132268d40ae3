#include "known.h"
#include "naive.h"
#include "on_lane.h"

#include "nn/adam.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

static void adam_equals_keras(void **state)
{
    (void)state;
    struct error err = {0};
    struct lane *lane;
    struct cpu *cpu = on_lane_open(&lane);
    struct known_text file;
    known_open(&file, "tests/golden/adam/adam.txt");
    int64_t count = (int64_t)known_number(&file), steps = (int64_t)known_number(&file);
    float rate = (float)known_number(&file);
    float *w = known_read(&file, count);
    float *m = naive_new(count, sizeof(*m)), *v = naive_new(count, sizeof(*v));
    for (int64_t t = 1; t <= steps; t++) {
        float *g = known_read(&file, count), *w_known = known_read(&file, count);
        float *m_known = known_read(&file, count), *v_known = known_read(&file, count);
        assert_int_equal(
            adam_apply(lane, count, (struct adam_step){adam_alpha(rate, t)}, g, w, m, v, &err), 0);
        known_compare("weight", w, w_known, count, 2e-7, 1e-3);
        known_compare("first moment", m, m_known, count, 4e-7, 1e-12);
        known_compare("second moment", v, v_known, count, 4e-7, 1e-24);
        free(g), free(w_known), free(m_known), free(v_known);
    }
    free(w), free(m), free(v);
    known_close(&file);
    cpu_close(cpu);
}

/* Spec values: f32 rounding of beta2 makes the first step a little shorter than in exact
 * arithmetic. */
static void adam_alpha_is_rounded_as_in_f32(void **state)
{
    (void)state;
    assert_true(fabsf(adam_alpha(1e-3f, 1) - 0.00031622566f) < 1e-10f);
    assert_true(fabs((double)adam_power(0.999f, 1000000) - 0.0) < 1e-30);
    for (int64_t t = 1; t < 5000; t += 7) {
        float power = powf(0.999f, (float)t);
        assert_true(fabsf(adam_power(0.999f, t) - power) <= power * 1.2e-7f);
    }
    assert_true(adam_alpha(1e-3f, 10000000) == 1e-3f);
}

/* The vector loop and what is left over compute the same as one element after another. */
static void adam_does_not_depend_on_position(void **state)
{
    (void)state;
    enum { COUNT = 203 };
    struct error err = {0};
    struct lane *lane;
    struct cpu *cpu = on_lane_open(&lane);
    float g[COUNT], w[COUNT], m[COUNT], v[COUNT];
    naive_fill(g, COUNT, 1), naive_fill(w, COUNT, 2), naive_fill(m, COUNT, 3);
    naive_fill(v, COUNT, 4);
    for (int i = 0; i < COUNT; i++)
        v[i] = fabsf(v[i]);
    float w1[COUNT], m1[COUNT], v1[COUNT];
    memcpy(w1, w, sizeof(w)), memcpy(m1, m, sizeof(m)), memcpy(v1, v, sizeof(v));
    adam_apply(lane, COUNT, (struct adam_step){1e-3f}, g, w, m, v, &err);
    for (int i = 0; i < COUNT; i++)
        adam_update(1e-3f, g[i], &w1[i], &m1[i], &v1[i]);
    assert_memory_equal(w, w1, sizeof(w));
    assert_memory_equal(m, m1, sizeof(m));
    assert_memory_equal(v, v1, sizeof(v));
    cpu_close(cpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adam_equals_keras),
        cmocka_unit_test(adam_alpha_is_rounded_as_in_f32),
        cmocka_unit_test(adam_does_not_depend_on_position),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
