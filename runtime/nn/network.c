#include "nn/network.h"

#include "base/memory.h"
#include "nn/device.h"

#include <stdlib.h>
#include <string.h>

struct network {
    const struct device_table *table;
    struct executor *executor;
    struct program program;
    const struct model *model; /* of the names and shapes of parameters */
    int64_t moment_count;
};

int64_t network_argmax(const float *scores, int64_t count)
{
    int64_t best = 0;
    for (int64_t i = 1; i < count; i++)
        if (scores[i] > scores[best])
            best = i;
    return best;
}

int network_new(struct model *model, struct device *device, const struct network_options *options,
                struct network **network, struct error *err)
{
    if (options->batch < 0 || (options->batch > 0 && options->shard < 1))
        return error_set(err, ERR_USAGE, "a batch of %lld in shards of %lld is not possible",
                         (long long)options->batch, (long long)options->shard);
    enum dtype ignored;
    if (options->dtype == DTYPE_BF16 && device_precision(device, PRECISION_BF16, &ignored, err))
        return -1;
    struct network *made = memory_new(1, sizeof *made, err);
    if (!made)
        return -1;
    made->table = device->table;
    made->model = model;
    for (size_t p = 0; p < model->count && options->batch > 0; p++)
        made->moment_count += model->parameters[p].trainable ? model->parameters[p].count : 0;
    if (program_init(&made->program, model, options->batch > 0, options->norm, options->dtype,
                     err) ||
        device->table->executor_new(device, &made->program, model, options, &made->executor, err)) {
        program_release(&made->program);
        free(made);
        return -1;
    }
    *network = made;
    return 0;
}

void network_free(struct network *network)
{
    if (!network)
        return;
    network->table->executor_free(network->executor);
    program_release(&network->program);
    free(network);
}

const struct program *network_program(const struct network *network)
{
    return &network->program;
}

struct executor *network_executor(const struct network *network)
{
    return network->executor;
}

int network_set_optimizer(struct network *network, const struct optimizer *optimizer,
                          struct error *err)
{
    return network->table->set_optimizer(network->executor, optimizer, err);
}

int network_train(struct network *network, const struct feed *feed, const int64_t *samples,
                  int64_t n, uint32_t epoch, int64_t step, float learning_rate,
                  struct batch_result *result, struct error *err)
{
    const struct train_step one = {n, learning_rate};
    size_t done;
    return network_train_steps(network, feed, samples, &one, 1, epoch, step, result, &done, err);
}

int network_train_steps(struct network *network, const struct feed *feed, const int64_t *samples,
                        const struct train_step *steps, size_t count, uint32_t epoch, int64_t first,
                        struct batch_result *results, size_t *done, struct error *err)
{
    return network->table->train(network->executor, feed, samples, steps, count, epoch, first,
                                 results, done, err);
}

int network_describe(const struct network *network, struct text *words, struct error *err)
{
    return network->table->describe(network->executor, words, err);
}

int network_state_memory(const struct network *network, struct text *words, struct error *err)
{
    return network->table->state_memory == NULL
               ? 0
               : network->table->state_memory(network->executor, words, err);
}

bool network_measures(const struct device *device)
{
    return device->table->measure != NULL;
}

void network_measure(const struct network *network, const struct network_use *use,
                     struct footprint *footprint)
{
    if (network->table->measure != NULL)
        network->table->measure(network->executor, use, footprint);
}

void network_measure_process(const struct network *network, const struct network_use *use,
                             struct footprint *footprint)
{
    const struct network_use none = {0};
    struct footprint taken = {0};
    network_measure(network, &none, &taken);
    network_measure(network, use, footprint);
    footprint_add_process(footprint, footprint_total(&taken));
}

int network_foresee(struct model *model, struct device *device,
                    const struct network_options *options, const struct network_use *use,
                    struct footprint *footprint, struct error *err)
{
    struct network_options counting = *options;
    struct network *network = NULL;
    counting.only_counts = true;
    if (!network_measures(device))
        return 0;
    int result = network_new(model, device, &counting, &network, err);
    if (result == 0 && use->optimizer != NULL)
        result = network_set_optimizer(network, use->optimizer, err);
    if (result == 0 && use->remembered != NULL)
        result = network_remember(network, use->remembered, use->remember_bytes, err);
    if (result == 0)
        network_measure(network, use, footprint);
    network_free(network);
    return result;
}

