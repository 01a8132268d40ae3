#include "data/keras_h5.h"

#include "base/file.h"
#include "data/weights.h"
#include "data_scratch.h"

#include <stdlib.h>

#define GOLDEN "tests/golden/keras_h5/"

static const char *const names[] = {"conv1_conv/kernel",
                                    "conv1_conv/bias",
                                    "conv1_bn/gamma",
                                    "conv1_bn/beta",
                                    "conv1_bn/moving_mean",
                                    "conv1_bn/moving_variance",
                                    "conv_dw_1/depthwise_kernel"};
enum { NAMES = sizeof(names) / sizeof(names[0]) };

/* Tensor i of the golden files counts up from 100 i. */
static void expect_golden(const char *path)
{
    struct safetensors set = {0};
    struct text note = {0};
    EXPECT_OK(keras_h5_read(path, &set, &note, &err));
    assert_int_equal(set.count, NAMES);
    for (int i = 0; i < NAMES; i++) {
        const struct safetensor *tensor = safetensors_find(&set, names[i]);
        if (tensor == NULL)
            fail_msg("%s: no '%s'", path, names[i]);
        for (int64_t k = 0; k < tensor->count; k++)
            assert_true(tensor->data[k] == (float)(100 * i + k));
    }
    const struct safetensor *kernel = safetensors_find(&set, names[0]);
    assert_int_equal(kernel->rank, 4);
    assert_int_equal(kernel->shape[2], 3);
    assert_int_equal(kernel->shape[3], 2);
    safetensors_release(&set);
}

static void keras_h5_reads_fixed_variable_and_split_names(void **state)
{
    (void)state;
    expect_golden(GOLDEN "fixed.h5");
    expect_golden(GOLDEN "variable.h5");
    expect_golden(GOLDEN "split.h5");
}

static void keras_h5_reads_what_keras_3_wrote(void **state)
{
    (void)state;
    static const char *const expected[] = {
        "conv_dw_1/depthwise_kernel", "conv_dw_1_bn/moving_variance", "dense/kernel", "dense/bias"};
    struct safetensors set = {0};
    struct text note = {0};
    EXPECT_OK(keras_h5_read(GOLDEN "keras3.h5", &set, &note, &err));
    assert_int_equal(set.count, 7);
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        if (safetensors_find(&set, expected[i]) == NULL)
            fail_msg("no '%s'", expected[i]);
    safetensors_release(&set);
}

/* Tensors of tests/golden/keras_files, by how many hundreds they count up from. */
static const struct {
    const char *name;
    int hundred;
} nested[] = {
    {"conv1_conv/kernel", 0},
    {"conv1_conv/bias", 1},
    {"conv1_bn/gamma", 2},
    {"conv1_bn/beta", 3},
    {"conv1_bn/moving_mean", 4},
    {"conv1_bn/moving_variance", 5},
    {"conv_dw_1/depthwise_kernel", 6},
    {"conv_pw_1/kernel", 7},
    {"dense/kernel", 10},
    {"dense_1/bias", 13},
};

static void expect_nested(const char *name)
{
    struct safetensors set = {0};
    struct text note = {0};
    char path[128];
    snprintf(path, sizeof(path), "tests/golden/keras_files/%s", name);
    EXPECT_OK(weights_read(path, &set, &note, &err));
    for (size_t i = 0; i < sizeof(nested) / sizeof(nested[0]); i++) {
        const struct safetensor *tensor = safetensors_find(&set, nested[i].name);
        if (tensor == NULL)
            fail_msg("%s: no '%s'", name, nested[i].name);
        for (int64_t k = 0; k < tensor->count; k++)
            assert_true(tensor->data[k] == (float)(100 * nested[i].hundred + k));
    }
    assert_null(safetensors_find(&set, "flip/kernel"));
    safetensors_release(&set);
    text_release(&note);
}

static void weights_of_a_base_inside_a_model_are_found_in_each_format_of_keras(void **state)
{
    (void)state;
    expect_nested("nested.keras");
    expect_nested("nested.h5");
    expect_nested("nested.weights.h5");
}

static void keras_h5_names_what_it_leaves_out(void **state)
{
    (void)state;
    struct safetensors set = {0};
    struct text note = {0};
    EXPECT_OK(keras_h5_read("tests/golden/keras_files/nested.weights.h5", &set, &note, &err));
    assert_string_equal(note.data, "1 layers left out that are no convolution, batch norm or dense "
                                   "layer ('layers/layer_normalization')");
    safetensors_release(&set);
    text_release(&note);
}

static void keras_h5_reads_half_and_brain_precision(void **state)
{
    (void)state;
    static const char *const files[] = {"tests/golden/keras_files/half.weights.h5",
                                        "tests/golden/keras_files/brain.weights.h5"};
    for (int i = 0; i < 2; i++) {
        struct safetensors set = {0};
        struct text note = {0};
        EXPECT_OK(keras_h5_read(files[i], &set, &note, &err));
        const struct safetensor *kernel = safetensors_find(&set, "conv1_conv/kernel");
        assert_true(kernel != NULL && kernel->count == 8);
        for (int k = 0; k < 8; k++)
            assert_true(kernel->data[k] == (float)k);
        assert_true(safetensors_find(&set, "conv1_conv/bias")->data[1] == 101.0f);
        safetensors_release(&set);
    }
}

