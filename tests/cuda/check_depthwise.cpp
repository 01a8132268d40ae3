/* Depthwise convolutions against the definition in f64. */
#include "check.h"
extern "C" {
#include "nn/naive.h"
}

#include <cstdio>

static std::vector<double> widened(const tensor &t)
{
    std::vector<double> wide;
    for (int64_t i = 0; i < t.count; i++)
        wide.push_back((double)t.get(i));
    return wide;
}

static tensor of(enum dtype dtype, const std::vector<double> &values)
{
    tensor t(dtype, (int64_t)values.size());
    for (size_t i = 0; i < values.size(); i++)
        t.set((int64_t)i, (float)values[i]);
    return t;
}

/* A bf16 result is the f32 sum rounded, half a unit of its last place away at most. */
static bool check(enum dtype dtype, const struct window_shape &w, enum activation activation)
{
    const int64_t p = window_height(&w), q = window_width(&w), c = w.c;
    const struct conv_shape shape = {w.n,        w.h,         w.w,      c,         c,
                                     w.r,        w.s,         w.stride, w.pad_top, w.pad_bottom,
                                     w.pad_left, w.pad_right, c};
    const bool biased = activation != ACTIVATION_NONE;
    const double limit = dtype == DTYPE_BF16 ? 0.004 : 1e-5;
    tensor x(dtype, w.n * w.h * w.w * c), y(dtype, w.n * p * q * c), dy(dtype, w.n * p * q * c);
    tensor dx(dtype, w.n * w.h * w.w * c), dw(DTYPE_F32, w.r * w.s * c),
        kernel(dtype, w.r * w.s * c);
    tensor bias(DTYPE_F32, c);
    x.fill(1), dy.fill(2, 0.5f), kernel.fill(3, 0.25f), bias.fill(4, -0.5f);
    const std::vector<double> xs = widened(x), ks = widened(kernel), dys = widened(dy),
                              bs = widened(bias);
    std::vector<double> ys((size_t)y.count), dxs((size_t)x.count), dws((size_t)dw.count);
    std::vector<double> none((size_t)c);
    std::vector<unsigned char> scratch(kernel_depthwise_scratch(&w));
    kernel_depthwise(NULL, dtype, &w, x.data(), kernel.data(), biased ? bias.f32() : NULL,
                     activation, y.data());
    kernel_depthwise_backward_data(NULL, dtype, &w, dy.data(), kernel.data(), dx.data());
    kernel_depthwise_backward_weights(NULL, dtype, &w, x.data(), dy.data(), scratch.data(),
                                      dw.f32());
    naive_conv_forward(&shape, xs.data(), ks.data(), biased ? bs.data() : NULL, NULL, activation,
                       ys.data());
    naive_conv_backward_data(&shape, dys.data(), ks.data(), dxs.data());
    naive_conv_backward_weights(&shape, xs.data(), dys.data(), dws.data(), none.data());
    tensor y_expected = of(dtype, ys), dx_expected = of(dtype, dxs),
           dw_expected = of(DTYPE_F32, dws);
    return near("depthwise", y, y_expected, limit) & near("depthwise dx", dx, dx_expected, limit) &
           near("depthwise dw", dw, dw_expected);
}

static bool check_nan()
{
    const struct window_shape w = {1, 3, 3, 4, 3, 3, 1, 1, 1, 1, 1, false};
    tensor x(DTYPE_F32, 36), y(DTYPE_F32, 36), kernel(DTYPE_F32, 36);
    bool ok = true;
    x.fill(1), kernel.fill(2);
    x.set(0, 0.0f / 0.0f);
    kernel_depthwise(NULL, DTYPE_F32, &w, x.data(), kernel.data(), NULL, ACTIVATION_RELU, y.data());
    for (int64_t i = 0; i < 36; i++)
        ok &= (y.get(i) != y.get(i)) == (i % 4 == 0 && i / 4 % 3 < 2 && i / 12 < 2);
    return ok;
}

void check_depthwise()
{
    static const struct window_shape shapes[] = {
        {2, 7, 6, 16, 3, 3, 1, 1, 1, 1, 1, false},  {1, 8, 9, 8, 3, 3, 2, 0, 1, 0, 1, false},
        {2, 9, 7, 5, 5, 5, 2, 2, 2, 2, 2, false},   {1, 5, 5, 24, 5, 5, 1, 2, 2, 2, 2, false},
        {1, 1, 1, 1, 3, 3, 1, 1, 1, 1, 1, false},   {1, 4, 6, 3, 2, 2, 1, 0, 0, 1, 0, false},
        {3, 30, 31, 3, 3, 3, 1, 1, 1, 1, 1, false},
    };
    bool ok = true;
    EACH_DTYPE(dtype)
    for (const struct window_shape &shape : shapes)
        for (enum activation activation : {ACTIVATION_NONE, ACTIVATION_RELU6})
            ok &= check(dtype, shape, activation);
    report("depthwise_convolutions_are_near_their_definition", ok);
    report("a_nan_goes_through_a_depthwise_convolution", check_nan());
}
