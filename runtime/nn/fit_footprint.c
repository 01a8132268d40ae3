/* The memory that a training takes, foreseen and of the network that it has. */
#include "nn/fit_parts.h"
#include "nn/fit_weights.h"

static int64_t rest_of_epoch(const struct fit_options *o, int64_t train_count)
{
    const int64_t full = train_count / o->batch;
    return o->steps_per_epoch > 0 && o->steps_per_epoch <= full ? 0 : train_count % o->batch;
}

struct network_options fit_network_options(const struct fit_options *o, int64_t train_count)
{
    return (struct network_options){.batch = o->batch,
                                    .rest = rest_of_epoch(o, train_count),
                                    .shard = o->shard,
                                    .norm = o->norm,
                                    .seed = o->seed,
                                    .dtype = o->dtype};
}

static struct network_use use_of(const struct fit_data *data, const struct fit_options *options)
{
    return (struct network_use){.optimizer = &options->optimizer,
                                .feed = data->train,
                                .remembered = data->val,
                                .remember_bytes = options->remember_bytes,
                                .plain = data->val_count +
                                         (data->train->augment == NULL ? data->train_count : 0)};
}

/* What fit() has beside its network. */
static void add_own(const struct model *model, const struct fit_data *data,
                    const struct fit_options *options, struct footprint *footprint)
{
    const size_t weights = (size_t)fit_weights_count(model);
    int64_t moments, frozen;
    model_count(model, &moments, &frozen);
    footprint_add(footprint, FOOTPRINT_CHECKPOINT,
                  2 * weights + (options->optimizer.averages ? 3 : 2) * (size_t)moments,
                  sizeof(float));
    footprint_add(footprint, FOOTPRINT_SPARE, (size_t)data->train_count, sizeof(int64_t));
}

int fit_foresee(struct model *model, struct device *device, const struct fit_data *data,
                const struct fit_options *options, struct footprint *footprint, struct error *err)
{
    const struct network_options network = fit_network_options(options, data->train_count);
    const struct network_use use = use_of(data, options);
    *footprint = (struct footprint){0};
    if (!network_measures(device))
        return 0;
    if (network_foresee(model, device, &network, &use, footprint, err) < 0)
        return -1;
    footprint_add_process(footprint, 0);
    add_own(model, data, options, footprint);
    return 0;
}

size_t fit_remember_within(const struct fit_data *data, const struct footprint *footprint,
                           size_t bytes)
{
    const size_t without = footprint_total(footprint) - footprint->bytes[FOOTPRINT_FEATURES];
    const size_t room = bytes > without ? bytes - without : 0;
    const size_t list = (size_t)data->val->count * sizeof(char *);
    return room > list ? room - list : 0;
}

void fit_measure(const struct training *t, struct footprint *footprint)
{
    const struct network_use use = use_of(&t->data, t->options);
    *footprint = (struct footprint){0};
    network_measure_process(t->network, &use, footprint);
    add_own(t->model, &t->data, t->options, footprint);
}
