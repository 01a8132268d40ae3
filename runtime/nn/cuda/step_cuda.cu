/* What a step does with its gradient, and the numbers that belong to a step. */
#include "nn/adam.h"
#include "nn/cuda/kernels.h"
#include "nn/cuda/packet.cuh"
#include "nn/optimizer.h"

__global__ void advance_step(const struct train_step *steps, float ema_momentum,
                             const uint32_t *hidden, struct step_scalars *scalars)
{
    struct step_scalars s = *scalars;
    if (s.stopped)
        return;
    if (hidden != NULL && *hidden) {
        scalars->stopped = STOPPED_BY_PREFIX;
        return;
    }
    s.position += s.index < 0 ? 0 : s.n;
    s.index++;
    s.step++;
    s.n = steps[s.index].n;
    s.learning_rate = steps[s.index].learning_rate;
    s.alpha = adam_alpha(s.learning_rate, s.step + 1);
    s.ema_momentum = s.step == 0 ? 0.0f : ema_momentum; /* the first average is the weights */
    s.scale = 1.0f / (float)s.n;
    *scalars = s;
}

__global__ void adam(const struct step_scalars *scalars, int64_t count, bool whole,
                     const float *__restrict__ g, float *__restrict__ w, float *__restrict__ m,
                     float *__restrict__ v)
{
    const float alpha = scalars->alpha;
    if (scalars->stopped)
        return;
    stream_packets<4>(count, whole, [=](auto width, int64_t at) {
        constexpr int N = width.value;
        float gs[N], ws[N], ms[N], vs[N];
        load(g, at, gs);
        load(w, at, ws);
        load(m, at, ms);
        load(v, at, vs);
        for (int j = 0; j < N; j++)
            adam_update(alpha, gs[j], &ws[j], &ms[j], &vs[j]);
        store(ws, w, at);
        store(ms, m, at);
        store(vs, v, at);
    });
}

__global__ void sgd(const struct step_scalars *scalars, int64_t count, bool whole, float momentum,
                    bool nesterov, const float *__restrict__ g, float *__restrict__ w,
                    float *__restrict__ m)
{
    const struct sgd_step step = {scalars->learning_rate, momentum, nesterov};
    if (scalars->stopped)
        return;
    stream_packets<4>(count, whole, [=](auto width, int64_t at) {
        constexpr int N = width.value;
        float gs[N], ws[N], ms[N];
        load(g, at, gs);
        load(w, at, ws);
        load(m, at, ms);
        for (int j = 0; j < N; j++)
            optimizer_sgd(step, gs[j], &ws[j], &ms[j]);
        store(ws, w, at);
        store(ms, m, at);
    });
}

__global__ void decay(const struct step_scalars *scalars, int64_t count, bool whole,
                      float weight_decay, float *w)
{
    const float learning_rate = scalars->learning_rate;
    if (scalars->stopped)
        return;
    stream_packets<4>(count, whole, [=](auto width, int64_t at) {
        constexpr int N = width.value;
        float ws[N];
        load(w, at, ws);
        for (int j = 0; j < N; j++)
            optimizer_decay(weight_decay, learning_rate, &ws[j]);
        store(ws, w, at);
    });
}

__global__ void average_weights(const struct step_scalars *scalars, int64_t count, bool whole,
                                const float *__restrict__ w, float *__restrict__ averages)
{
    const float momentum = scalars->ema_momentum;
    if (scalars->stopped)
        return;
    stream_packets<4>(count, whole, [=](auto width, int64_t at) {
        constexpr int N = width.value;
        float ws[N], as[N];
        load(w, at, ws);
        load(averages, at, as);
        for (int j = 0; j < N; j++)
            optimizer_average(momentum, ws[j], &as[j]);
        store(as, averages, at);
    });
}

static dim3 blocks_of(int64_t count)
{
    return dim3(blocks_for(divide_up(count, 4)));
}

extern "C" {

void kernel_step_advance(void *stream, const struct train_step *steps, float ema_momentum,
                         const uint32_t *hidden, struct step_scalars *scalars)
{
    LAUNCH(advance_step, dim3(1), dim3(1), 0, stream, steps, ema_momentum, hidden, scalars);
}

void kernel_adam(void *stream, const struct step_scalars *scalars, int64_t count, const float *g,
                 float *w, float *m, float *v)
{
    LAUNCH(adam, blocks_of(count), dim3(THREADS), 0, stream, scalars, count, is_aligned(g, w, m, v),
           g, w, m, v);
}

void kernel_sgd(void *stream, const struct step_scalars *scalars, int64_t count, float momentum,
                bool nesterov, const float *g, float *w, float *m)
{
    LAUNCH(sgd, blocks_of(count), dim3(THREADS), 0, stream, scalars, count, is_aligned(g, w, m),
           momentum, nesterov, g, w, m);
}

void kernel_decay(void *stream, const struct step_scalars *scalars, int64_t count,
                  float weight_decay, float *w)
{
    LAUNCH(decay, blocks_of(count), dim3(THREADS), 0, stream, scalars, count, is_aligned(w),
           weight_decay, w);
}

void kernel_average(void *stream, const struct step_scalars *scalars, int64_t count, const float *w,
                    float *averages)
{
    LAUNCH(average_weights, blocks_of(count), dim3(THREADS), 0, stream, scalars, count,
           is_aligned(w, averages), w, averages);
}

} /* extern "C" */
