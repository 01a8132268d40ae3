/* Element by element, and pools. */
#include "check.h"

#include <cmath>
#include <cstdio>
#include <cstring>

static const enum activation activations[] = {ACTIVATION_NONE, ACTIVATION_RELU, ACTIVATION_RELU6};
/* Counts with every rest of a packet, below one and above a block. */
static const int64_t counts[] = {1, 3, 4, 8, 13, 4099};

static bool check_flat(enum dtype dtype, int64_t count, int64_t shift)
{
    bool ok = true;
    for (enum activation activation : activations) {
        tensor a(dtype, count, shift), b(dtype, count), y(dtype, count, shift);
        a.fill(1, 0.25f, true), b.fill(1, 0.25f, true), y.fill(3, 0.25f, true);
        kernel_activation(NULL, dtype, count, activation, a.data());
        activation_forward(cpu_lane(), dtype, count, activation, b.data(), &cpu_error);
        ok &= same("activation", a, b);
        a.fill(2, 0.25f, true), b.fill(2, 0.25f, true);
        kernel_activation_backward(NULL, dtype, count, activation, y.data(), a.data());
        activation_backward(cpu_lane(), dtype, count, activation, y.data(), b.data(), &cpu_error);
        ok &= same("activation backward", a, b);
    }
    tensor x(dtype, count, shift), a(dtype, count, shift), b(dtype, count);
    x.fill(4, 0.5f, true), a.fill(5, 0.5f, true), b.fill(5, 0.5f, true);
    kernel_accumulate(NULL, dtype, count, x.data(), a.data());
    tensor_accumulate(cpu_lane(), dtype, count, x.data(), b.data(), &cpu_error);
    ok &= same("accumulate", a, b);
    EACH_DTYPE(to)
    {
        tensor c(to, count, shift), d(to, count);
        kernel_convert(NULL, count, dtype, x.data(), to, c.data());
        tensor_convert(cpu_lane(), count, dtype, x.data(), to, d.data(), &cpu_error);
        ok &= same("convert", c, d);
    }
    return ok;
}

/* A bf16 between two f32: ties to even, the largest, subnormals, NaN with a payload that is cut
 * off. */
static bool check_rounding()
{
    static const uint32_t bits[] = {0x3f808000, 0x3f818000, 0x3f808001, 0x3f807fff, 0x7f7fffff,
                                    0xff7fffff, 0x00000001, 0x00008000, 0x7f800001, 0x80000000};
    tensor x(DTYPE_F32, 10), a(DTYPE_BF16, 10), b(DTYPE_BF16, 10);
    memcpy(x.data(), bits, sizeof bits);
    kernel_convert(NULL, 10, DTYPE_F32, x.data(), DTYPE_BF16, a.data());
    tensor_convert(cpu_lane(), 10, DTYPE_F32, x.data(), DTYPE_BF16, b.data(), &cpu_error);
    return same("rounding", a, b) && std::isnan(a.get(8));
}

static bool check_channels(enum dtype dtype)
{
    const int64_t rows = 5, first = 3, second = 7, all = first + second;
    tensor a(dtype, rows * first), b(dtype, rows * second), joined(dtype, rows * all);
    tensor expected(dtype, rows * all), back(dtype, rows * second);
    a.fill(1), b.fill(2);
    kernel_copy_channels(NULL, dtype, rows, first, a.data(), first, 0, joined.data(), all, 0);
    kernel_copy_channels(NULL, dtype, rows, second, b.data(), second, 0, joined.data(), all, first);
    kernel_copy_channels(NULL, dtype, rows, second, joined.data(), all, first, back.data(), second,
                         0);
    for (int64_t row = 0; row < rows; row++)
        for (int64_t j = 0; j < all; j++)
            expected.set(row * all + j,
                         j < first ? a.get(row * first + j) : b.get(row * second + j - first));
    return same("concatenated", joined, expected) && same("taken apart", back, b);
}

static bool check_rows(enum dtype dtype, int64_t width)
{
    const int64_t samples[] = {4, 0, 6, 2, 2}, n = 3;
    struct step_scalars scalars = {};
    bool ok = true;
    scalars.position = 2;
    for (const struct step_scalars *s :
         {(const struct step_scalars *)NULL, (const struct step_scalars *)&scalars}) {
        tensor features(dtype, 7 * width), rows(dtype, n * width), expected(dtype, n * width);
        tensor kept(dtype, 7 * width);
        features.fill(1), kept.fill(1);
        const int64_t bytes = width * (int64_t)dtype_size(dtype);
        kernel_gather(NULL, s, samples, n, bytes, features.data(), rows.data());
        for (int64_t i = 0; i < n * width; i++)
            expected.set(i, kept.get(samples[(s ? 2 : 0) + i / width] * width + i % width));
        ok &= same("gathered", rows, expected);
        memset(features.data(), 0, (size_t)(7 * bytes));
        for (int64_t i = 0; i < 7 * width; i++) {
            bool taken = false;
            for (int64_t k = 0; k < n; k++)
                taken |= samples[(s ? 2 : 0) + k] == i / width;
            if (!taken)
                kept.set(i, 0);
        }
        kernel_scatter(NULL, s, samples, n, bytes, rows.data(), features.data());
        ok &= same("scattered", features, kept);
    }
    return ok;
}