/* Where neither file nor config.json has names: class and number. */
static void keras_h5_keeps_numbers_where_there_are_no_names(void **state)
{
    (void)state;
    static const char *const expected[] = {"conv2d/bias", "conv2d_1/kernel",
                                           "depthwise_conv2d/depthwise_kernel", "dense_1/kernel",
                                           "batch_normalization/moving_variance"};
    struct safetensors set = {0};
    struct text note = {0};
    EXPECT_OK(keras_h5_read("tests/golden/keras_files/numbered.weights.h5", &set, &note, &err));
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        if (safetensors_find(&set, expected[i]) == NULL)
            fail_msg("no '%s'", expected[i]);
    safetensors_release(&set);
    text_release(&note);
}

/* Found by fuzzing: the library reads out of bounds (1.10), or sees it by itself (1.14). */
static void keras_h5_that_crashes_the_library_is_an_error(void **state)
{
    (void)state;
    struct safetensors set = {0};
    struct text note = {0};
    struct error err = {0};
    assert_int_equal(
        keras_h5_read("tests/fuzz/corpus/keras_h5/refused/out_of_bounds.h5", &set, &note, &err),
        -1);
    assert_int_equal(err.kind, ERR_FORMAT);
    assert_non_null(strstr(err.message, "out_of_bounds.h5"));
    if (strstr(err.message, "the file is damaged, or was made to do that") == NULL &&
        strstr(err.message, "bad heap index") == NULL)
        fail_msg("%s", err.message);
    assert_null(set.tensors);
}

static void keras_h5_says_why_a_file_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *message;
    } cases[] = {
        {"old_names.h5", "layer 'bn2a_branch2a': the names are those of an old keras-applications"},
        {"external.h5", "layer 'conv1_conv': H5Dopen"},
        {"unknown.h5", "weight 'gru/recurrent_kernel:0' is none of a convolution"},
        {"unwritten.h5", "its values were never written"},
        {"no_names.h5", "no attribute 'layer_names', and no group 'vars'"},
        {"generate.py", "H5Fopen"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char path[128];
        struct safetensors set = {0};
        struct text note = {0};
        snprintf(path, sizeof(path), GOLDEN "%s", cases[i].name);
        EXPECT_ERROR(keras_h5_read(path, &set, &note, &err), ERR_FORMAT, cases[i].message);
        assert_null(set.tensors);
    }
}

static void keras_h5_rejects_truncations(void **state)
{
    struct scratch_path path = data_scratch_path(state, "cut.h5");
    char *data;
    size_t size;
    EXPECT_OK(file_read(GOLDEN "fixed.h5", 1 << 20, &data, &size, &err));
    for (size_t kept = 0; kept < size; kept += 1 + size / 200) {
        struct safetensors set = {0};
        struct text note = {0};
        data_scratch_write(path.text, data, kept);
        EXPECT_ERROR(keras_h5_read(path.text, &set, &note, &err), ERR_FORMAT,
                     kept < 1000 ? "cut.h5" : "failed: truncated file");
    }
    free(data);
}

static void keras_h5_survives_failing_allocations(void **state)
{
    (void)state;
    struct safetensors set = {0};
    struct text note = {0};
    char *bytes;
    size_t size;
    EXPECT_OK(file_read(GOLDEN "variable.h5", 1 << 20, &bytes, &size, &err));
    EXPECT_ALLOCATION_FAILURES(
        keras_h5_parse((unsigned char *)bytes, size, NULL, &set, &note, &err), 0);
    free(bytes);
    safetensors_release(&set);
}

static void keras_h5_reads_mobilenet_as_published(void **state)
{
    (void)state;
    const char *folder = getenv("REPRISE_DATA");
    struct scratch_path path;
    snprintf(path.text, sizeof(path.text), "%s/weights/mobilenet_2_5_224_tf_no_top.h5",
             folder != NULL ? folder : "");
    if (folder == NULL || !file_exists(path.text)) {
        skip_because("REPRISE_DATA names no folder with weights/");
    }
    struct safetensors set = {0};
    struct text note = {0};
    EXPECT_OK(keras_h5_read(path.text, &set, &note, &err));
    int64_t count = 0;
    for (size_t i = 0; i < set.count; i++)
        count += set.tensors[i].count;
    assert_int_equal(set.count, 135);
    assert_int_equal(count, 218544);
    const struct safetensor *kernel = safetensors_find(&set, "conv_dw_13/depthwise_kernel");
    assert_non_null(kernel);
    assert_int_equal(kernel->shape[2], 256);
    assert_int_equal(kernel->shape[3], 1);
    safetensors_release(&set);
}

int main(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, data_scratch_set_up, data_scratch_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(keras_h5_reads_fixed_variable_and_split_names),
        TEST(keras_h5_reads_what_keras_3_wrote),
        TEST(weights_of_a_base_inside_a_model_are_found_in_each_format_of_keras),
        TEST(keras_h5_names_what_it_leaves_out),
        TEST(keras_h5_reads_half_and_brain_precision),
        TEST(keras_h5_keeps_numbers_where_there_are_no_names),
        TEST(keras_h5_that_crashes_the_library_is_an_error),
        TEST(keras_h5_says_why_a_file_is_refused),
        TEST(keras_h5_rejects_truncations),
        TEST(keras_h5_survives_failing_allocations),
        TEST(keras_h5_reads_mobilenet_as_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
