#include "data/sample.h"

#include "base/digest.h"
#include "base/file.h"
#include "data/cifar10.h"
#include "data/scene.h"
#include "data_scratch.h"

#include <stdlib.h>

static void generate(const char *url, const char *path)
{
    struct sample_request request;
    EXPECT_OK(sample_parse(url, &request, &err));
    EXPECT_OK(sample_write(path, &request, NULL, NULL, &err));
}

static void sample_bytes_are_pinned(void **state)
{
    static const struct {
        const char *url, *sha256;
    } cases[] = {
        {"sample:objects?train=40&test=10",
         "8326b69e2478c3d4e2f7be54248cd23d204acc1cbfdcff1a6c3bacd142182292"},
        {"sample:shapes?train=40&test=10",
         "91eb3d8f995fc2fbabad84253695e356845941bb7f35572b4ecad8f8cfbec72d"},
    };
    struct scratch_path path = data_scratch_path(state, "a.tar");
    for (int i = 0; i < 2; i++) {
        struct digest digest;
        char hex[DIGEST_HEX_SIZE];
        generate(cases[i].url, path.text);
        EXPECT_OK(digest_of_file(path.text, &digest, &err));
        digest_to_hex(&digest, hex);
        assert_string_equal(hex, cases[i].sha256);
    }
}

static void sample_is_a_dataset_with_balanced_classes_and_boxes(void **state)
{
    struct scratch_path path = data_scratch_path(state, "a.tar");
    struct dataset dataset = {0};
    int64_t counts[10] = {0};
    generate("sample:objects?train=2020&test=30&seed=5", path.text);
    EXPECT_OK(cifar10_read(path.text, &dataset, &err));
    assert_int_equal(dataset.train_labels.count, 2020);
    assert_int_equal(dataset.test_labels.count, 30);
    assert_true(dataset.has_boxes);
    assert_string_equal(dataset.classes[0], "house");
    EXPECT_OK(dataset_count_labels(&dataset.train_labels, 10, counts, &err));
    for (int i = 0; i < 10; i++)
        assert_int_equal(counts[i], 202);
    const uint8_t *box = dataset.train_boxes.data;
    for (int i = 0; i < 2020; i++, box += 4) {
        assert_in_range(box[2] - box[0] + 1, 4, 26);
        assert_in_range(box[3] - box[1] + 1, 4, 26);
    }
    dataset_release(&dataset);
}

/* Batches of train and test, and other seeds, share no picture. */
static void sample_pictures_differ(void **state)
{
    struct scratch_path a = data_scratch_path(state, "a.tar"),
                        b = data_scratch_path(state, "b.tar");
    struct dataset x = {0}, y = {0};
    generate("sample:objects?train=60&test=60", a.text);
    generate("sample:objects?train=60&test=60&seed=1", b.text);
    EXPECT_OK(cifar10_read(a.text, &x, &err));
    EXPECT_OK(cifar10_read(b.text, &y, &err));
    const size_t size = 3 * SCENE_PIXELS;
    const uint8_t *sets[] = {x.train_images.data, x.test_images.data, y.train_images.data};
    for (int i = 0; i < 180; i++)
        for (int k = 0; k < i; k++)
            if (memcmp(sets[i / 60] + (size_t)(i % 60) * size,
                       sets[k / 60] + (size_t)(k % 60) * size, size) == 0)
                fail_msg("pictures %d and %d are equal", i, k);
    dataset_release(&x);
    dataset_release(&y);
}

static void sample_shows_more_pictures_of_the_same_when_asked_for_more(void **state)
{
    struct scratch_path a = data_scratch_path(state, "a.tar"),
                        b = data_scratch_path(state, "b.tar");
    struct dataset x = {0}, y = {0};
    generate("sample:shapes?train=10&test=5", a.text);
    generate("sample:shapes?train=30&test=15", b.text);
    EXPECT_OK(cifar10_read(a.text, &x, &err));
    EXPECT_OK(cifar10_read(b.text, &y, &err));
    EXPECT_OK(dataset_keep_first(&y, 10, 5, &err));
    assert_memory_equal(x.train_images.data, y.train_images.data, 10 * 3 * SCENE_PIXELS);
    assert_memory_equal(x.test_boxes.data, y.test_boxes.data, 5 * 4);
    dataset_release(&x);
    dataset_release(&y);
}

static void sample_parse_names_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *url, *message;
    } cases[] = {
        {"sample:object", "there is no sample 'object', only objects and shapes"},
        {"sample:objects?train=0", "'train=0' must be an integer from 1 to 50000"},
        {"sample:objects?train=50001", "from 1 to 50000"},
        {"sample:objects?test=x", "'test=x' must be an integer"},
        {"sample:objects?seed=-1", "from 0 to 4294967295"},
        {"sample:objects?sed=1", "unknown option 'sed=1', not train=, test= or seed="},
        {"sample:objects?train", "unknown option 'train'"},
        {"sample:objects?", "unknown option ''"},
        {"http://objects", "not a sample: URL"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sample_request request;
        EXPECT_ERROR(sample_parse(cases[i].url, &request, &err), ERR_USAGE, cases[i].message);
    }
    struct sample_request request;
    EXPECT_OK(sample_parse("sample:shapes?seed=4294967295&train=7", &request, &err));
    assert_int_equal(request.family, FAMILY_SHAPES);
    assert_int_equal(request.train, 7);
    assert_int_equal(request.test, 500);
    assert_int_equal(request.seed, 4294967295u);
}

static bool stop(void *context, int64_t done, int64_t total)
{
    (void)context, (void)done, (void)total;
    return false;
}

static void sample_leaves_nothing_when_interrupted(void **state)
{
    struct scratch_path path = data_scratch_path(state, "a.tar");
    struct sample_request request = {FAMILY_OBJECTS, 10, 10, 0};
    EXPECT_ERROR(sample_write(path.text, &request, stop, NULL, &err), ERR_INTERRUPTED, "");
    assert_false(file_exists(path.text));
}

static void sample_survives_failing_allocations(void **state)
{
    struct scratch_path path = data_scratch_path(state, "a.tar");
    struct sample_request request = {FAMILY_OBJECTS, 2, 2, 0};
    EXPECT_ALLOCATION_FAILURES(sample_write(path.text, &request, NULL, NULL, &err), 1);
    EXPECT_ALLOCATION_FAILURES(sample_parse("sample:objects", &request, &err), 0);
}

int main(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, data_scratch_set_up, data_scratch_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(sample_bytes_are_pinned),
        TEST(sample_is_a_dataset_with_balanced_classes_and_boxes),
        TEST(sample_pictures_differ),
        TEST(sample_shows_more_pictures_of_the_same_when_asked_for_more),
        TEST(sample_parse_names_what_is_wrong),
        TEST(sample_leaves_nothing_when_interrupted),
        TEST(sample_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
