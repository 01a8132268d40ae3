/* What a network promises whatever its weights: gradients are derivatives,
 * bits do not depend on lanes, batches or interruptions, shards and frozen
 * prefixes change nothing but rounding.
 */
#include "nn/network.h"

#include "base/memory.h"
#include "nn/augment.h"
#include "nn/cpu/executor.h"

#include "network_fixture.h"
#include "on_lane.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES = FIXTURE_IMAGES, CLASSES = FIXTURE_CLASSES, SIZE = 16 };

/* Three maps that a pool reads, beside convolutions and a sum. */
#define POOLED "resnet8+conv3_block1_1_relu+conv1_relu+conv3_block1_out"

static const struct augment augment = {
    .flip = true, .rotation = 0.1f, .zoom = 0.1f, .cutout = 4, .mixup = 0.3f};

static void ok(int status, const struct error *err)
{
    if (status)
        fail_msg("%s", err->message);
}

static void network_gradients_are_derivatives(void **state)
{
    (void)state;
    struct fixture_setup setup = {
        "resnet8",
        SIZE,
        0.3,
        "",
        {.batch = IMAGES, .shard = 4, .norm = NORM_INFERENCE, .seed = 9, .dtype = DTYPE_F32},
        1};
    fixture_gradients_are_derivatives(&setup);
    setup.options.norm = NORM_BATCH;
    fixture_gradients_are_derivatives(&setup);
}

/* Only norms train, or only convolutions: every mixture of frozen and not in one block. */
static void network_gradients_are_derivatives_in_mixtures(void **state)
{
    const char *const patterns[] = {"2_bn", "conv3_block1_1_conv", "_0_"};
    (void)state;
    for (int mode = 0; mode < 2; mode++)
        for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
            struct fixture_setup setup = {"resnet8",
                                          SIZE,
                                          0.0,
                                          patterns[i],
                                          {.batch = IMAGES,
                                           .shard = 4,
                                           .norm = mode ? NORM_BATCH : NORM_INFERENCE,
                                           .seed = 9,
                                           .dtype = DTYPE_F32},
                                          1};
            fixture_gradients_are_derivatives(&setup);
        }
}

/* A bottleneck net's stem and pool have their share in the gradient. */
static void network_gradients_go_through_the_stem(void **state)
{
    (void)state;
    struct fixture_setup setup = {
        "resnet18",
        32,
        0.0,
        "conv1_",
        {.batch = IMAGES, .shard = 4, .norm = NORM_INFERENCE, .seed = 9, .dtype = DTYPE_F32},
        1};
    fixture_gradients_are_derivatives(&setup);
}

static void near(const float *a, const float *b, const struct model *model, bool whole,
                 double tolerance)
{
    size_t at = 0;
    for (size_t p = 0; p < model->count; at += (size_t)model->parameters[p++].count) {
        const struct parameter *parameter = &model->parameters[p];
        double norm, probe, difference = 0;
        formula_summary(b + at, (size_t)parameter->count, &norm, &probe);
        for (size_t i = at; i < at + (size_t)parameter->count; i++)
            difference += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        if ((whole || parameter->trainable) && !(sqrt(difference) <= tolerance * norm + 1e-7))
            fail_msg("%s: norm %g, difference %g", parameter->name, norm, sqrt(difference));
    }
}

static void network_shards_change_only_rounding(void **state)
{
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        struct fixture_setup setup = {"resnet8",
                                      SIZE,
                                      0.2,
                                      "",
                                      {.batch = IMAGES,
                                       .shard = IMAGES,
                                       .norm = mode ? NORM_BATCH : NORM_INFERENCE,
                                       .seed = 9,
                                       .dtype = DTYPE_F32},
                                      2};
        struct fixture f;
        fixture_open(&f, &setup);
        float *whole = fixture_gradients(&f, IMAGES, NULL);
        fixture_close(&f);
        const int64_t shards[] = {1, 2, 3, 4};
        for (size_t i = 0; i < sizeof shards / sizeof shards[0]; i++) {
            setup.options.shard = shards[i];
            fixture_open(&f, &setup);
            float *split = fixture_gradients(&f, IMAGES, NULL);
            near(split, whole, f.model, true, 2e-4);
            free(split);
            fixture_close(&f);
        }
        free(whole);
    }
}

