#include "figure/axes.h"
#include "tap.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* "0.2 0.4 0.6" */
static const char *listing(double low, double high, size_t most, bool whole)
{
    static char text[1024];
    size_t used = 0;
    struct ticks ticks = ticks_choose(low, high, most, whole);
    text[0] = '\0';
    for (size_t i = 0; i < ticks.count && used < sizeof(text) - TICK_TEXT_SIZE; i++) {
        char tick[TICK_TEXT_SIZE];
        ticks_format(ticks_value(&ticks, i), ticks.decimals, tick);
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i > 0 ? " " : "", tick);
    }
    return text;
}

static void ticks_are_round_numbers(void **state)
{
    (void)state;
    assert_string_equal(listing(0, 1, 6, false), "0.0 0.2 0.4 0.6 0.8 1.0");
    assert_string_equal(listing(0, 1, 5, false), "0.00 0.25 0.50 0.75 1.00");
    assert_string_equal(listing(0.37, 0.86, 7, false), "0.4 0.5 0.6 0.7 0.8");
    assert_string_equal(listing(-0.31, 0.3, 8, false), "-0.3 -0.2 -0.1 0.0 0.1 0.2 0.3");
    assert_string_equal(listing(0, 5000, 6, true), "0 1,000 2,000 3,000 4,000 5,000");
    assert_string_equal(listing(1e-6, 3e-6, 3, false), "0.000001 0.000002 0.000003");
}

static void ticks_of_counts_are_whole(void **state)
{
    (void)state;
    assert_string_equal(listing(0.5, 1.5, 7, true), "1");
    assert_string_equal(listing(0.8, 3.1, 7, true), "1 2 3");
    assert_string_equal(listing(0, 60, 13, true), "0 5 10 15 20 25 30 35 40 45 50 55 60");
    assert_string_equal(listing(0, 100, 5, true), "0 25 50 75 100");
}

static void ticks_stay_inside_and_few(void **state)
{
    (void)state;
    for (int i = 0; i < 2000; i++) {
        double low = sin(i * 1.7) * pow(10, i % 13 - 6);
        double high = low + (1.01 + cos(i * 2.3)) * pow(10, i * 7 % 13 - 6);
        size_t most = 2 + (size_t)(i % 9);
        struct ticks ticks = ticks_choose(low, high, most, false);
        double slack = (high - low) * 1e-6;
        assert_true(ticks.count <= most);
        for (size_t t = 0; t < ticks.count; t++) {
            assert_true(ticks_value(&ticks, t) >= low - slack);
            assert_true(ticks_value(&ticks, t) <= high + slack);
        }
    }
}

static void tick_labels_group_thousands(void **state)
{
    (void)state;
    static const struct {
        double value;
        int decimals;
        const char *text;
    } cases[] = {{0, 0, "0"},
                 {999, 0, "999"},
                 {1000, 0, "1,000"},
                 {-0.0, 1, "0.0"},
                 {-0.04, 1, "0.0"},
                 {-1234567, 0, "-1,234,567"},
                 {1234.5, 2, "1,234.50"},
                 {NAN, 0, "nan"},
                 {INFINITY, 0, "inf"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[TICK_TEXT_SIZE];
        ticks_format(cases[i].value, cases[i].decimals, text);
        assert_string_equal(text, cases[i].text);
    }
    char text[TICK_TEXT_SIZE];
    ticks_format(-DBL_MAX, 9, text);
    assert_true(strlen(text) < TICK_TEXT_SIZE);
}

static void axes_place_values(void **state)
{
    (void)state;
    const struct axes axes = {
        .x = 10, .y = 20, .width = 100, .height = 50, .left = 1, .right = 5, .bottom = 0, .top = 1};
    assert_float_equal(axes_x(&axes, 1), 10, 1e-12);
    assert_float_equal(axes_x(&axes, 5), 110, 1e-12);
    assert_float_equal(axes_y(&axes, 1), 20, 1e-12);
    assert_float_equal(axes_y(&axes, 0), 70, 1e-12);
}

static void names_slant_only_when_too_wide(void **state)
{
    (void)state;
    struct error err = {0};
    const char *texts[] = {"cat", "automobile"};
    struct canvas *canvas = canvas_new(&err);
    struct names names = {.texts = texts, .count = 2, .slot = 90};
    assert_non_null(canvas);
    assert_false(axes_names_slanted(canvas, &names));
    double level = axes_names_height(canvas, &names);
    names.slot = 40;
    assert_true(axes_names_slanted(canvas, &names));
    assert_true(axes_names_height(canvas, &names) > level);
    canvas_free(canvas);
}

static void long_text_is_cut_to_its_width(void **state)
{
    (void)state;
    struct error err = {0};
    const struct text_style style = {.size = 10};
    struct canvas *canvas = canvas_new(&err);
    assert_non_null(canvas);
    assert_int_equal(canvas_lay(canvas, 200, 50, &err), 0);
    /* Cut within a run of two-byte letters, and one far too long for any buffer. */
    char text[2001];
    for (size_t i = 0; i < 2000; i += 2)
        memcpy(text + i, "\xc3\xa4", 2);
    text[2000] = '\0';
    double drawn = axes_text_within(canvas, 0, 20, text, 80, style);
    assert_true(drawn > 60 && drawn <= 80);
    assert_true(axes_text_within(canvas, 0, 40, "short", 80, style) < 40);
    assert_true(axes_text_within(canvas, 0, 40, "any", 0, style) >= 0);
    canvas_free(canvas);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks_are_round_numbers),
        cmocka_unit_test(ticks_of_counts_are_whole),
        cmocka_unit_test(ticks_stay_inside_and_few),
        cmocka_unit_test(tick_labels_group_thousands),
        cmocka_unit_test(axes_place_values),
        cmocka_unit_test(names_slant_only_when_too_wide),
        cmocka_unit_test(long_text_is_cut_to_its_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
