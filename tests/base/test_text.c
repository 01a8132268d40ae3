#include "base/text.h"
#include "tap.h"

#include "base/memory.h"

#include <string.h>

static void text_grows_and_formats(void **state)
{
    (void)state;
    struct text text = {0};
    struct error err = {0};
    assert_string_equal(text_string(&text), "");
    for (int i = 0; i < 1000; i++)
        text_addf(&text, "%d,", i);
    assert_int_equal(text_check(&text, &err), 0);
    assert_int_equal(text.size, strlen(text.data));
    assert_int_equal(text.size, 10 * 2 + 90 * 3 + 900 * 4);
    text_release(&text);
}

static void text_remembers_a_failed_allocation(void **state)
{
    (void)state;
    struct text text = {0};
    struct error err = {0};
    memory_fail_after(1);
    text_add(&text, "lost");
    assert_int_equal(memory_fail_after(0), 1);
    text_add(&text, "ignored");
    assert_int_equal(text_check(&text, &err), -1);
    assert_int_equal(err.kind, ERR_MEMORY);
    text_release(&text);
}

static void nearest_suggests_only_what_is_near(void **state)
{
    (void)state;
    static const char *const words[] = {"epochs", "batch", "learning_rate", "seed"};
    assert_string_equal(text_nearest("epoch", words, 4), "epochs");
    assert_string_equal(text_nearest("sede", words, 4), "seed");
    assert_string_equal(text_nearest("learningrate", words, 4), "learning_rate");
    assert_null(text_nearest("xyzzy", words, 4));
    assert_null(text_nearest("", words, 4));
}

static void numbers_are_whole_strings(void **state)
{
    (void)state;
    long long i;
    double d;
    assert_true(text_to_int64("-42", &i) && i == -42);
    assert_false(text_to_int64("42x", &i));
    assert_false(text_to_int64("", &i));
    assert_false(text_to_int64(" 1", &i));
    assert_false(text_to_int64("99999999999999999999", &i));
    assert_true(text_to_double("1.5e-3", &d) && d == 1.5e-3);
    assert_false(text_to_double("nan", &d));
    assert_false(text_to_double("0x10", &d));
    assert_false(text_to_double("1.5.", &d));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows_and_formats),
        cmocka_unit_test(text_remembers_a_failed_allocation),
        cmocka_unit_test(nearest_suggests_only_what_is_near),
        cmocka_unit_test(numbers_are_whole_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
