#include "data/split.h"

#include "base/digest.h"
#include "base/text.h"
#include "golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

static struct split_size fraction(double value)
{
    return (struct split_size){.kind = SPLIT_FRACTION, .fraction = value};
}

static struct split_size number(int64_t value)
{
    return (struct split_size){.kind = SPLIT_COUNT, .count = value};
}

/* "none", "0.2" (a fraction) or "25" (a count), as the golden files write it. */
static struct split_size golden_size(const char *text, const char *key)
{
    struct split_size size = {0};
    long long count;
    char *value = golden_find(text, key);
    assert_non_null(value);
    if (text_to_int64(value, &count))
        size = number(count);
    else if (strcmp(value, "none") != 0)
        size = fraction(strtod(value, NULL));
    free(value);
    return size;
}

static struct split_options golden_options(const char *text)
{
    return (struct split_options){.test = golden_size(text, "test_size="),
                                  .train = golden_size(text, "train_size="),
                                  .seed = (uint32_t)golden_int(text, "random_state="),
                                  .label_ndim = (int)golden_int(text, "label_ndim=")};
}

static uint16_t *as_labels(const char *line, int64_t n)
{
    int64_t *values;
    assert_int_equal(golden_ints(line, &values), n);
    uint16_t *labels = malloc((size_t)n * sizeof(*labels));
    assert_non_null(labels);
    for (int64_t i = 0; i < n; i++)
        labels[i] = (uint16_t)values[i];
    free(values);
    return labels;
}

static void expect_part(const char *text, const char *key, const int64_t *got, int64_t count)
{
    int64_t *expected;
    char *line = golden_find(text, key);
    assert_non_null(line);
    assert_int_equal(golden_ints(line, &expected), count);
    assert_memory_equal(got, expected, (size_t)count * sizeof(*got));
    free(expected);
    free(line);
}

static void split_equals_scikit_learn(void **state)
{
    (void)state;
    for (int number_of_case = 1; number_of_case <= 10; number_of_case++) {
        char name[64];
        snprintf(name, sizeof(name), "split/case_%02d.txt", number_of_case);
        char *text = golden_read(name);
        char *line = golden_find(text, "labels=");
        int64_t n = golden_int(text, "n=");
        uint16_t *labels = as_labels(line, n);
        struct split_options options = golden_options(text);
        struct split split;
        struct error err = {0};
        assert_int_equal(split_stratified(labels, n, &options, &split, &err), 0);
        assert_int_equal(split.train_count, golden_int(text, "n_train="));
        assert_int_equal(split.test_count, golden_int(text, "n_test="));
        expect_part(text, "train=", split.train, split.train_count);
        expect_part(text, "test=", split.test, split.test_count);
        split_release(&split);
        free(labels);
        free(line);
        free(text);
    }
}

static void expect_digest(const char *text, const char *key, const int64_t *indices, int64_t count)
{
    struct error err = {0};
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    char *expected = golden_find(text, key);
    assert_non_null(expected);
    assert_int_equal(digest_of_bytes(indices, (size_t)count * sizeof(*indices), &digest, &err), 0);
    digest_to_hex(&digest, hex);
    assert_string_equal(hex, expected);
    free(expected);
}

static void split_of_ten_thousand_equals_scikit_learn(void **state)
{
    (void)state;
    char *text = golden_read("split/case_10k.txt");
    char *lines = golden_read("split/case_10k_labels.txt");
    uint16_t *labels = as_labels(lines, 10000);
    struct split_options options = golden_options(text);
    struct split split;
    struct error err = {0};
    assert_int_equal(split_stratified(labels, 10000, &options, &split, &err), 0);
    assert_int_equal(split.train_count, 8000);
    assert_int_equal(split.test_count, 2000);
    expect_digest(text, "train_i64le_sha256=", split.train, 8000);
    expect_digest(text, "test_i64le_sha256=", split.test, 2000);
    split_release(&split);
    free(labels);
    free(lines);
    free(text);
}

/* One line a case, made with scikit-learn by generate_random.py. The digest is of train, then test.
 */
static void split_equals_scikit_learn_on_random_cases(void **state)
{
    (void)state;
    char *text = golden_read("split/random.txt");
    int cases = 0;
    for (char *line = text; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
        char test[32], train[32], digits[65], counts[256], hex[DIGEST_HEX_SIZE];
        unsigned seed, ndim, offset;
        if (*line == '#')
            continue;
        assert_int_equal(sscanf(line, "%31s %31s %u %u %u %64s %255[^\n]", test, train, &seed,
                                &ndim, &offset, digits, counts),
                         7);
        int64_t *sizes, n = 0;
        size_t classes = golden_ints(counts, &sizes);
        uint16_t labels[4096];
        /* Labels take turns while they last, so every class is spread out. */
        for (int64_t round = 0, left = 1; left > 0; round++) {
            left = 0;
            for (size_t c = 0; c < classes; c++)
                if (sizes[c] > round) {
                    labels[n++] = (uint16_t)(c * 3 + offset);
                    left++;
                }
        }
        free(sizes);
        char keyed[128];
        snprintf(keyed, sizeof(keyed), "test=%s\ntrain=%s\n", test, train);
        struct split_options options = {.test = golden_size(keyed, "test="),
                                        .train = golden_size(keyed, "train="),
                                        .seed = seed,
                                        .label_ndim = (int)ndim};
        struct split split;
        struct error err = {0};
        if (split_stratified(labels, n, &options, &split, &err) < 0)
            fail_msg("%s", err.message);
        struct hasher *hasher = hasher_new(&err);
        struct digest digest;
        hasher_add(hasher, split.train, (size_t)split.train_count * 8, &err);
        hasher_add(hasher, split.test, (size_t)split.test_count * 8, &err);
        hasher_finish(hasher, &digest, &err);
        hasher_free(hasher);
        digest_to_hex(&digest, hex);
        hex[16] = '\0';
        assert_string_equal(hex, digits);
        split_release(&split);
        cases++;
    }
    assert_true(cases >= 300);
    free(text);
}

