#include "nn/preflight.h"

#include "base/json.h"
#include "base/memory.h"
#include "nn/elementary.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Measured with MobileNet's ImageNet weights (mode tf) on CIFAR-10: as meant a distance of 0.18 and
 * a spread of 0.55; the pixels scaled twice 1.7 and 0.014; in mode torch 0.5, unit 0.86, caffe 4.2.
 * Pictures of another kind than the base was trained on shift the distance too, but then no other
 * preprocessing halves it. */
static const double suspicious = 0.4, far_off = 3.0, alike = 0.03;

/* Over the channels of all norms of the same weights, on CIFAR-10, noise, plain colours and black
 * pictures, a mean is at most 1.7 deviations away and a variance 1.6e-5 to 11 times of what is
 * expected. */
static const double impossible_shift = 30, impossible_most = 1e3, impossible_least = 4e-6;

void preflight_skip(struct preflight *preflight, const char *why)
{
    *preflight = (struct preflight){.verdict = PREFLIGHT_SKIPPED};
    snprintf(preflight->message, sizeof(preflight->message), "%s", why);
}

static const float *moving(const struct model *model, int node, enum parameter_role role)
{
    for (size_t i = 0; i < model->count; i++)
        if (model->parameters[i].node == node && model->parameters[i].role == role)
            return model->parameters[i].value;
    return NULL;
}

/* The first nodes of the base with a batch norm. */
static size_t find_norms(const struct model *model, int nodes[PREFLIGHT_LAYERS])
{
    size_t count = 0;
    for (size_t i = 0; i < model->graph.count && count < PREFLIGHT_LAYERS; i++)
        if (model->graph.nodes[i].norm[0] != '\0' && !model->graph.nodes[i].head)
            nodes[count++] = (int)i;
    return count;
}

/* Statistics still as they are drawn: mean 0, variance 1. */
static bool is_fresh(const struct model *model, int node)
{
    const float *mean = moving(model, node, PARAMETER_MOVING_MEAN);
    const float *variance = moving(model, node, PARAMETER_MOVING_VARIANCE);
    for (int64_t c = 0; c < model->graph.nodes[node].channels; c++)
        if (mean[c] != 0 || variance[c] != 1)
            return false;
    return true;
}

