/* Training that goes on where another ended: with equal options the bits of one
 * training, else what fit.h says, and nothing from a state that does not belong.
 */
#include "nn/fit.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fit_bed.h"
#include "on_lane.h"
#include "tap.h"

enum { TOTAL = 6 };

/* Room for a path in the folder, one a name. */
struct paths {
    char first[96], second[96], whole[96];
};

static struct paths state_paths(const struct bed *bed)
{
    struct paths paths;
    snprintf(paths.first, sizeof(paths.first), "%s/first.state", bed->folder);
    snprintf(paths.second, sizeof(paths.second), "%s/second.state", bed->folder);
    snprintf(paths.whole, sizeof(paths.whole), "%s/whole.state", bed->folder);
    return paths;
}

/* Trains `epochs` on top of the state `from` (NULL: from the start), leaving the state `to`. */
static void train_part(struct bed *bed, int64_t epochs, const char *from, const char *to)
{
    bed->options.epochs = epochs;
    bed->options.state = from;
    bed->options.state_out = to;
    fit_bed_train(bed, 1);
}

static void assert_equal_files(const char *a, const char *b)
{
    struct digest first, second;
    struct error err;
    assert_int_equal(digest_of_file(a, &first, &err), 0);
    assert_int_equal(digest_of_file(b, &second, &err), 0);
    assert_true(digest_equal(&first, &second));
}

/* The whole at once, then its first `epochs` and the others on top: weights, history and state. */
static void assert_parts_are_the_whole(struct bed *bed, int64_t epochs)
{
    const struct paths paths = state_paths(bed);
    bed->options.checkpoint_folder = NULL;
    train_part(bed, TOTAL, NULL, paths.whole);
    assert_false(bed->history.stopped_early);
    struct bits whole = fit_bed_bits(bed);
    train_part(bed, epochs, NULL, paths.first);
    assert_int_equal(bed->history.count, epochs);
    train_part(bed, TOTAL - epochs, paths.first, paths.second);
    assert_int_equal(bed->epochs, TOTAL - epochs);
    assert_int_equal(bed->history.count, TOTAL);
    fit_bed_assert_bits(&whole, bed);
    assert_equal_files(paths.second, paths.whole);
    free(whole.data);
}

/* ---- the bits of one training ---- */

static void parts_with_adam_and_plateau_are_the_whole(void **state)
{
    struct bed *bed = *state;
    bed->options.reduce.min_delta = 0.3; /* so much is seldom reached: the rate falls */
    for (int64_t epochs = 1; epochs < TOTAL; epochs++)
        assert_parts_are_the_whole(bed, epochs);
    const struct epoch_record *records = bed->history.epochs;
    assert_true(records[TOTAL - 1].learning_rate < records[0].learning_rate);
}

static void parts_with_momentum_are_the_whole(void **state)
{
    struct bed *bed = *state;
    bed->options.norm = NORM_INFERENCE;
    bed->options.optimizer = (struct optimizer){
        .kind = OPTIMIZER_SGD, .momentum = 0.9, .nesterov = true, .weight_decay = 0.01};
    assert_parts_are_the_whole(bed, 2);
}

static void parts_with_averages_are_the_whole(void **state)
{
    struct bed *bed = *state;
    bed->options.optimizer = (struct optimizer){.averages = true, .ema_momentum = 0.8};
    bed->options.early_stopping.mode = MONITOR_MAX;
    assert_parts_are_the_whole(bed, 4);
}

static void parts_without_early_stopping_are_the_whole(void **state)
{
    struct bed *bed = *state;
    bed->options.early_stopping.patience = -1;
    bed->options.reduce.patience = -1;
    assert_parts_are_the_whole(bed, 3);
    assert_int_equal(bed->history.kept_epoch, TOTAL - 1);
}

