#include "plan/inner_path.h"
#include "plan/quantity.h"

#include "tap.h"

#include <stdlib.h>
#include <string.h>

static void quantity_memory_has_binary_units(void **state)
{
    (void)state;
    int64_t bytes;
    assert_true(quantity_memory("0", &bytes) && bytes == 0);
    assert_true(quantity_memory("123", &bytes) && bytes == 123);
    assert_true(quantity_memory("1K", &bytes) && bytes == 1024);
    assert_true(quantity_memory("3M", &bytes) && bytes == 3 << 20);
    assert_true(quantity_memory("8388607T", &bytes) && bytes == (INT64_C(8388607) << 40));
    static const char *const wrong[] = {"",    "G",   "4GB",  "4g",       "-1",
                                        " 4G", "4 G", "4.5G", "8388608T", "9223372036854775808"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_false(quantity_memory(wrong[i], &bytes));
}

static void quantity_time_goes_from_large_units_to_small(void **state)
{
    (void)state;
    int64_t ms;
    assert_true(quantity_time("90", &ms) && ms == 90000);
    assert_true(quantity_time("90s", &ms) && ms == 90000);
    assert_true(quantity_time("30m", &ms) && ms == 1800000);
    assert_true(quantity_time("1d2h3m4s", &ms) && ms == 93784000);
    assert_true(quantity_time("1d4s", &ms) && ms == 86404000);
    static const char *const wrong[] = {"",     "s",   "1m1h", "1h30",         "1s1s",
                                        "1.5h", "-1s", "1 h",  "106751991168d"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_false(quantity_time(wrong[i], &ms));
}

static void quantity_bound_is_a_relation_and_a_number(void **state)
{
    (void)state;
    enum plan_relation relation;
    struct number bound;
    assert_true(quantity_bound("<1", &relation, &bound) && relation == PLAN_LESS &&
                bound.is_integer && bound.integer == 1);
    assert_true(quantity_bound("<= -1.5e1", &relation, &bound) && relation == PLAN_LESS_EQUAL &&
                !bound.is_integer && bound.real == -15);
    assert_true(quantity_bound("==0", &relation, &bound) && relation == PLAN_EQUAL &&
                bound.real == 0);
    assert_true(quantity_bound(">=  0.65", &relation, &bound) && relation == PLAN_GREATER_EQUAL);
    assert_true(quantity_bound("> .5", &relation, &bound) && relation == PLAN_GREATER);
    static const char *const wrong[] = {"",       "0.65",   ">=",     "=> 1",  "= 1", ">= x",
                                        ">= 1 2", ">= nan", ">= inf", "> = 1", "!= 1"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_false(quantity_bound(wrong[i], &relation, &bound));
}

static void inner_path_is_normal_and_stays_inside(void **state)
{
    (void)state;
    static const char *const paths[][2] = {
        {"a", "a"},       {"./a//b/", "a/b"},     {".", ""},
        {"a/./b", "a/b"}, {"..a/b..", "..a/b.."}, {"...", "..."}};
    struct error err = {0};
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        char *path = inner_path(paths[i][0], &err);
        assert_string_equal(path, paths[i][1]);
        free(path);
    }
    static const char *const wrong[] = {"", "/", "/a", "..", "a/..", "a/../b", "../a", "./.."};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        assert_null(inner_path(wrong[i], &err));
        assert_int_equal(err.kind, ERR_USAGE);
    }
}

static void inner_paths_overlap_by_whole_parts(void **state)
{
    (void)state;
    assert_true(inner_path_overlaps("a", "a"));
    assert_true(inner_path_overlaps("a", "a/b"));
    assert_true(inner_path_overlaps("a/b", "a"));
    assert_true(inner_path_overlaps("", "a"));
    assert_false(inner_path_overlaps("a", "ab"));
    assert_false(inner_path_overlaps("a/b", "a/c"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantity_memory_has_binary_units),
        cmocka_unit_test(quantity_time_goes_from_large_units_to_small),
        cmocka_unit_test(quantity_bound_is_a_relation_and_a_number),
        cmocka_unit_test(inner_path_is_normal_and_stays_inside),
        cmocka_unit_test(inner_paths_overlap_by_whole_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
