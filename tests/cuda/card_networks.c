/* Networks on a card against the same on the CPU: in f32, and in bf16 where the CPU has it, too. */
#include "card_bed.h"

#include "formula.h"
#include "nn/gradcam.h"
#include "nn/network.h"

#include "tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES = 9, KINDS_CLASSES = 4 };

static void ok(int status, const struct error *err)
{
    if (status)
        fail_msg("%s", err->message);
}

struct kind {
    const char *architecture;
    double alpha;
    int64_t size;
    const char *pattern; /* NULL: the head alone trains */
    double dropout;
    struct network_options options;
    struct optimizer optimizer;
};

#define ADAMW                                                                                      \
    {                                                                                              \
        .weight_decay = 1e-2, .averages = true, .ema_momentum = 0.9                                \
    }
#define SGD                                                                                        \
    {                                                                                              \
        .kind = OPTIMIZER_SGD, .momentum = 0.9, .nesterov = true, .weight_decay = 1e-3,            \
        .undecayed = 1u << PARAMETER_BIAS                                                          \
    }

static const struct kind kinds[] = {
    {"resnet8", 1, 16, NULL, 0.2, {.batch = 5, .shard = 5, .seed = 3}, {0}},
    {"resnet8", 1, 16, "", 0, {.batch = 8, .shard = 3, .norm = NORM_BATCH}, SGD},
    {"resnet8",
     1,
     16,
     "conv4",
     0.3,
     {.batch = 5, .shard = 5, .norm = NORM_BATCH, .seed = 1},
     ADAMW},
    {"resnet8+conv1_relu", 1, 16, "conv3", 0, {.batch = 6, .shard = 4}, {0}},
    {"mobilenet", 0.25, 32, "conv_dw_12", 0, {.batch = 4, .shard = 4, .norm = NORM_BATCH}, {0}},
    {"mobilenet_v2", 0.35, 32, "block_16", 0, {.batch = 4, .shard = 4}, {0}},
};
enum { HEAD, WHOLE };

/* The same network on both. */
struct pair {
    struct device *devices[2];
    struct model *models[2];
    struct network *networks[2];
    struct pictures pictures;
};
enum { CPU, CARD };

static struct model *make_model(const struct kind *kind)
{
    struct error err = {0};
    struct model *model;
    struct architecture architecture = {.alpha = kind->alpha,
                                        .image_size = kind->size,
                                        .classes = KINDS_CLASSES,
                                        .hidden = 8,
                                        .dropout = kind->dropout};
    const struct preprocess preprocess = {PREPROCESS_TF, 255};
    formula_name(&architecture, kind->architecture);
    ok(model_new_blank(&architecture, &preprocess, &model, &err), &err);
    formula_fill(model);
    ok(model_set_trainable(model, &kind->pattern, kind->pattern != NULL, &err), &err);
    return model;
}

static void pair_open(struct pair *pair, const struct kind *kind)
{
    struct error err = {0};
    *pair = (struct pair){0};
    ok(device_open("cpu", 1, &pair->devices[CPU], &err), &err);
    ok(card_bed_open(&pair->devices[CARD], &err), &err);
    for (int i = 0; i < 2; i++) {
        pair->models[i] = make_model(kind);
        ok(network_new(pair->models[i], pair->devices[i], &kind->options, &pair->networks[i], &err),
           &err);
        ok(network_set_optimizer(pair->networks[i], &kind->optimizer, &err), &err);
    }
    formula_pictures(&pair->pictures, IMAGES, kind->size, KINDS_CLASSES);
    pair->pictures.feed.partners = pair->pictures.samples;
    pair->pictures.feed.partner_count = IMAGES;
}

static void pair_close(struct pair *pair)
{
    formula_release(&pair->pictures);
    for (int i = 0; i < 2; i++) {
        network_free(pair->networks[i]);
        model_free(pair->models[i]);
        device_close(pair->devices[i]);
    }
    card_bed_assert_closed();
}

/* What the CPU can compute in. */
static size_t dtypes(enum dtype list[2])
{
    struct device *device;
    struct error err = {0};
    enum dtype dtype;
    ok(device_open("cpu", 1, &device, &err), &err);
    const size_t count = device_precision(device, PRECISION_BF16, &dtype, &err) == 0 ? 2 : 1;
    device_close(device);
    list[0] = DTYPE_F32;
    list[1] = DTYPE_BF16;
    return count;
}

