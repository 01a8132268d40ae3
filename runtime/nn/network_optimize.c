/* What a training step does with its gradient. */
#include "nn/adam.h"
#include "nn/network_parts.h"

struct update_run {
    struct network *network;
    struct adam_step adam;
    struct sgd_step sgd;
    float learning_rate;
    float ema_momentum;
};

static int decay_parameter(void *arg, struct lane *lane, size_t p, struct error *err)
{
    const struct update_run *run = arg;
    const struct network *network = run->network;
    const struct optimizer *optimizer = &network->training.optimizer;
    const struct parameter *parameter = &network->model->parameters[p];
    if (!network->trains[p] || (optimizer->undecayed >> parameter->role & 1u))
        return 0;
    return network->ops->decay(lane, parameter->count, (float)optimizer->weight_decay,
                               run->learning_rate, network->weights + network->offsets[p], err);
}

static int update_range(void *arg, struct lane *lane, size_t range, struct error *err)
{
    const struct update_run *run = arg;
    const struct operations *ops = run->network->ops;
    const struct training *t = &run->network->training;
    const int64_t start = (int64_t)range * RANGE;
    const int64_t count = t->parameters - start < RANGE ? t->parameters - start : RANGE;
    float *w = run->network->weights + start;
    const float *g = t->gradient + start;
    const int status =
        t->optimizer.kind == OPTIMIZER_SGD
            ? ops->sgd(lane, count, run->sgd, g, w, t->m + start, err)
            : ops->adam(lane, count, run->adam, g, w, t->m + start, t->v + start, err);
    if (status || !t->optimizer.averages)
        return status;
    return ops->average(lane, count, run->ema_momentum, w, t->averages + start, err);
}

static size_t ranges(const struct network *network)
{
    return ((size_t)network->training.parameters + RANGE - 1) / RANGE;
}

int optimize(struct network *network, int64_t step, float learning_rate, struct error *err)
{
    const struct optimizer *o = &network->training.optimizer;
    struct update_run run = {
        .network = network,
        .adam = {adam_alpha(learning_rate, step + 1)},
        .sgd = {learning_rate, (float)o->momentum, o->nesterov},
        .learning_rate = learning_rate,
        .ema_momentum = step == 0 ? 0.0f : (float)o->ema_momentum, /* the first is the weights */
    };
    if (o->weight_decay > 0 &&
        network->ops->parallel(network->backend, network->model->count, decay_parameter, &run, err))
        return -1;
    return network->ops->parallel(network->backend, ranges(network), update_range, &run, err);
}

int network_set_optimizer(struct network *network, const struct optimizer *optimizer,
                          struct error *err)
{
    struct training *t = &network->training;
    t->optimizer = *optimizer;
    if (!optimizer->averages || t->averages != NULL)
        return 0;
    t->averages = network_allocate(network, (size_t)t->parameters, 1, err);
    return t->averages != NULL ? 0 : -1;
}

/* ---- averages ---- */

static int swap_range(void *arg, struct lane *lane, size_t range, struct error *err)
{
    struct network *network = arg;
    const struct operations *ops = network->ops;
    const struct training *t = &network->training;
    const int64_t start = (int64_t)range * RANGE;
    const int64_t count = t->parameters - start < RANGE ? t->parameters - start : RANGE;
    float *w = network->weights + start, *average = t->averages + start, *spare = t->tail + start;
    if (ops->copy(lane, DTYPE_F32, count, w, spare, err) ||
        ops->copy(lane, DTYPE_F32, count, average, w, err))
        return -1;
    return ops->copy(lane, DTYPE_F32, count, spare, average, err);
}

int network_swap_averages(struct network *network, struct error *err)
{
    if (network->training.averages == NULL)
        return 0;
    network->version++;
    return network->ops->parallel(network->backend, ranges(network), swap_range, network, err);
}

int network_get_averages(struct network *network, float *averages, struct error *err)
{
    const struct training *t = &network->training;
    if (t->averages == NULL || t->parameters == 0)
        return 0;
    return network->ops->download(network->backend, averages, t->averages,
                                  (size_t)t->parameters * sizeof(float), err);
}

int network_set_averages(struct network *network, const float *averages, struct error *err)
{
    struct training *t = &network->training;
    if (t->averages == NULL || t->parameters == 0)
        return 0;
    return network->ops->upload(network->backend, t->averages, averages,
                                (size_t)t->parameters * sizeof(float), err);
}
