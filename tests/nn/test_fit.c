/* Training on a few small pictures: what it does, and that neither threads nor
 * a kill change its bits.
 */
#include "nn/fit.h"

#include "base/file.h"
#include "base/memory.h"
#include "nn/divergence.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fit_bed.h"
#include "on_lane.h"
#include "tap.h"

static void fit_killed_ends_with_the_same_bits(void **state)
{
    fit_bed_assert_dies(*state, 2);
    fit_bed_assert_goes_on(*state, 2);
}

/* Stopped politely after every second step, and while validating. */
static void fit_interrupted_ends_with_the_same_bits(void **state)
{
    struct bed *bed = *state;
    struct error err;
    int stops = 0;
    fit_bed_train(bed, 1);
    struct bits straight = fit_bed_bits(bed);
    fit_bed_forget(bed);
    bed->stop_after_steps = 2;
    bed->stop_after_validations = 1;
    while (fit_bed_try(bed, 1, &err) < 0) {
        assert_int_equal(err.kind, ERR_INTERRUPTED);
        stops++;
        /* Asked again at the same place it would never end. */
        bed->stop_after_validations = bed->validations > 0 ? 0 : 1;
        assert_in_range(stops, 1, 20);
    }
    assert_in_range(stops, 5, 20);
    fit_bed_assert_bits(&straight, bed);
    free(straight.data);
}

static void fit_does_not_depend_on_threads(void **state)
{
    struct bed *bed = *state;
    bed->options.checkpoint_folder = NULL;
    fit_bed_train(bed, 1);
    struct bits one = fit_bed_bits(bed);
    static const int lanes[] = {2, 3, 7};
    for (size_t i = 0; i < sizeof lanes / sizeof lanes[0]; i++) {
        fit_bed_train(bed, lanes[i]);
        fit_bed_assert_bits(&one, bed);
    }
    free(one.data);
}

/* Neither for validations nor, without augmentation, for the training itself. */
static void fit_does_not_depend_on_what_it_remembers(void **state)
{
    struct bed *bed = *state;
    bed->options.checkpoint_folder = NULL;
    for (int augmented = 0; augmented < 2; augmented++) {
        bed->train.augment = augmented ? &bed->augment : NULL;
        bed->options.remember_bytes = 0;
        fit_bed_train(bed, 2);
        struct bits forgetful = fit_bed_bits(bed);
        bed->options.remember_bytes = 1 << 24;
        fit_bed_train(bed, 2);
        fit_bed_assert_bits(&forgetful, bed);
        free(forgetful.data);
    }
}

/* With all that a step can carry on: averages, momentum, decay, a schedule, drawn classes, weights
 * of classes. */
static void use_everything(struct bed *bed)
{
    static const float weights[CLASSES] = {0.5f, 1.0f, 2.0f};
    bed->options.optimizer = (struct optimizer){.kind = OPTIMIZER_SGD,
                                                .weight_decay = 0.01,
                                                .momentum = 0.9,
                                                .nesterov = true,
                                                .averages = true,
                                                .ema_momentum = 0.8};
    bed->options.cosine_decay =
        (struct cosine_decay){.on = true, .alpha = 0.1, .warmup_steps = 3, .warmup_target = 2e-2};
    bed->options.balanced = true;
    bed->augment.crop = 2;
    bed->train.label_smoothing = bed->val.label_smoothing = 0.1f;
    bed->train.class_weights = weights;
}

static void fit_with_every_option_ends_with_the_same_bits(void **state)
{
    struct bed *bed = *state;
    struct error err;
    int stops = 0;
    use_everything(bed);
    fit_bed_train(bed, 3);
    struct bits straight = fit_bed_bits(bed);
    fit_bed_forget(bed);
    bed->stop_after_steps = 1;
    bed->stop_after_validations = 1;
    while (fit_bed_try(bed, 1, &err) < 0) {
        assert_int_equal(err.kind, ERR_INTERRUPTED);
        bed->stop_after_validations = bed->validations > 0 ? 0 : 1;
        assert_in_range(++stops, 1, 40);
    }
    assert_in_range(stops, 5, 40);
    fit_bed_assert_bits(&straight, bed);
    free(straight.data);
}