/* A batch that is smaller than the network's, down to one image: as in a network made for it. */
static void network_takes_short_batches(void **state)
{
    (void)state;
    struct fixture_setup large = {
        "resnet8",
        SIZE,
        0.0,
        "conv4",
        {.batch = IMAGES, .shard = 4, .norm = NORM_INFERENCE, .seed = 9, .dtype = DTYPE_F32},
        2};
    const int64_t sizes[] = {1, 3, 4, 5};
    struct fixture f, g;
    fixture_open(&f, &large);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct fixture_setup exact = large;
        exact.options.batch = sizes[i];
        fixture_open(&g, &exact);
        float *a = fixture_gradients(&f, sizes[i], NULL),
              *b = fixture_gradients(&g, sizes[i], NULL);
        near(a, b, f.model, true, 1e-6);
        free(a);
        free(b);
        fixture_close(&g);
    }
    fixture_close(&f);
}

static void prefix_changes_only_rounding(const char *architecture)
{
    struct fixture_setup all = {
        architecture,
        SIZE,
        0.0,
        "",
        {.batch = IMAGES, .shard = 4, .norm = NORM_INFERENCE, .seed = 9, .dtype = DTYPE_F32},
        2};
    struct fixture_setup some = all;
    struct fixture f, g;
    const char *const patterns[] = {"conv4", "conv2", "conv4_block1_2"};
    fixture_open(&f, &all);
    float *whole = fixture_gradients(&f, IMAGES, NULL);
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        some.pattern = patterns[i];
        fixture_open(&g, &some);
        float *part = fixture_gradients(&g, IMAGES, NULL);
        near(part, whole, g.model, false, 2e-4);
        free(part);
        fixture_close(&g);
    }
    free(whole);
    fixture_close(&f);
}

static void network_frozen_prefix_changes_only_rounding(void **state)
{
    (void)state;
    prefix_changes_only_rounding("resnet8");
    prefix_changes_only_rounding(POOLED);
}

/* A few augmented steps with a short batch among them; the weights end up in the model. */
static void train(struct fixture *f, int64_t first_step, int64_t steps)
{
    struct error err = {0};
    struct batch_result result;
    f->pictures.feed.augment = &augment;
    for (int64_t step = first_step; step < first_step + steps; step++)
        ok(network_train(f->network, &f->pictures.feed, f->pictures.samples, step % 2 ? 5 : IMAGES,
                         (uint32_t)step, step, 1e-3f, &result, &err),
           &err);
    f->pictures.feed.augment = NULL;
    ok(network_store(f->network, f->model, &err), &err);
}

static bool same_weights(const struct model *a, const struct model *b)
{
    for (size_t p = 0; p < a->count; p++)
        if (memcmp(a->parameters[p].value, b->parameters[p].value,
                   (size_t)a->parameters[p].count * sizeof(float)) != 0)
            return false;
    return true;
}

static void bits_do_not_depend_on_lanes(const char *architecture)
{
    static const int threads[] = {2, 3, 7};
    for (int mode = 0; mode < 2 * on_lane_dtypes(); mode++) {
        struct fixture_setup setup = {architecture,
                                      SIZE,
                                      0.3,
                                      "",
                                      {.batch = IMAGES,
                                       .shard = 2,
                                       .norm = mode % 2 ? NORM_BATCH : NORM_INFERENCE,
                                       .seed = 9,
                                       .dtype = (enum dtype)(mode / 2)},
                                      1};
        struct fixture one, several;
        fixture_open(&one, &setup);
        struct model *start = formula_model(architecture, SIZE, CLASSES, 8, 0.3);
        train(&one, 0, 3);
        assert_false(same_weights(one.model, start));
        for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
            setup.threads = threads[i];
            fixture_open(&several, &setup);
            train(&several, 0, 3);
            assert_true(same_weights(one.model, several.model));
            fixture_close(&several);
        }
        model_free(start);
        fixture_close(&one);
    }
}

static void network_bits_do_not_depend_on_lanes(void **state)
{
    (void)state;
    bits_do_not_depend_on_lanes("resnet8");
    bits_do_not_depend_on_lanes(POOLED);
}