static int by_value(const void *a, const void *b)
{
    double x, y;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

static double median(double *values, int64_t count)
{
    qsort(values, (size_t)count, sizeof(double), by_value);
    return count % 2 ? values[count / 2] : 0.5 * (values[count / 2 - 1] + values[count / 2]);
}

/* ---- one channel ---- */

/* 0 for what is expected; above 1 impossible, or NaN. */
static double oddity(const struct preflight_channel *channel)
{
    const double log_ratio = elementary_log(channel->variance_ratio);
    const double ratio =
        log_ratio / elementary_log(log_ratio > 0 ? impossible_most : impossible_least);
    const double shift = channel->mean_shift / impossible_shift;
    return !(shift <= ratio) ? shift : ratio; /* a NaN of either stays */
}

/* The oddest channel of a norm; how many are impossible. mean, variance [channels] are what it
 * sees. */
static int64_t find_channel(const struct model *model, int node, const double *mean,
                            const double *variance, struct preflight_channel *oddest)
{
    const struct node *n = &model->graph.nodes[node];
    const float *moving_mean = moving(model, node, PARAMETER_MOVING_MEAN);
    const float *moving_variance = moving(model, node, PARAMETER_MOVING_VARIANCE);
    int64_t impossible = 0;
    for (int64_t c = 0; c < n->channels; c++) {
        const double epsilon = (double)n->norm_epsilon;
        const double expected = (double)moving_variance[c] + epsilon;
        struct preflight_channel channel = {
            .channel = c,
            .mean_shift = fabs(mean[c] - (double)moving_mean[c]) / sqrt(expected),
            .variance_ratio = (variance[c] + epsilon) / expected,
            .channels = n->channels,
        };
        memcpy(channel.norm, n->norm, sizeof(channel.norm));
        impossible += !(oddity(&channel) <= 1);
        if (c == 0 || !(oddity(&channel) <= oddity(oddest)))
            *oddest = channel;
    }
    return impossible;
}

/* Looks at one norm after the other, from the input on, and stops at the first that has an
 * impossible channel: it spoils all that come after. */
static int look_at_channels(struct network *network, const struct model *model,
                            const struct feed *feed, const int64_t *samples, int64_t n,
                            struct preflight_channel *channel, struct error *err)
{
    for (size_t i = 0; i < model->graph.count; i++) {
        const struct node *node = &model->graph.nodes[i];
        const size_t channels = (size_t)node->channels;
        struct preflight_channel oddest;
        if (node->norm[0] == '\0' || node->head || is_fresh(model, (int)i))
            continue;
        double *seen = memory_new(2 * channels, sizeof(double), err);
        if (seen == NULL ||
            network_observe(network, feed, samples, n, (int)i, seen, seen + channels, err) < 0) {
            free(seen);
            return -1;
        }
        const int64_t impossible = find_channel(model, (int)i, seen, seen + channels, &oddest);
        free(seen);
        if (impossible > 0) {
            *channel = oddest;
            channel->impossible = impossible;
            return 0;
        }
    }
    return 0;
}

/* ---- layers ---- */

/* mean, variance [channels] are overwritten. */
static struct preflight_layer compare(const struct model *model, int node, double *mean,
                                      double *variance)
{
    const struct node *n = &model->graph.nodes[node];
    const float *moving_mean = moving(model, node, PARAMETER_MOVING_MEAN);
    const float *moving_variance = moving(model, node, PARAMETER_MOVING_VARIANCE);
    struct preflight_layer layer = {{0}, 0, 0};
    memcpy(layer.name, n->norm, sizeof(layer.name));
    for (int64_t c = 0; c < n->channels; c++) {
        const double expected = (double)moving_variance[c] + (double)n->norm_epsilon;
        mean[c] = fabs(mean[c] - (double)moving_mean[c]) / sqrt(expected);
        variance[c] = (variance[c] + 1e-12) / ((double)moving_variance[c] + 1e-12);
    }
    layer.mean_shift = median(mean, n->channels);
    layer.variance_ratio = median(variance, n->channels);
    return layer;
}

static int observe(struct network *network, const struct model *model, const struct feed *feed,
                   const int64_t *samples, int64_t n, int node, struct preflight_layer *layer,
                   struct error *err)
{
    const size_t channels = (size_t)model->graph.nodes[node].channels;
    double *seen = memory_new(2 * channels, sizeof(double), err);
    int result = seen == NULL
                     ? -1
                     : network_observe(network, feed, samples, n, node, seen, seen + channels, err);
    if (result == 0)
        *layer = compare(model, node, seen, seen + channels);
    free(seen);
    return result;
}

/* |log of the ratio of deviations| + shift of the mean */
static double distance_of(const struct preflight_layer *layer)
{
    return fabs(elementary_log(layer->variance_ratio)) / 2 + layer->mean_shift;
}

/* Layers and their mean distance under the feed's preprocessing. */
static int measure(struct network *network, const struct model *model, const struct feed *feed,
                   const int64_t *samples, int64_t n, struct preflight_layer *layers,
                   double *distance, struct error *err)
{
    int nodes[PREFLIGHT_LAYERS];
    const size_t count = find_norms(model, nodes);
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (observe(network, model, feed, samples, n, nodes[i], &layers[i], err) < 0)
            return -1;
        sum += distance_of(&layers[i]);
    }
    *distance = sum / (double)count;
    return 0;
}

/* How much the features differ between images: with features f [n,c] and their means over images,
 * the root of the mean square of f - mean, over that of f. */
static double spread_of(const float *f, int64_t n, int64_t c)
{
    double square = 0, difference = 0;
    for (int64_t j = 0; j < c; j++) {
        double mean = 0;
        for (int64_t i = 0; i < n; i++)
            mean += (double)f[i * c + j] / (double)n;
        for (int64_t i = 0; i < n; i++) {
            const double value = (double)f[i * c + j];
            square += value * value;
            difference += (value - mean) * (value - mean);
        }
    }
    return square > 0 ? sqrt(difference / square) : 0;
}

static int measure_spread(struct network *network, const struct model *model,
                          const struct feed *feed, const int64_t *samples, int64_t n,
                          double *spread, struct error *err)
{
    const int node = graph_features(&model->graph);
    const int64_t channels = model->graph.nodes[node].channels;
    float *features = memory_new((size_t)(n * channels), sizeof(float), err);
    struct batch_result ignored;
    int result = features == NULL ? -1
                                  : network_infer(network, feed, samples, n, NULL, NULL, node,
                                                  features, &ignored, err);
    if (result == 0)
        *spread = spread_of(features, n, channels);
    free(features);
    return result;
}