static void parts_with_a_schedule_of_given_steps_are_the_whole(void **state)
{
    struct bed *bed = *state;
    bed->options.early_stopping.patience = TOTAL;
    bed->options.reduce.patience = -1;
    bed->options.cosine_decay = (struct cosine_decay){
        .on = true, .decay_steps = 14, .alpha = 0.1, .warmup_steps = 4, .warmup_target = 2e-2};
    assert_parts_are_the_whole(bed, 1);
    assert_parts_are_the_whole(bed, 4);
}

static void parts_with_all_draws_are_the_whole(void **state)
{
    struct bed *bed = *state;
    static const float weights[CLASSES] = {0.5f, 1.0f, 2.0f};
    bed->options.balanced = true;
    bed->options.steps_per_epoch = 2;
    bed->augment.crop = 2;
    bed->train.label_smoothing = bed->val.label_smoothing = 0.1f;
    bed->train.class_weights = weights;
    assert_parts_are_the_whole(bed, 2);
}

static void parts_in_bf16_are_the_whole(void **state)
{
    struct bed *bed = *state;
    if (on_lane_dtypes() != 2) {
        skip_because("this processor has no bf16");
        return;
    }
    bed->options.dtype = DTYPE_BF16;
    assert_parts_are_the_whole(bed, 2);
}

static void three_parts_are_the_whole(void **state)
{
    struct bed *bed = *state;
    const struct paths paths = state_paths(bed);
    bed->options.checkpoint_folder = NULL;
    train_part(bed, TOTAL, NULL, NULL);
    struct bits whole = fit_bed_bits(bed);
    train_part(bed, 1, NULL, paths.first);
    train_part(bed, 2, paths.first, paths.second);
    train_part(bed, 3, paths.second, NULL);
    fit_bed_assert_bits(&whole, bed);
    free(whole.data);
}

/* Stopped after each second step and while validating; and a finished one is not repeated. */
static void second_part_interrupted_ends_with_the_same_bits(void **state)
{
    struct bed *bed = *state;
    struct error err;
    char first[96];
    int stops = 0;
    snprintf(first, sizeof(first), "%s.state", bed->folder); /* beside the folder: it stays */
    bed->options.checkpoint_folder = NULL;
    train_part(bed, TOTAL, NULL, NULL);
    struct bits whole = fit_bed_bits(bed);
    train_part(bed, 3, NULL, first);
    bed->options.checkpoint_folder = bed->folder;
    bed->options.state = first;
    bed->options.state_out = NULL;
    bed->stop_after_steps = 2;
    bed->stop_after_validations = 1;
    while (fit_bed_try(bed, 1, &err) < 0) {
        assert_int_equal(err.kind, ERR_INTERRUPTED);
        bed->stop_after_validations = bed->validations > 0 ? 0 : 1;
        assert_in_range(++stops, 1, 20);
    }
    assert_in_range(stops, 5, 20);
    fit_bed_assert_bits(&whole, bed);
    fit_bed_train(bed, 1);
    assert_int_equal(bed->steps, 0);
    fit_bed_assert_bits(&whole, bed);
    assert_int_equal(file_remove(first, &err), 0);
    free(whole.data);
}

/* A checkpoint of the same options on top of another state is another training's. */
static void checkpoint_on_top_of_another_state_is_ignored(void **state)
{
    struct bed *bed = *state;
    struct paths paths = state_paths(bed);
    bed->options.checkpoint_folder = NULL;
    train_part(bed, 1, NULL, paths.first);
    train_part(bed, 2, NULL, paths.second);
    bed->options.checkpoint_folder = bed->folder;
    train_part(bed, 1, paths.first, NULL);
    train_part(bed, 1, paths.second, NULL);
    assert_string_equal(bed->notes, "ignoring a checkpoint of another training");
    assert_int_equal(bed->epochs, 1);
    assert_int_equal(bed->history.count, 3);
}

/* ---- what may differ ---- */