/* Steps that are asked for in one call are those of one call each, also where some of them were
 * enough for the observer. */
static void fit_does_not_depend_on_steps_at_once(void **state)
{
    static const size_t at_once[] = {2, 3, 1000};
    struct bed *bed = *state;
    struct error err;
    use_everything(bed);
    fit_bed_train(bed, 1);
    struct bits straight = fit_bed_bits(bed);
    const int64_t steps = bed->steps;
    for (size_t i = 0; i < sizeof at_once / sizeof at_once[0]; i++) {
        int stops = 0;
        fit_bed_forget(bed);
        bed->steps_at_once = at_once[i];
        fit_bed_train(bed, 1);
        fit_bed_assert_bits(&straight, bed);
        assert_int_equal(bed->steps, steps); /* each was told */
        fit_bed_forget(bed);
        bed->stop_after_steps = 1;
        while (fit_bed_try(bed, 1, &err) < 0) {
            assert_int_equal(err.kind, ERR_INTERRUPTED);
            assert_in_range(++stops, 1, 40);
        }
        assert_in_range(stops, EPOCHS, 40);
        fit_bed_assert_bits(&straight, bed);
        bed->stop_after_steps = 0;
    }
    free(straight.data);
}

/* Each option alone changes what comes out: none is read and forgotten. */
static void fit_heeds_each_option(void **state)
{
    struct bed *bed = *state;
    const struct bed plain = *bed;
    static const float weights[CLASSES] = {0.5f, 1.0f, 2.0f};
    bed->options.checkpoint_folder = NULL;
    fit_bed_train(bed, 1);
    struct bits before = fit_bed_bits(bed);
    for (int option = 0; option < 9; option++) {
        struct fit_options *o = &bed->options;
        *o = plain.options;
        o->checkpoint_folder = NULL;
        bed->train = plain.train;
        bed->train.augment = &bed->augment;
        bed->augment = plain.augment;
        switch (option) {
        case 0: o->optimizer.weight_decay = 0.1; break;
        case 1: o->optimizer = (struct optimizer){.kind = OPTIMIZER_SGD}; break;
        case 2: o->optimizer = (struct optimizer){.averages = true, .ema_momentum = 0.9}; break;
        case 3: o->cosine_decay.on = true; break;
        case 4: o->balanced = true; break;
        case 5: bed->augment.crop = 1; break;
        case 6: bed->train.label_smoothing = 0.2f; break;
        case 7: bed->train.class_weights = weights; break;
        default: break; /* and without any, nothing changes */
        }
        fit_bed_train(bed, 1);
        struct bits now = fit_bed_bits(bed);
        const bool same = now.size == before.size && memcmp(now.data, before.data, now.size) == 0;
        free(now.data);
        if (same != (option == 8))
            fail_msg("option %d: %s", option, same ? "changes nothing" : "changes bits");
    }
    free(before.data);
}

/* The first epoch is saved, however short. */
static void fit_finished_goes_on_from_what_was_saved(void **state)
{
    struct bed *bed = *state;
    fit_bed_train(bed, 1);
    const int64_t steps = bed->steps;
    struct bits first = fit_bed_bits(bed);
    fit_bed_train(bed, 1);
    assert_in_range(bed->steps, 0, steps / EPOCHS * (EPOCHS - 1));
    fit_bed_assert_bits(&first, bed);
    free(first.data);
}

static void fit_says_what_it_took_beside_training(void **state)
{
    struct bed *bed = *state;
    double seconds, progress, checkpoints;
    long long count;
    fit_bed_train(bed, 1);
    assert_int_equal(sscanf(bed->time, "trained %lf s: progress took %lf%%, %lld %*s %lf%%",
                            &seconds, &progress, &count, &checkpoints),
                     4);
    assert_in_range(count, 1, EPOCHS);
    assert_true(checkpoints > 0 && progress + checkpoints < 100);
    bed->options.checkpoint_folder = NULL;
    fit_bed_train(bed, 1);
    assert_non_null(strstr(bed->time, ", 0 checkpoints 0.00%"));
}

