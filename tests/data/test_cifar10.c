#include "data/cifar10.h"

#include "base/file.h"
#include "data_scratch.h"

#include <stdlib.h>

enum { RECORDS = 3 };

static const char meta[] =
    "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n";

/* Batches with labels 0, 1, 2 and pixels that tell batch, record and place. */
struct batches {
    uint8_t train[2][RECORDS * CIFAR10_RECORD_SIZE], test[RECORDS * CIFAR10_RECORD_SIZE];
    uint8_t boxes[RECORDS * 4];
};

static void fill(uint8_t *batch, int number)
{
    for (int i = 0; i < RECORDS; i++) {
        uint8_t *record = batch + i * CIFAR10_RECORD_SIZE;
        record[0] = (uint8_t)i;
        for (int k = 0; k < 3 * CIFAR10_PLANE; k++)
            record[1 + k] = (uint8_t)(number * 50 + i * 10 + k / CIFAR10_PLANE + k % 32 + k % 7);
    }
}

static struct batches *make_batches(void)
{
    struct batches *batches = calloc(1, sizeof(*batches));
    fill(batches->train[0], 1);
    fill(batches->train[1], 2);
    fill(batches->test, 3);
    for (int i = 0; i < RECORDS; i++)
        memcpy(batches->boxes + 4 * i, ((uint8_t[]){1, 2, 30, 31}), 4);
    return batches;
}

#define MEMBER(path, array)                                                                        \
    {                                                                                              \
        .name = path, .data = (array), .size = sizeof(array)                                       \
    }

static void cifar10_reads_batches_as_nhwc(void **state)
{
    struct scratch_path path = data_scratch_path(state, "a.tar.gz");
    struct batches *b = make_batches();
    const struct tar_member members[] = {
        MEMBER("c/data_batch_2.bin", b->train[1]),
        MEMBER("c/readme.html", meta),
        MEMBER("c/test_batch.bin", b->test),
        MEMBER("c/data_batch_1.bin", b->train[0]),
        {.name = "c/batches.meta.txt", .data = meta, .size = sizeof(meta) - 1}};
    struct dataset dataset = {0};
    write_tar(path.text, members, 5, true);
    EXPECT_OK(cifar10_read(path.text, &dataset, &err));
    assert_int_equal(dataset.train_images.shape[0], 2 * RECORDS);
    assert_int_equal(dataset.test_labels.shape[0], RECORDS);
    assert_int_equal(dataset.class_count, 10);
    assert_string_equal(dataset.classes[9], "truck");
    assert_false(dataset.has_boxes);
    const uint8_t *images = dataset.train_images.data;
    const uint16_t *labels = dataset.train_labels.data;
    for (int i = 0; i < 2 * RECORDS; i++) {
        const uint8_t *record = b->train[i / RECORDS] + i % RECORDS * CIFAR10_RECORD_SIZE;
        assert_int_equal(labels[i], i % RECORDS);
        for (int y = 0; y < 32; y++)
            for (int x = 0; x < 32; x++)
                for (int c = 0; c < 3; c++)
                    assert_int_equal(images[((i * 32 + y) * 32 + x) * 3 + c],
                                     record[1 + c * 1024 + y * 32 + x]);
    }
    dataset_release(&dataset);
    free(b);
}

static void cifar10_keeps_boxes_and_the_first_of_a_limit(void **state)
{
    struct scratch_path path = data_scratch_path(state, "a.tar");
    struct batches *b = make_batches();
    const struct tar_member members[] = {
        MEMBER("data_batch_1.bin", b->train[0]),
        MEMBER("data_batch_2.bin", b->train[1]),
        MEMBER("test_batch.bin", b->test),
        MEMBER("boxes_1.bin", b->boxes),
        MEMBER("boxes_2.bin", b->boxes),
        MEMBER("test_boxes.bin", b->boxes),
        {.name = "batches.meta.txt", .data = meta, .size = sizeof(meta) - 1}};
    struct dataset dataset = {0};
    write_tar(path.text, members, 7, false);
    EXPECT_OK(cifar10_read(path.text, &dataset, &err));
    EXPECT_ERROR(dataset_keep_first(&dataset, 7, -1, &err), ERR_USAGE,
                 "train_limit is 7, but there are only 6 records");
    assert_int_equal(dataset.train_images.shape[0], 6);
    EXPECT_OK(dataset_keep_first(&dataset, 4, 1, &err));
    assert_int_equal(dataset.train_images.shape[0], 4);
    assert_int_equal(dataset.train_labels.count, 4);
    assert_int_equal(dataset.test_images.shape[0], 1);
    assert_true(dataset.has_boxes);
    assert_int_equal(dataset.train_boxes.shape[0], 4);
    assert_int_equal(((const uint8_t *)dataset.train_boxes.data)[15], 31);
    assert_int_equal(((const uint16_t *)dataset.train_labels.data)[3], 0);
    dataset_release(&dataset);
    free(b);
}

static void expect_refusal(const char *path, const struct tar_member *members, size_t count,
                           const char *message)
{
    struct dataset dataset = {0};
    write_tar(path, members, count, true);
    EXPECT_ERROR(cifar10_read(path, &dataset, &err), ERR_FORMAT, message);
    assert_null(dataset.train_images.data);
}

