#include "data/mt19937.h"

#include "base/digest.h"
#include "golden.h"

#include <stdio.h>
#include <stdlib.h>

#include "tap.h"

static const uint32_t seeds[] = {0, 1, 42, 4294967295u};
enum { SEEDS = sizeof(seeds) / sizeof(seeds[0]) };

static void expect_ints(const char *text, const char *key, const int64_t *got, size_t count)
{
    int64_t *expected;
    char *line = golden_find(text, key);
    if (line == NULL)
        fail_msg("no line '%s'", key);
    assert_int_equal(golden_ints(line, &expected), count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(got[i], expected[i]);
    free(expected);
    free(line);
}

static void mt19937_gives_numpys_words(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int first, count;
    } ranges[] = {{"u32_first8", 0, 8}, {"u32_620_to_631", 620, 12}, {"u32_1244_to_1251", 1244, 8}};
    char *text = golden_read("split/rng.txt");
    for (int s = 0; s < SEEDS; s++) {
        struct mt19937 rng;
        int64_t words[1300];
        mt19937_seed(&rng, seeds[s]);
        for (int i = 0; i < 1300; i++)
            words[i] = mt19937_next(&rng);
        for (int r = 0; r < 3; r++) {
            char key[64];
            snprintf(key, sizeof(key), "seed=%u %s=", seeds[s], ranges[r].name);
            expect_ints(text, key, words + ranges[r].first, (size_t)ranges[r].count);
        }
    }
    free(text);
}

static void mt19937_seeds_as_numpy(void **state)
{
    (void)state;
    char *text = golden_read("split/rng.txt");
    for (int s = 0; s < SEEDS; s++) {
        struct mt19937 rng;
        char expected[160];
        mt19937_seed(&rng, seeds[s]);
        snprintf(expected, sizeof(expected), "seed=%u key0=%u key1=%u key623=%u pos=%d", seeds[s],
                 rng.key[0], rng.key[1], rng.key[623], rng.position);
        char *rest = golden_find(text, expected);
        assert_non_null(rest);
        assert_string_equal(rest, "");
        free(rest);
    }
    free(text);
}

static void mt19937_permutes_as_numpy(void **state)
{
    (void)state;
    static const int sizes[] = {1, 2, 3, 10, 100};
    char *text = golden_read("split/rng.txt");
    for (int s = 0; s < SEEDS; s++)
        for (int n = 0; n < 5; n++) {
            struct mt19937 rng;
            int64_t values[100];
            char key[64];
            mt19937_seed(&rng, seeds[s]);
            mt19937_permutation(&rng, values, sizes[n]);
            snprintf(key, sizeof(key), "seed=%u permutation_%d=", seeds[s], sizes[n]);
            expect_ints(text, key, values, (size_t)sizes[n]);
        }
    free(text);
}

static void mt19937_continues_after_a_long_permutation(void **state)
{
    (void)state;
    char *text = golden_read("split/rng.txt");
    for (int s = 0; s < SEEDS; s++) {
        struct mt19937 rng;
        struct error err = {0};
        struct digest digest;
        char hex[DIGEST_HEX_SIZE], key[160];
        int64_t values[1000];
        mt19937_seed(&rng, seeds[s]);
        mt19937_permutation(&rng, values, 1000);
        assert_int_equal(digest_of_bytes(values, sizeof(values), &digest, &err), 0);
        digest_to_hex(&digest, hex);
        mt19937_permutation(&rng, values, 7);
        snprintf(key, sizeof(key),
                 "seed=%u permutation_1000_i64le_sha256=%s then_permutation_7=", seeds[s], hex);
        expect_ints(text, key, values, 7);
    }
    free(text);
}

static void mt19937_interval_stays_inside_and_draws_nothing_for_zero(void **state)
{
    (void)state;
    struct mt19937 rng;
    mt19937_seed(&rng, 3);
    mt19937_next(&rng);
    int before = rng.position;
    assert_int_equal(mt19937_interval(&rng, 0), 0);
    assert_int_equal(rng.position, before);
    for (uint32_t max = 1; max < 2000; max++)
        assert_true(mt19937_interval(&rng, max) <= max);
    (void)mt19937_interval(&rng, UINT32_MAX); /* the mask of all bits: one draw */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mt19937_gives_numpys_words),
        cmocka_unit_test(mt19937_seeds_as_numpy),
        cmocka_unit_test(mt19937_permutes_as_numpy),
        cmocka_unit_test(mt19937_continues_after_a_long_permutation),
        cmocka_unit_test(mt19937_interval_stays_inside_and_draws_nothing_for_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
