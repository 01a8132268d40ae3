/* A network in bf16 beside the same in f32: gradients, a training, and what is handed out. */
#include "nn/cpu/executor.h"
#include "nn/gradcam.h"
#include "nn/network.h"

#include "formula.h"
#include "on_lane.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

enum { IMAGES = 12, SIZE = 32, CLASSES = 4, BATCH = 8 };

static void ok(int status, const struct error *err)
{
    if (status)
        fail_msg("%s", err->message);
}

struct bed {
    struct device *device;
    struct model *model;
    struct network *network;
    struct pictures pictures;
};

/* Pictures with the class' brightest channel, in noise; weights as a training starts from. */
static void open_bed(struct bed *bed, const char *architecture, const char *pattern,
                     struct network_options options, int threads)
{
    struct error err = {0};
    const struct preprocess preprocess = {PREPROCESS_TF, 255};
    struct architecture a = {
        .alpha = 1, .image_size = SIZE, .classes = CLASSES, .hidden = 8, .dropout = 0.2};
    uint32_t noise = 1;
    formula_name(&a, architecture);
    options.shard = 3; /* the last of a batch is shorter */
    options.seed = 3;
    *bed = (struct bed){0};
    ok(model_new(&a, &preprocess, 3, &bed->model, &err), &err);
    ok(model_set_trainable(bed->model, &pattern, pattern != NULL, &err), &err);
    ok(device_open("cpu", threads, &bed->device, &err), &err);
    ok(network_new(bed->model, bed->device, &options, &bed->network, &err), &err);
    formula_pictures(&bed->pictures, IMAGES, SIZE, CLASSES);
    bed->pictures.feed.preprocess = preprocess;
    for (int i = 0; i < IMAGES; i++)
        for (int j = 0; j < SIZE * SIZE * 3; j++) {
            noise = noise * 1664525 + 1013904223;
            bed->pictures.images[i * SIZE * SIZE * 3 + j] =
                (uint8_t)((j % 3 == i % CLASSES ? 130 : 50) + (noise >> 25));
        }
}

static void close_bed(struct bed *bed)
{
    formula_release(&bed->pictures);
    network_free(bed->network);
    model_free(bed->model);
    device_close(bed->device);
}

static bool has_bf16(void)
{
    if (on_lane_dtypes() == 2)
        return true;
    skip_because("this processor has no bf16");
    return false;
}

/* ---- gradients ---- */

/* Of each parameter, one after another; free() them. */
static float *gradients_of(struct bed *bed, double *loss)
{
    struct error err = {0};
    struct batch_result result;
    size_t count = 0;
    float **entries = calloc(bed->model->count, sizeof *entries);
    for (size_t p = 0; p < bed->model->count; p++)
        count += (size_t)bed->model->parameters[p].count;
    float *values = calloc(count, sizeof *values), *at = values;
    assert_true(entries && values);
    for (size_t p = 0; p < bed->model->count; at += bed->model->parameters[p++].count)
        entries[p] = at;
    ok(network_gradients(bed->network, &bed->pictures.feed, bed->pictures.samples, BATCH, 0, 0,
                         entries, &result, &err),
       &err);
    *loss = result.loss / BATCH;
    free(entries);
    return values;
}

/* |a - b| and |b| of all values. */
static void distance(const float *a, const float *b, size_t count, double *apart, double *length)
{
    double difference = 0, square = 0;
    for (size_t i = 0; i < count; i++) {
        difference += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        square += (double)b[i] * (double)b[i];
    }
    *apart = sqrt(difference);
    *length = sqrt(square);
}

/* The whole gradient is within 10% of its length, eight pictures and up to 28 layers: 3% are usual,
 * the most where norms take the statistics of a few values. Each tensor's is within 20% of its own,
 * and 1% of the whole, for those where pictures cancel each other. */
