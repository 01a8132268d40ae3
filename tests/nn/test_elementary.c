#include "nn/elementary.h"

#include "tap.h"

static void exponential_is_exact_to_a_few_units(void **state)
{
    (void)state;
    for (double x = 0; x < 700; x = x * 1.0137 + 0.00371) {
        assert_true(fabs(elementary_exp(-x) - exp(-x)) <= 1e-15 * exp(-x));
        assert_true(fabs(elementary_exp(x) - exp(x)) <= 1e-15 * exp(x));
    }
    assert_true(elementary_exp(0) == 1 && elementary_exp(-1e300) == 0);
    assert_true(isinf(elementary_exp(1e300)) && isnan(elementary_exp((double)NAN)));
}

static void logarithm_is_exact_to_a_few_units(void **state)
{
    (void)state;
    for (double x = 1; x < 1e6; x = x * 1.00171 + 1e-5) {
        double most = 1e-15 * fmax(log(x), 1e-3);
        assert_true(fabs(elementary_log(x) - log(x)) <= most);
        assert_true(fabs(elementary_log(1 / x) - log(1 / x)) <= most);
    }
    assert_true(fabs(elementary_log(5e-324) - log(5e-324)) <= 1e-12);
    assert_true(elementary_log(1) == 0 && elementary_log(0) == -(double)INFINITY);
    assert_true(isinf(elementary_log((double)INFINITY)) && isnan(elementary_log(-1)) &&
                isnan(elementary_log((double)NAN)));
}

static void sine_and_cosine_are_exact_to_a_few_units(void **state)
{
    (void)state;
    for (double t = -6.283; t < 6.284; t += 0.01) {
        double sine, cosine;
        elementary_sine_cosine(t, &sine, &cosine);
        assert_true(fabs(sine - sin(t)) < 1e-13 && fabs(cosine - cos(t)) < 1e-13);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exponential_is_exact_to_a_few_units),
        cmocka_unit_test(logarithm_is_exact_to_a_few_units),
        cmocka_unit_test(sine_and_cosine_are_exact_to_a_few_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
