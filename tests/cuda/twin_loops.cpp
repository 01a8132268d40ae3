extern "C" {
#include "twin_loops.h"
}

#include <vector>

namespace
{
float get(const void *tensor, enum dtype dtype, int64_t at)
{
    return dtype == DTYPE_F32 ? ((const float *)tensor)[at]
                              : bf16_to_f32(((const uint16_t *)tensor)[at]);
}

void set(void *tensor, enum dtype dtype, int64_t at, double value)
{
    if (dtype == DTYPE_F32)
        ((float *)tensor)[at] = (float)value;
    else
        ((uint16_t *)tensor)[at] = bf16_from_f32((float)value);
}

/* Calls body(image and place of y, of x, of w's row and column), where x is not padding. */
template <class Body> void each_tap(const struct conv_shape &s, Body body)
{
    const int64_t p = conv_out_height(&s), q = conv_out_width(&s);
    for (int64_t n = 0; n < s.n; n++)
        for (int64_t i = 0; i < p * q; i++)
            for (int64_t t = 0; t < s.r * s.s; t++) {
                const int64_t y = i / q * s.stride - s.pad_top + t / s.s;
                const int64_t x = i % q * s.stride - s.pad_left + t % s.s;
                if (y >= 0 && y < s.h && x >= 0 && x < s.w)
                    body(n * p * q + i, (n * s.h + y) * s.w + x, t);
            }
}

/* As a library may: of a NaN it makes 0. */
double activate(double value, enum activation activation)
{
    if (activation == ACTIVATION_NONE)
        return value;
    value = value > 0 ? value : 0;
    return activation == ACTIVATION_RELU6 && value > 6 ? 6 : value;
}

std::vector<double> widen(const void *tensor, enum dtype dtype, int64_t count)
{
    std::vector<double> wide((size_t)count);
    for (int64_t i = 0; i < count; i++)
        wide[(size_t)i] = (double)get(tensor, dtype, i);
    return wide;
}

struct counts {
    int64_t x, y, w, c, k; /* of tensors; channels of a group */
};

counts count(const struct conv_shape &s)
{
    const int64_t places = conv_out_height(&s) * conv_out_width(&s);
    return {s.n * s.h * s.w * s.c, s.n * places * s.k, s.k * s.r * s.s * (s.c / s.groups),
            s.c / s.groups, s.k / s.groups};
}

void forward(const struct fusion &f, void *const *o)
{
    const struct conv_shape &s = f.shape;
    const counts n = count(s);
    const auto x = widen(o[OPERAND_X], f.x, n.x), w = widen(o[OPERAND_W], f.w, n.w);
    std::vector<double> sums((size_t)n.y);
    each_tap(s, [&](int64_t y, int64_t place, int64_t tap) {
        for (int64_t k = 0; k < s.k; k++) {
            const double *from = &x[(size_t)(place * s.c + k / n.k * n.c)];
            const double *by = &w[(size_t)((k * s.r * s.s + tap) * n.c)];
            double sum = 0;
            for (int64_t c = 0; c < n.c; c++)
                sum += from[c] * by[c];
            sums[(size_t)(y * s.k + k)] += sum;
        }
    });
    for (int64_t i = 0; i < n.y; i++) {
        double value = sums[(size_t)i];
        if (f.keeps_z)
            set(o[OPERAND_Z], f.y, i, value);
        if (f.scale)
            value *= (double)((const float *)o[OPERAND_SCALE])[i % s.k];
        if (f.bias)
            value += (double)((const float *)o[OPERAND_BIAS])[i % s.k];
        if (f.residual)
            value += (double)get(o[OPERAND_RESIDUAL], f.y, i);
        set(o[OPERAND_Y], f.y, i, activate(value, f.activation));
    }
}

void backward_data(const struct fusion &f, void *const *o)
{
    const struct conv_shape &s = f.shape;
    const counts n = count(s);
    const auto dy = widen(o[OPERAND_Y], f.y, n.y), w = widen(o[OPERAND_W], f.w, n.w);
    std::vector<double> sums((size_t)n.x);
    each_tap(s, [&](int64_t y, int64_t place, int64_t tap) {
        for (int64_t k = 0; k < s.k; k++) {
            const double *by = &w[(size_t)((k * s.r * s.s + tap) * n.c)];
            double *to = &sums[(size_t)(place * s.c + k / n.k * n.c)];
            for (int64_t c = 0; c < n.c; c++)
                to[c] += dy[(size_t)(y * s.k + k)] * by[c];
        }
    });
    for (int64_t i = 0; i < n.x; i++) {
        double value = sums[(size_t)i];
        if (f.residual)
            value += (double)get(o[OPERAND_RESIDUAL], f.x, i);
        if (f.mask && !(get(o[OPERAND_MASK], f.x, i) > 0))
            value = 0;
        set(o[OPERAND_X], f.x, i, value);
    }
}

void backward_weights(const struct fusion &f, void *const *o)
{
    const struct conv_shape &s = f.shape;
    const counts n = count(s);
    const auto x = widen(o[OPERAND_X], f.x, n.x), dy = widen(o[OPERAND_Y], f.y, n.y);
    std::vector<double> sums((size_t)n.w);
    each_tap(s, [&](int64_t y, int64_t place, int64_t tap) {
        for (int64_t k = 0; k < s.k; k++) {
            const double *from = &x[(size_t)(place * s.c + k / n.k * n.c)];
            double *to = &sums[(size_t)((k * s.r * s.s + tap) * n.c)];
            for (int64_t c = 0; c < n.c; c++)
                to[c] += dy[(size_t)(y * s.k + k)] * from[c];
        }
    });
    for (int64_t i = 0; i < n.w; i++)
        set(o[OPERAND_W], f.w, i, sums[(size_t)i]);
}
} // namespace

extern "C" void twin_compute(const struct fusion *fusion, void *const memory[OPERAND_END])
{
    static void (*const compute[])(const struct fusion &, void *const *) = {forward, backward_data,
                                                                            backward_weights};
    compute[fusion->kind](*fusion, memory);
}
