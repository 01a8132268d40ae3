#include "nn/cpu/cpu.h"
#include "nn/cpu/strip.h"
#include "nn/reach.h"

#include <string.h>

/* This way round a NaN stays one. */
VECTOR_INLINE void clamp_strip(enum dtype dtype, int width, float limit, void *y, int64_t at)
{
    float values[WIDE];
    strip_load(dtype, width, y, at, values);
    STRIP_LOOP
    for (int j = 0; j < width; j++) {
        float value = values[j] < 0.0f ? 0.0f : values[j];
        values[j] = value > limit ? limit : value;
    }
    strip_store(dtype, width, values, y, at);
}

VECTOR_INLINE void clamp_values(enum dtype dtype, int64_t count, float limit, void *y)
{
    int64_t i = 0;
    for (; i + WIDE <= count; i += WIDE)
        clamp_strip(dtype, WIDE, limit, y, i);
    for (; i < count; i++)
        clamp_strip(dtype, 1, limit, y, i);
}

VECTORISE static void clamp(enum dtype dtype, int64_t count, float limit, void *y)
{
    if (dtype == DTYPE_F32)
        clamp_values(DTYPE_F32, count, limit, y);
    else
        clamp_values(DTYPE_BF16, count, limit, y);
}

int activation_forward(struct lane *lane, enum dtype dtype, int64_t count,
                       enum activation activation, void *y, struct error *err)
{
    (void)lane, (void)err;
    if (activation == ACTIVATION_RELU)
        clamp(dtype, count, __builtin_inff(), y);
    else if (activation == ACTIVATION_RELU6)
        clamp(dtype, count, 6.0f, y);
    return 0;
}

int tensor_largest(struct lane *lane, enum dtype dtype, int64_t count, const void *x,
                   float *largest, struct error *err)
{
    (void)lane, (void)err;
    *largest = dtype == DTYPE_F32 ? reach_largest(count, x) : reach_largest_bf16(count, x);
    return 0;
}

/* dy times the derivative at y: 1 strictly between 0 and `limit` (a NaN for none), else 0. The
 * product with 0 is dy - dy, which is +0 where dy is finite and a NaN where it is not, as IEEE has
 * it; y - y carries on a NaN of y. */
VECTOR_INLINE void mask_strip(enum dtype dtype, int width, float limit, const void *restrict y,
                              void *restrict dy, int64_t at)
{
    float ys[WIDE], dys[WIDE];
    strip_load(dtype, width, y, at, ys);
    strip_load(dtype, width, dy, at, dys);
    STRIP_LOOP
    for (int j = 0; j < width; j++) {
        float closed = (dys[j] - dys[j]) + (ys[j] - ys[j]);
        bool open = (ys[j] > 0.0f) & !(ys[j] >= limit);
        dys[j] = open ? dys[j] : closed;
    }
    strip_store(dtype, width, dys, dy, at);
}

VECTOR_INLINE void mask_values(enum dtype dtype, int64_t count, float limit, const void *restrict y,
                               void *restrict dy)
{
    int64_t i = 0;
    for (; i + WIDE <= count; i += WIDE)
        mask_strip(dtype, WIDE, limit, y, dy, i);
    for (; i < count; i++)
        mask_strip(dtype, 1, limit, y, dy, i);
}

VECTORISE static void mask(enum dtype dtype, int64_t count, float limit, const void *restrict y,
                           void *restrict dy)
{
    if (dtype == DTYPE_F32)
        mask_values(DTYPE_F32, count, limit, y, dy);
    else
        mask_values(DTYPE_BF16, count, limit, y, dy);
}

int activation_backward(struct lane *lane, enum dtype dtype, int64_t count,
                        enum activation activation, const void *y, void *dy, struct error *err)
{
    (void)lane, (void)err;
    if (activation == ACTIVATION_RELU)
        mask(dtype, count, __builtin_nanf(""), y, dy);
    else if (activation == ACTIVATION_RELU6)
        mask(dtype, count, 6.0f, y, dy);
    return 0;
}

VECTOR_INLINE void add_strip(enum dtype dtype, int width, const void *restrict x, void *restrict y,
                             int64_t at)
{
    float xs[WIDE], ys[WIDE];
    strip_load(dtype, width, x, at, xs);
    strip_load(dtype, width, y, at, ys);
    STRIP_LOOP
    for (int j = 0; j < width; j++)
        ys[j] += xs[j];
    strip_store(dtype, width, ys, y, at);
}

VECTOR_INLINE void add_values(enum dtype dtype, int64_t count, const void *restrict x,
                              void *restrict y)
{
    int64_t i = 0;
    for (; i + WIDE <= count; i += WIDE)
        add_strip(dtype, WIDE, x, y, i);
    for (; i < count; i++)
        add_strip(dtype, 1, x, y, i);
}

VECTORISE static void add(enum dtype dtype, int64_t count, const void *restrict x, void *restrict y)
{
    if (dtype == DTYPE_F32)
        add_values(DTYPE_F32, count, x, y);
    else
        add_values(DTYPE_BF16, count, x, y);
}

int tensor_accumulate(struct lane *lane, enum dtype dtype, int64_t count, const void *x, void *y,
                      struct error *err)
{
    (void)lane, (void)err;
    add(dtype, count, x, y);
    return 0;
}

int tensor_copy(struct lane *lane, enum dtype dtype, int64_t count, const void *x, void *y,
                struct error *err)
{
    (void)lane, (void)err;
    memcpy(y, x, (size_t)count * dtype_size(dtype));
    return 0;
}

VECTOR_INLINE void convert_strip(enum dtype to, int width, enum dtype from, const void *restrict x,
                                 void *restrict y, int64_t at)
{
    float values[WIDE];
    strip_load(from, width, x, at, values);
    strip_store(to, width, values, y, at);
}

VECTOR_INLINE void convert_values(enum dtype dtype, int64_t count, enum dtype from,
                                  const void *restrict x, void *restrict y)
{
    int64_t i = 0;
    for (; i + WIDE <= count; i += WIDE)
        convert_strip(dtype, WIDE, from, x, y, i);
    for (; i < count; i++)
        convert_strip(dtype, 1, from, x, y, i);
}

VECTORISE static void convert(int64_t count, enum dtype from, const void *restrict x,
                              void *restrict y)
{
    if (from == DTYPE_F32)
        convert_values(DTYPE_BF16, count, DTYPE_F32, x, y);
    else
        convert_values(DTYPE_F32, count, DTYPE_BF16, x, y);
}

int tensor_convert(struct lane *lane, int64_t count, enum dtype from, const void *x, enum dtype to,
                   void *y, struct error *err)
{
    if (from == to)
        return tensor_copy(lane, from, count, x, y, err);
    convert(count, from, x, y);
    return 0;
}