static void fit_ignores_a_damaged_checkpoint(void **state)
{
    struct bed *bed = *state;
    struct error err;
    char path[96], *data;
    size_t size;
    bed->options.epochs = 1;
    fit_bed_train(bed, 1);
    struct bits first = fit_bed_bits(bed);
    snprintf(path, sizeof(path), "%s/fit.checkpoint", bed->folder);
    assert_int_equal(file_read(path, 1 << 26, &data, &size, &err), 0);
    const size_t places[] = {0, 30, 70, size / 2, size - 1};
    for (size_t i = 0; i < 5; i++) {
        data[places[i]] ^= 4;
        assert_int_equal(file_write(path, data, i == 3 ? size / 2 + 1 : size, &err), 0);
        data[places[i]] ^= 4;
        fit_bed_train(bed, 1);
        assert_string_equal(bed->notes, "ignoring a damaged checkpoint");
        assert_int_equal(bed->steps, 3);
        fit_bed_assert_bits(&first, bed);
    }
    assert_int_equal(file_write(path, "", 0, &err), 0);
    fit_bed_train(bed, 1);
    assert_string_equal(bed->notes, "ignoring a damaged checkpoint");
    free(first.data);
    free(data);
}

static void fit_ignores_the_checkpoint_of_another_training(void **state)
{
    struct bed *bed = *state;
    bed->options.epochs = 1;
    fit_bed_train(bed, 1);
    bed->options.learning_rate = 2e-2;
    fit_bed_train(bed, 1);
    assert_string_equal(bed->notes, "ignoring a checkpoint of another training");
    bed->augment.zoom = 0.2f;
    fit_bed_train(bed, 1);
    assert_string_equal(bed->notes, "ignoring a checkpoint of another training");
    bed->images[COUNT * PICTURE - 1] ^= 1;
    fit_bed_train(bed, 1);
    assert_string_equal(bed->notes, "ignoring a checkpoint of another training");
    assert_int_equal(bed->steps, 3);
}

/* The same layers in another order: of the same weights another network. */
static void fit_ignores_the_checkpoint_of_other_pooled_layers(void **state)
{
    static const char *const layers[] = {"conv1_relu", "conv2_block1_out"};
    struct bed *bed = *state;
    struct error err;
    bed->options.epochs = 1;
    for (int order = 0; order < 2; order++) {
        bed->architecture.pooled_count = 0;
        for (int i = 0; i < 2; i++)
            assert_int_equal(architecture_pool(&bed->architecture, layers[i ^ order], &err), 0);
        fit_bed_train(bed, 1);
        if (order == 0) /* it only states its memory */
            assert_null(strstr(bed->notes, "ignoring"));
        else
            assert_string_equal(bed->notes, "ignoring a checkpoint of another training");
    }
    assert_true(bed->steps > 0);
    fit_bed_train(bed, 1);
    assert_int_equal(bed->steps, 0);
}

/* The model that is left has the validation loss of its best epoch. */
static void fit_restores_the_best_weights(void **state)
{
    struct bed *bed = *state;
    struct error err;
    struct network *network = NULL;
    const struct network_options options = {.shard = 8, .norm = NORM_INFERENCE};
    struct fit_evaluation evaluation;
    bed->options.learning_rate = 0.2; /* too much: it does not improve all the time */
    bed->options.epochs = 8;
    bed->options.early_stopping.patience = 3;
    bed->options.checkpoint_folder = NULL;
    fit_bed_train(bed, 1);
    assert_int_equal(network_new(bed->model, bed->device, &options, &network, &err), 0);
    assert_int_equal(fit_evaluate(network, &bed->val, bed->samples + TRAIN, COUNT - TRAIN, 0, NULL,
                                  NULL, &evaluation, &err),
                     0);
    network_free(network);
    const struct history *history = &bed->history;
    double best = INFINITY;
    size_t best_epoch = 0;
    for (size_t i = 0; i < history->count; i++)
        if (history->epochs[i].val_loss < best) {
            best = history->epochs[i].val_loss;
            best_epoch = i;
        }
    assert_int_equal(history->best_epoch, best_epoch);
    assert_true(fabs(evaluation.loss - best) < 1e-5 * best);
    assert_true(evaluation.accuracy == history->epochs[best_epoch].val_accuracy);
}

