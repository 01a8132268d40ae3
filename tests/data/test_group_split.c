#include "data/group_split.h"

#include "data/twins.h"
#include "data_scratch.h"

#include <stdlib.h>

enum { N = 600, CLASSES = 3, GROUPS = 60 };

struct bed {
    uint16_t labels[N];
    int64_t groups[N], samples[N];
};

/* Groups of ten, of one class each or of several. */
static void make_bed(struct bed *bed, bool mixed)
{
    for (int64_t i = 0; i < N; i++) {
        bed->groups[i] = i % GROUPS;
        bed->labels[i] = (uint16_t)((mixed ? i / 7 : i % GROUPS) % CLASSES);
        bed->samples[i] = i;
    }
}

static struct split split_bed(const struct bed *bed, uint32_t seed)
{
    const struct split_options options = {.test = {.kind = SPLIT_FRACTION, .fraction = 0.2},
                                          .seed = seed};
    struct split split;
    EXPECT_OK(
        group_split(bed->labels, bed->groups, bed->samples, N, CLASSES, &options, &split, &err));
    return split;
}

static void group_split_keeps_groups_whole_and_classes_even(void **state)
{
    (void)state;
    for (int mixed = 0; mixed < 2; mixed++) {
        struct bed bed;
        int side[GROUPS] = {0}, tested[CLASSES] = {0};
        make_bed(&bed, mixed == 1);
        struct split split = split_bed(&bed, 1);
        assert_int_equal(split.train_count + split.test_count, N);
        for (int64_t i = 0; i < split.test_count; i++) {
            side[bed.groups[split.test[i]]] |= 1;
            tested[bed.labels[split.test[i]]]++;
        }
        for (int64_t i = 0; i < split.train_count; i++)
            side[bed.groups[split.train[i]]] |= 2;
        for (int g = 0; g < GROUPS; g++)
            assert_in_range(side[g], 1, 2);
        for (int c = 0; c < CLASSES; c++)
            assert_in_range(tested[c], 30, 50); /* 40 are wanted */
        split_release(&split);
    }
}

static void group_split_depends_on_the_seed_alone(void **state)
{
    (void)state;
    struct bed bed;
    make_bed(&bed, false);
    struct split first = split_bed(&bed, 1), again = split_bed(&bed, 1), other = split_bed(&bed, 2);
    assert_int_equal(first.test_count, again.test_count);
    assert_memory_equal(first.test, again.test, (size_t)first.test_count * sizeof(int64_t));
    assert_true(first.test_count != other.test_count ||
                memcmp(first.test, other.test, (size_t)first.test_count * sizeof(int64_t)) != 0);
    split_release(&first);
    split_release(&again);
    split_release(&other);
}

/* Without groups it is as even as rounding allows; a class of two has one on each side. */
static void group_split_of_single_pictures_is_stratified(void **state)
{
    (void)state;
    struct bed bed;
    int tested[CLASSES] = {0};
    make_bed(&bed, false);
    for (int64_t i = 0; i < N; i++) {
        bed.groups[i] = -1;
        bed.labels[i] = i < 2 ? 2 : i < 102;
    }
    struct split split = split_bed(&bed, 3);
    for (int64_t i = 0; i < split.test_count; i++)
        tested[bed.labels[split.test[i]]]++;
    assert_in_range(tested[0], 99, 100);
    assert_int_equal(tested[1], 20);
    assert_int_equal(tested[2], 1);
    split_release(&split);
}

static void group_split_refuses_what_cannot_be_parted(void **state)
{
    (void)state;
    struct bed bed;
    struct split split;
    const struct split_options fifth = {.test = {.kind = SPLIT_FRACTION, .fraction = 0.2}},
                               all = {.test = {.kind = SPLIT_COUNT, .count = N}},
                               both = {.test = {.kind = SPLIT_FRACTION, .fraction = 0.2},
                                       .train = {.kind = SPLIT_FRACTION, .fraction = 0.2}};
    make_bed(&bed, false);
    EXPECT_ERROR(group_split(bed.labels, bed.groups, bed.samples, N, CLASSES, &all, &split, &err),
                 ERR_USAGE, "smaller than the 600 pictures");
    EXPECT_ERROR(group_split(bed.labels, bed.groups, bed.samples, N, CLASSES, &both, &split, &err),
                 ERR_USAGE, "train_size");
    for (int i = 0; i < N; i++)
        bed.groups[i] = 5;
    EXPECT_ERROR(group_split(bed.labels, bed.groups, bed.samples, N, CLASSES, &fifth, &split, &err),
                 ERR_USAGE, "no group can be held out");
}

static void twins_unite_equal_pictures_and_groups(void **state)
{
    (void)state;
    /* 0 = 3 = 5 by bytes; 1 and 3 by group; 2 alone; 4 and 6 equal, with different labels. */
    const char bytes[] = "abcadae";
    struct digest digests[7];
    const uint16_t labels[7] = {0, 0, 1, 0, 1, 0, 0};
    int64_t groups[7] = {-1, 9, -1, 9, -1, -1, -1};
    struct twins twins;
    bool any;
    for (int i = 0; i < 7; i++) {
        const char *byte = i == 6 ? "d" : bytes + i;
        EXPECT_OK(digest_of_bytes(byte, 1, &digests[i], &err));
    }
    EXPECT_OK(twins_find(digests, labels, 7, groups, &any, &twins, &err));
    const int64_t expected[7] = {0, 0, -1, 0, 4, 0, 4};
    assert_true(any);
    assert_memory_equal(groups, expected, sizeof(expected));
    assert_int_equal(twins.count, 3);
    const int64_t pairs[3][2] = {{0, 3}, {0, 5}, {4, 6}};
    assert_memory_equal(twins.pairs, pairs, sizeof(pairs));
    assert_int_equal(twins.conflicts, 1);
    assert_int_equal(twins.conflict[1], 6);
    EXPECT_ALLOCATION_FAILURES(twins_find(digests, labels, 7, groups, &any, &twins, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(group_split_keeps_groups_whole_and_classes_even),
        cmocka_unit_test(group_split_depends_on_the_seed_alone),
        cmocka_unit_test(group_split_of_single_pictures_is_stratified),
        cmocka_unit_test(group_split_refuses_what_cannot_be_parted),
        cmocka_unit_test(twins_unite_equal_pictures_and_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
