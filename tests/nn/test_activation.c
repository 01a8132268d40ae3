#include "naive.h"
#include "on_lane.h"

#include <stddef.h>
#include <string.h>

#include "tap.h"

static void activation_backward_is_zero_at_the_corners(void **state)
{
    (void)state;
    enum { COUNT = 133 };
    static const float corners[] = {0, 6, -0.0f, 5.9999995f, 1e-30f, 6, 3};
    static const bool open[][7] = {
        {1, 1, 1, 1, 1, 1, 1}, {0, 1, 0, 1, 1, 1, 1}, {0, 0, 0, 1, 1, 0, 1}};
    struct error err = {0};
    struct lane *lane;
    struct cpu *cpu = on_lane_open(&lane);
    for (int a = ACTIVATION_NONE; a <= ACTIVATION_RELU6; a++) {
        float y[COUNT], dy[COUNT], known[COUNT];
        naive_fill(known, COUNT, 1);
        memcpy(dy, known, sizeof(dy));
        for (int i = 0; i < COUNT; i++) {
            y[i] = corners[i % 7];
            known[i] = open[a][i % 7] ? known[i] : 0;
        }
        activation_backward(lane, DTYPE_F32, COUNT, (enum activation)a, y, dy, &err);
        assert_memory_equal(dy, known, sizeof(dy));
    }
    cpu_close(cpu);
}

/* Central differences of the activation itself, away from the corners. */
static void activation_backward_equals_difference_quotients(void **state)
{
    (void)state;
    struct error err = {0};
    struct lane *lane;
    struct cpu *cpu = on_lane_open(&lane);
    for (int a = ACTIVATION_NONE; a <= ACTIVATION_RELU6; a++)
        for (double x = -2.03; x < 9; x += 0.13) {
            double slope = (naive_activation(x + 1e-6, (enum activation)a) -
                            naive_activation(x - 1e-6, (enum activation)a)) /
                           2e-6;
            float y = (float)naive_activation(x, (enum activation)a), dy = 1;
            activation_backward(lane, DTYPE_F32, 1, (enum activation)a, &y, &dy, &err);
            assert_true((double)dy - slope < 1e-6 && slope - (double)dy < 1e-6);
        }
    cpu_close(cpu);
}

static void accumulate_adds_and_copy_copies(void **state)
{
    (void)state;
    enum { COUNT = 203 };
    struct error err = {0};
    struct lane *lane;
    struct cpu *cpu = on_lane_open(&lane);
    float x[COUNT], y[COUNT], z[COUNT];
    naive_fill(x, COUNT, 1), naive_fill(y, COUNT, 2);
    tensor_copy(lane, DTYPE_F32, COUNT, y, z, &err);
    assert_memory_equal(y, z, sizeof(y));
    tensor_accumulate(lane, DTYPE_F32, COUNT, x, z, &err);
    for (int i = 0; i < COUNT; i++)
        assert_true(z[i] == x[i] + y[i]);
    cpu_close(cpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(activation_backward_is_zero_at_the_corners),
        cmocka_unit_test(activation_backward_equals_difference_quotients),
        cmocka_unit_test(accumulate_adds_and_copy_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
