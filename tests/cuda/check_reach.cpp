/* Bounds. */
#include "check.h"

#include <cmath>
#include <cstdio>

static float get_largest(enum dtype dtype, tensor &x)
{
    return dtype == DTYPE_F32 ? reach_largest(x.count, (const float *)x.data())
                              : reach_largest_bf16(x.count, (const uint16_t *)x.data());
}

/* Of NaN any. */
static bool equal_or_nan(const char *what, float result, float expected)
{
    return (std::isnan(result) && std::isnan(expected)) || equal(what, result, expected);
}

static bool check_largest(enum dtype dtype, int64_t count, int64_t shift)
{
    static const float specials[] = {-7.5f, INFINITY, -INFINITY, NAN, -NAN};
    bool ok = true;
    for (int64_t at : {(int64_t)0, count / 2, count - 1})
        for (float special : specials) {
            tensor x(dtype, count, shift);
            float found = 0.0f;
            x.fill(1, -0.25f).set(at, special);
            kernel_reach_largest(NULL, dtype, count, x.data(), &found);
            ok &= equal_or_nan("largest", found, get_largest(dtype, x)) &
                  (std::isnan(found) == std::isnan(special));
            x.fill(2, 0.25f);
            const float before = found;
            kernel_reach_largest(NULL, dtype, count, x.data(), &found);
            ok &= equal_or_nan("largest of two tensors", found, before);
        }
    return ok;
}

static bool check_gain(int64_t rows, int64_t k, bool scaled)
{
    static const float specials[] = {0.5f, -INFINITY, NAN, -NAN, -3e38f};
    bool ok = true;
    for (int64_t at : {(int64_t)0, rows * k / 2, rows * k - 1})
        for (float special : specials) {
            tensor kernel(DTYPE_F32, rows * k), scale(DTYPE_F32, k);
            tensor gain(DTYPE_F32, 1), expected(DTYPE_F32, 1);
            kernel.fill(1, 0.0f).set(at, special), scale.fill(2, -1.75f);
            gain.set(0, 0.0f);
            const float *by = scaled ? scale.f32() : NULL;
            kernel_reach_gain(NULL, rows, k, kernel.f32(), by, gain.f32());
            expected.set(0, reach_gain(rows, k, kernel.f32(), by));
            ok &= std::isfinite(expected.get(0))
                      ? near("gain", gain, expected)
                      : equal_or_nan("gain", gain.get(0), expected.get(0));
        }
    return ok;
}

/* ---- steps ---- */

enum { NODES = 8 };

/* A network of every kind of step: a picture, two convolutions of which the second adds the first,
 * a dropout, a pool, another, and what concatenates the two. Node 6 is measured. */
static const struct reach_step steps[] = {
    {REACH_FED, 0, 0, -1, 0, ACTIVATION_NONE, false},
    {REACH_SUM, 1, 0, -1, 0, ACTIVATION_RELU6, true},
    {REACH_SUM, 2, 1, 1, 0, ACTIVATION_RELU, true},
    {REACH_SAME, 3, 2, -1, 0, ACTIVATION_NONE, false},
    {REACH_TIMES, 4, 3, -1, 49, ACTIVATION_NONE, false},
    {REACH_SAME, 5, 1, -1, 0, ACTIVATION_NONE, false},
    {REACH_LARGER, 5, 4, -1, 0, ACTIVATION_NONE, false},
    {REACH_SUM, 6, 5, -1, 0, ACTIVATION_NONE, false},
    {REACH_MEASURED, 6, 6, -1, 0, ACTIVATION_NONE, false},
    {REACH_SUM, 7, 6, -1, 0, ACTIVATION_RELU6, false},
};
enum { STEPS = sizeof steps / sizeof *steps };

struct bounds {
    float gains[2 * NODES], measured[NODES], reach[NODES];
    uint32_t hidden;
};

static struct bounds bounds_of(float gain, float measured)
{
    struct bounds b = {};
    for (int i = 0; i < NODES; i++)
        b.gains[2 * i] = 3, b.gains[2 * i + 1] = 0.5f, b.reach[i] = -1;
    b.gains[4] = gain, b.measured[6] = measured;
    kernel_reach_steps(NULL, steps, 3, 100, b.gains, b.measured, b.reach, &b.hidden);
    kernel_reach_steps(NULL, steps + 3, STEPS - 3, 100, b.gains, b.measured, b.reach, &b.hidden);
    return b;
}

static bool check_sound()
{
    const struct bounds b = bounds_of(2, 1000);
    const float second = reach_sum(2, 6, 0.5f, 6), pooled = reach_sum(49, second, 0, 0);
    return equal("picture", b.reach[0], 100) & equal("ReLU6", b.reach[1], 6) &
           equal("with a residual", b.reach[2], second) & equal("dropout", b.reach[3], second) &
           equal("pool", b.reach[4], pooled) & equal("concatenated", b.reach[5], pooled) &
           equal("measured", b.reach[6], 1000) & equal("at the end", b.reach[7], 6) &
           equal("hidden", b.hidden, 0);
}

/* What is not fused hides nothing, however large it may be. */
static bool check_unsound()
{
    const struct bounds large = bounds_of(1e37f, 1), infinite = bounds_of(INFINITY, INFINITY);
    const struct bounds nan = bounds_of(NAN, NAN), late = bounds_of(2, NAN);
    return equal("hidden by what is large", large.hidden, 1) &
           equal("behind what is measured", large.reach[7], reach_sum(3, 1, 0.5f, 0)) &
           equal("hidden by infinity", infinite.hidden, 1) &
           equal("behind infinity", infinite.reach[7], INFINITY) &
           equal("hidden by NaN", nan.hidden, 1) & equal("NaN", std::isnan(nan.reach[5]), 1) &
           equal("hidden where it is not fused", late.hidden, 0) &
           equal("behind NaN", std::isnan(late.reach[7]), 1);
}

void check_reach()
{
    bool largest = true, gain = true;
    EACH_DTYPE(dtype)
    for (int64_t count : {1, 3, 8, 13, 4099})
        for (int64_t shift : {0, 1})
            largest &= check_largest(dtype, count, shift);
    for (bool scaled : {false, true})
        gain &= check_gain(1, 1, scaled) & check_gain(9, 33, scaled) & check_gain(147, 64, scaled);
    report("the_largest_magnitude_is_the_cpus", largest);
    report("gains_of_kernels_are_the_cpus", gain);
    report("bounds_go_through_every_kind_of_node", check_sound());
    report("bounds_that_are_too_large_raise_a_flag", check_unsound());
}
