/* differ tells where files differ, with answers known by hand. */
#include "stage_run.h"

#include "base/file.h"
#include "base/json.h"
#include "data/picture.h"
#include "data/safetensors.h"
#include "differ/differ_elements.h"
#include "figure/png_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

/* ---- elements ---- */

static struct element_difference of_f32(float a, float b)
{
    struct element_difference difference;
    elements_compare(NPY_F32, &a, &b, 1, &difference);
    return difference;
}

static void equal_bits_differ_in_nothing(void **state)
{
    (void)state;
    const struct element_difference same = of_f32(0.1f, 0.1f), nan = of_f32(NAN, NAN);
    assert_int_equal(same.differ, 0);
    assert_int_equal(same.first, -1);
    assert_int_equal(nan.differ, 0);
}

static void ulp_counts_steps_between_floats(void **state)
{
    (void)state;
    assert_int_equal(of_f32(1.0f, nextafterf(1.0f, 2.0f)).ulp, 1);
    assert_int_equal(of_f32(1.0f, 2.0f).ulp, 1 << 23);
    assert_int_equal(of_f32(0x1.fffffep-1f, 1.0f).ulp, 1);  /* over an exponent */
    assert_int_equal(of_f32(0x1p-149f, -0x1p-149f).ulp, 2); /* over zero */
    assert_int_equal(of_f32(0x1.fffffep127f, INFINITY).ulp, 1);
    assert_true(isinf(of_f32(0.0f, INFINITY).absolute));
    const struct element_difference zeros = of_f32(0.0f, -0.0f);
    assert_int_equal(zeros.differ, 1);
    assert_int_equal(zeros.ulp, 0);
    assert_true(of_f32(1.5f, -2.0f).absolute == 3.5);
}

static void f64_has_steps_of_its_own(void **state)
{
    (void)state;
    const double a[] = {1.0, -0x1p1023, 3.0}, b[] = {0x1.0000000000001p0, 0x1p1023, 3.0};
    struct element_difference difference;
    elements_compare(NPY_F64, a, b, 3, &difference);
    assert_int_equal(difference.differ, 2);
    assert_true(difference.ulp == 2 * UINT64_C(0x7fe0000000000000));
    assert_true(isinf(difference.absolute)); /* 2^1024 */
    elements_compare(NPY_F64, a, b, 1, &difference);
    assert_int_equal(difference.ulp, 1);
    assert_true(difference.absolute == 0x1p-52);
}

static void nan_on_a_side_has_no_distance(void **state)
{
    (void)state;
    const float a[] = {1.0f, NAN, 1.0f}, b[] = {NAN, 1.0f, 1.25f};
    struct element_difference difference;
    elements_compare(NPY_F32, a, b, 3, &difference);
    assert_int_equal(difference.differ, 3);
    assert_int_equal(difference.not_a_number, 2);
    assert_true(difference.absolute == 0.25);
    assert_int_equal(difference.ulp, 1 << 21);
}

static void whole_numbers_differ_by_their_value(void **state)
{
    (void)state;
    const int8_t low[] = {-128}, high[] = {127};
    const uint64_t zero[] = {0}, most[] = {UINT64_MAX};
    const int64_t least[] = {INT64_MIN}, greatest[] = {INT64_MAX};
    struct element_difference difference;
    elements_compare(NPY_I8, low, high, 1, &difference);
    assert_true(difference.absolute == 255.0);
    elements_compare(NPY_U64, zero, most, 1, &difference);
    assert_true(difference.absolute == 0x1p64);
    elements_compare(NPY_I64, greatest, least, 1, &difference);
    assert_true(difference.absolute == 0x1p64);
    assert_int_equal(difference.ulp, 0);
}

/* ---- files ---- */

static char *below(const struct stage_run *run, const char *name)
{
    struct error err = {0};
    char *path = file_join(run->folder, name, &err);
    assert_non_null(path);
    return path;
}

static void put(const struct stage_run *run, const char *name, const void *bytes, size_t size)
{
    struct error err = {0};
    char *path = below(run, name);
    if (file_write(path, bytes, size, &err) < 0)
        fail_msg("%s", err.message);
    free(path);
}

/* The report on the files `a` and `b` of the run's folder as the two sides of `name`. */
static json_t *report_on(struct stage_run *run, const char *name)
{
    struct error err = {0};
    json_t *report = NULL;
    char *a = below(run, "a"), *b = below(run, "b"), *path = below(run, "report.json");
    stage_run_param(run, "pairs", json_pack("[{s:s, s:s, s:s}]", "name", name, "a", a, "b", b));
    stage_run_out(run, "report", "report.json");
    stage_run_out(run, "pictures", "pictures");
    if (stage_run_execute(run) != 0)
        fail_msg("%s", run->messages);
    if (json_read(path, &report, &err) < 0)
        fail_msg("%s", err.message);
    json_t *first = json_incref(json_array_get(json_object_get(report, "pairs"), 0));
    json_decref(report);
    free(a);
    free(b);
    free(path);
    return first;
}