static void gradients_in_bf16_are_near_those_in_f32(void **state)
{
    static const struct {
        const char *architecture, *pattern;
    } cases[] = {{"resnet8", ""},
                 {"resnet8", "conv4"},
                 {"mobilenet", "conv_pw_13"},
                 {"resnet8+conv1_relu+conv3_block1_out", ""}};
    (void)state;
    if (!has_bf16())
        return;
    for (int i = 0; i < 8; i++) {
        struct bed wide, narrow;
        struct network_options options = {.batch = BATCH,
                                          .norm = i % 2 ? NORM_BATCH : NORM_INFERENCE};
        double wide_loss, narrow_loss, apart, length, whole;
        size_t at = 0;
        open_bed(&wide, cases[i / 2].architecture, cases[i / 2].pattern, options, 2);
        options.dtype = DTYPE_BF16;
        open_bed(&narrow, cases[i / 2].architecture, cases[i / 2].pattern, options, 2);
        float *a = gradients_of(&narrow, &narrow_loss), *b = gradients_of(&wide, &wide_loss);
        assert_true(fabs(narrow_loss - wide_loss) < 0.01 * wide_loss);
        for (size_t p = 0; p < wide.model->count; p++)
            at += (size_t)wide.model->parameters[p].count;
        distance(a, b, at, &apart, &whole);
        assert_true(apart > 0 && apart < 0.1 * whole);
        at = 0;
        for (size_t p = 0; p < wide.model->count; p++) {
            const struct parameter *parameter = &wide.model->parameters[p];
            distance(a + at, b + at, (size_t)parameter->count, &apart, &length);
            if (!(apart <= 0.2 * length + 0.01 * whole) || (parameter->trainable && length == 0))
                fail_msg("%s: %g apart of %g", parameter->name, apart, length);
            at += (size_t)parameter->count;
        }
        free(a), free(b);
        close_bed(&wide), close_bed(&narrow);
    }
}

/* ---- a training ---- */

/* The loss of the last step. */
static double train(struct bed *bed, int64_t steps, double *first)
{
    struct error err = {0};
    struct batch_result result;
    for (int64_t step = 0; step < steps; step++) {
        ok(network_train(bed->network, &bed->pictures.feed, bed->pictures.samples + step % 2 * 4,
                         BATCH, 0, step, 2e-3f, &result, &err),
           &err);
        if (step == 0)
            *first = result.loss / BATCH;
    }
    ok(network_store(bed->network, bed->model, &err), &err);
    return result.loss / BATCH;
}

static void training_in_bf16_follows_that_in_f32(void **state)
{
    (void)state;
    if (!has_bf16())
        return;
    for (int mode = 0; mode < 2; mode++) {
        double first[2], last[2];
        for (int dtype = 0; dtype < 2; dtype++) {
            struct bed bed;
            const struct network_options options = {.batch = BATCH,
                                                    .norm = mode ? NORM_BATCH : NORM_INFERENCE,
                                                    .dtype = (enum dtype)dtype};
            open_bed(&bed, "resnet8", "", options, 2);
            last[dtype] = train(&bed, 30, &first[dtype]);
            close_bed(&bed);
        }
        assert_true(fabs(first[1] - first[0]) < 0.01 * first[0]);
        assert_true(last[1] < 0.5 * first[1]);
        assert_true(fabs(last[1] - last[0]) < 0.1 * first[0]);
    }
}

/* Weights, statistics and moments stay f32: most have bits that bf16 does not. */
static void weights_and_moments_stay_f32(void **state)
{
    struct bed bed;
    struct error err = {0};
    double first;
    int64_t longer[3] = {0}, all[3] = {0};
    (void)state;
    if (!has_bf16())
        return;
    open_bed(&bed, "resnet8", "",
             (struct network_options){.batch = BATCH, .norm = NORM_BATCH, .dtype = DTYPE_BF16}, 2);
    train(&bed, 2, &first);
    const int64_t count = network_moment_count(bed.network);
    float *m = calloc((size_t)count, sizeof *m), *v = calloc((size_t)count, sizeof *v);
    assert_true(m && v);
    ok(network_get_moments(bed.network, m, v, &err), &err);
    for (size_t p = 0; p < bed.model->count; p++)
        for (int64_t i = 0; i < bed.model->parameters[p].count; i++, all[0]++)
            longer[0] += bf16_to_f32(bf16_from_f32(bed.model->parameters[p].value[i])) !=
                         bed.model->parameters[p].value[i];
    for (int64_t i = 0; i < count; i++) {
        all[1] += m[i] != 0, all[2] += v[i] != 0;
        longer[1] += bf16_to_f32(bf16_from_f32(m[i])) != m[i];
        longer[2] += bf16_to_f32(bf16_from_f32(v[i])) != v[i];
    }
    for (int i = 0; i < 3; i++)
        assert_true(all[i] > 1000 && longer[i] > all[i] * 9 / 10);
    free(m), free(v);
    close_bed(&bed);
}