static void cosine_to_the_end_starts_again(void **state)
{
    struct bed *bed = *state;
    const struct paths paths = state_paths(bed);
    double rates[3];
    bed->options.checkpoint_folder = NULL;
    bed->options.reduce.patience = -1;
    bed->options.cosine_decay =
        (struct cosine_decay){.on = true, .warmup_steps = 2, .warmup_target = 2e-2};
    train_part(bed, 3, NULL, paths.first);
    for (int i = 0; i < 3; i++)
        rates[i] = bed->history.epochs[i].learning_rate;
    train_part(bed, 3, paths.first, NULL);
    assert_int_equal(bed->history.count, 6);
    for (int i = 0; i < 3; i++)
        assert_memory_equal(&bed->history.epochs[3 + i].learning_rate, &rates[i], sizeof(double));
}

static void after_a_schedule_the_rate_is_that_of_the_options(void **state)
{
    struct bed *bed = *state;
    const struct paths paths = state_paths(bed);
    bed->options.checkpoint_folder = NULL;
    bed->options.reduce.patience = -1;
    bed->options.cosine_decay.on = true;
    train_part(bed, 2, NULL, paths.first);
    bed->options.cosine_decay.on = false;
    train_part(bed, 1, paths.first, NULL);
    assert_float_equal(bed->history.epochs[2].learning_rate, bed->options.learning_rate, 1e-9);
}

/* The rate that was told before goes on as it was reduced, another one begins. */
static void another_learning_rate_begins_anew(void **state)
{
    struct bed *bed = *state;
    const struct paths paths = state_paths(bed);
    bed->options.checkpoint_folder = NULL;
    bed->options.early_stopping.patience = TOTAL;
    bed->options.reduce.min_delta = 0.3;
    train_part(bed, 5, NULL, paths.first);
    const double last = bed->history.epochs[4].learning_rate;
    train_part(bed, 1, paths.first, NULL);
    assert_true(bed->history.epochs[5].learning_rate <= last && last < 0.009);
    bed->options.learning_rate = 0.03;
    train_part(bed, 1, paths.first, NULL);
    assert_float_equal(bed->history.epochs[5].learning_rate, 0.03, 1e-7);
}

static void after_an_early_stop_patience_counts_anew(void **state)
{
    struct bed *bed = *state;
    const struct paths paths = state_paths(bed);
    bed->options.checkpoint_folder = NULL;
    bed->options.learning_rate = 0.3;
    bed->options.early_stopping.patience = 2;
    train_part(bed, 40, NULL, paths.first);
    assert_true(bed->history.stopped_early);
    const size_t first = bed->history.count;
    const int64_t best = bed->history.best_epoch;
    assert_int_equal(best, first - 3);
    train_part(bed, 2, paths.first, paths.second);
    assert_int_equal(bed->history.count, first + 2);
    assert_true(bed->history.best_epoch >= best);
    /* And a phase that is over, by all of its epochs, stops where one at once would have. */
    train_part(bed, 40, paths.second, NULL);
    assert_true(bed->history.count > first + 2 || bed->history.best_epoch == best);
}

static void early_stop_is_told(void **state)
{
    struct bed *bed = *state;
    const struct paths paths = state_paths(bed);
    bed->options.checkpoint_folder = NULL;
    bed->options.learning_rate = 0.3;
    bed->options.early_stopping.patience = 1;
    train_part(bed, 40, NULL, paths.first);
    assert_true(bed->history.stopped_early);
    train_part(bed, 1, paths.first, NULL);
    assert_string_equal(
        bed->notes, "the training that ends in the state stopped early: its patience counts anew");
}

static void callbacks_and_augmentation_may_differ(void **state)
{
    struct bed *bed = *state;
    const struct paths paths = state_paths(bed);
    static const float weights[CLASSES] = {0.5f, 1.0f, 2.0f};
    bed->options.checkpoint_folder = NULL;
    train_part(bed, 1, NULL, paths.first);
    bed->options.early_stopping.patience = 9;
    bed->options.reduce.patience = -1;
    bed->options.balanced = true;
    bed->train.class_weights = weights;
    bed->train.augment = NULL;
    train_part(bed, 1, paths.first, NULL);
    assert_int_equal(bed->history.count, 2);
}

