#include "base/file.h"
#include "base/json.h"
#include "base/philox.h"
#include "tap.h"

#include <ctype.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void equal_values_give_equal_text(void **state)
{
    (void)state;
    struct error err = {0};
    json_t *one = json_pack("{s:f, s:i}", "b", 0.2, "a", 1);
    json_t *two = json_pack("{s:i, s:f}", "a", 1, "b", 0.2);
    char *first = json_to_text(one, true, &err), *second = json_to_text(two, true, &err);
    assert_string_equal(first, "{\"a\":1,\"b\":0.2}");
    assert_string_equal(first, second);
    free(first);
    free(second);
    json_decref(one);
    json_decref(two);
}

static void document_begins_with_its_schema(void **state)
{
    (void)state;
    struct error err = {0};
    json_t *value =
        json_pack("{s:i, s:i, s:{s:i, s:i}}", "schema", 2, "z", 1, "a", "schema", 3, "b", 4);
    char *lines = json_to_text(value, false, &err), *line = json_to_text(value, true, &err);
    assert_string_equal(lines, "{\n  \"schema\": 2,\n  \"a\": {\n    \"b\": 4,\n"
                               "    \"schema\": 3\n  },\n  \"z\": 1\n}");
    assert_string_equal(line, "{\"a\":{\"b\":4,\"schema\":3},\"schema\":2,\"z\":1}");
    free(lines);
    free(line);
    json_decref(value);
}

static void written_object_reads_back(void **state)
{
    (void)state;
    struct error err = {0};
    char path[] = "/tmp/reprise-test-XXXXXX";
    assert_true(close(mkstemp(path)) == 0);
    json_t *value = json_pack("{s:{s:[i,i]}}", "split", "seeds", 1, 2), *back;
    assert_int_equal(json_write(path, value, &err), 0);
    assert_int_equal(json_read(path, &back, &err), 0);
    assert_true(json_equal(value, back));
    assert_true(json_is_array(json_at(back, "split.seeds")));
    assert_null(json_at(back, "split.seed"));
    assert_null(json_at(back, "split.seeds.x"));
    json_decref(value);
    json_decref(back);
    unlink(path);
}

static void broken_text_is_placed(void **state)
{
    (void)state;
    struct error err = {0};
    char path[] = "/tmp/reprise-test-XXXXXX";
    json_t *value;
    assert_true(close(mkstemp(path)) == 0);
    assert_int_equal(file_write(path, "{\"a\": 1,\n \"a\": 2}", 17, &err), 0);
    assert_int_equal(json_read(path, &value, &err), -1);
    assert_int_equal(err.kind, ERR_FORMAT);
    assert_non_null(strstr(err.message, ":2:"));
    assert_int_equal(file_write(path, "[1]", 3, &err), 0);
    assert_int_equal(json_read(path, &value, &err), -1);
    assert_non_null(strstr(err.message, "expected a JSON object"));
    unlink(path);
}

/* ---- numbers ---- */

static void number_reads_back(double value, const char *expected)
{
    struct error err = {0};
    char text[JSON_NUMBER_SIZE];
    assert_true(json_number_text(value, text));
    if (expected != NULL)
        assert_string_equal(text, expected);
    json_t *back = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_true(json_is_real(back));
    double read = json_real_value(back);
    assert_memory_equal(&read, &value, sizeof(value));
    json_t *real = json_real(value);
    char *written = json_to_text(real, true, &err);
    assert_string_equal(written, text);
    free(written);
    json_decref(real);
    json_decref(back);
}

static void number_has_the_fewest_digits_that_read_back(void **state)
{
    (void)state;
    number_reads_back(0.2, "0.2");
    number_reads_back(1, "1.0");
    number_reads_back(-0.0, "-0.0");
    number_reads_back(1e-7, "1e-7");
    number_reads_back(1e22, "1e22");
    number_reads_back(1e300, "1e300");
    number_reads_back(1.5e-10, "1.5e-10");
    number_reads_back(0.1 + 0.2, "0.30000000000000004");
    number_reads_back(0.12345678901234567, "0.12345678901234566");
    number_reads_back(2.0 / 3, "0.6666666666666666");
    number_reads_back(1234567890123456.0, "1234567890123456.0");
    number_reads_back(DBL_MAX, NULL);
    number_reads_back(DBL_MIN, NULL);
    number_reads_back(5e-324, NULL);
    char text[JSON_NUMBER_SIZE];
    assert_false(json_number_text(NAN, text));
    assert_false(json_number_text(-INFINITY, text));
}

static void any_number_reads_back_and_no_shorter_form_does(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 100000; i++) {
        struct philox words =
            philox_block((const uint32_t[4]){i, 0, 0, 0}, (const uint32_t[2]){7, 0});
        uint64_t bits = (uint64_t)words.words[0] << 32 | words.words[1];
        double value;
        memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value))
            continue;
        number_reads_back(value, NULL);
        char text[JSON_NUMBER_SIZE], shorter[320];
        json_number_text(value, text);
        size_t digits = 0;
        for (size_t k = 0; text[k] != '\0' && text[k] != 'e' && strcmp(text + k, ".0") != 0; k++)
            digits += digits > 0 ? isdigit((unsigned char)text[k]) != 0
                                 : text[k] >= '1' && text[k] <= '9';
        if (digits < 16)
            continue;
        snprintf(shorter, sizeof(shorter), "%.*g", (int)digits - 1, value);
        assert_true(strtod(shorter, NULL) != value);
    }
}