/* ---- inference ---- */

/* Any batch, any thread, and the map is the node's output as the next one sees it. */
static void inference_in_bf16_depends_on_pictures_alone(void **state)
{
    static const char *const architectures[] = {"resnet8", "mobilenet"};
    static const int threads[] = {1, 2, 3, 7};
    (void)state;
    if (!has_bf16())
        return;
    for (int i = 0; i < 8; i++) {
        static float known[2][IMAGES * CLASSES], logits[IMAGES * CLASSES], map[IMAGES * 64 * 1024];
        struct error err = {0};
        struct bed bed;
        open_bed(&bed, architectures[i / 4], NULL, (struct network_options){.dtype = DTYPE_BF16},
                 threads[i % 4]);
        for (int64_t n = 1; n <= IMAGES; n += i % 4 == 0 ? 1 : 11)
            for (int64_t first = 0; first < IMAGES; first += n)
                ok(network_infer(bed.network, &bed.pictures.feed, bed.pictures.samples + first,
                                 first + n > IMAGES ? IMAGES - first : n, logits + first * CLASSES,
                                 NULL, 3, map, NULL, &err),
                   &err);
        const int64_t floats = node_count(&bed.model->graph.nodes[3]);
        bool any = false;
        for (int64_t j = 0; j < floats; j++) {
            assert_true(bf16_to_f32(bf16_from_f32(map[j])) == map[j]);
            any = any || map[j] != 0;
        }
        assert_true(any);
        if (i % 4 == 0)
            memcpy(known[i / 4], logits, sizeof logits);
        assert_memory_equal(known[i / 4], logits, sizeof logits);
        close_bed(&bed);
    }
}

/* What a batch norm sees, as preflight asks for it. */
static void observation_in_bf16_is_near_that_in_f32(void **state)
{
    double mean[2][64], variance[2][64];
    (void)state;
    if (!has_bf16())
        return;
    for (int dtype = 0; dtype < 2; dtype++) {
        struct error err = {0};
        struct bed bed;
        open_bed(&bed, "resnet8", NULL, (struct network_options){.dtype = (enum dtype)dtype}, 2);
        assert_true(bed.model->graph.nodes[3].channels <= 64);
        ok(network_observe(bed.network, &bed.pictures.feed, bed.pictures.samples, IMAGES, 3,
                           mean[dtype], variance[dtype], &err),
           &err);
        close_bed(&bed);
    }
    for (int c = 0; c < 16; c++) {
        assert_true(fabs(mean[1][c] - mean[0][c]) <
                    0.02 * (sqrt(variance[0][c]) + fabs(mean[0][c])));
        assert_true(fabs(variance[1][c] - variance[0][c]) < 0.03 * variance[0][c]);
    }
}

static void buffers_of_bf16_are_half_as_large(void **state)
{
    size_t bytes[2][2];
    (void)state;
    if (!has_bf16())
        return;
    for (int dtype = 0; dtype < 2; dtype++) {
        struct bed bed;
        open_bed(&bed, "resnet8", "",
                 (struct network_options){.batch = BATCH, .dtype = (enum dtype)dtype}, 1);
        bytes[dtype][0] = network_executor(bed.network)->training.arena_bytes;
        bytes[dtype][1] = network_executor(bed.network)->inference.arena_bytes;
        close_bed(&bed);
    }
    for (int i = 0; i < 2; i++)
        assert_true(bytes[1][i] * 2 <= bytes[0][i] + 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_in_bf16_are_near_those_in_f32),
        cmocka_unit_test(training_in_bf16_follows_that_in_f32),
        cmocka_unit_test(weights_and_moments_stay_f32),
        cmocka_unit_test(inference_in_bf16_depends_on_pictures_alone),
        cmocka_unit_test(observation_in_bf16_is_near_that_in_f32),
        cmocka_unit_test(buffers_of_bf16_are_half_as_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