static void fit_keeps_the_best_by_the_monitored_accuracy(void **state)
{
    struct bed *bed = *state;
    bed->options.learning_rate = 0.2;
    bed->options.epochs = 8;
    bed->options.early_stopping =
        (struct early_stopping){.patience = 8, .min_delta = 0.02, .mode = MONITOR_MAX};
    bed->options.checkpoint_folder = NULL;
    fit_bed_train(bed, 1);
    const struct history *history = &bed->history;
    int64_t best = 0;
    for (size_t i = 1; i < history->count; i++)
        if ((float)(history->epochs[i].val_accuracy - 0.02) >
            (float)history->epochs[best].val_accuracy)
            best = (int64_t)i;
    assert_int_equal(history->best_epoch, best);
    assert_int_equal(history->kept_epoch, best);
}

/* Without early stopping the last epoch's weights are kept, and the best is known all the same. */
static void fit_without_early_stopping_keeps_the_last_and_names_the_best(void **state)
{
    struct bed *bed = *state;
    bed->options.learning_rate = 0.2;
    bed->options.epochs = 8;
    bed->options.early_stopping.patience = -1;
    bed->options.checkpoint_folder = NULL;
    fit_bed_train(bed, 1);
    const struct history *history = &bed->history;
    int64_t least = 0;
    for (size_t i = 0; i < history->count; i++)
        if (history->epochs[i].val_loss < history->epochs[least].val_loss)
            least = (int64_t)i;
    assert_int_equal(history->best_epoch, least);
    assert_int_equal(history->kept_epoch, 7);
}

static void fit_stops_where_the_loss_is_not_finite(void **state)
{
    struct bed *bed = *state;
    struct error err;
    bed->options.learning_rate = 1e30;
    assert_int_equal(fit_bed_try(bed, 2, &err), -1);
    assert_int_equal(err.kind, ERR_STAGE);
    assert_non_null(strstr(err.message, "training stopped in epoch 1, step 2 of "));
    assert_non_null(strstr(err.message, "the training loss is "));
    assert_non_null(strstr(err.message, "first that is bad: tensor 'conv4_"));
    assert_non_null(strstr(err.message, "learning rate 1e+30; there is no good checkpoint yet"));
    assert_int_equal(bed->history.count, 0);
    /* What it left is none: a second run stops at the same place, and so do steps asked for at
     * once. */
    bed->steps_at_once = 64;
    assert_int_equal(fit_bed_try(bed, 1, &err), -1);
    assert_non_null(strstr(err.message, "training stopped in epoch 1, step 2 of "));
}

/* Weights of 1e7 in the head give losses that are finite. */
static void fit_stops_at_a_weight_that_is_bad_though_the_loss_is_finite(void **state)
{
    struct bed *bed = *state;
    struct error err;
    bed->unfrozen = NULL;
    bed->options.learning_rate = 2e7;
    bed->options.steps_per_epoch = 1;
    assert_int_equal(fit_bed_try(bed, 1, &err), -1);
    assert_int_equal(err.kind, ERR_STAGE);
    assert_non_null(strstr(err.message,
                           "epoch 1, step 1 of 1: a weight is bad although the training loss is "));
    assert_non_null(strstr(err.message, "first that is bad: tensor 'dense"));
    assert_non_null(strstr(err.message, "is above 1e6 in magnitude"));
}

