#include "data/classification.h"

#include "golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

enum { CLASSES = 10, SAMPLES = 400 };

static const char *const names[CLASSES] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                           "dog",      "frog",       "horse", "ship", "truck"};

static struct classification golden_classification(void)
{
    uint16_t truth[SAMPLES], predicted[SAMPLES];
    int64_t *values;
    struct classification classification;
    struct error err = {0};
    char *text = golden_read("report/labels.txt");
    assert_int_equal(golden_ints(text, &values), 2 * SAMPLES);
    for (int i = 0; i < SAMPLES; i++) {
        truth[i] = (uint16_t)values[2 * i];
        predicted[i] = (uint16_t)values[2 * i + 1];
    }
    assert_int_equal(
        classification_compute(truth, predicted, SAMPLES, CLASSES, &classification, &err), 0);
    free(values);
    free(text);
    return classification;
}

static void classification_counts_as_scikit_learn(void **state)
{
    (void)state;
    int64_t *expected;
    struct classification classification = golden_classification();
    char *text = golden_read("report/confusion.csv");
    assert_int_equal(golden_ints(text, &expected), CLASSES * CLASSES);
    assert_memory_equal(classification.confusion, expected, sizeof(*expected) * CLASSES * CLASSES);
    free(expected);
    free(text);
    classification_release(&classification);
}

static void expect_score(const char *text, const char *name, const struct class_score *score)
{
    char key[64];
    double precision, recall, f1;
    long long support;
    snprintf(key, sizeof(key), "%s,", name);
    char *line = golden_find(text, key);
    assert_non_null(line);
    assert_int_equal(sscanf(line, "%lf,%lf,%lf,%lld", &precision, &recall, &f1, &support), 4);
    assert_float_equal(score->precision, precision, 1e-12);
    assert_float_equal(score->recall, recall, 1e-12);
    assert_float_equal(score->f1, f1, 1e-12);
    assert_int_equal(score->support, support);
    free(line);
}

static void classification_scores_as_scikit_learn(void **state)
{
    (void)state;
    struct classification classification = golden_classification();
    char *text = golden_read("report/report_values.csv");
    for (int k = 0; k < CLASSES; k++)
        expect_score(text, names[k], &classification.scores[k]);
    expect_score(text, "macro avg", &classification.macro);
    expect_score(text, "weighted avg", &classification.weighted);
    char *accuracy = golden_find(text, "accuracy,");
    assert_float_equal(classification.accuracy, strtod(accuracy, NULL), 1e-12);
    free(accuracy);
    free(text);
    classification_release(&classification);
}

static void classification_prints_as_scikit_learn(void **state)
{
    (void)state;
    struct classification classification = golden_classification();
    struct text text = {0};
    char *expected = golden_read("report/report.txt");
    classification_text(&classification, names, &text);
    assert_string_equal(text_string(&text), expected);
    text_release(&text);
    free(expected);
    classification_release(&classification);
}

static char *next_line(char **at)
{
    char *line = *at;
    *at = strchr(line, '\n');
    assert_non_null(*at);
    *(*at)++ = '\0';
    return line;
}

/* One case of the golden file, whose form generate.py has. */
static void check_case(char **at)
{
    const char *case_names[256];
    uint16_t *labels[2];
    struct classification classification;
    struct error err = {0};
    struct text text = {0};
    int classes, samples;
    assert_int_equal(sscanf(next_line(at), "%d %d", &classes, &samples), 2);
    for (int k = 0; k < classes; k++)
        case_names[k] = next_line(at);
    for (int i = 0; i < 2; i++) {
        int64_t *values;
        assert_int_equal(golden_ints(next_line(at), &values), samples);
        assert_non_null(labels[i] = malloc((size_t)samples * sizeof(*labels[i])));
        for (int j = 0; j < samples; j++)
            labels[i][j] = (uint16_t)values[j];
        free(values);
    }
    char *end = strstr(*at, "\f\n");
    assert_non_null(end);
    *end = '\0';
    assert_int_equal(
        classification_compute(labels[0], labels[1], samples, classes, &classification, &err), 0);
    classification_text(&classification, case_names, &text);
    assert_string_equal(text_string(&text), *at);
    *at = end + 2;
    text_release(&text);
    classification_release(&classification);
    free(labels[0]);
    free(labels[1]);
}

/* Names of several bytes a character, classes without samples, ties of the second decimal, long
 * sums. */
static void classification_of_random_cases_prints_as_scikit_learn(void **state)
{
    (void)state;
    char *text = golden_read("report_cases/cases.txt"), *at = text;
    int cases = 0;
    for (; *at != '\0'; cases++)
        check_case(&at);
    assert_int_equal(cases, 24);
    free(text);
}

static void classification_widens_for_a_long_name(void **state)
{
    (void)state;
    const uint16_t labels[2] = {0, 1};
    const char *const long_names[2] = {"a name of 19 letters", "b"};
    struct classification classification;
    struct error err = {0};
    struct text text = {0};
    assert_int_equal(classification_compute(labels, labels, 2, 2, &classification, &err), 0);
    classification_text(&classification, long_names, &text);
    assert_non_null(strstr(text_string(&text), "\na name of 19 letters       1.00      1.00"));
    assert_non_null(strstr(text_string(&text), "\n                   b       1.00      1.00"));
    text_release(&text);
    classification_release(&classification);
}

static void classification_refuses_a_class_out_of_range(void **state)
{
    (void)state;
    const uint16_t truth[3] = {0, 1, 1}, predicted[3] = {0, 2, 1};
    struct classification classification = {0};
    struct error err = {0};
    assert_int_equal(classification_compute(truth, predicted, 3, 2, &classification, &err), -1);
    assert_string_equal(err.message, "sample 1: class 2 is not below 2");
    classification_release(&classification);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classification_counts_as_scikit_learn),
        cmocka_unit_test(classification_scores_as_scikit_learn),
        cmocka_unit_test(classification_prints_as_scikit_learn),
        cmocka_unit_test(classification_of_random_cases_prints_as_scikit_learn),
        cmocka_unit_test(classification_widens_for_a_long_name),
        cmocka_unit_test(classification_refuses_a_class_out_of_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