void check_tensors()
{
    bool flat = true, rows = true, channels = true;
    EACH_DTYPE(dtype)
    {
        for (int64_t count : counts)
            for (int64_t shift : {0, 1})
                flat &= check_flat(dtype, count, shift);
        channels &= check_channels(dtype);
        for (int64_t width : {1, 8, 13, 1028})
            rows &= check_rows(dtype, width);
    }
    report("flat_tensors_have_the_cpus_bits", flat);
    report("bf16_is_rounded_as_on_the_cpu", check_rounding());
    report("channels_are_joined_and_taken_apart", channels);
    report("rows_of_samples_are_gathered_and_scattered", rows);
}

/* ---- pools ---- */

static bool check_max(enum dtype dtype, struct pool_shape s, bool special)
{
    const struct window_shape shape = {s.n,          s.h,        s.w,         s.c,
                                       s.r,          s.r,        s.stride,    s.pad_top,
                                       s.pad_bottom, s.pad_left, s.pad_right, s.zero_padding};
    const int64_t in = s.n * s.h * s.w * s.c;
    const int64_t out = s.n * window_height(&shape) * window_width(&shape) * s.c;
    tensor x(dtype, in), y(dtype, out), dy(dtype, out), dx(dtype, in);
    tensor y_expected(dtype, out), dx_expected(dtype, in);
    x.fill(1, -0.25f, special), dy.fill(2, 0.5f, special);
    /* Equal values, of which the first takes the gradient; and zeros, which compete with padding.
     */
    for (int64_t i = 0; i < in; i++)
        if (!special)
            x.set(i, std::floor(x.get(i) * 4) / 4 > 0.25f ? 0.5f : std::floor(x.get(i) * 4) / 4);
    kernel_max_pool(NULL, dtype, &shape, x.data(), y.data());
    max_pool_forward(cpu_lane(), dtype, &s, x.data(), y_expected.data(), &cpu_error);
    kernel_max_pool_backward(NULL, dtype, &shape, x.data(), y.data(), dy.data(), dx.data());
    max_pool_backward(cpu_lane(), dtype, &s, x.data(), y_expected.data(), dy.data(),
                      dx_expected.data(), &cpu_error);
    return same("max pool", y, y_expected) & same("max pool backward", dx, dx_expected);
}

static bool check_average(enum dtype dtype, int64_t n, int64_t places, int64_t c)
{
    tensor x(dtype, n * places * c), y(dtype, n * c), expected(dtype, n * c);
    tensor dy(dtype, n * c), dx(dtype, n * places * c), dx_expected(dtype, n * places * c);
    x.fill(1, 0.75f, n == 2), dy.fill(2);
    kernel_average_pool(NULL, dtype, n, places, c, x.data(), y.data());
    average_pool_forward(cpu_lane(), dtype, n, places, c, x.data(), expected.data(), &cpu_error);
    kernel_average_pool_backward(NULL, dtype, n, places, c, dy.data(), dx.data());
    average_pool_backward(cpu_lane(), dtype, n, places, c, dy.data(), dx_expected.data(),
                          &cpu_error);
    return same("average pool", y, expected) & same("average pool backward", dx, dx_expected);
}

void check_pools()
{
    static const struct pool_shape shapes[] = {
        {2, 11, 9, 16, 3, 2, 1, 1, 1, 1, true}, {1, 11, 9, 5, 3, 2, 1, 1, 1, 1, true},
        {1, 11, 9, 8, 3, 2, 1, 1, 1, 1, false}, {1, 8, 8, 3, 2, 2, 0, 0, 0, 0, false},
        {1, 6, 7, 4, 3, 1, 1, 1, 1, 1, false},  {1, 1, 1, 1, 1, 1, 0, 0, 0, 0, false},
        {1, 7, 8, 9, 3, 2, 0, 1, 0, 1, true},
    };
    bool largest = true, average = true;
    EACH_DTYPE(dtype)
    {
        for (const struct pool_shape &shape : shapes)
            for (bool special : {false, true})
                largest &= check_max(dtype, shape, special);
        average &= check_average(dtype, 2, 49, 24) & check_average(dtype, 1, 1, 1) &
                   check_average(dtype, 3, 16, 5);
    }
    report("max_pools_have_the_cpus_bits", largest);
    report("average_pools_have_the_cpus_bits", average);
}