static void resumes_with_the_same_bits(enum dtype dtype)
{
    struct error err = {0};
    struct fixture_setup setup = {
        "mobilenet",
        32,
        0.3,
        "conv_pw_13",
        {.batch = IMAGES, .shard = 4, .norm = NORM_BATCH, .seed = 9, .dtype = dtype},
        2};
    struct fixture through, stopped, resumed;
    fixture_open(&through, &setup);
    train(&through, 0, 4);
    fixture_open(&stopped, &setup);
    train(&stopped, 0, 2);
    size_t count = (size_t)network_moment_count(stopped.network);
    float *m = calloc(count, sizeof *m), *v = calloc(count, sizeof *v);
    assert_true(m && v && count > 0);
    ok(network_get_moments(stopped.network, m, v, &err), &err);
    fixture_open(&resumed, &setup);
    ok(network_load(resumed.network, stopped.model, &err), &err);
    ok(network_set_moments(resumed.network, m, v, &err), &err);
    train(&resumed, 2, 2);
    assert_true(same_weights(through.model, resumed.model));
    free(m);
    free(v);
    fixture_close(&through);
    fixture_close(&stopped);
    fixture_close(&resumed);
}

static void network_resumes_with_the_same_bits(void **state)
{
    (void)state;
    for (int dtype = 0; dtype < on_lane_dtypes(); dtype++)
        resumes_with_the_same_bits((enum dtype)dtype);
}

static void infer(struct fixture *f, const int64_t *samples, int64_t n, float *logits)
{
    struct error err = {0};
    ok(network_infer(f->network, &f->pictures.feed, samples, n, logits, NULL, -1, NULL, NULL, &err),
       &err);
}

static void network_inference_does_not_depend_on_the_batch(void **state)
{
    const int64_t other[] = {6, 0, 3};
    (void)state;
    struct fixture_setup setup = {"mobilenet", 32, 0.3, NULL, {0}, 2};
    struct fixture f;
    float all[IMAGES * CLASSES], some[3 * CLASSES];
    fixture_open(&f, &setup);
    infer(&f, f.pictures.samples, IMAGES, all);
    for (int64_t i = 0; i < IMAGES; i++) {
        infer(&f, &i, 1, some);
        assert_memory_equal(some, all + i * CLASSES, CLASSES * sizeof(float));
    }
    infer(&f, other, 3, some);
    for (int i = 0; i < 3; i++)
        assert_memory_equal(some + i * CLASSES, all + other[i] * CLASSES, CLASSES * sizeof(float));
    infer(&f, other, 0, some);
    fixture_close(&f);
}

static void fill(struct model *model, const char *name, float value)
{
    for (size_t p = 0; p < model->count; p++)
        for (int64_t i = 0; i < model->parameters[p].count; i++)
            if (strcmp(model->parameters[p].name, name) == 0)
                model->parameters[p].value[i] = value;
}

/* What comes out of two epochs of plain steps and augmented ones, with validations between that see
 * some pictures twice: weights, scores and a map of the prefix. */
static void live(struct fixture *f, float *logits, float *map)
{
    const int64_t some[] = {6, 1, 1, 1, 4, 6, 2};
    struct error err = {0};
    struct batch_result result;
    for (int64_t step = 0; step < 6; step++) {
        f->pictures.feed.augment = step == 3 ? &augment : NULL;
        ok(network_train(f->network, &f->pictures.feed, step % 2 ? some + 4 : f->pictures.samples,
                         step % 2 ? 3 : IMAGES, (uint32_t)step, step, 1e-3f, &result, &err),
           &err);
        infer(f, some, IMAGES, logits + step * IMAGES * CLASSES);
    }
    f->pictures.feed.augment = NULL;
    ok(network_infer(f->network, &f->pictures.feed, some, 2, NULL, NULL, 1, map, NULL, &err), &err);
    ok(network_store(f->network, f->model, &err), &err);
}

static size_t count_remembered(const struct network *network)
{
    struct executor *executor = network_executor(network);
    size_t count = 0;
    for (int64_t i = 0; executor->features.samples && i < IMAGES; i++)
        count += features_has(executor, i);
    return count;
}

