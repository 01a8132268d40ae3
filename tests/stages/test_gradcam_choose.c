#include "gradcam/gradcam_choose.h"

#include <stddef.h>
#include <stdint.h>

#include "tap.h"

enum { N = 12 };
/*                                  0  1  2  3  4  5  6  7  8  9 10 11 */
static const uint16_t truth[N] = {0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2};
static const uint16_t predicted[N] = {0, 2, 2, 1, 1, 0, 1, 2, 2, 1, 2, 2};

static const char *const names[] = {"cat", "dog", "7"};

static void choice_takes_the_first_three_of_each(void **state)
{
    (void)state;
    struct choice choice;
    struct error err = {0};
    assert_int_equal(choice_make(truth, predicted, N, names, 3, NULL, &choice, &err), 0);
    assert_int_equal(choice.samples[choice.right[0]], 0);
    assert_int_equal(choice.samples[choice.right[1]], 2);
    assert_int_equal(choice.samples[choice.right[2]], 4);
    assert_int_equal(choice.samples[choice.wrong[0]], 1);
    assert_int_equal(choice.samples[choice.wrong[1]], 3);
    assert_int_equal(choice.samples[choice.wrong[2]], 5);
}

static void choice_finds_the_most_frequent_pairs(void **state)
{
    (void)state;
    struct choice choice;
    struct error err = {0};
    assert_int_equal(choice_make(truth, predicted, N, names, 3, NULL, &choice, &err), 0);
    assert_int_equal(choice.pair_count, 3);
    /* 0 as 1 and 1 as 2 both three times: in order of the classes */
    assert_int_equal(choice.pairs[0].truth, 0);
    assert_int_equal(choice.pairs[0].predicted, 1);
    assert_int_equal(choice.pairs[0].count, 3);
    assert_int_equal(choice.pairs[1].truth, 1);
    assert_int_equal(choice.pairs[2].truth, 2);
    assert_int_equal(choice.pairs[2].count, 1);
    assert_int_equal(choice.samples[choice.pairs[1].slots[1]], 7);
    assert_int_equal(choice.pairs[2].slots[1], -1);
    assert_int_equal(choice.count, 6 + 5);
}

static void choice_takes_named_pairs(void **state)
{
    (void)state;
    struct choice choice;
    struct error err = {0};
    json_t *pairs = json_pack("[[i,i],[i,i]]", 2, 1, 1, 2);
    assert_int_equal(choice_make(truth, predicted, N, names, 3, pairs, &choice, &err), 0);
    assert_int_equal(choice.pair_count, 2);
    assert_int_equal(choice.pairs[0].count, 0);
    assert_int_equal(choice.pairs[0].slots[0], -1);
    assert_int_equal(choice.samples[choice.pairs[1].slots[0]], 1);
    json_decref(pairs);
}

static void choice_takes_pairs_by_name(void **state)
{
    (void)state;
    struct choice choice;
    struct error err = {0};
    /* A number is a number, also where a class is called like it. */
    json_t *pairs = json_pack("[[s,s],[i,s]]", "dog", "7", 0, "dog");
    assert_int_equal(choice_check_pairs(pairs, &err), 0);
    assert_int_equal(choice_make(truth, predicted, N, names, 3, pairs, &choice, &err), 0);
    assert_int_equal(choice.pairs[0].truth, 1);
    assert_int_equal(choice.pairs[0].predicted, 2);
    assert_int_equal(choice.pairs[0].count, 3);
    assert_int_equal(choice.pairs[1].truth, 0);
    assert_int_equal(choice.pairs[1].predicted, 1);
    json_decref(pairs);
}

static void expect_refusal(json_t *pairs, const char *message)
{
    struct choice choice;
    struct error err = {0};
    assert_int_equal(choice_make(truth, predicted, N, names, 3, pairs, &choice, &err), -1);
    assert_int_equal(err.kind, ERR_USAGE);
    assert_string_equal(err.message, message);
    json_decref(pairs);
}

static void choice_names_the_nearest_class(void **state)
{
    (void)state;
    expect_refusal(
        json_pack("[[s,s],[s,s]]", "cat", "dog", "dog", "cta"),
        "parameter 'gradcam.pairs': entry 2: there is no class 'cta', did you mean 'cat'?");
    expect_refusal(json_pack("[[s,s]]", "zebra crossing", "dog"),
                   "parameter 'gradcam.pairs': entry 1: there is no class 'zebra crossing'; the "
                   "first is 'cat'");
}

static void choice_is_empty_where_all_is_right(void **state)
{
    (void)state;
    struct choice choice;
    struct error err = {0};
    assert_int_equal(choice_make(truth, truth, 2, names, 3, NULL, &choice, &err), 0);
    assert_int_equal(choice.pair_count, 0);
    assert_int_equal(choice.count, 2);
    assert_int_equal(choice.right[2], -1);
    assert_int_equal(choice.wrong[0], -1);
}

static void choice_refuses_pairs_that_are_none(void **state)
{
    (void)state;
    static const char *const entry = "parameter 'gradcam.pairs': entry 1 must be two different "
                                     "classes, by name or by number from "
                                     "0 to 2";
    expect_refusal(json_pack("[[i,i]]", 1, 1), entry);
    expect_refusal(json_pack("[[i,i]]", 1, 3), entry);
    expect_refusal(json_pack("[[i]]", 1), entry);
    expect_refusal(json_pack("[i]", 1), entry);
    expect_refusal(json_pack("[[s,i]]", "dog", 1), entry);
    expect_refusal(json_pack("[[s,s]]", "cat", "cat"), entry);
    expect_refusal(json_pack("[[s,s,s]]", "cat", "dog", "7"), entry);
    expect_refusal(json_pack("[[b,i]]", 1, 1), entry);
    expect_refusal(json_pack("{}"), "parameter 'gradcam.pairs' must be null or a list of up to 16 "
                                    "pairs [true, predicted]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choice_takes_the_first_three_of_each),
        cmocka_unit_test(choice_finds_the_most_frequent_pairs),
        cmocka_unit_test(choice_takes_named_pairs),
        cmocka_unit_test(choice_takes_pairs_by_name),
        cmocka_unit_test(choice_names_the_nearest_class),
        cmocka_unit_test(choice_is_empty_where_all_is_right),
        cmocka_unit_test(choice_refuses_pairs_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
