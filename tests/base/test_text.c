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
    assert_true(text_to_double("5e-324", &d) && d > 0.0);
    assert_false(text_to_double("1e-999", &d));
    assert_false(text_to_double("1e999", &d));
}

static void clean_text_has_nothing_that_a_terminal_obeys(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *shown;
    } cases[] = {
        {"plain \xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80\t.",
         "plain \xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80\t."},
        {"\033[2J", "?[2J"},
        {"a\nb\rc\x7f", "a?b?c?"},
        {"\xc2\x9b"
         "31m",
         "?31m"},
        {"\x9b"
         "31m",
         "?31m"},
        {"\xe2\x80\xae"
         "txt.exe",
         "?txt.exe"},
        {"\xe2\x81\xa6\xe2\x80\xa8\xef\xbb\xbf", "???"},
        {"\xc0\x9b\xed\xa0\x80", "?????"},
        {"cut \xe4\xb8", "cut ??"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct text text = {0}, expected = {0};
        text_add_clean(&text, cases[i].bytes, strlen(cases[i].bytes));
        for (const char *at = cases[i].shown; *at != '\0'; at++)
            text_append(&expected, *at == '?' ? "\xef\xbf\xbd" : at, *at == '?' ? 3 : 1);
        assert_string_equal(text_string(&text), text_string(&expected));
        text_release(&text);
        text_release(&expected);
    }
    struct text text = {0};
    text_add_clean(&text, "a\0b", 3);
    assert_string_equal(text_string(&text), "a\xef\xbf\xbd"
                                            "b");
    text_release(&text);
}

static void message_of_an_error_is_one_line_that_a_terminal_shows(void **state)
{
    (void)state;
    struct error err;
    error_set(&err, ERR_STAGE, "'a\033[2J\n\xc2\x9b\x9b\xe2\x80\xae' \xc3\xa9");
    assert_string_equal(err.message, "'a [2J       ' \xc3\xa9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows_and_formats),
        cmocka_unit_test(text_remembers_a_failed_allocation),
        cmocka_unit_test(nearest_suggests_only_what_is_near),
        cmocka_unit_test(numbers_are_whole_strings),
        cmocka_unit_test(clean_text_has_nothing_that_a_terminal_obeys),
        cmocka_unit_test(message_of_an_error_is_one_line_that_a_terminal_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
