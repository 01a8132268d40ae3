#include "base/philox.h"
#include "tap.h"

/* Known answers of philox4x32-10 from the Random123 distribution (kat_vectors). */
static void philox_gives_the_published_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], answer[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct philox block = philox_block(cases[i].counter, cases[i].key);
        for (size_t j = 0; j < 4; j++)
            assert_int_equal(block.words[j], cases[i].answer[j]);
    }
}

static void philox_streams_differ_by_every_part_of_their_key(void **state)
{
    (void)state;
    uint32_t first = philox_at(1, RANDOM_AUGMENT, 2, 3, 4).words[0];
    assert_int_not_equal(first, philox_at(2, RANDOM_AUGMENT, 2, 3, 4).words[0]);
    assert_int_not_equal(first, philox_at(1, RANDOM_DROPOUT, 2, 3, 4).words[0]);
    assert_int_not_equal(first, philox_at(1, RANDOM_AUGMENT, 3, 3, 4).words[0]);
    assert_int_not_equal(first, philox_at(1, RANDOM_AUGMENT, 2, 4, 4).words[0]);
    assert_int_not_equal(first, philox_at(1, RANDOM_AUGMENT, 2, 3, 5).words[0]);
}

static void uniform_stays_below_one_and_below_in_range(void **state)
{
    (void)state;
    assert_true(philox_uniform(0xffffffff) < 1.0f);
    assert_true(philox_uniform(0) == 0.0f);
    assert_int_equal(philox_below(0xffffffff, 10), 9);
    assert_int_equal(philox_below(0, 10), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_published_answers),
        cmocka_unit_test(philox_streams_differ_by_every_part_of_their_key),
        cmocka_unit_test(uniform_stays_below_one_and_below_in_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