int network_profile_start(struct network *network, struct error *err)
{
    if (network->table->profile_start == NULL)
        return error_set(err, ERR_DEVICE, "this device has no table of operations, the CPU has");
    return network->table->profile_start(network->executor, err);
}

int network_profile_tell(struct network *network, int64_t steps, struct text *words,
                         struct error *err)
{
    return network->table->profile_tell(network->executor, steps, words, err);
}

int network_gradients(struct network *network, const struct feed *feed, const int64_t *samples,
                      int64_t n, uint32_t epoch, int64_t step, float *const *gradients,
                      struct batch_result *result, struct error *err)
{
    return network->table->gradients(network->executor, feed, samples, n, epoch, step, gradients,
                                     result, err);
}

int network_remember(struct network *network, const struct feed *feed, size_t bytes,
                     struct error *err)
{
    return network->table->remember(network->executor, feed, bytes, err);
}

int network_infer(struct network *network, const struct feed *feed, const int64_t *samples,
                  int64_t n, float *logits, float *probabilities, int map_node, float *maps,
                  struct batch_result *result, struct error *err)
{
    const struct network_tap tap = {map_node, maps};
    return network_infer_taps(network, feed, samples, n, logits, probabilities, &tap,
                              map_node >= 0 && maps ? 1 : 0, result, err);
}

int network_infer_taps(struct network *network, const struct feed *feed, const int64_t *samples,
                       int64_t n, float *logits, float *probabilities,
                       const struct network_tap *taps, size_t tap_count,
                       struct batch_result *result, struct error *err)
{
    return network->table->infer(network->executor, feed, samples, n, logits, probabilities, taps,
                                 tap_count, result, err);
}

int network_observe(struct network *network, const struct feed *feed, const int64_t *samples,
                    int64_t n, int node, double *mean, double *variance, struct error *err)
{
    return network->table->observe(network->executor, feed, samples, n, node, mean, variance, err);
}

static int same_parameters(const struct model *a, const struct model *b, struct error *err)
{
    bool same = a->count == b->count;
    for (size_t p = 0; p < a->count && same; p++)
        same = a->parameters[p].count == b->parameters[p].count &&
               strcmp(a->parameters[p].name, b->parameters[p].name) == 0;
    if (!same)
        return error_set(err, ERR_USAGE, "the models '%s' and '%s' have different layers",
                         a->architecture.name, b->architecture.name);
    return 0;
}

int network_load(struct network *network, const struct model *model, struct error *err)
{
    if (same_parameters(network->model, model, err))
        return -1;
    return network->table->load(network->executor, model, err);
}

int network_store(struct network *network, struct model *model, struct error *err)
{
    if (same_parameters(network->model, model, err))
        return -1;
    return network->table->store(network->executor, model, err);
}

int64_t network_moment_count(const struct network *network)
{
    return network->moment_count;
}

int network_get_moments(struct network *network, float *m, float *v, struct error *err)
{
    return network->table->get_moments(network->executor, m, v, err);
}

int network_set_moments(struct network *network, const float *m, const float *v, struct error *err)
{
    return network->table->set_moments(network->executor, m, v, err);
}

int network_swap_averages(struct network *network, struct error *err)
{
    return network->table->swap_averages(network->executor, err);
}

bool network_is_careful(const struct network *network)
{
    return network->table->is_careful(network->executor);
}

int network_be_careful(struct network *network, struct error *err)
{
    return network->table->be_careful(network->executor, err);
}

int network_get_averages(struct network *network, float *averages, struct error *err)
{
    return network->table->get_averages(network->executor, averages, err);
}

int network_set_averages(struct network *network, const float *averages, struct error *err)
{
    return network->table->set_averages(network->executor, averages, err);
}
