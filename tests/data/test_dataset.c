#include "data/dataset.h"

#include "base/file.h"
#include "base/json.h"
#include "data_scratch.h"

#include <stdlib.h>

static char *class_names[] = {(char[]){"cat"}, (char[]){"dog"}};

/* Three pictures of 2x2 to train, one to test; data in the caller's arrays. */
struct small {
    uint8_t pixels[3 * 12], labels[3], boxes[12];
    struct dataset dataset;
};

static void make_small(struct small *small)
{
    *small = (struct small){.labels = {1, 0, 1}, .boxes = {0, 0, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1}};
    for (size_t i = 0; i < sizeof(small->pixels); i++)
        small->pixels[i] = (uint8_t)(7 * i);
    small->dataset = (struct dataset){
        .train_images = {NPY_U8, 4, {3, 2, 2, 3}, 36, small->pixels},
        .train_labels = {NPY_U8, 1, {3}, 3, small->labels},
        .test_images = {NPY_U8, 4, {1, 2, 2, 3}, 12, small->pixels},
        .test_labels = {NPY_U8, 1, {1}, 1, small->labels},
        .has_boxes = true,
        .train_boxes = {NPY_U8, 2, {3, 4}, 12, small->boxes},
        .test_boxes = {NPY_U8, 2, {1, 4}, 4, small->boxes},
        .classes = class_names,
        .class_count = 2,
        .height = 2,
        .width = 2,
    };
}

static const struct dataset_origin origin = {"a.tar", "00", true};

static void dataset_round_trip_keeps_everything(void **state)
{
    struct scratch_path folder = data_scratch_path(state, "set");
    struct scratch_path summary_path = data_scratch_path(state, "set/dataset.json");
    struct small small;
    struct dataset read = {0};
    json_t *summary = NULL;
    make_small(&small);
    EXPECT_OK(dataset_write(folder.text, &small.dataset, &origin, &err));
    EXPECT_OK(dataset_open(folder.text, &read, &err));
    assert_int_equal(read.class_count, 2);
    assert_string_equal(read.classes[1], "dog");
    assert_int_equal(read.height, 2);
    assert_true(read.has_boxes);
    assert_memory_equal(read.train_images.data, small.pixels, 36);
    assert_memory_equal(read.train_labels.data, small.labels, 3);
    assert_memory_equal(read.train_boxes.data, small.boxes, 12);
    assert_int_equal(read.test_images.shape[0], 1);
    dataset_release(&read);
    EXPECT_OK(json_read(summary_path.text, &summary, &err));
    assert_int_equal(json_integer_value(json_array_get(json_at(summary, "train_counts"), 1)), 2);
    assert_true(json_is_true(json_at(summary, "generated")));
    json_decref(summary);
}

static void dataset_without_boxes_has_none(void **state)
{
    struct scratch_path folder = data_scratch_path(state, "set");
    struct small small;
    struct dataset read = {0};
    make_small(&small);
    small.dataset.has_boxes = false;
    EXPECT_OK(dataset_write(folder.text, &small.dataset, &origin, &err));
    EXPECT_OK(dataset_open(folder.text, &read, &err));
    assert_false(read.has_boxes);
    dataset_release(&read);
}

static void dataset_refuses_parts_that_disagree(void **state)
{
    struct scratch_path folder = data_scratch_path(state, "set");
    struct small small;
    make_small(&small);
    small.labels[2] = 2;
    EXPECT_ERROR(dataset_write(folder.text, &small.dataset, &origin, &err), ERR_FORMAT,
                 "train: label 2 at 2: there are 2 classes");
    make_small(&small);
    small.dataset.test_labels.shape[0] = small.dataset.test_labels.count = 2;
    EXPECT_ERROR(dataset_write(folder.text, &small.dataset, &origin, &err), ERR_FORMAT,
                 "test: there are 2 labels for 1 pictures");
    make_small(&small);
    small.boxes[4] = 2;
    EXPECT_ERROR(dataset_write(folder.text, &small.dataset, &origin, &err), ERR_FORMAT,
                 "train: box 1 (2,1,0,1) is not inside");
    make_small(&small);
    small.dataset.width = 4;
    EXPECT_ERROR(dataset_write(folder.text, &small.dataset, &origin, &err), ERR_FORMAT, "2x2x3");
    assert_false(file_exists(folder.text));
}