/* Runs check(kind) for each kind and type of element. */
static void for_each_kind(void (*check)(const struct kind *kind))
{
    enum dtype list[2];
    const size_t count = dtypes(list);
    for (size_t d = 0; d < count; d++)
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            struct kind kind = kinds[k];
            kind.options.dtype = list[d];
            print_message("# %s in %s\n", kind.architecture, dtype_name(list[d]));
            check(&kind);
        }
}

static void assert_near(const char *what, const float *a, const float *b, int64_t count,
                        double limit)
{
    double largest = 0, distance = 0;
    for (int64_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs((double)b[i]));
        distance = fmax(distance, fabs((double)a[i] - (double)b[i]));
        assert_true(isfinite(a[i]));
    }
    if (distance > limit * largest)
        fail_msg("%s: differs by %g of %g", what, distance, largest);
}

/* ---- inference ---- */

static void check_inference(const struct kind *kind)
{
    const double limit = card_bed_limit(kind->options.dtype);
    struct pair pair;
    struct error err = {0};
    pair_open(&pair, kind);
    const int node = graph_last_map(&pair.models[0]->graph);
    const int64_t count = IMAGES * node_count(&pair.models[0]->graph.nodes[node]);
    float logits[2][IMAGES * KINDS_CLASSES], probabilities[2][IMAGES * KINDS_CLASSES];
    float *maps[2] = {calloc((size_t)count, sizeof(float)), calloc((size_t)count, sizeof(float))};
    struct batch_result results[2];
    for (int i = 0; i < 2; i++)
        ok(network_infer(pair.networks[i], &pair.pictures.feed, pair.pictures.samples, IMAGES,
                         logits[i], probabilities[i], node, maps[i], &results[i], &err),
           &err);
    assert_near("logits", logits[CARD], logits[CPU], IMAGES * KINDS_CLASSES, limit);
    assert_near("probabilities", probabilities[CARD], probabilities[CPU], IMAGES * KINDS_CLASSES,
                limit);
    assert_near("the last map", maps[CARD], maps[CPU], count, limit);
    assert_int_equal(results[CARD].hits, results[CPU].hits);
    assert_true(fabs(results[CARD].loss - results[CPU].loss) <= limit * results[CPU].loss);
    free(maps[0]);
    free(maps[1]);
    pair_close(&pair);
}

/* Heat maps [places] of each picture's own class; free() them. */
static float *heat_of(struct pair *pair, int which, int64_t *places)
{
    struct network *network = pair->networks[which];
    struct model *model = pair->models[which];
    const int node = graph_last_map(&model->graph);
    const struct node *map = &model->graph.nodes[node];
    struct gradcam_head head;
    struct error err = {0};
    float probabilities[IMAGES * KINDS_CLASSES], gradient[512];
    const int64_t c = map->channels, count = map->height * map->width;
    float *maps = calloc((size_t)(IMAGES * count * c), sizeof *maps);
    float *heat = calloc((size_t)(IMAGES * count), sizeof *heat);
    assert_true(c <= 512 && maps && heat);
    ok(gradcam_head_of(model, &head, &err), &err);
    ok(network_infer(network, &pair->pictures.feed, pair->pictures.samples, IMAGES, NULL,
                     probabilities, node, maps, NULL, &err),
       &err);
    for (int64_t i = 0; i < IMAGES; i++) {
        ok(gradcam_gradient(&head, maps + i * count * c, count, NULL,
                            probabilities + i * KINDS_CLASSES, i % KINDS_CLASSES, gradient, &err),
           &err);
        gradcam_heat(maps + i * count * c, count, c, gradient, heat + i * count);
        gradcam_normalise(heat + i * count, count);
    }
    free(maps);
    *places = count;
    return heat;
}

