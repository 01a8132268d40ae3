/* Callbacks against Keras' own, epoch by epoch. */
#include "nn/callbacks.h"

#include "known_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

struct play {
    struct early_stopping stopper;
    struct reduce_on_plateau reducer;
    struct best_checkpoint saver;
    float rate;
    int64_t epoch, kept;
};

static void check_epoch(struct play *play, struct known_text *golden)
{
    double val_loss = (double)(float)known_number(golden);
    double val_accuracy = (double)(float)known_number(golden);
    assert_true((double)play->rate == known_number(golden));
    struct early_stopping_advice advice = early_stopping_epoch(
        &play->stopper, play->epoch, play->stopper.mode == MONITOR_MAX ? val_accuracy : val_loss);
    if (advice.keep_weights)
        play->kept = play->epoch;
    play->rate = reduce_on_plateau_epoch(&play->reducer, val_loss, play->rate);
    best_checkpoint_epoch(&play->saver, play->epoch, val_accuracy);
    assert_int_equal(advice.stop, (int)known_number(golden));
    assert_int_equal(play->stopper.best_epoch, (int)known_number(golden));
    assert_int_equal(play->saver.epoch, (int)known_number(golden));
    play->epoch++;
}

/* early_min_delta 'val_loss'|'val_accuracy' reduce_min_delta cooldown */
static void read_options(struct play *play, struct known_text *golden)
{
    play->stopper.min_delta = known_number(golden);
    play->stopper.mode =
        strcmp(known_word(golden), "val_accuracy") == 0 ? MONITOR_MAX : MONITOR_MIN;
    play->reducer.min_delta = known_number(golden);
    play->reducer.cooldown = (int64_t)known_number(golden);
}

static void check_case(struct known_text *golden, bool has_options)
{
    struct play play = {.kept = -1};
    known_word(golden); /* its name */
    int64_t early = (int64_t)known_number(golden), reduce = (int64_t)known_number(golden);
    double factor = known_number(golden), minimum = known_number(golden);
    float rate = (float)known_number(golden);
    play.stopper = (struct early_stopping){.patience = early};
    play.reducer = (struct reduce_on_plateau){
        .patience = reduce, .factor = factor, .minimum = minimum, .min_delta = 1e-4};
    if (has_options)
        read_options(&play, golden);
    early_stopping_start(&play.stopper);
    reduce_on_plateau_start(&play.reducer);
    best_checkpoint_init(&play.saver);
    play.rate = rate;
    for (;;) {
        struct known_text before = *golden;
        if (strcmp(known_word(golden), "restored") == 0)
            break;
        *golden = before;
        check_epoch(&play, golden);
    }
    assert_int_equal(play.kept, (int)known_number(golden));
    assert_int_equal(play.kept, play.stopper.best_epoch);
}

static void callbacks_decide_as_keras(void **state)
{
    (void)state;
    struct known_text golden;
    int cases = 0;
    known_open(&golden, "tests/golden/keras_callbacks/callbacks.txt");
    for (const char *word; (word = known_word(&golden)) != NULL; cases++) {
        const bool has_options = strcmp(word, "options") == 0;
        if (!has_options)
            assert_string_equal(word, "case");
        check_case(&golden, has_options);
    }
    known_close(&golden);
    assert_int_equal(cases, 12 + 60);
}

static void early_stopping_off_keeps_the_last_epoch_and_knows_the_best(void **state)
{
    (void)state;
    struct early_stopping callback;
    callback = (struct early_stopping){.patience = -1};
    early_stopping_start(&callback);
    for (int64_t epoch = 0; epoch < 30; epoch++) {
        const double val_loss = epoch == 7 ? 0.5 : (double)epoch + 1;
        struct early_stopping_advice advice = early_stopping_epoch(&callback, epoch, val_loss);
        assert_true(advice.keep_weights);
        assert_false(advice.stop);
    }
    assert_int_equal(callback.best_epoch, 7);
}

static void reduce_on_plateau_off_keeps_the_rate(void **state)
{
    (void)state;
    struct reduce_on_plateau callback;
    callback = (struct reduce_on_plateau){.patience = -1, .factor = 0.5};
    reduce_on_plateau_start(&callback);
    for (int epoch = 0; epoch < 30; epoch++)
        assert_true(reduce_on_plateau_epoch(&callback, 1, 0.25f) == 0.25f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(callbacks_decide_as_keras),
        cmocka_unit_test(early_stopping_off_keeps_the_last_epoch_and_knows_the_best),
        cmocka_unit_test(reduce_on_plateau_off_keeps_the_rate),
    };
    return cmocka_run_group_tests_name("callbacks", tests, NULL, NULL);
}
