/* What a training step does with its gradient. */
#include "nn/adam.h"
#include "nn/cpu/cpu.h"
#include "nn/cpu/executor.h"

#include <string.h>

struct update_run {
    struct executor *executor;
    struct adam_step adam;
    struct sgd_step sgd;
    float learning_rate;
    float ema_momentum;
};

static int decay_parameter(void *arg, struct lane *lane, size_t p, struct error *err)
{
    const struct update_run *run = arg;
    const struct executor *executor = run->executor;
    const struct optimizer *optimizer = &executor->training.optimizer;
    const struct parameter *parameter = &executor->model->parameters[p];
    if (!executor->trains[p] || (optimizer->undecayed >> parameter->role & 1u))
        return 0;
    return decay_apply(lane, parameter->count, (float)optimizer->weight_decay, run->learning_rate,
                       executor->weights + executor->offsets[p], err);
}

static int update_range(void *arg, struct lane *lane, size_t range, struct error *err)
{
    const struct update_run *run = arg;
    const struct training *t = &run->executor->training;
    const int64_t start = (int64_t)range * RANGE;
    const int64_t count = t->parameters - start < RANGE ? t->parameters - start : RANGE;
    float *w = run->executor->weights + start;
    const float *g = t->gradient + start;
    const int status =
        t->optimizer.kind == OPTIMIZER_SGD
            ? sgd_apply(lane, count, run->sgd, g, w, t->m + start, err)
            : adam_apply(lane, count, run->adam, g, w, t->m + start, t->v + start, err);
    if (status || !t->optimizer.averages)
        return status;
    return average_apply(lane, count, run->ema_momentum, w, t->averages + start, err);
}

static size_t ranges(const struct executor *executor)
{
    return ((size_t)executor->training.parameters + RANGE - 1) / RANGE;
}

int optimize(struct executor *executor, int64_t step, float learning_rate, struct error *err)
{
    const struct optimizer *o = &executor->training.optimizer;
    struct update_run run = {
        .executor = executor,
        .adam = {adam_alpha(learning_rate, step + 1)},
        .sgd = {learning_rate, (float)o->momentum, o->nesterov},
        .learning_rate = learning_rate,
        .ema_momentum = step == 0 ? 0.0f : (float)o->ema_momentum, /* the first is the weights */
    };
    if (o->weight_decay > 0 &&
        cpu_parallel(executor->cpu, executor->model->count, decay_parameter, &run, err))
        return -1;
    return cpu_parallel(executor->cpu, ranges(executor), update_range, &run, err);
}

int executor_set_optimizer(struct executor *executor, const struct optimizer *optimizer,
                           struct error *err)
{
    struct training *t = &executor->training;
    t->optimizer = *optimizer;
    if (!optimizer->averages || t->averages != NULL)
        return 0;
    t->averages = executor_floats(executor, FOOTPRINT_OPTIMIZER, (size_t)t->parameters, 1, err);
    return t->averages != NULL ? 0 : -1;
}

/* ---- averages ---- */

static int swap_range(void *arg, struct lane *lane, size_t range, struct error *err)
{
    struct executor *executor = arg;
    const struct training *t = &executor->training;
    const int64_t start = (int64_t)range * RANGE;
    const int64_t count = t->parameters - start < RANGE ? t->parameters - start : RANGE;
    float *w = executor->weights + start, *average = t->averages + start, *spare = t->tail + start;
    if (tensor_copy(lane, DTYPE_F32, count, w, spare, err) ||
        tensor_copy(lane, DTYPE_F32, count, average, w, err))
        return -1;
    return tensor_copy(lane, DTYPE_F32, count, spare, average, err);
}

int executor_swap_averages(struct executor *executor, struct error *err)
{
    if (executor->training.averages == NULL)
        return 0;
    executor->version++;
    return cpu_parallel(executor->cpu, ranges(executor), swap_range, executor, err);
}

int executor_get_averages(struct executor *executor, float *averages, struct error *err)
{
    const struct training *t = &executor->training;
    (void)err;
    if (t->averages != NULL && t->parameters > 0)
        memcpy(averages, t->averages, (size_t)t->parameters * sizeof(float));
    return 0;
}

int executor_set_averages(struct executor *executor, const float *averages, struct error *err)
{
    struct training *t = &executor->training;
    (void)err;
    if (t->averages != NULL && t->parameters > 0)
        memcpy(t->averages, averages, (size_t)t->parameters * sizeof(float));
    return 0;
}