/* With room for all that the prefix makes, for a few pictures of it, and for none. */
static void remembers_without_changing_bits(const char *architecture)
{
    enum { SCORES = 6 * IMAGES * CLASSES, MAP = 2 * 16 * SIZE * SIZE };
    /* The head; two edges, as the shortcut passes the first node that trains; nothing frozen. */
    const char *const patterns[] = {NULL, "conv4_block1_2", ""};
    const size_t rooms[] = {1 << 24, 40000, 600};
    static float plain[SCORES], remembered[SCORES], map[MAP], same_map[MAP];
    struct error err = {0};
    for (size_t round = 0; round < 3 * (size_t)on_lane_dtypes(); round++) {
        const size_t i = round % 3;
        struct fixture_setup setup = {architecture,
                                      SIZE,
                                      0.3,
                                      patterns[i],
                                      {.batch = IMAGES,
                                       .shard = 2,
                                       .norm = NORM_BATCH,
                                       .seed = 9,
                                       .dtype = (enum dtype)(round / 3)},
                                      2};
        struct fixture without, with;
        fixture_open(&without, &setup);
        live(&without, plain, map);
        for (size_t j = 0; j < sizeof rooms / sizeof rooms[0]; j++) {
            fixture_open(&with, &setup);
            ok(network_remember(with.network, &with.pictures.feed, rooms[j], &err), &err);
            const size_t bytes = network_executor(with.network)->features.sample_bytes;
            const size_t fits = rooms[j] / (footprint_aligned(bytes) + 16); /* the allocator's */
            live(&with, remembered, same_map);
            assert_memory_equal(plain, remembered, sizeof plain);
            assert_memory_equal(map, same_map, sizeof map);
            assert_true(same_weights(without.model, with.model));
            assert_int_equal(count_remembered(with.network), i == 2          ? 0
                                                             : fits < IMAGES ? fits
                                                                             : IMAGES);
            fixture_close(&with);
        }
        fixture_close(&without);
    }
}

static void network_remembers_without_changing_bits(void **state)
{
    (void)state;
    remembers_without_changing_bits("resnet8");
    remembers_without_changing_bits(POOLED);
}

/* Other weights of the frozen layers, and other pictures, are not confused with what was kept. */
static void network_forgets_what_no_longer_holds(void **state)
{
    struct error err = {0};
    struct fixture_setup setup = {
        "resnet8",
        SIZE,
        0.0,
        NULL,
        {.batch = IMAGES, .shard = 4, .norm = NORM_INFERENCE, .seed = 9, .dtype = DTYPE_F32},
        2};
    struct fixture f, g;
    float first[IMAGES * CLASSES], second[IMAGES * CLASSES], fresh[IMAGES * CLASSES];
    (void)state;
    fixture_open(&f, &setup);
    fixture_open(&g, &setup);
    ok(network_remember(f.network, &f.pictures.feed, 1 << 24, &err), &err);
    infer(&f, f.pictures.samples, IMAGES, first);
    fill(f.model, "conv2_block1_1_bn/gamma", 0.5f);
    fill(g.model, "conv2_block1_1_bn/gamma", 0.5f);
    ok(network_load(f.network, f.model, &err), &err);
    ok(network_load(g.network, g.model, &err), &err);
    infer(&f, f.pictures.samples, IMAGES, second);
    infer(&g, g.pictures.samples, IMAGES, fresh);
    assert_memory_not_equal(first, second, sizeof first);
    assert_memory_equal(second, fresh, sizeof second);
    f.pictures.feed.preprocess.pixel_range = 1;
    g.pictures.feed.preprocess.pixel_range = 1;
    infer(&f, f.pictures.samples, IMAGES, first);
    infer(&g, g.pictures.samples, IMAGES, fresh);
    assert_memory_not_equal(first, second, sizeof first);
    assert_memory_equal(first, fresh, sizeof first);
    fixture_close(&f);
    fixture_close(&g);
}

/* After training, a network made anew from the stored model infers the same bits: moving statistics
 * and all. */
static void network_stores_what_it_infers_with(void **state)
{
    (void)state;
    struct error err = {0};
    struct network *fresh;
    struct network_options options = {0};
    struct fixture_setup setup = {
        "resnet8",
        SIZE,
        0.3,
        "conv3",
        {.batch = IMAGES, .shard = 4, .norm = NORM_BATCH, .seed = 9, .dtype = DTYPE_F32},
        2};
    struct fixture f;
    float before[IMAGES * CLASSES], trained[IMAGES * CLASSES], again[IMAGES * CLASSES];
    fixture_open(&f, &setup);
    infer(&f, f.pictures.samples, IMAGES, before);
    train(&f, 0, 2);
    infer(&f, f.pictures.samples, IMAGES, trained);
    assert_memory_not_equal(before, trained, sizeof before);
    ok(network_new(f.model, f.device, &options, &fresh, &err), &err);
    ok(network_infer(fresh, &f.pictures.feed, f.pictures.samples, IMAGES, again, NULL, -1, NULL,
                     NULL, &err),
       &err);
    assert_memory_equal(trained, again, sizeof again);
    assert_int_equal(network_moment_count(fresh), 0);
    assert_int_equal(network_train(fresh, &f.pictures.feed, f.pictures.samples, 1, 0, 0, 1e-3f,
                                   &(struct batch_result){0}, &err),
                     -1);
    network_free(fresh);
    fixture_close(&f);
}