/* ---- what may not ---- */

static void assert_refused(struct bed *bed, const char *message)
{
    struct error err = {0};
    const struct fit_data data = fit_bed_data(bed);
    int64_t epochs = -1;
    /* Where there is no bf16 the network says so first. */
    const bool trainable = bed->options.dtype == DTYPE_F32 || on_lane_dtypes() == 2;
    if (fit_bed_try(bed, 1, &err) == 0)
        fail_msg("went on, expected: %s", message);
    assert_int_equal(err.kind, trainable ? ERR_FORMAT : ERR_DEVICE);
    if (trainable && strstr(err.message, message) == NULL)
        fail_msg("'%s' is not in: %s", message, err.message);
    assert_int_equal(bed->steps, 0);
    assert_int_equal(fit_check_state(bed->model, &data, &bed->options, &epochs, &err), -1);
    if (strstr(err.message, message) == NULL)
        fail_msg("asked before, '%s' is not in: %s", message, err.message);
}

/* Changes one thing and says what the refusal must name. */
static const char *change(struct bed *bed, int which)
{
    struct fit_options *o = &bed->options;
    switch (which) {
    case 0: bed->architecture.hidden = 9; return "model.hidden: 8 there, 9 here";
    case 1: bed->architecture.dropout = 0.3; return "model.dropout: 0.2 there, 0.3 here";
    case 2: bed->preprocess.mode = PREPROCESS_UNIT; return "model.preprocess: tf there, unit here";
    case 3: o->batch = 4; return "train.batch: 8 there, 4 here";
    case 4: o->shard = 2; return "train.shard: 3 there, 2 here";
    case 5: o->steps_per_epoch = 2; return "steps of an epoch: 3 there, 2 here";
    case 6: o->norm = NORM_INFERENCE; return "train.norm: batch there, inference here";
    case 7:
        o->optimizer.kind = OPTIMIZER_SGD;
        return "train.optimizer: adam, weight_decay 0.0 there";
    case 8: o->optimizer.weight_decay = 0.5; return "weight_decay 0.5 here";
    case 9: o->optimizer.averages = true; return "use_ema with ema_momentum 0.0 here";
    case 10: bed->train.label_smoothing = 0.5f; return "train.label_smoothing: 0.0 there, 0.5 here";
    case 11:
        o->early_stopping.patience = -1;
        return "early_stopping: of val_loss with min_delta 0.0 there, none here";
    case 12: o->early_stopping.mode = MONITOR_MAX; return "of val_accuracy";
    case 13: o->early_stopping.min_delta = 0.25; return "min_delta 0.25 here";
    case 14: bed->images[5 * PICTURE] ^= 1; return "pictures and labels, digest: ";
    case 15: bed->labels[COUNT - 1] ^= 1; return "pictures and labels, digest: ";
    case 16: bed->samples[0] = 1; return "pictures and labels, digest: ";
    case 17: bed->unfrozen = "conv3"; return "weights that train: ";
    case 18: bed->unfrozen = NULL; return "weights that train: ";
    case 19: bed->model_seed = 4; return "frozen weights, digest: ";
    case 20: o->seed = 6; return "seed of this phase: 5 there, 6 here";
    case 21: o->dtype = DTYPE_BF16; return "train.precision: f32 there, bf16 here";
    case 22:
        memcpy(bed->architecture.pooled_layers[0], "conv1_relu", sizeof("conv1_relu"));
        bed->architecture.pooled_count = 1;
        return "model.pooled_layers: none there, conv1_relu here";
    default: return NULL;
    }
}

static void state_of_another_training_is_refused_with_what_differs(void **state)
{
    struct bed *bed = *state;
    const struct paths paths = state_paths(bed);
    bed->options.checkpoint_folder = NULL;
    train_part(bed, 1, NULL, paths.first);
    bed->options.state = paths.first;
    bed->options.state_out = NULL;
    struct bed *saved = malloc(sizeof(*saved));
    *saved = *bed;
    const char *message;
    for (int which = 0; (message = change(bed, which)) != NULL; which++) {
        assert_refused(bed, message);
        saved->device = bed->device;
        saved->model = bed->model;
        saved->history = bed->history;
        *bed = *saved;
    }
    free(saved);
    fit_bed_train(bed, 1); /* and the unchanged one goes on */
}

