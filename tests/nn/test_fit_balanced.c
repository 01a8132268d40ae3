/* Classes that are not equally frequent. */
#include "nn/fit.h"

#include "known_text.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>

enum { CLASSES = 3 };

static void fit_draws_classes_equally_often(void **state)
{
    (void)state;
    enum { MANY = 3000 };
    struct error err;
    static int64_t samples[MANY], drawn[MANY], again[MANY];
    static uint16_t labels[MANY];
    int64_t counts[CLASSES] = {0}, seen[MANY] = {0};
    struct feed feed = {.classes = CLASSES, .labels = labels};
    for (int64_t i = 0; i < MANY; i++) {
        samples[i] = i;
        labels[i] = (uint16_t)(i < 100 ? 0 : 2); /* none of class 1 */
    }
    assert_int_equal(fit_draw_balanced(7, 3, &feed, samples, MANY, drawn, &err), 0);
    assert_int_equal(fit_draw_balanced(7, 3, &feed, samples, MANY, again, &err), 0);
    assert_memory_equal(drawn, again, sizeof(drawn));
    for (int64_t i = 0; i < MANY; i++) {
        assert_in_range(drawn[i], 0, MANY - 1);
        counts[labels[drawn[i]]]++;
        seen[drawn[i]]++;
    }
    assert_int_equal(counts[1], 0);
    assert_in_range(counts[0], 1350, 1650);
    for (int64_t i = 0; i < 100; i++)
        assert_in_range(seen[i], 1, 40); /* 15 expected */
    assert_int_equal(fit_draw_balanced(7, 4, &feed, samples, MANY, again, &err), 0);
    assert_true(memcmp(drawn, again, sizeof(drawn)) != 0);
}

static void fit_balances_weights_as_scikit_learn(void **state)
{
    (void)state;
    struct known_text golden;
    const char *word;
    int cases = 0;
    known_open(&golden, "tests/golden/recipes/class_weight.txt");
    for (; (word = known_word(&golden)) != NULL; cases++) {
        uint16_t labels[64];
        int64_t samples[64];
        float weights[8];
        const int64_t count = (int64_t)strtod(word, NULL);
        struct feed feed = {.labels = labels};
        feed.classes = (int64_t)known_number(&golden);
        for (int64_t i = 0; i < count; i++) {
            labels[i] = (uint16_t)known_number(&golden);
            samples[i] = i;
        }
        fit_balance_weights(&feed, samples, count, weights);
        for (int64_t c = 0; c < feed.classes; c++)
            assert_true(weights[c] == (float)known_number(&golden));
    }
    known_close(&golden);
    assert_int_equal(cases, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fit_draws_classes_equally_often),
        cmocka_unit_test(fit_balances_weights_as_scikit_learn),
    };
    return cmocka_run_group_tests_name("fit balanced", tests, NULL, NULL);
}
