#include "data/dataset.h"

#include "base/file.h"
#include "base/json.h"
#include "data_scratch.h"

#include <stdlib.h>

static char *class_names[] = {(char[]){"cat"}, (char[]){"dog"}};

/* Three pictures of 2x2 to train, one to test; data in the caller's arrays. */
struct small {
    uint8_t pixels[3 * 12], boxes[12];
    uint16_t labels[3];
    struct dataset dataset;
};

static void make_small(struct small *small)
{
    *small = (struct small){.labels = {1, 0, 1}, .boxes = {0, 0, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1}};
    for (size_t i = 0; i < sizeof(small->pixels); i++)
        small->pixels[i] = (uint8_t)(7 * i);
    small->dataset = (struct dataset){
        .train_images = {NPY_U8, 4, {3, 2, 2, 3}, 36, small->pixels},
        .train_labels = {NPY_U16, 1, {3}, 3, small->labels},
        .test_images = {NPY_U8, 4, {1, 2, 2, 3}, 12, small->pixels},
        .test_labels = {NPY_U16, 1, {1}, 1, small->labels},
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
    assert_memory_equal(read.train_labels.data, small.labels, 3 * sizeof(uint16_t));
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
    EXPECT_ERROR(dataset_open(folder.text, &read, &err), ERR_FORMAT,
                 "classes.txt:1: it names one class, 'cat', and nothing to tell apart");
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

/* The k-th class is "c<k>", and picture k is of class k. */
static void make_many(int64_t classes, struct dataset *dataset)
{
    const int64_t shape[4] = {classes, 1, 1, 3};
    *dataset = (struct dataset){.class_count = classes, .height = 1, .width = 1};
    assert_non_null(dataset->classes = calloc((size_t)classes, sizeof(char *)));
    for (int64_t c = 0; c < classes; c++)
        assert_true(asprintf(&dataset->classes[c], "c%lld", (long long)c) > 0);
    struct npy *const images[2] = {&dataset->train_images, &dataset->test_images};
    struct npy *const labels[2] = {&dataset->train_labels, &dataset->test_labels};
    for (int half = 0; half < 2; half++) {
        EXPECT_OK(npy_new(NPY_U8, 4, shape, images[half], &err));
        EXPECT_OK(npy_new(NPY_U16, 1, shape, labels[half], &err));
        for (int64_t c = 0; c < classes; c++)
            ((uint16_t *)labels[half]->data)[c] = (uint16_t)c;
    }
}

static void dataset_of_many_classes_keeps_every_label(void **state)
{
    static const struct {
        int64_t classes;
        enum npy_type type;
    } cases[] = {{256, NPY_U8}, {257, NPY_U16}, {10000, NPY_U16}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scratch_path folder = data_scratch_path(state, "many");
        struct scratch_path file = data_scratch_path(state, "many/test_labels.npy");
        struct dataset made, read;
        struct npy labels;
        make_many(cases[i].classes, &made);
        EXPECT_OK(dataset_write(folder.text, &made, &origin, &err));
        EXPECT_OK(npy_read_as(file.text, cases[i].type, 1, &labels, &err));
        EXPECT_OK(dataset_open(folder.text, &read, &err));
        assert_int_equal(read.class_count, cases[i].classes);
        assert_memory_equal(read.test_labels.data, made.test_labels.data,
                            (size_t)made.test_labels.count * sizeof(uint16_t));
        npy_release(&labels);
        dataset_release(&read);
        dataset_release(&made);
    }
    struct scratch_path list = data_scratch_path(state, "many/classes.txt");
    struct dataset read;
    FILE *more = fopen(list.text, "we");
    assert_non_null(more);
    for (int c = 0; c <= 10000; c++)
        fprintf(more, "c%d\n", c);
    fclose(more);
    struct scratch_path many = data_scratch_path(state, "many");
    EXPECT_ERROR(dataset_open(many.text, &read, &err), ERR_FORMAT, "more than 10000 classes");
}

/* Labels of any whole type and as a column; what is out of range or no number of a class is named.
 */
static void dataset_reads_labels_of_any_whole_type(void **state)
{
    struct scratch_path folder = data_scratch_path(state, "set");
    struct scratch_path file = data_scratch_path(state, "set/train_labels.npy");
    const struct {
        enum npy_type type;
        int rank;
        const void *data;
        const char *wrong; /* NULL: read */
    } cases[] = {
        {NPY_I64, 1, (int64_t[]){1, 0, 1}, NULL},
        {NPY_I64, 2, (int64_t[]){1, 0, 1}, NULL},
        {NPY_I8, 1, (int8_t[]){1, 0, 1}, NULL},
        {NPY_I16, 1, (int16_t[]){1, 0, 1}, NULL},
        {NPY_I32, 2, (int32_t[]){1, 0, 1}, NULL},
        {NPY_U16, 1, (uint16_t[]){1, 0, 1}, NULL},
        {NPY_U32, 1, (uint32_t[]){1, 0, 1}, NULL},
        {NPY_U64, 1, (uint64_t[]){1, 0, 1}, NULL},
        {NPY_I64, 1, (int64_t[]){1, 256, 1}, "label 256 at 1: there are 2 classes"},
        {NPY_I64, 1, (int64_t[]){1, 65536, 1}, "label 65536 at 1"},
        {NPY_U64, 1, (uint64_t[]){1, UINT64_MAX, 1}, "there are 2 classes"},
        {NPY_I8, 1, (int8_t[]){1, -1, 1}, "label at 1 is below 0"},
        {NPY_F32, 1, (float[]){1, 0, 1}, "y.astype('int64')"},
        {NPY_U8, 3, (uint8_t[]){1, 0, 1}, "y.argmax(axis=1)"},
    };
    struct small small;
    make_small(&small);
    EXPECT_OK(dataset_write(folder.text, &small.dataset, &origin, &err));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const int64_t shape[3] = {3, 1, 1};
        struct dataset read;
        EXPECT_OK(npy_write(file.text, cases[i].type, cases[i].rank, shape, cases[i].data, &err));
        if (cases[i].wrong != NULL) {
            EXPECT_ERROR(dataset_open(folder.text, &read, &err), ERR_FORMAT, cases[i].wrong);
            continue;
        }
        EXPECT_OK(dataset_open(folder.text, &read, &err));
        assert_memory_equal(read.train_labels.data, small.labels, sizeof(small.labels));
        dataset_release(&read);
    }
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
        TEST(dataset_of_many_classes_keeps_every_label),
        TEST(dataset_reads_labels_of_any_whole_type),
        TEST(dataset_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