/* Also of a network in bf16, against one in f32. */
static void heat_maps_are_the_cpus(void **state)
{
    (void)state;
    for (int d = 0; d < 2; d++) {
        struct kind kind = kinds[HEAD];
        struct pair pair;
        struct error err = {0};
        int64_t places;
        pair_open(&pair, &kind);
        if (d == 1) {
            network_free(pair.networks[CARD]);
            kind.options.dtype = DTYPE_BF16;
            ok(network_new(pair.models[CARD], pair.devices[CARD], &kind.options,
                           &pair.networks[CARD], &err),
               &err);
        }
        float *heat[2];
        for (int i = 0; i < 2; i++)
            heat[i] = heat_of(&pair, i, &places);
        assert_near("heat", heat[CARD], heat[CPU], IMAGES * places,
                    card_bed_limit(kind.options.dtype));
        free(heat[0]);
        free(heat[1]);
        pair_close(&pair);
    }
}

static void observation_has_the_cpus_results(void **state)
{
    struct pair pair;
    struct error err = {0};
    (void)state;
    pair_open(&pair, &kinds[0]);
    const struct graph *graph = &pair.models[0]->graph;
    for (int node = 1; node < (int)graph->count; node++) {
        double seen[2][2][64];
        float narrow[2][2][64];
        const int64_t c = graph->nodes[node].channels;
        if (!graph->nodes[node].norm[0] || c > 64)
            continue;
        for (int i = 0; i < 2; i++) {
            ok(network_observe(pair.networks[i], &pair.pictures.feed, pair.pictures.samples, IMAGES,
                               node, seen[i][0], seen[i][1], &err),
               &err);
            for (int64_t j = 0; j < c; j++) {
                narrow[i][0][j] = (float)seen[i][0][j];
                narrow[i][1][j] = (float)seen[i][1][j];
            }
        }
        assert_near("mean", narrow[CARD][0], narrow[CPU][0], c, 1e-5);
        assert_near("variance", narrow[CARD][1], narrow[CPU][1], c, 1e-5);
    }
    pair_close(&pair);
}

/* ---- training ---- */

static float *gradients_of(const struct pair *pair, int which, const struct feed *feed, int64_t n,
                           struct batch_result *result)
{
    const struct model *model = pair->models[which];
    struct error err = {0};
    size_t count = 0, at = 0;
    for (size_t p = 0; p < model->count; p++)
        count += (size_t)model->parameters[p].count;
    float *values = calloc(count, sizeof *values),
          **entries = calloc(model->count, sizeof *entries);
    for (size_t p = 0; p < model->count; p++) {
        entries[p] = values + at;
        at += (size_t)model->parameters[p].count;
    }
    ok(network_gradients(pair->networks[which], feed, pair->pictures.samples, n, 2, 5, entries,
                         result, &err),
       &err);
    free(entries);
    return values;
}

static void check_gradients(const struct kind *kind)
{
    const struct augment augment = {
        .flip = true, .rotation = 0.1f, .zoom = 0.1f, .cutout = 2, .mixup = 0.2f};
    const double limit = card_bed_limit(kind->options.dtype);
    struct pair pair;
    pair_open(&pair, kind);
    pair.pictures.feed.augment = kind->options.seed ? &augment : NULL;
    for (int64_t n = kind->options.batch; n > 1; n -= 3) {
        struct batch_result results[2];
        float *values[2];
        size_t at = 0;
        for (int i = 0; i < 2; i++)
            values[i] = gradients_of(&pair, i, &pair.pictures.feed, n, &results[i]);
        assert_true(fabs(results[CARD].loss - results[CPU].loss) <= limit * results[CPU].loss);
        assert_int_equal(results[CARD].hits, results[CPU].hits);
        for (size_t p = 0; p < pair.models[0]->count; p++) {
            const struct parameter *parameter = &pair.models[0]->parameters[p];
            assert_near(parameter->name, values[CARD] + at, values[CPU] + at, parameter->count,
                        2 * limit);
            at += (size_t)parameter->count;
        }
        free(values[0]);
        free(values[1]);
    }
    pair_close(&pair);
}

/* 4 steps on samples that come more than once; the last is short. */
enum { STEPS = 4 };
static const int64_t order[] = {3, 1, 4, 8, 5, 2, 6, 0, 7, 3, 8, 2, 1, 6, 4, 0,
                                5, 7, 2, 1, 0, 3, 8, 6, 2, 4, 7, 1, 0, 5, 8, 3};