static void number_that_is_not_finite_is_refused(void **state)
{
    (void)state;
    struct error err = {0};
    assert_null(json_real(NAN));
    assert_null(json_to_text(NULL, true, &err));
    assert_int_equal(err.kind, ERR_MEMORY);
    json_t *none = json_measured(NAN);
    assert_true(json_is_null(none));
    json_decref(none);
}

static void measured_infinity_is_a_text_that_reads_back(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{(double)INFINITY, "\"inf\""}, {-(double)INFINITY, "\"-inf\""}, {0.25, "0.25"}};
    struct error err = {0};
    double back;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *json = json_measured(cases[i].value);
        char *text = json_to_text(json, true, &err);
        assert_string_equal(text, cases[i].text);
        assert_true(json_measurement(json, &back) && back == cases[i].value);
        free(text);
        json_decref(json);
    }
    json_t *null = json_null(), *word = json_string("many");
    assert_true(json_measurement(null, &back) && isnan(back));
    assert_false(json_measurement(word, &back));
    assert_false(json_measurement(NULL, &back));
    json_decref(word);
}

static void measured_value_has_fifteen_digits(void **state)
{
    (void)state;
    struct error err = {0};
    json_t *value = json_measured(2.0 / 3);
    char *text = json_to_text(value, true, &err);
    assert_string_equal(text, "0.666666666666667");
    free(text);
    json_decref(value);
}

/* ---- layout ---- */

static void layout_is_as_jansson_writes_it(void **state)
{
    (void)state;
    struct error err = {0};
    static const char source[] =
        "{\"z\": [], \"a\": {}, \"m\": {\"b\": [1, 2.5, [true, false, null]], \"a b\": -7},"
        " \"\": \"tab\\t quote\\\" back\\\\ / line\\n\\u0001\\u000b\\b\\f\\r\\u007f "
        "\\u00e9\\u20ac\\ud83d\\ude00\","
        " \"\\u00e9\": [{}], \"B\": 12345678901234567}";
    json_t *value = json_loads(source, 0, NULL);
    assert_non_null(value);
    for (int compact = 0; compact < 2; compact++) {
        size_t flags = JSON_SORT_KEYS | (compact ? JSON_COMPACT : JSON_INDENT(2));
        char *expected = json_dumps(value, flags), *text = json_to_text(value, compact, &err);
        assert_string_equal(text, expected);
        free(text);
        free(expected);
    }
    json_decref(value);
}

static void building_ends_with_null_where_a_part_is_missing(void **state)
{
    (void)state;
    json_t *list = json_list_with(json_array(), json_integer(1));
    assert_int_equal(json_array_size(list), 1);
    assert_null(json_list_with(list, json_string("\xff")));
    assert_null(json_list_with(NULL, json_integer(1)));
    json_t *object = json_object_with(json_object(), "a", json_integer(1));
    assert_int_equal(json_object_size(object), 1);
    assert_null(json_object_with(object, "b", NULL));
    assert_null(json_object_with(NULL, "b", json_integer(1)));
}

static void paths_go_into_lists_by_name_and_place(void **state)
{
    (void)state;
    json_t *object =
        json_pack("{s:[{s:s,s:i},{s:s,s:i},{s:s,s:i},{s:i}]}", "per_class", "name", "cat", "f1", 1,
                  "name", "cat.big", "f1", 2, "name", "0", "f1", 3, "f1", 4);
    assert_non_null(object);
    assert_int_equal(json_integer_value(json_at(object, "per_class.cat.f1")), 1);
    assert_int_equal(json_integer_value(json_at(object, "per_class.cat.big.f1")), 2);
    assert_int_equal(json_integer_value(json_at(object, "per_class.0.f1")), 3);
    assert_int_equal(json_integer_value(json_at(object, "per_class.3.f1")), 4);
    assert_null(json_at(object, "per_class.4.f1"));
    assert_null(json_at(object, "per_class.99999999999999999999999.f1"));
    assert_null(json_at(object, "per_class.ca.f1"));
    assert_null(json_at(object, "per_class..f1"));
    assert_true(json_is_object(json_at(object, "per_class.cat")));
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_values_give_equal_text),
        cmocka_unit_test(document_begins_with_its_schema),
        cmocka_unit_test(written_object_reads_back),
        cmocka_unit_test(broken_text_is_placed),
        cmocka_unit_test(number_has_the_fewest_digits_that_read_back),
        cmocka_unit_test(any_number_reads_back_and_no_shorter_form_does),
        cmocka_unit_test(number_that_is_not_finite_is_refused),
        cmocka_unit_test(measured_value_has_fifteen_digits),
        cmocka_unit_test(measured_infinity_is_a_text_that_reads_back),
        cmocka_unit_test(layout_is_as_jansson_writes_it),
        cmocka_unit_test(building_ends_with_null_where_a_part_is_missing),
        cmocka_unit_test(paths_go_into_lists_by_name_and_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