static void network_learns(void **state)
{
    (void)state;
    struct error err = {0};
    struct fixture_setup setup = {
        "resnet8",
        SIZE,
        0.0,
        "",
        {.batch = IMAGES, .shard = 4, .norm = NORM_BATCH, .seed = 9, .dtype = DTYPE_F32},
        2};
    struct batch_result first, last, inferred;
    struct fixture f;
    fixture_open(&f, &setup);
    for (int64_t step = 0; step < 40; step++)
        ok(network_train(f.network, &f.pictures.feed, f.pictures.samples, IMAGES, 0, step, 3e-3f,
                         step ? &last : &first, &err),
           &err);
    assert_true(last.loss < 0.1 * first.loss);
    assert_int_equal(last.hits, IMAGES);
    float probabilities[IMAGES * CLASSES], sum = 0.0f;
    ok(network_infer(f.network, &f.pictures.feed, f.pictures.samples, IMAGES, NULL, probabilities,
                     -1, NULL, &inferred, &err),
       &err);
    for (int i = 0; i < IMAGES * CLASSES; i++)
        sum += probabilities[i];
    assert_true(fabsf(sum - IMAGES) < 1e-5f);
    fixture_close(&f);
}

/* With a norm that does nothing, a projection's output is what that norm sees. */
static void network_observes_what_a_norm_sees(void **state)
{
    enum { PLACES = 64, CHANNELS = 32, N = 5 };
    struct error err = {0};
    struct fixture_setup setup = {"resnet8", SIZE, 0.0, NULL, {0}, 2};
    struct fixture f;
    double mean[CHANNELS], variance[CHANNELS];
    static float maps[N * PLACES * CHANNELS];
    (void)state;
    fixture_open(&f, &setup);
    fill(f.model, "conv3_block1_0_bn/gamma", 1.0f);
    fill(f.model, "conv3_block1_0_bn/beta", 0.0f);
    fill(f.model, "conv3_block1_0_bn/moving_mean", 0.0f);
    fill(f.model, "conv3_block1_0_bn/moving_variance", 1.0f - 1.001e-5f);
    ok(network_load(f.network, f.model, &err), &err);
    int node = graph_find(&f.model->graph, "conv3_block1_0_bn");
    ok(network_infer(f.network, &f.pictures.feed, f.pictures.samples, N, NULL, NULL, node, maps,
                     NULL, &err),
       &err);
    ok(network_observe(f.network, &f.pictures.feed, f.pictures.samples, N, node, mean, variance,
                       &err),
       &err);
    for (int c = 0; c < CHANNELS; c++) {
        double sum = 0, squares = 0;
        for (int i = 0; i < N * PLACES; i++)
            sum += (double)maps[i * CHANNELS + c];
        for (int i = 0; i < N * PLACES; i++)
            squares += pow((double)maps[i * CHANNELS + c] - sum / (N * PLACES), 2);
        assert_true(fabs(mean[c] - sum / (N * PLACES)) < 1e-5);
        assert_true(fabs(variance[c] - squares / (N * PLACES)) < 1e-5);
    }
    fixture_close(&f);
}

static void network_refuses_what_does_not_fit(void **state)
{
    (void)state;
    struct error err = {0};
    struct batch_result result;
    struct network *none = NULL;
    struct network_options no_shard = {.batch = 4};
    struct fixture_setup setup = {
        "resnet8",
        SIZE,
        0.0,
        NULL,
        {.batch = 4, .shard = 2, .norm = NORM_INFERENCE, .seed = 9, .dtype = DTYPE_F32},
        1};
    struct fixture f;
    fixture_open(&f, &setup);
    assert_int_equal(network_train(f.network, &f.pictures.feed, f.pictures.samples, 5, 0, 0, 1e-3f,
                                   &result, &err),
                     -1);
    assert_int_equal(err.kind, ERR_USAGE);
    f.pictures.feed.classes = 3;
    assert_int_equal(network_infer(f.network, &f.pictures.feed, f.pictures.samples, 1, NULL, NULL,
                                   -1, NULL, &result, &err),
                     -1);
    assert_int_equal(network_new(f.model, f.device, &no_shard, &none, &err), -1);
    assert_null(none);
    struct model *other = formula_model("resnet14", SIZE, CLASSES, 8, 0.0);
    assert_int_equal(network_load(f.network, other, &err), -1);
    model_free(other);
    fixture_close(&f);
}

