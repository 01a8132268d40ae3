#include "nn/cpu.h"
#include "nn/reach.h"
#include "nn/vector.h"

#include <string.h>

/* This way round a NaN stays one. */
VECTORISE static void clamp(int64_t count, float limit, float *y)
{
    int64_t i = 0;
    for (; i + WIDE <= count; i += WIDE)
        STRIP_LOOP
    for (int j = 0; j < WIDE; j++) {
        float value = y[i + j] < 0.0f ? 0.0f : y[i + j];
        y[i + j] = value > limit ? limit : value;
    }
    for (; i < count; i++) {
        float value = y[i] < 0.0f ? 0.0f : y[i];
        y[i] = value > limit ? limit : value;
    }
}

int activation_forward_cpu(struct lane *lane, int64_t count, enum activation activation, float *y,
                           struct error *err)
{
    (void)lane, (void)err;
    if (activation == ACTIVATION_RELU)
        clamp(count, __builtin_inff(), y);
    else if (activation == ACTIVATION_RELU6)
        clamp(count, 6.0f, y);
    return 0;
}

int largest_cpu(struct lane *lane, int64_t count, const float *x, float *largest, struct error *err)
{
    (void)lane, (void)err;
    *largest = reach_largest(count, x);
    return 0;
}

/* dy times the derivative at y: 1 strictly between 0 and `limit` (a NaN for none), else 0. The
 * product with 0 is dy - dy, which is +0 where dy is finite and a NaN where it is not, as IEEE has
 * it; y - y carries on a NaN of y. */
VECTORISE static void mask(int64_t count, float limit, const float *restrict y, float *restrict dy)
{
    int64_t i = 0;
    for (; i + WIDE <= count; i += WIDE)
        STRIP_LOOP
    for (int j = 0; j < WIDE; j++) {
        float closed = (dy[i + j] - dy[i + j]) + (y[i + j] - y[i + j]);
        bool open = (y[i + j] > 0.0f) & !(y[i + j] >= limit);
        dy[i + j] = open ? dy[i + j] : closed;
    }
    for (; i < count; i++) {
        float closed = (dy[i] - dy[i]) + (y[i] - y[i]);
        dy[i] = y[i] > 0.0f && !(y[i] >= limit) ? dy[i] : closed;
    }
}

int activation_backward_cpu(struct lane *lane, int64_t count, enum activation activation,
                            const float *y, float *dy, struct error *err)
{
    (void)lane, (void)err;
    if (activation == ACTIVATION_RELU)
        mask(count, __builtin_nanf(""), y, dy);
    else if (activation == ACTIVATION_RELU6)
        mask(count, 6.0f, y, dy);
    return 0;
}

VECTORISE static void add(int64_t count, const float *restrict x, float *restrict y)
{
    int64_t i = 0;
    for (; i + WIDE <= count; i += WIDE)
        STRIP_LOOP
    for (int j = 0; j < WIDE; j++)
        y[i + j] += x[i + j];
    for (; i < count; i++)
        y[i] += x[i];
}

int accumulate_cpu(struct lane *lane, int64_t count, const float *x, float *y, struct error *err)
{
    (void)lane, (void)err;
    add(count, x, y);
    return 0;
}

int copy_cpu(struct lane *lane, int64_t count, const float *x, float *y, struct error *err)
{
    (void)lane, (void)err;
    memcpy(y, x, (size_t)count * sizeof *x);
    return 0;
}
