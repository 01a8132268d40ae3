#include "nn/adam.h"

#include "nn/cpu/cpu.h"
#include "nn/vector.h"

VECTORISE static void update(int64_t count, float alpha, const float *restrict g, float *restrict w,
                             float *restrict m, float *restrict v)
{
    int64_t i = 0;
    for (; i + WIDE <= count; i += WIDE)
        STRIP_LOOP
    for (int j = 0; j < WIDE; j++)
        adam_update(alpha, g[i + j], &w[i + j], &m[i + j], &v[i + j]);
    for (; i < count; i++)
        adam_update(alpha, g[i], &w[i], &m[i], &v[i]);
}

int adam_apply(struct lane *lane, int64_t count, struct adam_step step, const float *g, float *w,
               float *m, float *v, struct error *err)
{
    (void)lane, (void)err;
    update(count, step.alpha, g, w, m, v);
    return 0;
}