static void network_survives_failed_allocations(void **state)
{
    (void)state;
    struct error err = {0};
    struct fixture_setup setup = {
        POOLED,
        SIZE,
        0.0,
        "conv4",
        {.batch = 4, .shard = 2, .norm = NORM_BATCH, .seed = 9, .dtype = DTYPE_F32},
        1};
    struct fixture f;
    int failed = 0;
    fixture_open(&f, &setup);
    for (unsigned after = 1;; after += 29) {
        struct network *network = NULL;
        memory_fail_after(after);
        int status = network_new(f.model, f.device, &setup.options, &network, &err);
        unsigned injected = memory_fail_after(0);
        assert_int_equal(status, injected ? -1 : 0);
        network_free(network);
        failed += status != 0;
        if (!injected)
            break;
        assert_int_equal(err.kind, ERR_MEMORY);
        assert_null(network);
    }
    assert_true(failed > 3);
    fixture_close(&f);
}

/* A head that always says the last class hits where that class has the larger share of the mixture.
 */
static void network_hits_the_larger_share_of_a_mixture(void **state)
{
    (void)state;
    struct fixture_setup setup = {
        "resnet8",
        SIZE,
        0.0,
        NULL,
        {.batch = IMAGES, .shard = 4, .norm = NORM_INFERENCE, .seed = 9, .dtype = DTYPE_F32},
        1};
    struct fixture f;
    struct error err = {0};
    struct batch_result result;
    fixture_open(&f, &setup);
    struct parameter *bias = &f.model->parameters[f.model->count - 1];
    assert_int_equal(bias->role, PARAMETER_BIAS);
    bias->value[CLASSES - 1] = 1e4f;
    ok(network_load(f.network, f.model, &err), &err);
    const struct augment mixing = {.mixup = 1.0f};
    uint16_t labels[IMAGES] = {0, CLASSES - 1, 1, CLASSES - 1, 2, CLASSES - 1, 0};
    f.pictures.feed.augment = &mixing;
    f.pictures.feed.labels = labels;
    for (uint32_t epoch = 0; epoch < 8; epoch++) {
        int64_t expected = 0;
        for (int64_t i = 0; i < IMAGES; i++) {
            struct mixup_draw draw = augment_mixup(&f.pictures.feed, epoch, f.pictures.samples[i]);
            bool first = labels[f.pictures.samples[i]] == CLASSES - 1;
            bool second = labels[draw.partner] == CLASSES - 1;
            expected += (first ? draw.lambda : 0.0f) + (second ? 1.0f - draw.lambda : 0.0f) > 0.5f;
        }
        ok(network_train(f.network, &f.pictures.feed, f.pictures.samples, IMAGES, epoch, epoch,
                         0.0f, &result, &err),
           &err);
        assert_int_equal(result.hits, expected);
    }
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(network_gradients_are_derivatives),
        cmocka_unit_test(network_gradients_are_derivatives_in_mixtures),
        cmocka_unit_test(network_hits_the_larger_share_of_a_mixture),
        cmocka_unit_test(network_gradients_go_through_the_stem),
        cmocka_unit_test(network_shards_change_only_rounding),
        cmocka_unit_test(network_takes_short_batches),
        cmocka_unit_test(network_frozen_prefix_changes_only_rounding),
        cmocka_unit_test(network_bits_do_not_depend_on_lanes),
        cmocka_unit_test(network_resumes_with_the_same_bits),
        cmocka_unit_test(network_inference_does_not_depend_on_the_batch),
        cmocka_unit_test(network_remembers_without_changing_bits),
        cmocka_unit_test(network_forgets_what_no_longer_holds),
        cmocka_unit_test(network_stores_what_it_infers_with),
        cmocka_unit_test(network_learns),
        cmocka_unit_test(network_observes_what_a_norm_sees),
        cmocka_unit_test(network_refuses_what_does_not_fit),
        cmocka_unit_test(network_survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
