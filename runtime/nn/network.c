#include "nn/network.h"

#include "base/memory.h"
#include "nn/network_parts.h"
#include "nn/norm.h"

#include <string.h>

int64_t node_count(const struct node *node)
{
    return node->height * node->width * node->channels;
}

enum dtype node_dtype(const struct network *network, int node)
{
    bool logits = node == (int)network->model->graph.count - 1;
    return logits ? DTYPE_F32 : network->options.dtype;
}

size_t node_bytes(const struct network *network, int node)
{
    return (size_t)node_count(&network->model->graph.nodes[node]) *
           dtype_size(node_dtype(network, node));
}

bool node_has_conv(const struct node *node)
{
    return node->kind == NODE_CONV || node->kind == NODE_DENSE;
}

struct conv_shape node_conv_shape(const struct graph *graph, int index, int64_t n)
{
    const struct node *node = &graph->nodes[index];
    const struct node *input = &graph->nodes[node->input];
    return (struct conv_shape){
        .n = n,
        .h = input->height,
        .w = input->width,
        .c = input->channels,
        .k = node->channels,
        .r = node->kernel,
        .s = node->kernel,
        .stride = node->stride,
        .pad_top = node->pad_top,
        .pad_bottom = node->pad_bottom,
        .pad_left = node->pad_left,
        .pad_right = node->pad_right,
        .groups = node->groups,
    };
}

struct pool_shape node_pool_shape(const struct graph *graph, int index, int64_t n)
{
    const struct node *node = &graph->nodes[index];
    const struct node *input = &graph->nodes[node->input];
    return (struct pool_shape){
        .n = n,
        .h = input->height,
        .w = input->width,
        .c = input->channels,
        .r = node->kernel,
        .stride = node->stride,
        .pad_top = node->pad_top,
        .pad_bottom = node->pad_bottom,
        .pad_left = node->pad_left,
        .pad_right = node->pad_right,
        .zero_padding = true, /* as keras.applications pads */
    };
}

float *network_value(const struct network *network, int node, enum parameter_role role)
{
    int index = network->parameter[node][role];
    return index < 0 ? NULL : network->values[index];
}

char *network_allocate_bytes(struct network *network, size_t count, size_t bytes, struct error *err)
{
    size_t total;
    if (!memory_multiply(count, bytes, &total)) {
        error_set(err, ERR_MEMORY, "a network's memory has no size that fits");
        return NULL;
    }
    return network->ops->allocate(network->backend, total ? total : sizeof(float), err);
}

float *network_allocate(struct network *network, size_t count, size_t floats, struct error *err)
{
    size_t total;
    if (!memory_multiply(count, floats, &total))
        total = SIZE_MAX; /* of floats: too many, which is told below */
    return (void *)network_allocate_bytes(network, total, sizeof(float), err);
}

size_t network_lane(const struct network *network, const struct lane *lane)
{
    int index = network->ops->lane_index(lane);
    ASSERT(index >= 0 && index < network->backend->lanes);
    return (size_t)index;
}

int64_t network_argmax(const float *scores, int64_t count)
{
    int64_t best = 0;
    for (int64_t i = 1; i < count; i++)
        if (scores[i] > scores[best])
            best = i;
    return best;
}

/* A picture is fed in f32: what it takes before it is rounded. */
int64_t network_picture_floats(const struct network *network)
{
    const int64_t line = 16; /* floats of 64 bytes */
    int64_t count = node_count(&network->model->graph.nodes[0]);
    return network->options.dtype == DTYPE_F32 ? 0 : (count + line - 1) / line * line;
}

int network_prepare_feed(struct network *network, const struct feed *feed, struct error *err)
{
    const struct architecture *a = &network->model->architecture;
    if (feed->image_size != a->image_size || feed->classes != a->classes)
        return error_set(err, ERR_USAGE,
                         "the network takes %lld classes at size %lld, it was fed %lld at %lld",
                         (long long)a->classes, (long long)a->image_size, (long long)feed->classes,
                         (long long)feed->image_size);
    int64_t floats = network_picture_floats(network) + feed_scratch_size(feed);
    if (floats <= network->feed_scratch_floats)
        return 0;
    network->feed_scratch_floats = 0;
    for (int i = 0; i < network->backend->lanes; i++) {
        free(network->feed_scratch[i]);
        network->feed_scratch[i] = memory_new_aligned((size_t)floats, sizeof(float), err);
        if (!network->feed_scratch[i])
            return -1;
    }
    network->feed_scratch_floats = floats;
    return 0;
}

void network_fold(const struct network *network, int index, float *scale, float *bias)
{
    const struct node *node = &network->model->graph.nodes[index];
    const float *own = network_value(network, index, PARAMETER_BIAS);
    const float *gamma = network_value(network, index, PARAMETER_GAMMA);
    const float *beta = network_value(network, index, PARAMETER_BETA);
    const float *mean = network_value(network, index, PARAMETER_MOVING_MEAN);
    const float *variance = network_value(network, index, PARAMETER_MOVING_VARIANCE);
    for (int64_t k = 0; k < node->channels; k++) {
        float factor = 1.0f, shift = 0.0f;
        if (gamma)
            norm_scale_shift(gamma[k], beta[k], mean[k], variance[k], node->norm_epsilon, &factor,
                             &shift);
        scale[k] = factor;
        bias[k] = own ? own[k] * factor + shift : shift;
    }
}

