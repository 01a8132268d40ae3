#include "nn/optimizer.h"

#include "nn/cpu/cpu.h"
#include "nn/vector.h"

VECTORISE static void decay(int64_t count, float weight_decay, float learning_rate,
                            float *restrict w)
{
    int64_t i = 0;
    for (; i + WIDE <= count; i += WIDE)
        STRIP_LOOP
    for (int j = 0; j < WIDE; j++)
        optimizer_decay(weight_decay, learning_rate, &w[i + j]);
    for (; i < count; i++)
        optimizer_decay(weight_decay, learning_rate, &w[i]);
}

VECTORISE static void sgd(int64_t count, struct sgd_step step, const float *restrict g,
                          float *restrict w, float *restrict m)
{
    int64_t i = 0;
    for (; i + WIDE <= count; i += WIDE)
        STRIP_LOOP
    for (int j = 0; j < WIDE; j++)
        optimizer_sgd(step, g[i + j], &w[i + j], &m[i + j]);
    for (; i < count; i++)
        optimizer_sgd(step, g[i], &w[i], &m[i]);
}

VECTORISE static void average(int64_t count, float momentum, const float *restrict w,
                              float *restrict averages)
{
    int64_t i = 0;
    for (; i + WIDE <= count; i += WIDE)
        STRIP_LOOP
    for (int j = 0; j < WIDE; j++)
        optimizer_average(momentum, w[i + j], &averages[i + j]);
    for (; i < count; i++)
        optimizer_average(momentum, w[i], &averages[i]);
}

int decay_apply(struct lane *lane, int64_t count, float weight_decay, float learning_rate, float *w,
                struct error *err)
{
    (void)lane, (void)err;
    decay(count, weight_decay, learning_rate, w);
    return 0;
}

int sgd_apply(struct lane *lane, int64_t count, struct sgd_step step, const float *g, float *w,
              float *m, struct error *err)
{
    (void)lane, (void)err;
    sgd(count, step, g, w, m);
    return 0;
}

int average_apply(struct lane *lane, int64_t count, float momentum, const float *w, float *averages,
                  struct error *err)
{
    (void)lane, (void)err;
    average(count, momentum, w, averages);
    return 0;
}