static void put_float(char *data, size_t at, float value)
{
    memcpy(data + at, &value, sizeof(value));
}

/* Gives the file the digest of its body. */
static void seal(char *data, size_t size)
{
    struct digest digest;
    struct error err;
    assert_int_equal(digest_of_bytes(data, size - DIGEST_SIZE, &digest, &err), 0);
    memcpy(data + size - DIGEST_SIZE, digest.bytes, DIGEST_SIZE);
}

static void state_that_is_damaged_is_refused(void **state)
{
    struct bed *bed = *state;
    const struct paths paths = state_paths(bed);
    struct error err;
    char *data;
    size_t size;
    bed->options.checkpoint_folder = NULL;
    train_part(bed, 1, NULL, paths.first);
    bed->options.state = paths.second;
    assert_int_equal(file_read(paths.first, 1 << 26, &data, &size, &err), 0);
    const size_t places[] = {30, 70, size / 2, size - 1};
    for (size_t i = 0; i < 5; i++) {
        if (i < 4)
            data[places[i]] ^= 4;
        assert_int_equal(file_write(paths.second, data, i == 4 ? size - 1 : size, &err), 0);
        if (i < 4)
            data[places[i]] ^= 4;
        assert_refused(bed, "second.state' is damaged");
    }
    assert_int_equal(file_write(paths.second, "PK\3\4", 4, &err), 0);
    assert_refused(bed, "second.state' is no state of a training");
    assert_int_equal(file_remove(paths.second, &err), 0);
    fit_bed_try(bed, 1, &err);
    assert_int_equal(err.kind, ERR_IO);
    free(data);
}

/* With the right digest, so that only the numbers tell. */
static void state_with_bad_numbers_is_refused(void **state)
{
    struct bed *bed = *state;
    const struct paths paths = state_paths(bed);
    struct error err;
    char *data;
    size_t size;
    bed->options.checkpoint_folder = NULL;
    train_part(bed, 1, NULL, paths.first);
    bed->options.state = paths.second;
    assert_int_equal(file_read(paths.first, 1 << 26, &data, &size, &err), 0);
    put_float(data, size - DIGEST_SIZE - sizeof(float), NAN); /* the last of v */
    seal(data, size);
    assert_int_equal(file_write(paths.second, data, size, &err), 0);
    fit_bed_try(bed, 1, &err);
    assert_non_null(strstr(err.message, "has a moment that is not finite"));
    free(data);
    assert_int_equal(file_read(paths.first, 1 << 26, &data, &size, &err), 0);
    const char *last = "seed of this phase: 5\n", *words = memmem(data, size, last, strlen(last));
    assert_non_null(words);
    const size_t weights = (size_t)(words - data) + strlen(last) + sizeof(struct epoch_record);
    put_float(data, weights + 8, INFINITY);
    seal(data, size);
    assert_int_equal(file_write(paths.second, data, size, &err), 0);
    fit_bed_try(bed, 1, &err);
    assert_non_null(strstr(err.message, "is not finite"));
    assert_int_equal(bed->steps, 0);
    free(data);
}

/* Where the last number of the state is, which has the flag: behind magic, owner, counts and 16. */
static void *flags_of(char *data)
{
    return data + 25 + DIGEST_SIZE + 5 * sizeof(int64_t) + 16 * sizeof(double);
}

