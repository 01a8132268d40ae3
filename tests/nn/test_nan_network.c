/* A NaN in a weight reaches the loss of a network, fused or not, remembered or not, in each dtype:
 * test_nan_kernels.sh runs this with each instruction set that the library can be told to keep to.
 */
#include "nn/cpu/executor.h"

#include "formula.h"
#include "on_lane.h"

#include <math.h>

#include "tap.h"

static void ok(int status, const struct error *err)
{
    if (status)
        fail_msg("%s", err->message);
}

enum { IMAGES = 5, SIZE = 32 };

struct bed {
    struct device *device;
    struct model *model;
    struct network *network;
    struct pictures pictures;
};

static void open_bed(struct bed *bed, const char *architecture, const char *pattern, int64_t batch,
                     enum dtype dtype)
{
    struct error err = {0};
    const struct network_options options = {
        .batch = batch, .shard = 2, .norm = NORM_INFERENCE, .seed = 3, .dtype = dtype};
    *bed = (struct bed){.model = formula_model(architecture, SIZE, 4, 8, 0.0)};
    ok(model_set_trainable(bed->model, &pattern, pattern != NULL, &err), &err);
    ok(device_open("cpu", 2, &bed->device, &err), &err);
    ok(network_new(bed->model, bed->device, &options, &bed->network, &err), &err);
    formula_pictures(&bed->pictures, IMAGES, SIZE, 4);
}

static void close_bed(struct bed *bed)
{
    formula_release(&bed->pictures);
    network_free(bed->network);
    model_free(bed->model);
    device_close(bed->device);
}

static double loss_of(struct bed *bed, float *logits)
{
    struct error err = {0};
    struct batch_result result;
    ok(network_infer(bed->network, &bed->pictures.feed, bed->pictures.samples, IMAGES, logits, NULL,
                     -1, NULL, &result, &err),
       &err);
    return result.loss;
}

/* The sound network, a NaN or an infinity in each tensor, and the sound one again. */
static void network_with_one_bad_weight_has_no_finite_loss(void **state)
{
    static const char *const architectures[] = {"resnet8", "mobilenet",
                                                "resnet8+conv1_relu+conv3_block1_out"};
    struct error err = {0};
    (void)state;
    for (int round = 0; round < 3 * on_lane_dtypes(); round++) {
        const int a = round % 3;
        struct bed bed;
        float sound[IMAGES * 4], again[IMAGES * 4];
        open_bed(&bed, architectures[a], NULL, 0, (enum dtype)(round / 3));
        loss_of(&bed, sound);
        assert_false(network_executor(bed.network)->inference.careful);
        for (size_t p = 0; p < bed.model->count; p++) {
            struct parameter *parameter = &bed.model->parameters[p];
            float *value = &parameter->value[parameter->count / 2], kept = *value;
            *value = NAN;
            ok(network_load(bed.network, bed.model, &err), &err);
            if (!isnan(loss_of(&bed, again)))
                fail_msg("%s: '%s' with a NaN has a loss", architectures[a], parameter->name);
            *value = kept;
        }
        assert_true(network_executor(bed.network)->inference.careful);
        ok(network_load(bed.network, bed.model, &err), &err);
        loss_of(&bed, again);
        for (int i = 0; i < IMAGES * 4; i++)
            assert_true(fabsf(sound[i] - again[i]) < 1e-4f * (1 + fabsf(sound[i])));
        close_bed(&bed);
    }
}

/* Through the prefix, through what is remembered of it, and through the suffix. */
static void training_step_with_one_bad_weight_has_no_finite_loss(void **state)
{
    static const char *const patterns[] = {NULL, "conv4", ""};
    struct error err = {0};
    (void)state;
    for (int round = 0; round < 3 * on_lane_dtypes(); round++) {
        const int i = round % 3;
        struct bed bed;
        struct batch_result result;
        open_bed(&bed, "resnet8", patterns[i], IMAGES, (enum dtype)(round / 3));
        ok(network_remember(bed.network, &bed.pictures.feed, 1 << 20, &err), &err);
        for (size_t p = (size_t)i; p < bed.model->count; p += 4) {
            struct parameter *parameter = &bed.model->parameters[p];
            float *value = &parameter->value[parameter->count / 2], kept = *value;
            for (int bad = 0; bad < 2; bad++) {
                *value = bad ? NAN : kept;
                ok(network_load(bed.network, bed.model, &err), &err);
                for (int step = 0; step < 2; step++) { /* the second has the prefix remembered */
                    ok(network_train(bed.network, &bed.pictures.feed, bed.pictures.samples, IMAGES,
                                     0, step, 0.0f, &result, &err),
                       &err);
                    if (isnan(result.loss) != (bad == 1))
                        fail_msg("'%s', layers '%s' train, step %d: loss %g", parameter->name,
                                 patterns[i] ? patterns[i] : "-", step, result.loss);
                    assert_true(isnan(loss_of(&bed, NULL)) == (bad == 1));
                }
            }
            *value = kept;
        }
        close_bed(&bed);
    }
}

/* Bounds grow by a factor a layer: they are measured anew long before a sound network looks bad. */
static void deep_network_of_large_gains_stays_fused(void **state)
{
    (void)state;
    for (int dtype = 0; dtype < on_lane_dtypes(); dtype++) {
        struct bed bed;
        open_bed(&bed, "resnet56", NULL, 0, (enum dtype)dtype);
        assert_true(isfinite(loss_of(&bed, NULL)));
        assert_false(network_executor(bed.network)->inference.careful);
        close_bed(&bed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(network_with_one_bad_weight_has_no_finite_loss),
        cmocka_unit_test(training_step_with_one_bad_weight_has_no_finite_loss),
        cmocka_unit_test(deep_network_of_large_gains_stays_fused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