static void divergence_names_the_last_good_checkpoint(void **state)
{
    struct bed *bed = *state;
    struct error err;
    struct network *network = NULL;
    const struct network_options options = {.shard = 8, .norm = NORM_INFERENCE};
    struct divergence divergence = {.what = "the validation loss",
                                    .value = (double)-NAN,
                                    .epoch = 3,
                                    .step = 4,
                                    .steps = 9,
                                    .learning_rate = 0.5,
                                    .saved_epoch = 2};
    bed->options.checkpoint_folder = NULL;
    fit_bed_train(bed, 1);
    bed->model->parameters[2].value[1] = -INFINITY;
    assert_int_equal(network_new(bed->model, bed->device, &options, &network, &err), 0);
    assert_int_equal(
        divergence_tell(&divergence, network, bed->model, &bed->val, bed->samples, 3, &err), -1);
    assert_non_null(strstr(err.message, "epoch 3, step 4 of 9: the validation loss is nan; "));
    assert_non_null(strstr(err.message, "value 1, -inf, is not finite"));
    assert_non_null(strstr(err.message, "the last good checkpoint is that after epoch 2; "));
    divergence.saved_step = 7;
    divergence_tell(&divergence, network, bed->model, &bed->val, bed->samples, 3, &err);
    assert_non_null(
        strstr(err.message, "that in epoch 3 after step 7; try a lower learning rate (0.05)"));
    network_free(network);
}

static void fit_learns(void **state)
{
    struct bed *bed = *state;
    bed->options.checkpoint_folder = NULL;
    fit_bed_assert_learns(bed, 2);
}

static void fit_limits_the_steps(void **state)
{
    struct bed *bed = *state;
    bed->options.steps_per_epoch = 2;
    bed->options.checkpoint_folder = NULL;
    fit_bed_train(bed, 1);
    assert_int_equal(bed->steps, 2 * EPOCHS);
    assert_int_equal(bed->history.count, EPOCHS);
}

/* Every allocation of a short training fails once. */
static void fit_survives_failed_allocations(void **state)
{
    struct bed *bed = *state;
    struct error err;
    unsigned failures = 0;
    bed->options.epochs = 1;
    bed->options.steps_per_epoch = 1;
    for (unsigned after = 1;; after++) {
        fit_bed_forget(bed);
        memory_fail_after(after);
        int result = fit_bed_try(bed, 1, &err);
        if (memory_fail_after(0) == 0) {
            assert_int_equal(result, 0);
            break;
        }
        failures++;
        if (result < 0)
            assert_int_equal(err.kind, ERR_MEMORY);
    }
    assert_true(failures > 20);
}

static void fit_fails_where_it_cannot_save(void **state)
{
    struct bed *bed = *state;
    struct error err;
    fit_bed_forget(bed);
    assert_int_equal(file_write(bed->folder, "in the way", 10, &err), 0);
    assert_int_equal(fit_bed_try(bed, 1, &err), -1);
    assert_int_equal(err.kind, ERR_IO);
}

static void fit_refuses_to_train_on_nothing(void **state)
{
    struct bed *bed = *state;
    struct error err;
    struct fit_data none = fit_bed_data(bed);
    none.train_count = 0;
    bed->options.epochs = 1;
    fit_bed_train(bed, 1);
    assert_int_equal(fit(bed->model, bed->device, &none, &bed->options, NULL, &bed->history, &err),
                     -1);
    assert_int_equal(err.kind, ERR_USAGE);
}

static void shuffle_permutes_uniformly(void **state)
{
    (void)state;
    enum { N = 7, EPOCH_COUNT = 7000 };
    int64_t counts[N][N] = {{0}};
    for (uint32_t epoch = 0; epoch < EPOCH_COUNT; epoch++) {
        int64_t order[N] = {0, 1, 2, 3, 4, 5, 6}, seen = 0;
        fit_shuffle(42, epoch, order, N);
        for (int i = 0; i < N; i++) {
            counts[i][order[i]]++;
            seen |= 1 << order[i];
        }
        assert_int_equal(seen, (1 << N) - 1);
    }
    for (int i = 0; i < N * N; i++)
        assert_in_range(counts[i / N][i % N], 850, 1150);
}

/* ---- in bf16 ---- */

