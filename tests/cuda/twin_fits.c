/* Trainings on the twin alone: a card that is lost in the middle, plans that are kept. */
#include "twin.h"

#include "base/file.h"
#include "fit_bed.h"

#include "tap.h"

#include <stdlib.h>
#include <string.h>

enum { AT_ONCE = 4 };

static char scratch[64]; /* where plans are left, "": nowhere */

static int open_twin(int threads, struct device **device, struct error *err)
{
    (void)threads;
    if (twin_open(AT_ONCE, device, err))
        return -1;
    if (scratch[0])
        (*device)->scratch = (*device)->scratch_out = scratch;
    return 0;
}

static int make(void **state)
{
    if (fit_bed_make(state))
        return -1;
    struct bed *bed = *state;
    bed->open = open_twin;
    bed->options.shard = bed->options.batch;
    twin_compiled();
    return 0;
}

static void a_fit_that_lost_its_card_goes_on_to_the_same_bits(void **state)
{
    struct bed *bed = *state;
    struct error err = {0};
    twin_lose_at(0);
    fit_bed_train(bed, 1);
    const size_t pieces = twin_lose_at(0);
    fit_bed_forget(bed);
    twin_lose_at(pieces / 2);
    assert_int_equal(fit_bed_try(bed, 1, &err), -1);
    assert_int_equal(err.kind, ERR_DEVICE);
    assert_non_null(strstr(err.message, "injected"));
    twin_lose_at(0);
    fit_bed_assert_goes_on(bed, 1);
}

static void plans_are_compiled_once(void **state)
{
    struct bed *bed = *state;
    struct error err;
    strcpy(scratch, "/tmp/reprise-plans-XXXXXX");
    assert_non_null(mkdtemp(scratch));
    fit_bed_train(bed, 1);
    const size_t compiled = twin_compiled();
    assert_true(compiled > 10);
    struct bits first = fit_bed_bits(bed);
    fit_bed_forget(bed);
    fit_bed_train(bed, 1);
    assert_int_equal(twin_compiled(), 0);
    fit_bed_assert_bits(&first, bed);
    free(first.data);

    /* What is damaged is compiled again. */
    char **names, path[512];
    size_t count;
    assert_int_equal(file_list(scratch, &names, &count, &err), 0);
    assert_int_equal(count, compiled);
    snprintf(path, sizeof path, "%s/%s", scratch, names[0]);
    assert_int_equal(file_write(path, "x", 1, &err), 0);
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
    fit_bed_forget(bed);
    fit_bed_train(bed, 1);
    assert_int_equal(twin_compiled(), 1);
    assert_int_equal(file_remove(scratch, &err), 0);
    scratch[0] = '\0';
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, fit_bed_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_fit_that_lost_its_card_goes_on_to_the_same_bits),
        TEST(plans_are_compiled_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
