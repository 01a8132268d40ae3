/* Networks on the twin of a card against the same on the CPU. */
#include "twin.h"

#include "formula.h"
#include "nn/network.h"

#include "tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES = 9, KINDS_CLASSES = 4, AT_ONCE = 4 };

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

/* The same network on the CPU and on the twin. */
struct pair {
    struct device *devices[2];
    struct model *models[2];
    struct network *networks[2];
    struct pictures pictures;
};
enum { CPU, TWIN };

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
    ok(twin_open(AT_ONCE, &pair->devices[TWIN], &err), &err);
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
    assert_int_equal(twin_held(), 0);
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

static void inference_has_the_cpus_results(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        struct pair pair;
        struct error err = {0};
        pair_open(&pair, &kinds[k]);
        const int node = graph_last_map(&pair.models[0]->graph);
        const int64_t count = IMAGES * node_count(&pair.models[0]->graph.nodes[node]);
        float logits[2][IMAGES * KINDS_CLASSES], probabilities[2][IMAGES * KINDS_CLASSES];
        float *maps[2] = {calloc((size_t)count, sizeof(float)),
                          calloc((size_t)count, sizeof(float))};
        struct batch_result results[2];
        for (int i = 0; i < 2; i++)
            ok(network_infer(pair.networks[i], &pair.pictures.feed, pair.pictures.samples, IMAGES,
                             logits[i], probabilities[i], node, maps[i], &results[i], &err),
               &err);
        assert_near("logits", logits[TWIN], logits[CPU], IMAGES * KINDS_CLASSES, 1e-5);
        assert_near("probabilities", probabilities[TWIN], probabilities[CPU],
                    IMAGES * KINDS_CLASSES, 1e-5);
        assert_near("the last map", maps[TWIN], maps[CPU], count, 1e-5);
        assert_int_equal(results[TWIN].hits, results[CPU].hits);
        assert_true(fabs(results[TWIN].loss - results[CPU].loss) <= 1e-5 * results[CPU].loss);
        free(maps[0]);
        free(maps[1]);
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
        assert_near("mean", narrow[TWIN][0], narrow[CPU][0], c, 1e-5);
        assert_near("variance", narrow[TWIN][1], narrow[CPU][1], c, 1e-5);
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

static void gradients_have_the_cpus_results(void **state)
{
    const struct augment augment = {
        .flip = true, .rotation = 0.1f, .zoom = 0.1f, .cutout = 2, .mixup = 0.2f};
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        struct pair pair;
        pair_open(&pair, &kinds[k]);
        pair.pictures.feed.augment = k % 2 == 0 ? &augment : NULL;
        for (int64_t n = kinds[k].options.batch; n > 1; n -= 3) {
            struct batch_result results[2];
            float *values[2];
            size_t at = 0;
            for (int i = 0; i < 2; i++)
                values[i] = gradients_of(&pair, i, &pair.pictures.feed, n, &results[i]);
            assert_true(fabs(results[TWIN].loss - results[CPU].loss) <= 1e-5 * results[CPU].loss);
            assert_int_equal(results[TWIN].hits, results[CPU].hits);
            for (size_t p = 0; p < pair.models[0]->count; p++) {
                const struct parameter *parameter = &pair.models[0]->parameters[p];
                assert_near(parameter->name, values[TWIN] + at, values[CPU] + at, parameter->count,
                            2e-5);
                at += (size_t)parameter->count;
            }
            free(values[0]);
            free(values[1]);
        }
        pair_close(&pair);
    }
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

static void first_losses_are_the_cpus(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        struct pair pair;
        struct batch_result results[2][STEPS];
        pair_open(&pair, &kinds[k]);
        for (int i = 0; i < 2; i++)
            take_steps(pair.networks[i], &pair.pictures.feed, kinds[k].options.batch,
                       i == CPU ? 1 : STEPS, results[i]);
        for (int s = 0; s < 3; s++) {
            assert_true(results[CPU][s].loss > 0);
            if (fabs(results[TWIN][s].loss - results[CPU][s].loss) > 1e-5 * results[CPU][s].loss)
                fail_msg("%s, step %d: %.9g is not %.9g", kinds[k].architecture, s,
                         results[TWIN][s].loss, results[CPU][s].loss);
        }
        pair_close(&pair);
    }
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
    struct network *network = pair.networks[TWIN];
    if (run->remembers)
        ok(network_remember(network, &pair.pictures.feed, run->bytes, &err), &err);
    for (int i = 0; i < 2; i++) {
        take_steps(network, &pair.pictures.feed, kind->options.batch, run->at_once, results);
        ok(network_infer(network, &pair.pictures.feed, pair.pictures.samples, IMAGES, NULL, NULL,
                         -1, NULL, &results[0], &err),
           &err);
    }
    *loss = results[0].loss;
    ok(network_store(network, pair.models[TWIN], &err), &err);
    *count = 0;
    for (size_t p = 0; p < pair.models[TWIN]->count; p++)
        *count += (size_t)pair.models[TWIN]->parameters[p].count;
    float *weights = calloc(*count, sizeof *weights);
    for (size_t p = 0; p < pair.models[TWIN]->count; p++) {
        const struct parameter *parameter = &pair.models[TWIN]->parameters[p];
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
    ok(network_infer(pair.networks[TWIN], &pair.pictures.feed, pair.pictures.samples, IMAGES, all,
                     NULL, -1, NULL, NULL, &err),
       &err);
    for (int i = IMAGES - 1; i >= 0; i--) {
        ok(network_infer(pair.networks[TWIN], &pair.pictures.feed, pair.pictures.samples + i, 1,
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
    ok(network_train_steps(pair.networks[TWIN], &pair.pictures.feed, order, steps, STEPS, 0, 0,
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
    struct network *network = pair.networks[TWIN];
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
    ok(network_store(network, pair.models[TWIN], &err), &err);
    for (size_t p = 0; p < pair.models[TWIN]->count; p++)
        if (pair.models[TWIN]->parameters[p].trainable) {
            assert_memory_equal(pair.models[TWIN]->parameters[p].value, a[1], sizeof(float));
            break;
        }
    for (int i = 0; i < 2; i++) {
        free(m[i]);
        free(v[i]);
        free(a[i]);
    }
    pair_close(&pair);
}

/* ---- what goes wrong ---- */

/* All that a network is asked for, on the twin alone; 0 or the error. */
static int use(struct error *err)
{
    struct kind small = kinds[HEAD];
    const struct kind *kind = &small;
    struct device *device;
    struct network *network = NULL;
    struct pictures pictures;
    struct train_step steps[2] = {{2, 1e-3f}, {1, 1e-3f}};
    struct batch_result results[2];
    small.size = 8;
    struct model *model = make_model(kind);
    double seen[2][64];
    size_t done;
    int status = -1;
    formula_pictures(&pictures, 3, kind->size, KINDS_CLASSES);
    if (twin_open(2, &device, err) == 0) {
        device->scratch_out = NULL;
        if (network_new(model, device, &kind->options, &network, err) == 0 &&
            network_remember(network, &pictures.feed, 1 << 16, err) == 0 &&
            network_observe(network, &pictures.feed, pictures.samples, 3, 1, seen[0], seen[1],
                            err) == 0 &&
            network_train_steps(network, &pictures.feed, pictures.samples, steps, 2, 0, 0, results,
                                &done, err) == 0 &&
            network_infer(network, &pictures.feed, pictures.samples, 3, NULL, NULL, -1, NULL,
                          results, err) == 0)
            status = network_store(network, model, err);
        network_free(network);
        device_close(device);
    }
    model_free(model);
    formula_release(&pictures);
    return status;
}

static void every_call_that_fails_is_told(void **state)
{
    struct error err = {0};
    (void)state;
    twin_fail_at(0);
    ok(use(&err), &err);
    const size_t calls = twin_fail_at(0);
    assert_true(calls > 100);
    print_message("# %zu calls, each of which fails once\n", calls);
    for (size_t k = 1; k <= calls; k++) {
        err = (struct error){0};
        twin_fail_at(k);
        const int status = use(&err);
        twin_fail_at(0);
        assert_int_equal(twin_held(), 0);
        if (status == 0 && k > calls - 2) /* freeing waits for both streams and tells nobody */
            continue;
        assert_int_equal(status, -1);
        assert_int_equal(err.kind, ERR_DEVICE);
        assert_non_null(strstr(err.message, "injected"));
    }
}

static void a_card_that_is_lost_is_told(void **state)
{
    struct error err = {0};
    (void)state;
    twin_lose_at(0);
    ok(use(&err), &err);
    const size_t pieces = twin_lose_at(0);
    print_message("# %zu pieces of work, of which one in 9 loses the card\n", pieces);
    for (size_t k = 1; k <= pieces; k += 9) {
        err = (struct error){0};
        twin_lose_at(k);
        assert_int_equal(use(&err), -1);
        assert_int_equal(err.kind, ERR_DEVICE);
        assert_non_null(strstr(err.message, "injected"));
        twin_lose_at(0);
        assert_int_equal(twin_held(), 0);
    }
}

static void what_does_not_fit_names_what_does(void **state)
{
    struct kind kind = kinds[WHOLE];
    struct device *device;
    struct network *network;
    struct error err = {0};
    (void)state;
    kind.options.batch = kind.options.shard = 256;
    twin_set_memory((size_t)24 << 20);
    struct model *model = make_model(&kind);
    ok(twin_open(AT_ONCE, &device, &err), &err);
    assert_int_equal(network_new(model, device, &kind.options, &network, &err), -1);
    assert_int_equal(err.kind, ERR_MEMORY);
    const char *fits = strstr(err.message, "; one of ");
    assert_non_null(fits);
    assert_non_null(strstr(err.message, "with a batch of 256"));
    kind.options.batch = kind.options.shard = strtol(fits + 9, NULL, 10);
    assert_in_range(kind.options.batch, 1, 128);
    ok(network_new(model, device, &kind.options, &network, &err), &err);
    network_free(network);
    model_free(model);
    device_close(device);
    twin_set_memory((size_t)1 << 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inference_has_the_cpus_results),
        cmocka_unit_test(observation_has_the_cpus_results),
        cmocka_unit_test(gradients_have_the_cpus_results),
        cmocka_unit_test(first_losses_are_the_cpus),
        cmocka_unit_test(all_ways_have_the_same_bits),
        cmocka_unit_test(an_images_bits_do_not_depend_on_its_batch),
        cmocka_unit_test(a_step_whose_loss_is_not_finite_is_the_last),
        cmocka_unit_test(moments_and_averages_go_out_and_in),
        cmocka_unit_test(every_call_that_fails_is_told),
        cmocka_unit_test(a_card_that_is_lost_is_told),
        cmocka_unit_test(what_does_not_fit_names_what_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