static bool in_bf16(void **state)
{
    struct bed *bed = *state;
    bed->options.dtype = DTYPE_BF16;
    if (on_lane_dtypes() == 2)
        return true;
    skip_because("this processor has no bf16");
    return false;
}

static void fit_interrupted_in_bf16_ends_with_the_same_bits(void **state)
{
    if (in_bf16(state))
        fit_interrupted_ends_with_the_same_bits(state);
}

static void fit_in_bf16_does_not_depend_on_threads(void **state)
{
    if (in_bf16(state))
        fit_does_not_depend_on_threads(state);
}

static void fit_in_bf16_does_not_depend_on_what_it_remembers(void **state)
{
    if (in_bf16(state))
        fit_does_not_depend_on_what_it_remembers(state);
}

static void fit_in_bf16_stops_where_the_loss_is_not_finite(void **state)
{
    if (in_bf16(state))
        fit_stops_where_the_loss_is_not_finite(state);
}

static void fit_in_bf16_learns(void **state)
{
    struct bed *bed = *state;
    if (!in_bf16(state))
        return;
    bed->options.reduce.patience = -1; /* 8 pictures' loss is too few to go by */
    bed->options.early_stopping.patience = -1;
    bed->options.learning_rate = 5e-3;
    bed->options.epochs = 20;
    bed->options.norm = NORM_INFERENCE;
    bed->options.checkpoint_folder = NULL;
    bed->train.augment = NULL;
    fit_bed_train(bed, 2);
    const struct epoch_record *epochs = bed->history.epochs;
    assert_true(epochs[bed->history.count - 1].loss < 0.5 * epochs[0].loss);
}

static void fit_in_bf16_ignores_the_checkpoint_of_f32(void **state)
{
    struct bed *bed = *state;
    fit_bed_train(bed, 2);
    if (!in_bf16(state))
        return;
    fit_bed_train(bed, 2);
    assert_int_equal(bed->epochs, EPOCHS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fit_bed_make, fit_bed_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fit_killed_ends_with_the_same_bits), /* first: it forks before there are threads */
        TEST(fit_interrupted_ends_with_the_same_bits),
        TEST(fit_does_not_depend_on_threads),
        TEST(fit_does_not_depend_on_what_it_remembers),
        TEST(fit_finished_goes_on_from_what_was_saved),
        TEST(fit_with_every_option_ends_with_the_same_bits),
        TEST(fit_does_not_depend_on_steps_at_once),
        TEST(fit_heeds_each_option),
        TEST(fit_says_what_it_took_beside_training),
        TEST(fit_ignores_a_damaged_checkpoint),
        TEST(fit_ignores_the_checkpoint_of_another_training),
        TEST(fit_ignores_the_checkpoint_of_other_pooled_layers),
        TEST(fit_restores_the_best_weights),
        TEST(fit_keeps_the_best_by_the_monitored_accuracy),
        TEST(fit_without_early_stopping_keeps_the_last_and_names_the_best),
        TEST(fit_stops_where_the_loss_is_not_finite),
        TEST(fit_stops_at_a_weight_that_is_bad_though_the_loss_is_finite),
        TEST(divergence_names_the_last_good_checkpoint),
        TEST(fit_learns),
        TEST(fit_interrupted_in_bf16_ends_with_the_same_bits),
        TEST(fit_in_bf16_does_not_depend_on_threads),
        TEST(fit_in_bf16_does_not_depend_on_what_it_remembers),
        TEST(fit_in_bf16_stops_where_the_loss_is_not_finite),
        TEST(fit_in_bf16_learns),
        TEST(fit_in_bf16_ignores_the_checkpoint_of_f32),
        TEST(fit_limits_the_steps),
        TEST(fit_survives_failed_allocations),
        TEST(fit_fails_where_it_cannot_save),
        TEST(fit_refuses_to_train_on_nothing),
        cmocka_unit_test(shuffle_permutes_uniformly),
    };
    return cmocka_run_group_tests_name("fit", tests, NULL, NULL);
}