static void take_steps(struct network *network, const struct feed *feed, int64_t batch,
                       size_t at_once, struct batch_result results[STEPS])
{
    const int64_t *samples = order;
    for (size_t from = 0; from < STEPS; from += at_once) {
        struct train_step steps[STEPS];
        struct error err = {0};
        size_t done;
        for (size_t i = 0; i < at_once; i++)
            steps[i] = (struct train_step){from + i == STEPS - 1 ? batch - 1 : batch, 1e-2f};
        ok(network_train_steps(network, feed, samples, steps, at_once, 1, (int64_t)from,
                               results + from, &done, &err),
           &err);
        assert_int_equal(done, at_once);
        samples += (int64_t)at_once * batch;
    }
}

static void check_losses(const struct kind *kind)
{
    const double limit = card_bed_limit(kind->options.dtype);
    struct pair pair;
    struct batch_result results[2][STEPS];
    pair_open(&pair, kind);
    for (int i = 0; i < 2; i++)
        take_steps(pair.networks[i], &pair.pictures.feed, kind->options.batch, i == CPU ? 1 : STEPS,
                   results[i]);
    for (int s = 0; s < 3; s++) {
        assert_true(results[CPU][s].loss > 0);
        if (fabs(results[CARD][s].loss - results[CPU][s].loss) > limit * results[CPU][s].loss)
            fail_msg("%s, step %d: %.9g is not %.9g", kind->architecture, s, results[CARD][s].loss,
                     results[CPU][s].loss);
    }
    pair_close(&pair);
}

/* ---- the same bits ---- */

struct run {
    size_t at_once;
    bool remembers;
    size_t bytes; /* to remember in */
};

/* The weights after 4 steps, a validation, and 4 more steps; free() them. */
static float *weights_after(const struct kind *kind, const struct run *run, size_t *count,
                            double *loss)
{
    struct pair pair;
    struct error err = {0};
    struct batch_result results[STEPS];
    size_t at = 0;
    pair_open(&pair, kind);
    struct network *network = pair.networks[CARD];
    if (run->remembers)
        ok(network_remember(network, &pair.pictures.feed, run->bytes, &err), &err);
    for (int i = 0; i < 2; i++) {
        take_steps(network, &pair.pictures.feed, kind->options.batch, run->at_once, results);
        ok(network_infer(network, &pair.pictures.feed, pair.pictures.samples, IMAGES, NULL, NULL,
                         -1, NULL, &results[0], &err),
           &err);
    }
    *loss = results[0].loss;
    ok(network_store(network, pair.models[CARD], &err), &err);
    *count = 0;
    for (size_t p = 0; p < pair.models[CARD]->count; p++)
        *count += (size_t)pair.models[CARD]->parameters[p].count;
    float *weights = calloc(*count, sizeof *weights);
    for (size_t p = 0; p < pair.models[CARD]->count; p++) {
        const struct parameter *parameter = &pair.models[CARD]->parameters[p];
        memcpy(weights + at, parameter->value, (size_t)parameter->count * sizeof *weights);
        at += (size_t)parameter->count;
    }
    pair_close(&pair);
    return weights;
}

/* However many steps are asked for at once, and whatever is remembered. */
static void all_ways_have_the_same_bits(void **state)
{
    static const struct run runs[] = {{STEPS, false, 0},
                                      {STEPS, false, 0},
                                      {1, false, 0},
                                      {2, true, 1 << 20},
                                      {STEPS, true, 700}};
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        float *first = NULL;
        double first_loss = 0;
        for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
            size_t count;
            double loss;
            float *weights = weights_after(&kinds[k], &runs[i], &count, &loss);
            if (i == 0) {
                first = weights;
                first_loss = loss;
                continue;
            }
            assert_memory_equal(weights, first, count * sizeof *weights);
            assert_true(loss == first_loss);
            free(weights);
        }
        free(first);
    }
}