static void expect_refusal(const uint16_t *labels, int64_t n, struct split_size test,
                           struct split_size train, const char *message)
{
    struct split_options options = {.test = test, .train = train, .seed = 1, .label_ndim = 2};
    struct split split;
    struct error err = {0};
    assert_int_equal(split_stratified(labels, n, &options, &split, &err), -1);
    assert_int_equal(err.kind, ERR_USAGE);
    assert_string_equal(err.message, message);
}

static const uint16_t two_of_five[10] = {0, 1, 2, 3, 4, 0, 1, 2, 3, 4};

static void split_refuses_a_class_with_one_member(void **state)
{
    (void)state;
    const uint16_t labels[10] = {0, 0, 0, 0, 1, 2, 2, 2, 2, 9};
    expect_refusal(labels, 10, fraction(0.5), (struct split_size){0},
                   "the least populated classes have only 1 member, which is too few: every class "
                   "needs at least 2 (too few in class 1, 9)");
}

static void split_refuses_parts_smaller_than_the_classes(void **state)
{
    (void)state;
    expect_refusal(
        two_of_five, 10, fraction(0.2), (struct split_size){0},
        "the test_size = 2 should be greater or equal to the number of classes = 5: write "
        "test_size: 5, or more, in place of the share");
    expect_refusal(two_of_five, 10, fraction(0.7), (struct split_size){0},
                   "the train_size = 3 should be greater or equal to the number of classes = 5");
}

static void split_refuses_a_fraction_outside_zero_to_one(void **state)
{
    (void)state;
    expect_refusal(two_of_five, 10, fraction(1.0), (struct split_size){0},
                   "test_size=1 should be either positive and smaller than the number of samples "
                   "10 or a fraction in the (0, 1) range");
    expect_refusal(two_of_five, 10, fraction(0.0), (struct split_size){0},
                   "test_size=0 should be either positive and smaller than the number of samples "
                   "10 or a fraction in the (0, 1) range");
    expect_refusal(two_of_five, 10, fraction(0.5), fraction(-0.25),
                   "train_size=-0.25 should be either positive and smaller than the number of "
                   "samples 10 or a fraction in the (0, 1) range");
}

static void split_refuses_counts_outside_the_samples(void **state)
{
    (void)state;
    expect_refusal(two_of_five, 10, number(10), (struct split_size){0},
                   "test_size=10 should be either positive and smaller than the number of samples "
                   "10 or a fraction in the (0, 1) range");
    expect_refusal(two_of_five, 10, number(6), number(5),
                   "the sum of train_size and test_size = 11 should be smaller than the number of "
                   "samples 10: reduce test_size or train_size");
    expect_refusal(two_of_five, 10, fraction(0.75), fraction(0.5),
                   "the sum of test_size and train_size = 1.25 should be in the (0, 1) range: "
                   "reduce test_size or train_size");
}

static void split_refuses_an_empty_training_set(void **state)
{
    (void)state;
    expect_refusal(two_of_five, 10, fraction(0.95), (struct split_size){0},
                   "with n_samples=10, test_size=0.95 and train_size=none, the resulting train set "
                   "will be empty: adjust one of them");
    expect_refusal(two_of_five, 0, fraction(0.2), (struct split_size){0},
                   "with n_samples=0, test_size=0.2 and train_size=none, the resulting train set "
                   "will be empty: adjust one of them");
}

static void split_tests_a_quarter_where_no_size_is_given(void **state)
{
    (void)state;
    uint16_t labels[40];
    for (int i = 0; i < 40; i++)
        labels[i] = i % 4;
    struct split_options options = {.label_ndim = 1};
    struct split split;
    struct error err = {0};
    assert_int_equal(split_stratified(labels, 40, &options, &split, &err), 0);
    assert_int_equal(split.train_count, 30);
    assert_int_equal(split.test_count, 10);
    split_release(&split);
    split_release(&split);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_equals_scikit_learn),
        cmocka_unit_test(split_of_ten_thousand_equals_scikit_learn),
        cmocka_unit_test(split_equals_scikit_learn_on_random_cases),
        cmocka_unit_test(split_refuses_a_class_with_one_member),
        cmocka_unit_test(split_refuses_parts_smaller_than_the_classes),
        cmocka_unit_test(split_refuses_a_fraction_outside_zero_to_one),
        cmocka_unit_test(split_refuses_counts_outside_the_samples),
        cmocka_unit_test(split_refuses_an_empty_training_set),
        cmocka_unit_test(split_tests_a_quarter_where_no_size_is_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
