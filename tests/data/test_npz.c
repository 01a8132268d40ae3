#include "data/npz.h"

#include "base/file.h"
#include "data_scratch.h"

#include <stdlib.h>

/* A folder of arrays, which is read as an archive is. */
struct array {
    const char *name;
    enum npy_type type;
    int rank;
    int64_t shape[4];
    const void *data;
};

static struct scratch_path put(void **state, const char *folder, const struct array *arrays,
                               size_t count)
{
    struct scratch_path path = data_scratch_path(state, folder);
    EXPECT_OK(file_make_folders(path.text, &err));
    for (size_t i = 0; i < count; i++) {
        char name[64];
        snprintf(name, sizeof(name), "%s/%s", folder, arrays[i].name);
        EXPECT_OK(npy_write(data_scratch_path(state, name).text, arrays[i].type, arrays[i].rank,
                            arrays[i].shape, arrays[i].data, &err));
    }
    return path;
}

static const uint8_t pixels[24] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
static const int64_t labels[] = {3, 0};

static void npz_reads_keras_names_and_makes_grey_rgb(void **state)
{
    const struct array arrays[] = {
        {"x_train.npy", NPY_U8, 3, {2, 1, 2}, pixels},
        {"y_train.npy", NPY_I64, 2, {2, 1}, labels},
        {"x_test.npy", NPY_U8, 4, {1, 1, 2, 1}, pixels},
        {"y_test.npy", NPY_U8, 1, {1}, "\1"},
    };
    struct scratch_path path = put(state, "keras", arrays, 4);
    struct dataset dataset;
    EXPECT_OK(npz_read(path.text, &dataset, &err));
    assert_int_equal(dataset.class_count, 3); /* none is called 2 */
    assert_string_equal(dataset.classes[0], "0");
    assert_string_equal(dataset.classes[1], "1");
    assert_string_equal(dataset.classes[2], "3");
    assert_int_equal(dataset.height, 1);
    assert_int_equal(dataset.width, 2);
    assert_memory_equal(dataset.train_images.data, "\1\1\1\2\2\2\3\3\3\4\4\4", 12);
    assert_int_equal(((const uint16_t *)dataset.train_labels.data)[0], 2);
    assert_int_equal(dataset.test_images.shape[3], 3);
    dataset_release(&dataset);
}

static void npz_without_a_test_part_leaves_it_empty(void **state)
{
    const struct array arrays[] = {
        {"images.npy", NPY_U8, 4, {2, 1, 2, 3}, pixels},
        {"labels.npy", NPY_I64, 1, {2}, labels},
    };
    struct scratch_path path = put(state, "plain", arrays, 2);
    struct dataset dataset;
    EXPECT_OK(npz_read(path.text, &dataset, &err));
    assert_memory_equal(dataset.train_images.data, pixels, 12);
    assert_null(dataset.test_images.data);
    dataset_release(&dataset);
}

static void npz_names_what_is_wrong_and_the_way_out(void **state)
{
    static const float floats[12] = {0};
    const struct {
        struct array images, labels;
        const char *message;
    } cases[] = {
        {{"x.npy", NPY_U8, 4, {2, 3, 1, 2}, pixels},
         {"y.npy", NPY_I64, 1, {2}, labels},
         "x.transpose(0, 2, 3, 1)"},
        {{"x.npy", NPY_F32, 4, {2, 1, 2, 3}, floats},
         {"y.npy", NPY_I64, 1, {2}, labels},
         "(x * 255).round().astype('uint8')"},
        {{"x.npy", NPY_U8, 2, {2, 6}, pixels}, {"y.npy", NPY_I64, 1, {2}, labels}, "rank 2"},
        {{"x.npy", NPY_U8, 4, {1, 2, 3, 4}, pixels},
         {"y.npy", NPY_I64, 1, {1}, labels},
         "x[..., :3]"},
        {{"x.npy", NPY_U8, 4, {2, 1, 2, 3}, pixels},
         {"y.npy", NPY_I64, 1, {1}, labels},
         "1 labels for the 2 pictures"},
        {{"x.npy", NPY_U8, 4, {2, 1, 2, 3}, pixels},
         {"other.npy", NPY_I64, 1, {1}, labels},
         "no 'y.npy'"},
        {{"a.npy", NPY_U8, 4, {2, 1, 2, 3}, pixels},
         {"y.npy", NPY_I64, 1, {2}, labels},
         "x_train, y_train, x_test, y_test"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char name[16];
        struct dataset dataset;
        const struct array arrays[] = {cases[i].images, cases[i].labels};
        snprintf(name, sizeof(name), "case%zu", i);
        struct scratch_path path = put(state, name, arrays, 2);
        EXPECT_ERROR(npz_read(path.text, &dataset, &err), ERR_FORMAT, cases[i].message);
    }
}

int main(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, data_scratch_set_up, data_scratch_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(npz_reads_keras_names_and_makes_grey_rgb),
        TEST(npz_without_a_test_part_leaves_it_empty),
        TEST(npz_names_what_is_wrong_and_the_way_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