static void an_images_bits_do_not_depend_on_its_batch(void **state)
{
    struct pair pair;
    struct error err = {0};
    float all[IMAGES * KINDS_CLASSES], one[KINDS_CLASSES];
    (void)state;
    pair_open(&pair, &kinds[HEAD]);
    ok(network_infer(pair.networks[CARD], &pair.pictures.feed, pair.pictures.samples, IMAGES, all,
                     NULL, -1, NULL, NULL, &err),
       &err);
    for (int i = IMAGES - 1; i >= 0; i--) {
        ok(network_infer(pair.networks[CARD], &pair.pictures.feed, pair.pictures.samples + i, 1,
                         one, NULL, -1, NULL, NULL, &err),
           &err);
        assert_memory_equal(one, all + i * KINDS_CLASSES, sizeof one);
    }
    pair_close(&pair);
}

/* Weights that give an infinite loss stay those that gave it. */
static void a_step_whose_loss_is_not_finite_is_the_last(void **state)
{
    struct pair pair;
    struct error err = {0};
    struct batch_result results[STEPS];
    struct train_step steps[STEPS];
    size_t done;
    (void)state;
    pair_open(&pair, &kinds[HEAD]);
    for (int i = 0; i < STEPS; i++)
        steps[i] = (struct train_step){2, i == 0 ? 1e30f : 1e-3f};
    ok(network_train_steps(pair.networks[CARD], &pair.pictures.feed, order, steps, STEPS, 0, 0,
                           results, &done, &err),
       &err);
    assert_in_range(done, 2, STEPS - 1);
    assert_true(isfinite(results[done - 2].loss) && !isfinite(results[done - 1].loss));
    pair_close(&pair);
}

static double largest(const float *values, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, fabs((double)values[i]));
    return most;
}

static void moments_and_averages_go_out_and_in(void **state)
{
    struct pair pair;
    struct error err = {0};
    struct batch_result results[STEPS];
    (void)state;
    pair_open(&pair, &kinds[2]);
    struct network *network = pair.networks[CARD];
    const size_t count = (size_t)network_moment_count(network);
    float *m[2], *v[2], *a[2];
    for (int i = 0; i < 2; i++) {
        m[i] = calloc(count, sizeof(float));
        v[i] = calloc(count, sizeof(float));
        a[i] = calloc(count, sizeof(float));
    }
    take_steps(network, &pair.pictures.feed, 5, STEPS, results);
    for (int i = 0; i < 2; i++) {
        ok(network_get_moments(network, m[i], v[i], &err), &err);
        ok(network_get_averages(network, a[i], &err), &err);
        assert_true(largest(m[i], count) > 0 && largest(v[i], count) > 0 &&
                    largest(a[i], count) > 0);
        if (i == 0) {
            ok(network_set_moments(network, v[0], m[0], &err), &err);
            ok(network_set_averages(network, m[0], &err), &err);
        }
    }
    assert_memory_equal(m[1], v[0], count * sizeof(float));
    assert_memory_equal(v[1], m[0], count * sizeof(float));
    assert_memory_equal(a[1], m[0], count * sizeof(float));
    ok(network_swap_averages(network, &err), &err);
    ok(network_store(network, pair.models[CARD], &err), &err);
    for (size_t p = 0; p < pair.models[CARD]->count; p++)
        if (pair.models[CARD]->parameters[p].trainable) {
            assert_memory_equal(pair.models[CARD]->parameters[p].value, a[1], sizeof(float));
            break;
        }
    for (int i = 0; i < 2; i++) {
        free(m[i]);
        free(v[i]);
        free(a[i]);
    }
    pair_close(&pair);
}

static void inference_has_the_cpus_results(void **state)
{
    (void)state;
    for_each_kind(check_inference);
}

static void gradients_have_the_cpus_results(void **state)
{
    (void)state;
    for_each_kind(check_gradients);
}

static void first_losses_are_the_cpus(void **state)
{
    (void)state;
    for_each_kind(check_losses);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inference_has_the_cpus_results),
        cmocka_unit_test(heat_maps_are_the_cpus),
        cmocka_unit_test(observation_has_the_cpus_results),
        cmocka_unit_test(gradients_have_the_cpus_results),
        cmocka_unit_test(first_losses_are_the_cpus),
        cmocka_unit_test(all_ways_have_the_same_bits),
        cmocka_unit_test(an_images_bits_do_not_depend_on_its_batch),
        cmocka_unit_test(a_step_whose_loss_is_not_finite_is_the_last),
        cmocka_unit_test(moments_and_averages_go_out_and_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
