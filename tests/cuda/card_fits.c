/* Whole trainings on a card: fit() as the stages call it, with all of augmentation, batch norm,
 * callbacks and checkpoints. */
#include "card_bed.h"

#include "fit_bed.h"

#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int open_card(int threads, struct device **device, struct error *err)
{
    (void)threads;
    return card_bed_open(device, err);
}

static int make(void **state)
{
    if (fit_bed_make(state))
        return -1;
    struct bed *bed = *state;
    bed->open = open_card;
    bed->options.shard = bed->options.batch;
    return 0;
}

static void train_on_the_cpu(struct bed *bed)
{
    bed->open = NULL;
    fit_bed_train(bed, 2);
    bed->open = open_card;
}

static void assert_near(double a, double b, double limit)
{
    if (!(fabs(a - b) <= limit * fabs(b)))
        fail_msg("%.9g is not %.9g", a, b);
}

/* Losses of the first epoch, before the two have gone apart. */
static void a_fit_agrees_with_the_cpus(void **state)
{
    struct bed *bed = *state;
    train_on_the_cpu(bed);
    const struct epoch_record expected = bed->history.epochs[0];
    fit_bed_forget(bed);
    fit_bed_train(bed, 1);
    assert_int_equal(bed->history.count, EPOCHS);
    assert_near(bed->history.epochs[0].loss, expected.loss, 1e-4);
    assert_near(bed->history.epochs[0].val_loss, expected.val_loss, 1e-3);
}

static void a_fit_learns(void **state)
{
    fit_bed_assert_learns(*state, 1);
}

/* The last note of a fit that does not resume. */
static void a_fit_states_the_cards_memory(void **state)
{
    struct bed *bed = *state;
    bed->options.epochs = 1;
    fit_bed_train(bed, 1);
    assert_non_null(strstr(bed->notes, " GiB of the card's memory: kernels and weights "));
    assert_non_null(strstr(bed->notes, "a step of 8 "));
}

/* A model's digest is of all that its bits depend on. */
static void a_fit_leaves_card_and_engines_in_the_model(void **state)
{
    struct bed *bed = *state;
    bed->options.epochs = 1;
    fit_bed_train(bed, 1);
    assert_non_null(bed->model->trained_on);
    assert_non_null(strstr(bed->model->trained_on, "device cuda\ncard "));
    assert_non_null(strstr(bed->model->trained_on, "\ntrain backward-weights "));
}

static void two_fits_have_the_same_bits(void **state)
{
    struct bed *bed = *state;
    fit_bed_train(bed, 1);
    struct bits first = fit_bed_bits(bed);
    fit_bed_forget(bed);
    fit_bed_train(bed, 1);
    fit_bed_assert_bits(&first, bed);
    free(first.data);
}

static void a_killed_fit_goes_on_to_the_same_bits(void **state)
{
    fit_bed_assert_dies(*state, 1);
    fit_bed_assert_goes_on(*state, 1);
}

static void a_fit_does_not_depend_on_steps_at_once(void **state)
{
    struct bed *bed = *state;
    struct bits first = {0};
    for (size_t at_once = 1; at_once <= 3; at_once++) {
        bed->steps_at_once = at_once;
        fit_bed_train(bed, 1);
        fit_bed_forget(bed);
        if (at_once == 1)
            first = fit_bed_bits(bed);
        else
            fit_bed_assert_bits(&first, bed);
    }
    free(first.data);
}

/* With shards as on a CPU: the history is the CPU's but for the order of some sums. */
static void a_fit_heeds_its_shard(void **state)
{
    struct bed *bed = *state;
    struct bits whole;
    bed->options.epochs = 1;
    fit_bed_train(bed, 1);
    whole = fit_bed_bits(bed);
    fit_bed_forget(bed);
    bed->options.shard = 3;
    train_on_the_cpu(bed);
    const double expected = bed->history.epochs[0].loss;
    fit_bed_forget(bed);
    fit_bed_train(bed, 1);
    assert_near(bed->history.epochs[0].loss, expected, 1e-4);
    struct bits cut = fit_bed_bits(bed);
    assert_true(cut.size != whole.size || memcmp(cut.data, whole.data, whole.size) != 0);
    free(cut.data);
    free(whole.data);
}

/* bf16 has 8 bits: far from f32 in the weights, near in the losses. */
static void a_fit_in_bf16_is_near_one_in_f32(void **state)
{
    struct bed *bed = *state;
    fit_bed_train(bed, 1);
    const double expected = bed->history.epochs[0].loss;
    fit_bed_forget(bed);
    bed->options.dtype = DTYPE_BF16;
    fit_bed_train(bed, 1);
    assert_near(bed->history.epochs[0].loss, expected, 2e-2);
    assert_true(bed->history.epochs[0].loss != expected);
    struct bits first = fit_bed_bits(bed);
    fit_bed_forget(bed);
    fit_bed_train(bed, 1);
    fit_bed_assert_bits(&first, bed);
    free(first.data);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, fit_bed_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_killed_fit_goes_on_to_the_same_bits), /* first: it forks before there are threads */
        TEST(a_fit_agrees_with_the_cpus),
        TEST(a_fit_learns),
        TEST(a_fit_leaves_card_and_engines_in_the_model),
        TEST(a_fit_states_the_cards_memory),
        TEST(two_fits_have_the_same_bits),
        TEST(a_fit_does_not_depend_on_steps_at_once),
        TEST(a_fit_heeds_its_shard),
        TEST(a_fit_in_bf16_is_near_one_in_f32),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
