#include "nn/cosine_decay.h"

#include "nn/elementary.h"

/* The rate that decays, `step` steps after it began to. */
static float decayed(const struct cosine_decay *decay, float from, int64_t step)
{
    const float pi = 3.14159265358979323846f;
    const int64_t steps = decay->decay_steps;
    const float done = (float)(step < steps ? step : steps) / (float)steps;
    double sine, cosine;
    elementary_sine_cosine((double)(pi * done), &sine, &cosine);
    const float half = 0.5f * (1.0f + (float)cosine);
    return from * ((float)(1.0 - decay->alpha) * half + (float)decay->alpha);
}

float cosine_decay_at(const struct cosine_decay *decay, double learning_rate, int64_t step)
{
    const float initial = (float)learning_rate, target = (float)decay->warmup_target;
    if (decay->warmup_steps == 0)
        return decayed(decay, initial, step);
    if (step >= decay->warmup_steps)
        return decayed(decay, target, step - decay->warmup_steps);
    return (target - initial) * ((float)step / (float)decay->warmup_steps) + initial;
}

int64_t cosine_decay_rest(const struct cosine_decay *decay, int64_t steps)
{
    const int64_t rest = steps - decay->warmup_steps;
    return rest > 0 ? rest : 1;
}