static void assert_says(const json_t *report, const char *format, size_t at, const char *line)
{
    const char *said = json_string_value(json_array_get(json_object_get(report, "lines"), at));
    assert_string_equal(json_text(report, "format"), format);
    assert_non_null(said);
    assert_string_equal(said, line);
}

static void assert_text_says(const char *name, const char *a, size_t a_size, const char *b,
                             size_t b_size, const char *format, const char *line)
{
    struct stage_run run;
    stage_run_init(&run, "differ");
    put(&run, "a", a, a_size);
    put(&run, "b", b, b_size);
    json_t *report = report_on(&run, name);
    assert_says(report, format, 0, line);
    json_decref(report);
    stage_run_release(&run);
}
#define TEXTS_SAY(name, a, b, format, line)                                                        \
    assert_text_says(name, a, sizeof(a) - 1, b, sizeof(b) - 1, format, line)

static void first_line_that_differs_is_shown(void **state)
{
    (void)state;
    TEXTS_SAY("x.csv", "a,b\r\n1,2\r\n", "a,b\r\n1,3\r\n", "text", "line 2: is '1,3', was '1,2'");
    TEXTS_SAY("x.txt", "one\n", "one\ntwo\n", "text", "line 2: is 'two', was absent");
    TEXTS_SAY("x.txt", "", "one", "text", "line 1: is 'one', was absent");
    TEXTS_SAY("x.txt", "a\033[2J\n", "b\n", "text", "line 1: is 'b', was 'a\xef\xbf\xbd[2J'");
}

static void bytes_are_counted(void **state)
{
    (void)state;
    TEXTS_SAY("x", "\0abc", "\0xbz", "bytes", "2 of 4 bytes differ, the first at 1");
    TEXTS_SAY("x", "\0ab", "\0abc", "bytes",
              "is of 4 bytes, was of 3; 0 of 3 bytes differ, the first at 3");
    /* A format that a file only claims to have. */
    TEXTS_SAY("x.npy", "\0ab", "\0ac", "bytes", "1 of 3 bytes differ, the first at 2");
    TEXTS_SAY("x.png", "\0ab", "\0ac", "bytes", "1 of 3 bytes differ, the first at 2");
    TEXTS_SAY("x.safetensors", "\0ab", "\0ac", "bytes", "1 of 3 bytes differ, the first at 2");
    TEXTS_SAY("x.json", "{\"a\": ", "{\"b\": ", "text", "line 1: is '{\"b\": ', was '{\"a\": '");
}

static void differences_beyond_a_block_are_found(void **state)
{
    (void)state;
    enum { SIZE = 200000 };
    struct stage_run run;
    char *bytes = calloc(SIZE, 1);
    assert_non_null(bytes);
    memset(bytes, 'x', SIZE);
    for (size_t i = 99; i < SIZE; i += 100)
        bytes[i] = '\n';
    stage_run_init(&run, "differ");
    put(&run, "a", bytes, SIZE);
    bytes[150050] = 'y';
    put(&run, "b", bytes, SIZE);
    json_t *report = report_on(&run, "x.txt");
    assert_string_equal(json_text(report, "format"), "text");
    assert_int_equal(json_integer_value(json_at(report, "details.line")), 1501);
    json_decref(report);
    stage_run_release(&run);
    free(bytes);
}

static void values_are_named_by_their_path(void **state)
{
    (void)state;
    TEXTS_SAY("m.json", "{\"a\": {\"b\": [1, {\"c\": 0.5}]}}",
              "{\"a\": {\"b\": [1, {\"c\": 0.25}]}}", "json", "'a.b.1.c': is 0.25, was 0.5");
    TEXTS_SAY("m.json", "{\"a\": 1}", "{\"a\": 1.0}", "json", "'a': is 1.0, was 1");
    TEXTS_SAY("m.json", "{\"a\": 1}", "{}", "json", "'a': is absent, was 1");
    TEXTS_SAY("m.json", "{\"a\": []}", "{\"a\": [\"x\"]}", "json", "'a.0': is \"x\", was absent");
    /* Equal values in other bytes. */
    TEXTS_SAY("m.json", "{\"a\": 1}", "{\"a\":1}", "text",
              "line 1: is '{\"a\":1}', was '{\"a\": 1}'");
}