/* Finds each node's parameters and gives each parameter its place: trainable ones first, so that
 * Adam sees one vector. */
static int place_parameters(struct network *network, struct error *err)
{
    const struct model *model = network->model;
    for (size_t i = 0; i < model->graph.count; i++)
        for (int role = 0; role < ROLE_COUNT; role++)
            network->parameter[i][role] = -1;
    size_t next = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t p = 0; p < model->count; p++) {
            const struct parameter *parameter = &model->parameters[p];
            network->trains[p] = parameter->trainable && network->options.batch > 0;
            network->parameter[parameter->node][parameter->role] = (int)p;
            if (network->trains[p] != (pass == 0))
                continue;
            network->offsets[p] = next;
            next += (size_t)parameter->count;
        }
        if (pass == 0)
            network->training.parameters = (int64_t)next;
    }
    network->weights = network_allocate(network, 1, next, err);
    if (!network->weights)
        return -1;
    for (size_t p = 0; p < model->count; p++)
        network->values[p] = network->weights + network->offsets[p];
    return 0;
}

static int network_init(struct network *network, struct error *err)
{
    const struct model *model = network->model;
    size_t lanes = (size_t)network->backend->lanes;
    network->trains = memory_new(model->count, sizeof *network->trains, err);
    network->parameter = memory_new(model->graph.count, sizeof *network->parameter, err);
    network->values = memory_new(model->count, sizeof *network->values, err);
    network->offsets = memory_new(model->count, sizeof *network->offsets, err);
    network->feed_scratch = memory_new(lanes, sizeof *network->feed_scratch, err);
    if (!network->trains || !network->parameter || !network->values || !network->offsets ||
        !network->feed_scratch)
        return -1;
    if (place_parameters(network, err) || network_load(network, model, err) ||
        inference_init(network, err))
        return -1;
    return network->options.batch > 0 ? training_init(network, err) : 0;
}

int network_new(struct model *model, struct backend *backend, const struct network_options *options,
                struct network **network, struct error *err)
{
    if (options->batch < 0 || (options->batch > 0 && options->shard < 1))
        return error_set(err, ERR_USAGE, "a batch of %lld in shards of %lld is not possible",
                         (long long)options->batch, (long long)options->shard);
    enum dtype ignored;
    if (options->dtype == DTYPE_BF16 && backend_precision(backend, PRECISION_BF16, &ignored, err))
        return -1;
    struct network *made = memory_new(1, sizeof *made, err);
    if (!made)
        return -1;
    made->model = model;
    made->backend = backend;
    made->ops = backend->ops;
    made->options = *options;
    if (network_init(made, err)) {
        network_free(made);
        return -1;
    }
    *network = made;
    return 0;
}

void network_free(struct network *network)
{
    if (!network)
        return;
    features_release(network);
    training_release(network);
    inference_release(network);
    for (int i = 0; network->feed_scratch && i < network->backend->lanes; i++)
        free(network->feed_scratch[i]);
    free(network->feed_scratch);
    network->ops->release(network->backend, network->weights);
    free(network->offsets);
    free(network->values);
    free(network->parameter);
    free(network->trains);
    free(network);
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
    for (size_t p = 0; p < model->count; p++)
        if (network->ops->upload(network->backend, network->values[p], model->parameters[p].value,
                                 (size_t)model->parameters[p].count * sizeof(float), err))
            return -1;
    network->frozen_version = ++network->version;
    features_forget(network);
    return 0;
}

int network_store(struct network *network, struct model *model, struct error *err)
{
    if (same_parameters(network->model, model, err))
        return -1;
    for (size_t p = 0; p < model->count; p++)
        if (network->ops->download(network->backend, model->parameters[p].value, network->values[p],
                                   (size_t)model->parameters[p].count * sizeof(float), err))
            return -1;
    return 0;
}

int64_t network_moment_count(const struct network *network)
{
    return network->training.parameters;
}

int network_get_moments(struct network *network, float *m, float *v, struct error *err)
{
    const struct training *t = &network->training;
    if (t->parameters == 0)
        return 0;
    size_t bytes = (size_t)t->parameters * sizeof(float);
    if (network->ops->download(network->backend, m, t->m, bytes, err))
        return -1;
    return network->ops->download(network->backend, v, t->v, bytes, err);
}

int network_set_moments(struct network *network, const float *m, const float *v, struct error *err)
{
    struct training *t = &network->training;
    if (t->parameters == 0)
        return 0;
    size_t bytes = (size_t)t->parameters * sizeof(float);
    if (network->ops->upload(network->backend, t->m, m, bytes, err))
        return -1;
    return network->ops->upload(network->backend, t->v, v, bytes, err);
}
