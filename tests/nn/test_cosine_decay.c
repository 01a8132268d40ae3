/* The rate of each step against Keras' own schedule. */
#include "nn/cosine_decay.h"

#include "known.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void cosine_decay_is_keras(void **state)
{
    struct known_text golden;
    const char *word;
    int cases = 0;
    (void)state;
    known_open(&golden, "tests/golden/keras_schedules/cosine_decay.txt");
    for (; (word = known_word(&golden)) != NULL; cases++) {
        struct cosine_decay decay = {.on = true};
        const double initial = strtod(word, NULL);
        decay.decay_steps = (int64_t)known_number(&golden);
        decay.alpha = known_number(&golden);
        decay.warmup_steps = (int64_t)known_number(&golden);
        decay.warmup_target = known_number(&golden);
        const int64_t count = (int64_t)known_number(&golden);
        const double peak = fmax(initial, decay.warmup_target);
        for (int64_t i = 0; i < count; i++) {
            const double known = known_number(&golden);
            const double own = (double)cosine_decay_at(&decay, initial, i);
            if (!(fabs(own - known) <= 2e-7 * peak))
                fail_msg("case %d, step %d: %.9g, Keras has %.9g", cases, (int)i, own, known);
        }
    }
    known_close(&golden);
    assert_int_equal(cases, 5);
}

static void cosine_decay_fills_the_training(void **state)
{
    struct cosine_decay decay = {.on = true, .warmup_steps = 10};
    (void)state;
    assert_int_equal(cosine_decay_rest(&decay, 100), 90);
    assert_int_equal(cosine_decay_rest(&decay, 4), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cosine_decay_is_keras),
        cmocka_unit_test(cosine_decay_fills_the_training),
    };
    return cmocka_run_group_tests_name("cosine decay", tests, NULL, NULL);
}
