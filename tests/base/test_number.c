#include "base/number.h"
#include "tap.h"

#include <string.h>

static int compared(const char *a, const char *b)
{
    struct number first, second;
    assert_true(number_parse(a, &first));
    assert_true(number_parse(b, &second));
    int order = number_compare(&first, &second);
    assert_int_equal(number_compare(&second, &first), -order);
    return order;
}

static void number_compares_integers_beyond_53_bits_exactly(void **state)
{
    (void)state;
    assert_int_equal(compared("9007199254740993", "9007199254740992"), 1);
    assert_int_equal(compared("9223372036854775807", "9223372036854775806"), 1);
    assert_int_equal(compared("-9223372036854775808", "-9223372036854775807"), -1);
    assert_int_equal(compared("9007199254740993", "9007199254740993"), 0);
}

static void number_compares_an_integer_with_a_real_exactly(void **state)
{
    (void)state;
    assert_int_equal(compared("9007199254740993", "9007199254740992.0"), 1);
    assert_int_equal(compared("9007199254740991", "9007199254740992.0"), -1);
    assert_int_equal(compared("9223372036854775807", "9223372036854775808.0"), -1);
    assert_int_equal(compared("-9223372036854775808", "-9223372036854775808.0"), 0);
    assert_int_equal(compared("-9223372036854775808", "-9.3e18"), 1);
    assert_int_equal(compared("9223372036854775807", "9223372036854775808"), -1);
    assert_int_equal(compared("1", "1.0"), 0);
    assert_int_equal(compared("1", "1.5"), -1);
    assert_int_equal(compared("-1", "-1.5"), 1);
    assert_int_equal(compared("0", "-0.0"), 0);
    assert_int_equal(compared("0", "5e-324"), -1);
    assert_int_equal(compared("1", "1e300"), -1);
    assert_int_equal(compared("0.1", "0.2"), -1);
}

static void expect_shown(const char *number, const char *shown, const char *whole)
{
    struct number read;
    char text[JSON_NUMBER_SIZE];
    assert_true(number_parse(number, &read));
    number_show(&read, text);
    assert_string_equal(text, shown);
    number_text(&read, text);
    assert_string_equal(text, whole);
}

static void number_is_shown_with_every_digit_of_an_integer(void **state)
{
    (void)state;
    expect_shown("9007199254740993", "9007199254740993", "9007199254740993");
    expect_shown("-9223372036854775808", "-9223372036854775808", "-9223372036854775808");
    expect_shown("0.1234567", "0.123457", "0.1234567");
    expect_shown("1.0", "1", "1.0");
}

static void number_keeps_its_kind_through_json(void **state)
{
    (void)state;
    static const char *const texts[] = {"9007199254740993", "0.5", "-7"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct number before, after;
        assert_true(number_parse(texts[i], &before));
        json_t *json = number_to_json(&before);
        assert_true(number_from_json(json, &after));
        json_decref(json);
        assert_int_equal(before.is_integer, after.is_integer);
        assert_int_equal(number_compare(&before, &after), 0);
    }
    struct number none;
    assert_false(number_from_json(NULL, &none));
    assert_false(number_parse("1 2", &none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(number_compares_integers_beyond_53_bits_exactly),
        cmocka_unit_test(number_compares_an_integer_with_a_real_exactly),
        cmocka_unit_test(number_is_shown_with_every_digit_of_an_integer),
        cmocka_unit_test(number_keeps_its_kind_through_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