/* A network that ran its activations apart goes on so, and the bits of a CPU are the same. */
static void careful_network_goes_on_careful(void **state)
{
    enum { CAREFUL = 2 };
    struct bed *bed = *state;
    const struct paths paths = state_paths(bed);
    struct error err;
    char *data;
    size_t size;
    double flags;
    bed->options.checkpoint_folder = NULL;
    bed->unfrozen = NULL; /* all of the base runs fused */
    train_part(bed, 2, NULL, paths.first);
    train_part(bed, 1, paths.first, paths.second);
    struct bits fused = fit_bed_bits(bed);
    assert_int_equal(file_read(paths.first, 1 << 26, &data, &size, &err), 0);
    memcpy(&flags, flags_of(data), sizeof(flags));
    assert_true(flags == 0);
    flags = CAREFUL;
    memcpy(flags_of(data), &flags, sizeof(flags));
    seal(data, size);
    assert_int_equal(file_write(paths.first, data, size, &err), 0);
    free(data);
    train_part(bed, 1, paths.first, paths.whole);
    fit_bed_assert_bits(&fused, bed);
    assert_int_equal(file_read(paths.whole, 1 << 26, &data, &size, &err), 0);
    memcpy(&flags, flags_of(data), sizeof(flags));
    assert_true(flags == CAREFUL);
    free(data);
    free(fused.data);
}

static void checkpoint_is_no_state(void **state)
{
    struct bed *bed = *state;
    char path[96];
    bed->options.epochs = 1;
    fit_bed_train(bed, 1);
    snprintf(path, sizeof(path), "%s/fit.checkpoint", bed->folder);
    bed->options.checkpoint_folder = NULL;
    bed->options.state = path;
    assert_refused(bed, "is a checkpoint of a training under way, not the state of one that ended");
}

/* Every allocation of going on fails once. */
static void going_on_survives_failed_allocations(void **state)
{
    struct bed *bed = *state;
    const struct paths paths = state_paths(bed);
    struct error err;
    unsigned failures = 0;
    bed->options.checkpoint_folder = NULL;
    bed->options.steps_per_epoch = 1;
    train_part(bed, 1, NULL, paths.first);
    bed->options.state = paths.first;
    bed->options.state_out = paths.second;
    for (unsigned after = 1;; after++) {
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
    assert_true(failures > 30);
}

static void state_that_cannot_be_written_fails(void **state)
{
    struct bed *bed = *state;
    struct error err;
    char file[96], path[104];
    snprintf(file, sizeof(file), "%s/file", bed->folder);
    snprintf(path, sizeof(path), "%s/state", file);
    assert_int_equal(file_write(file, "", 0, &err), 0);
    bed->options.epochs = 1;
    bed->options.checkpoint_folder = NULL;
    bed->options.state_out = path;
    assert_int_equal(fit_bed_try(bed, 1, &err), -1);
    assert_int_equal(err.kind, ERR_IO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fit_bed_make, fit_bed_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(parts_with_adam_and_plateau_are_the_whole),
        TEST(parts_with_momentum_are_the_whole),
        TEST(parts_with_averages_are_the_whole),
        TEST(parts_without_early_stopping_are_the_whole),
        TEST(parts_with_a_schedule_of_given_steps_are_the_whole),
        TEST(parts_with_all_draws_are_the_whole),
        TEST(parts_in_bf16_are_the_whole),
        TEST(three_parts_are_the_whole),
        TEST(second_part_interrupted_ends_with_the_same_bits),
        TEST(checkpoint_on_top_of_another_state_is_ignored),
        TEST(cosine_to_the_end_starts_again),
        TEST(after_a_schedule_the_rate_is_that_of_the_options),
        TEST(another_learning_rate_begins_anew),
        TEST(after_an_early_stop_patience_counts_anew),
        TEST(early_stop_is_told),
        TEST(callbacks_and_augmentation_may_differ),
        TEST(state_of_another_training_is_refused_with_what_differs),
        TEST(state_that_is_damaged_is_refused),
        TEST(state_with_bad_numbers_is_refused),
        TEST(careful_network_goes_on_careful),
        TEST(checkpoint_is_no_state),
        TEST(going_on_survives_failed_allocations),
        TEST(state_that_cannot_be_written_fails),
    };
    return cmocka_run_group_tests_name("fit_state", tests, NULL, NULL);
}