static void put_tensors(const struct stage_run *run, const char *name, float last, bool more)
{
    struct error err = {0};
    const int64_t shape[] = {2, 3};
    const float values[] = {0, 1, 2, 3, 4, last};
    struct safetensors set = {0};
    char *path = below(run, name);
    assert_int_equal(safetensors_add(&set, "conv/kernel", 2, shape, values, &err), 0);
    assert_int_equal(safetensors_add(&set, "same", 2, shape, NULL, &err), 0);
    assert_int_equal(safetensors_add(&set, more ? "z" : "a", 1, shape, NULL, &err), 0);
    assert_int_equal(safetensors_describe(&set, "epoch", more ? "2" : "1", &err), 0);
    assert_int_equal(safetensors_write(path, &set, &err), 0);
    safetensors_release(&set);
    free(path);
}

static void tensors_are_compared_by_name(void **state)
{
    (void)state;
    struct stage_run run;
    stage_run_init(&run, "differ");
    put_tensors(&run, "a", 5.0f, false);
    put_tensors(&run, "b", nextafterf(5.0f, 6.0f), true);
    json_t *report = report_on(&run, "model.safetensors");
    assert_says(report, "safetensors", 0, "tensor 'a': is absent, was <f4 [2]");
    assert_says(report, "safetensors", 1,
                "tensor 'conv/kernel': 1 of 6 elements differ, by at most 1 ulp (4.77e-07), the "
                "first at [1,2]");
    assert_says(report, "safetensors", 2, "tensor 'z': is <f4 [2], was absent");
    assert_says(report, "safetensors", 3, "metadata 'epoch': is \"2\", was \"1\"");
    assert_int_equal(json_integer_value(json_at(report, "details.tensors.conv/kernel.ulp")), 1);
    json_decref(report);
    stage_run_release(&run);
}

static void put_picture(const struct stage_run *run, const char *name, uint32_t last, size_t width)
{
    struct error err = {0};
    const uint32_t pixels[] = {0x102030, 0x102030, last};
    char *path = below(run, name);
    assert_int_equal(png_file_write(path, pixels, width, 3 / width, width, 100, &err), 0);
    free(path);
}

static void a_picture_shows_where_pictures_differ(void **state)
{
    (void)state;
    struct error err = {0};
    struct stage_run run;
    struct picture picture = {0};
    stage_run_init(&run, "differ");
    put_picture(&run, "a", 0x102030, 3);
    put_picture(&run, "b", 0x122031, 3);
    json_t *report = report_on(&run, "x.png");
    assert_says(report, "picture", 0, "1 of 3 pixels differ, by at most 2 of 255");
    char *path = below(&run, "pictures/0.png");
    assert_int_equal(picture_read(path, &picture, &err), 0);
    const uint8_t expected[] = {0, 0, 0, 0, 0, 0, 255, 0, 127};
    assert_int_equal(picture.width, 3);
    assert_memory_equal(picture.pixels, expected, sizeof(expected));
    json_decref(report);
    put_picture(&run, "b", 0x102030, 1);
    report = report_on(&run, "x.png");
    assert_says(report, "picture", 0, "is 1x3 pixels, was 3x1");
    json_decref(report);
    picture_release(&picture);
    free(path);
    stage_run_release(&run);
}

static void wrong_parameters_are_refused(void **state)
{
    (void)state;
    struct stage_run run;
    stage_run_init(&run, "differ");
    stage_run_out(&run, "report", "report.json");
    stage_run_out(&run, "pictures", "pictures");
    stage_run_param(&run, "pairs", json_pack("[{s:s, s:s}]", "name", "x", "a", "y"));
    assert_int_equal(stage_run_check(&run), 2);
    assert_non_null(strstr(run.messages, "each must have name, a and b"));
    stage_run_param(&run, "pairs", json_string("x"));
    assert_int_equal(stage_run_check(&run), 2);
    stage_run_release(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_bits_differ_in_nothing),
        cmocka_unit_test(ulp_counts_steps_between_floats),
        cmocka_unit_test(f64_has_steps_of_its_own),
        cmocka_unit_test(nan_on_a_side_has_no_distance),
        cmocka_unit_test(whole_numbers_differ_by_their_value),
        cmocka_unit_test(first_line_that_differs_is_shown),
        cmocka_unit_test(bytes_are_counted),
        cmocka_unit_test(differences_beyond_a_block_are_found),
        cmocka_unit_test(values_are_named_by_their_path),
        cmocka_unit_test(tensors_are_compared_by_name),
        cmocka_unit_test(a_picture_shows_where_pictures_differ),
        cmocka_unit_test(wrong_parameters_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