static int try_alternatives(struct network *network, const struct model *model,
                            const struct feed *feed, const int64_t *samples, int64_t n,
                            struct preflight *preflight, struct error *err)
{
    const struct preprocess now = feed->preprocess;
    const struct preprocess candidates[PREFLIGHT_ALTERNATIVES] = {
        {now.mode, now.pixel_range > 1 ? 1.0f : 255.0f},
        {PREPROCESS_CAFFE, 255},
        {PREPROCESS_TF, 255},
        {PREPROCESS_TORCH, 255},
        {PREPROCESS_UNIT, 255},
        {PREPROCESS_LITE, 255},
    };
    for (size_t i = 0; i < PREFLIGHT_ALTERNATIVES; i++) {
        struct preflight_layer layers[PREFLIGHT_LAYERS];
        struct feed other = *feed;
        struct preflight_alternative *a = &preflight->alternatives[preflight->alternative_count];
        /* The feed's own mode was seen already: as it is, or as the first of the list. */
        if (i > 0 && candidates[i].mode == now.mode)
            continue;
        other.preprocess = a->preprocess = candidates[i];
        if (measure(network, model, &other, samples, n, layers, &a->distance, err) < 0)
            return -1;
        preflight->alternative_count++;
    }
    return 0;
}

/* ---- verdict ---- */