static void cifar10_names_member_and_record_of_a_wrong_label(void **state)
{
    struct scratch_path path = data_scratch_path(state, "a.tar.gz");
    struct batches *b = make_batches();
    b->train[0][2 * CIFAR10_RECORD_SIZE] = 10;
    const struct tar_member members[] = {
        MEMBER("c/data_batch_1.bin", b->train[0]),
        MEMBER("c/test_batch.bin", b->test),
        {.name = "c/batches.meta.txt", .data = meta, .size = sizeof(meta) - 1}};
    expect_refusal(path.text, members, 3,
                   "member 'c/data_batch_1.bin', record 2: label 10 is not 0 to 9");
    free(b);
}

static void expect_names(const char *path, const struct tar_member *one,
                         const struct tar_member *test, const char *names, const char *message)
{
    const struct tar_member meta_member = {
        .name = "batches.meta.txt", .data = names, .size = strlen(names)};
    expect_refusal(path, (struct tar_member[]){*one, *test, meta_member}, 3, message);
}

static void cifar10_refuses_incomplete_archives(void **state)
{
    struct scratch_path path = data_scratch_path(state, "a.tar.gz");
    struct batches *b = make_batches();
    const struct tar_member
        one = MEMBER("data_batch_1.bin", b->train[0]),
        two = MEMBER("data_batch_2.bin", b->train[1]), test = MEMBER("test_batch.bin", b->test),
        boxes = MEMBER("boxes_1.bin", b->boxes), test_boxes = MEMBER("test_boxes.bin", b->boxes),
        names = {"batches.meta.txt", meta, sizeof(meta) - 1, 0, NULL, NULL, false},
        few = {"batches.meta.txt", "cat\ndog\n", 8, 0, NULL, NULL, false},
        many = {"batches.meta.txt", meta, sizeof(meta), 0, NULL, NULL, false},
        ragged = {"data_batch_1.bin", b->train[0], CIFAR10_RECORD_SIZE + 1, 0, NULL, NULL, false},
        empty = {"test_batch.bin", NULL, 0, 0, NULL, NULL, false},
        short_boxes = {"boxes_1.bin", b->boxes, 8, 0, NULL, NULL, false};
    expect_refusal(path.text, (struct tar_member[]){one, test}, 2, "'batches.meta.txt' is missing");
    expect_refusal(path.text, (struct tar_member[]){one, names}, 2, "'test_batch.bin' is missing");
    expect_refusal(path.text, (struct tar_member[]){two, test, names}, 3,
                   "'data_batch_1.bin' is missing");
    expect_refusal(path.text, (struct tar_member[]){one, test, few}, 3, "must name 10 classes");
    expect_refusal(path.text, (struct tar_member[]){one, test, many}, 3,
                   "line 12: it must name 10 classes, not more");
    expect_names(path.text, &one, &test, "one\ncaf\xe9\n",
                 "member 'batches.meta.txt', line 2: the class name is not UTF-8: byte 0xe9 at 4");
    expect_names(path.text, &one, &test, "one\n\ntwo\none\n",
                 "line 4: the class name 'one' is there twice, first as class 1");
    expect_names(path.text, &one, &test, "one\ntw\to\n",
                 "line 2: the class name holds a character");
    expect_names(path.text, &one, &test, "one\ntw\x1bo\n", "U+001B at byte 3");
    expect_refusal(path.text, (struct tar_member[]){ragged}, 1, "not a number of records of 3073");
    expect_refusal(path.text, (struct tar_member[]){empty}, 1, "not a number of records");
    expect_refusal(path.text, (struct tar_member[]){one, one}, 2, "is there twice");
    expect_refusal(path.text, (struct tar_member[]){one, test, names, boxes}, 4,
                   "'boxes_1.bin' must have 4 bytes for each record");
    expect_refusal(path.text, (struct tar_member[]){one, test, names, test_boxes}, 4,
                   "'boxes_1.bin' must have 4 bytes");
    expect_refusal(path.text, (struct tar_member[]){one, test, names, short_boxes, test_boxes}, 5,
                   "'boxes_1.bin' must have 4 bytes");
    b->boxes[6] = 32;
    expect_refusal(path.text, (struct tar_member[]){boxes}, 1, "record 1: box 1,2,32,31");
    free(b);
}

static void cifar10_survives_failing_allocations(void **state)
{
    struct scratch_path path = data_scratch_path(state, "a.tar");
    struct batches *b = make_batches();
    const struct tar_member members[] = {
        MEMBER("data_batch_1.bin", b->train[0]),
        MEMBER("boxes_1.bin", b->boxes),
        MEMBER("test_batch.bin", b->test),
        MEMBER("test_boxes.bin", b->boxes),
        {.name = "batches.meta.txt", .data = meta, .size = sizeof(meta) - 1}};
    struct dataset dataset = {0};
    write_tar(path.text, members, 5, false);
    EXPECT_ALLOCATION_FAILURES(cifar10_read(path.text, &dataset, &err), 0);
    dataset_release(&dataset);
    free(b);
}

int main(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, data_scratch_set_up, data_scratch_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(cifar10_reads_batches_as_nhwc),
        TEST(cifar10_keeps_boxes_and_the_first_of_a_limit),
        TEST(cifar10_names_member_and_record_of_a_wrong_label),
        TEST(cifar10_refuses_incomplete_archives),
        TEST(cifar10_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