static void dataset_open_names_what_is_missing_or_wrong(void **state)
{
    struct scratch_path folder = data_scratch_path(state, "set");
    struct scratch_path classes = data_scratch_path(state, "set/classes.txt");
    struct scratch_path labels = data_scratch_path(state, "set/train_labels.npy");
    struct small small;
    struct dataset read = {0};
    EXPECT_ERROR(dataset_open(folder.text, &read, &err), ERR_IO, "classes.txt");
    make_small(&small);
    EXPECT_OK(dataset_write(folder.text, &small.dataset, &origin, &err));
    data_scratch_write(classes.text, "cat\n", 4);
    EXPECT_ERROR(dataset_open(folder.text, &read, &err), ERR_FORMAT, "there are 1 classes");
    data_scratch_write(classes.text, "cat\n\ndog\n", 9);
    EXPECT_ERROR(dataset_open(folder.text, &read, &err), ERR_FORMAT,
                 "classes.txt:2: the class has no name");
    data_scratch_write(classes.text, "cat\ncaf\xe9\n", 9);
    EXPECT_ERROR(dataset_open(folder.text, &read, &err), ERR_FORMAT,
                 "classes.txt:2: the class name is not UTF-8: byte 0xe9 at 4");
    data_scratch_write(classes.text, "cat\ndog\ncat\n", 12);
    EXPECT_ERROR(dataset_open(folder.text, &read, &err), ERR_FORMAT,
                 "classes.txt:3: the class name 'cat' is there twice, first as class 1");
    data_scratch_write(classes.text, "cat\nd\0g\n", 8);
    EXPECT_ERROR(dataset_open(folder.text, &read, &err), ERR_FORMAT, "U+0000 at byte 2");
    data_scratch_write(classes.text, "cat\n dog\n", 9);
    EXPECT_ERROR(dataset_open(folder.text, &read, &err), ERR_FORMAT, "begins or ends with a blank");
    data_scratch_write(classes.text, "cat\nd\xe2\x80\xaeg\n", 10);
    EXPECT_ERROR(dataset_open(folder.text, &read, &err), ERR_FORMAT, "U+202E at byte 2");
    data_scratch_write(classes.text, "", 0);
    EXPECT_ERROR(dataset_open(folder.text, &read, &err), ERR_FORMAT, "names no class");
    data_scratch_write(classes.text, "cat\ndog\n", 8);
    data_scratch_write(labels.text, "x", 1);
    EXPECT_ERROR(dataset_open(folder.text, &read, &err), ERR_FORMAT, "train_labels.npy");
    EXPECT_OK(file_remove(labels.text, &err));
    EXPECT_ERROR(dataset_open(folder.text, &read, &err), ERR_IO, "train_labels.npy");
    assert_null(read.classes);
}

static void dataset_survives_failing_allocations(void **state)
{
    struct scratch_path folder = data_scratch_path(state, "set");
    struct small small;
    struct dataset read = {0};
    make_small(&small);
    /* 8 files, each with one best-effort flush of its folder. */
    EXPECT_ALLOCATION_FAILURES(dataset_write(folder.text, &small.dataset, &origin, &err), 8);
    EXPECT_ALLOCATION_FAILURES(dataset_open(folder.text, &read, &err), 0);
    dataset_release(&read);
}

int main(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, data_scratch_set_up, data_scratch_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(dataset_round_trip_keeps_everything),
        TEST(dataset_without_boxes_has_none),
        TEST(dataset_refuses_parts_that_disagree),
        TEST(dataset_open_names_what_is_missing_or_wrong),
        TEST(dataset_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