static void say(struct preflight *preflight, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void say(struct preflight *preflight, const char *format, ...)
{
    const size_t used = strlen(preflight->message);
    va_list args;
    va_start(args, format);
    vsnprintf(preflight->message + used, sizeof(preflight->message) - used, format, args);
    va_end(args);
}

/* Other pixels in the same mode, the first of them, are the simpler explanation: another mode must
 * fit clearly better. */
static const struct preflight_alternative *best_alternative(const struct preflight *preflight)
{
    const double handicap = 1.5;
    const struct preflight_alternative *all = preflight->alternatives, *best = NULL;
    for (size_t i = 0; i < preflight->alternative_count; i++)
        if (best == NULL || all[i].distance * (best == all ? handicap : 1) < best->distance)
            best = &all[i];
    return best;
}

/* What is seen, by the layer that is furthest off. */
static void say_symptom(struct preflight *preflight)
{
    const struct preflight_layer *worst = &preflight->layers[0];
    for (size_t i = 1; i < preflight->layer_count; i++) {
        const struct preflight_layer *layer = &preflight->layers[i];
        if (distance_of(layer) > distance_of(worst))
            worst = layer;
    }
    if (worst->mean_shift > distance_of(worst) / 2)
        say(preflight,
            "batch norm '%s' sees means %.2g deviations from where its weights expect them",
            worst->name, worst->mean_shift);
    else if (worst->variance_ratio < 1)
        say(preflight, "batch norm '%s' sees 1/%.3g of the variance that its weights expect",
            worst->name, 1 / worst->variance_ratio);
    else
        say(preflight, "batch norm '%s' sees %.3g times the variance that its weights expect",
            worst->name, worst->variance_ratio);
}

static void say_remedy(struct preflight *preflight, struct preprocess now, struct preprocess better)
{
    if (now.mode == better.mode)
        say(preflight, "; model.pixel_range %g should be %g", (double)now.pixel_range,
            (double)better.pixel_range);
    else if (now.pixel_range == better.pixel_range)
        say(preflight, "; model.preprocess '%s' should be '%s'", preprocess_name(now.mode),
            preprocess_name(better.mode));
    else
        say(preflight, "; model.preprocess '%s' of pixel_range %g should be '%s' of %g",
            preprocess_name(now.mode), (double)now.pixel_range, preprocess_name(better.mode),
            (double)better.pixel_range);
}

static void say_channel(struct preflight *preflight)
{
    const struct preflight_channel *c = &preflight->channel;
    preflight->verdict = PREFLIGHT_DEFECT;
    say(preflight, "channel %lld of batch norm '%s' sees ", (long long)c->channel, c->norm);
    if (!isfinite(c->mean_shift) || !isfinite(c->variance_ratio))
        say(preflight, "values that are not finite");
    else if (c->mean_shift > impossible_shift)
        say(preflight, "a mean %.2g deviations from where its weights expect it", c->mean_shift);
    else if (c->variance_ratio < 1)
        say(preflight, "1/%.2g of the variance that its weights expect", 1 / c->variance_ratio);
    else
        say(preflight, "%.2g times the variance that its weights expect", c->variance_ratio);
    if (c->impossible > 1)
        say(preflight, ", and %lld more of its %lld channels the like",
            (long long)c->impossible - 1, (long long)c->channels);
    say(preflight, "; the pictures do not explain that: a weight of the channel, or of "
                   "what leads to it, is damaged");
}

static void judge(struct preflight *preflight, struct preprocess now)
{
    const struct preflight_alternative *best = best_alternative(preflight);
    const bool mended = best != NULL && best->distance < preflight->distance / 2;
    const bool is_alike = !(preflight->spread >= alike); /* or NaN */
    /* Wrong pixels show in the first norm's median; a weight leaves that alone. */
    const struct preflight_channel *channel = &preflight->channel;
    const bool few = channel->impossible > 0 && 4 * channel->impossible <= channel->channels;
    if (few && (!mended || distance_of(&preflight->layers[0]) <= suspicious)) {
        say_channel(preflight);
        return;
    }
    preflight->verdict = PREFLIGHT_OK;
    const bool looks_well = !mended && preflight->distance <= far_off && !is_alike;
    if (looks_well && channel->impossible > 0) {
        say_channel(preflight);
        return;
    }
    if (looks_well) {
        say(preflight,
            preflight->distance <= suspicious
                ? "batch norms see what their weights expect: distance %.2f, spread of features "
                  "%.2f"
                : "batch norms see something else than their weights expect, which no other "
                  "preprocessing mends: distance %.2f, spread of features %.2f",
            preflight->distance, preflight->spread);
        return;
    }
    preflight->verdict = PREFLIGHT_DEFECT;
    if (mended && now.pixel_range <= 1 && best->preprocess.pixel_range > 1)
        say(preflight, "pixels look scaled twice: ");
    say_symptom(preflight);
    if (isnan(preflight->spread))
        say(preflight, ", and features are not finite");
    else if (is_alike)
        say(preflight, ", and all images look alike to the head (spread of features %.2g)",
            preflight->spread);
    if (mended)
        say_remedy(preflight, now, best->preprocess);
}

int preflight_check(struct network *network, const struct model *model, const struct feed *feed,
                    const int64_t *samples, int64_t n, struct preflight *preflight,
                    struct error *err)
{
    int nodes[PREFLIGHT_LAYERS];
    struct feed plain = *feed;
    struct preflight made = {.layer_count = find_norms(model, nodes)};
    bool fresh = true;
    plain.augment = NULL;
    for (size_t i = 0; i < made.layer_count; i++)
        fresh = fresh && is_fresh(model, nodes[i]);
    if (fresh || n < 1) {
        preflight_skip(preflight, "the base's weights are fresh: there is nothing to compare with");
        return 0;
    }
    if (look_at_channels(network, model, &plain, samples,
                         n < PREFLIGHT_CHANNEL_IMAGES ? n : PREFLIGHT_CHANNEL_IMAGES, &made.channel,
                         err) < 0 ||
        measure(network, model, &plain, samples, n, made.layers, &made.distance, err) < 0 ||
        measure_spread(network, model, &plain, samples, n, &made.spread, err) < 0)
        return -1;
    if ((!(made.distance <= suspicious) || !(made.spread >= alike)) &&
        try_alternatives(network, model, &plain, samples, n, &made, err) < 0)
        return -1;
    judge(&made, feed->preprocess);
    *preflight = made;
    return 0;
}

/* ---- file ---- */

static json_t *layers_to_json(const struct preflight *preflight)
{
    json_t *list = json_array();
    for (size_t i = 0; i < preflight->layer_count; i++) {
        const struct preflight_layer *layer = &preflight->layers[i];
        list = json_list_with(list, json_pack("{s:s, s:o, s:o}", "name", layer->name, "mean_shift",
                                              json_measured(layer->mean_shift), "variance_ratio",
                                              json_measured(layer->variance_ratio)));
    }
    return list;
}

static json_t *alternatives_to_json(const struct preflight *preflight)
{
    json_t *list = json_array();
    for (size_t i = 0; i < preflight->alternative_count; i++) {
        const struct preflight_alternative *a = &preflight->alternatives[i];
        list = json_list_with(list, json_pack("{s:s, s:f, s:o}", "preprocess",
                                              preprocess_name(a->preprocess.mode), "pixel_range",
                                              (double)a->preprocess.pixel_range, "distance",
                                              json_measured(a->distance)));
    }
    return list;
}

static json_t *channel_to_json(const struct preflight_channel *channel)
{
    return json_pack("{s:s, s:I, s:o, s:o}", "name", channel->norm, "channel",
                     (json_int_t)channel->channel, "mean_shift", json_measured(channel->mean_shift),
                     "variance_ratio", json_measured(channel->variance_ratio));
}

int preflight_write(const char *path, const struct preflight *preflight, struct error *err)
{
    static const char *const verdicts[] = {"ok", "defect", "skipped"};
    const bool looked = preflight->verdict != PREFLIGHT_SKIPPED;
    json_t *value =
        json_pack("{s:i, s:s, s:s, s:o, s:o, s:o, s:o}", "schema", 1, "verdict",
                  verdicts[preflight->verdict], "message", preflight->message, "distance",
                  looked ? json_measured(preflight->distance) : json_null(), "spread",
                  looked ? json_measured(preflight->spread) : json_null(), "layers",
                  layers_to_json(preflight), "alternatives", alternatives_to_json(preflight));
    if (preflight->channel.impossible > 0)
        value = json_object_with(value, "channel", channel_to_json(&preflight->channel));
    if (value == NULL)
        return error_set(err, ERR_MEMORY, "out of memory");
    int result = json_write(path, value, err);
    json_decref(value);
    return result;
}
