#include "nn/cpu.h"
#include "nn/vector.h"

#include <string.h>

/* dy where the output lies strictly between 0 and `limit`, else 0. */
VECTORISE static void mask(int64_t count, float limit, const float *restrict y, float *restrict dy)
{
    int64_t i = 0;
    for (; i + WIDE <= count; i += WIDE)
        STRIP_LOOP
    for (int j = 0; j < WIDE; j++)
        dy[i + j] = y[i + j] > 0.0f && y[i + j] < limit ? dy[i + j] : 0.0f;
    for (; i < count; i++)
        dy[i] = y[i] > 0.0f && y[i] < limit ? dy[i] : 0.0f;
}

int activation_backward_cpu(struct lane *lane, int64_t count, enum activation activation,
                            const float *y, float *dy, struct error *err)
{
    (void)lane, (void)err;
    if (activation == ACTIVATION_RELU)
        mask(count, __builtin_inff(), y, dy);
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
