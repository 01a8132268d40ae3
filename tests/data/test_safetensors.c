#include "data/safetensors.h"

#include "base/file.h"
#include "data_scratch.h"

#include <stdlib.h>

#define GOLDEN "tests/golden/safetensors/"

static void safetensors_reads_what_the_library_wrote(void **state)
{
    (void)state;
    struct safetensors set = {0};
    EXPECT_OK(safetensors_read(GOLDEN "three.safetensors", &set, &err));
    assert_int_equal(set.count, 3);
    assert_string_equal(set.tensors[0].name, "a/bias");
    assert_string_equal(safetensors_description(&set, "format"), "np");
    const struct safetensor *kernel = safetensors_find(&set, "b/kernel");
    assert_non_null(kernel);
    assert_int_equal(kernel->rank, 3);
    assert_int_equal(kernel->shape[2], 3);
    for (int i = 0; i < 6; i++)
        assert_true(kernel->data[i] == (float)i / 4);
    const struct safetensor *scalar = safetensors_find(&set, "scalar");
    assert_int_equal(scalar->rank, 0);
    assert_int_equal(scalar->count, 1);
    assert_true(scalar->data[0] == 7.0f);
    assert_null(safetensors_find(&set, "c"));
    safetensors_release(&set);
}

static void safetensors_names_the_type_it_does_not_read(void **state)
{
    (void)state;
    struct safetensors set = {0};
    EXPECT_ERROR(safetensors_read("tests/golden/elements/integers.safetensors", &set, &err),
                 ERR_FORMAT, "tensor 'a': it has type I32; weights are F32, F16, BF16 or F64");
}

/* As PyTorch widens them: subnormal, infinite and negative zero too. */
static void safetensors_widens_half_brain_and_double(void **state)
{
    (void)state;
    static const char *const kinds[] = {"half", "brain", "wide"};
    struct safetensors set = {0};
    EXPECT_OK(safetensors_read("tests/golden/elements/elements.safetensors", &set, &err));
    assert_int_equal(set.count, 6); /* num_batches_tracked is left out */
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        char name[32];
        snprintf(name, sizeof(name), "f32/%s", kinds[i]);
        const struct safetensor *narrow = safetensors_find(&set, kinds[i]);
        const struct safetensor *expected = safetensors_find(&set, name);
        assert_true(narrow != NULL && expected != NULL && narrow->count == expected->count);
        assert_memory_equal(narrow->data, expected->data, (size_t)expected->count * sizeof(float));
    }
    safetensors_release(&set);
}

static void make_set(struct safetensors *set, bool reversed)
{
    static const float values[] = {1, 2, 3, 4};
    const int64_t shape[] = {2, 2}, empty[] = {0};
    for (int i = 0; i < 3; i++) {
        int which = reversed ? 2 - i : i;
        if (which == 0)
            EXPECT_OK(safetensors_add(set, "a/kernel", 2, shape, values, &err));
        else if (which == 1)
            EXPECT_OK(safetensors_add(set, "b/bias", 1, shape, NULL, &err));
        else
            EXPECT_OK(safetensors_add(set, "c", 1, empty, NULL, &err));
    }
    EXPECT_OK(safetensors_describe(set, reversed ? "b" : "a", "1", &err));
    EXPECT_OK(safetensors_describe(set, reversed ? "a" : "b", "1", &err));
}

static void safetensors_bytes_do_not_depend_on_the_order_of_adding(void **state)
{
    struct scratch_path paths[2] = {data_scratch_path(state, "x"), data_scratch_path(state, "y")};
    char *data[2];
    size_t size[2];
    for (int i = 0; i < 2; i++) {
        struct safetensors set = {0};
        make_set(&set, i == 1);
        EXPECT_OK(safetensors_write(paths[i].text, &set, &err));
        safetensors_release(&set);
        EXPECT_OK(file_read(paths[i].text, 1 << 20, &data[i], &size[i], &err));
    }
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(data[0], data[1], size[0]);
    uint64_t header;
    memcpy(&header, data[0], sizeof(header));
    assert_int_equal(header % 8, 0);
    free(data[0]);
    free(data[1]);
}

static void safetensors_round_trip_keeps_everything(void **state)
{
    struct scratch_path path = data_scratch_path(state, "r");
    struct safetensors written = {0}, read = {0};
    make_set(&written, false);
    EXPECT_OK(safetensors_write(path.text, &written, &err));
    EXPECT_OK(safetensors_read(path.text, &read, &err));
    assert_int_equal(read.count, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct safetensor *x = &written.tensors[i];
        const struct safetensor *y = safetensors_find(&read, x->name);
        assert_non_null(y);
        assert_int_equal(x->rank, y->rank);
        assert_memory_equal(x->shape, y->shape, sizeof(x->shape));
        assert_memory_equal(x->data, y->data, (size_t)x->count * sizeof(float));
    }
    assert_true(json_equal(written.metadata, read.metadata));
    safetensors_release(&written);
    safetensors_release(&read);
}

static void safetensors_refuses_a_name_twice(void **state)
{
    (void)state;
    struct safetensors set = {0};
    make_set(&set, false);
    EXPECT_ERROR(safetensors_add(&set, "c", 0, NULL, NULL, &err), ERR_FORMAT, "taken");
    EXPECT_ERROR(safetensors_add(&set, "__metadata__", 0, NULL, NULL, &err), ERR_FORMAT, "taken");
    const int64_t huge[] = {INT64_MAX, 4};
    EXPECT_ERROR(safetensors_add(&set, "d", 2, huge, NULL, &err), ERR_FORMAT, "overflows");
    assert_int_equal(set.count, 3);
    safetensors_release(&set);
}

static void write_with_header(const char *path, const char *header, size_t data_size)
{
    unsigned char file[1024] = {0};
    size_t length = strlen(header);
    file[0] = (unsigned char)length, file[1] = (unsigned char)(length >> 8);
    memcpy(file + 8, header, length);
    data_scratch_write(path, file, 8 + length + data_size);
}

static void safetensors_rejects_files_that_hide_or_lack_data(void **state)
{
    struct scratch_path path = data_scratch_path(state, "bad");
#define ENTRY(shape, begin, end)                                                                   \
    "{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}"
    static const struct {
        const char *header, *message;
    } cases[] = {
        {"{\"a\":" ENTRY("[2]", "0", "8") "}", "8 bytes at its end belong to no tensor"},
        {"{\"a\":" ENTRY("[4]", "0", "16") ",\"b\":" ENTRY("[1]", "0", "4") "}", "overlap"},
        {"{\"a\":" ENTRY("[1]", "0", "4") ",\"b\":" ENTRY("[2]", "8", "16") "}", "gap"},
        {"{\"a\":" ENTRY("[5]", "0", "20") "}", "outside the file's 16 bytes"},
        {"{\"a\":" ENTRY("[4]", "-4", "12") "}", "outside"},
        {"{\"a\":" ENTRY("[4]", "16", "0") "}", "outside"},
        {"{\"a\":" ENTRY("[3]", "0", "16") "}", "needs 12 bytes, not 16"},
        {"{\"a\":" ENTRY("[-1]", "0", "16") "}", "negative"},
        {"{\"a\":" ENTRY("[9223372036854775807,9]", "0", "16") "}", "overflows"},
        {"{\"a\":" ENTRY("[1,1,1,1,1,1,1,1,4]", "0", "16") "}", "rank 9"},
        {"{\"a\":" ENTRY("[\"4\"]", "0", "16") "}", "integers"},
        {"{\"a\":{\"dtype\":\"F32\"}}", "needs dtype, shape and data_offsets"},
        {"{\"a\":" ENTRY("[4]", "0", "16") ",\"a\":" ENTRY("[4]", "0", "16") "}", "duplicate"},
        {"{\"__metadata__\":{\"x\":1},\"a\":" ENTRY("[4]", "0", "16") "}", "metadata 'x'"},
        {"[1]", "not a JSON object"},
        {"{", "not JSON"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct safetensors set = {0};
        write_with_header(path.text, cases[i].header, 16);
        EXPECT_ERROR(safetensors_read(path.text, &set, &err), ERR_FORMAT, cases[i].message);
        assert_null(set.tensors);
    }
}

static void safetensors_rejects_every_truncation(void **state)
{
    struct scratch_path path = data_scratch_path(state, "cut");
    char *data;
    size_t size;
    EXPECT_OK(file_read(GOLDEN "three.safetensors", 1 << 20, &data, &size, &err));
    for (size_t kept = 0; kept < size; kept++) {
        struct safetensors set = {0};
        data_scratch_write(path.text, data, kept);
        EXPECT_ERROR(safetensors_read(path.text, &set, &err), ERR_FORMAT, "cut");
    }
    free(data);
}

/* Whatever single byte is wrong: an error, or another array of the same size. */
static void safetensors_withstands_every_wrong_byte(void **state)
{
    struct scratch_path path = data_scratch_path(state, "flip");
    char *data;
    size_t size;
    EXPECT_OK(file_read(GOLDEN "three.safetensors", 1 << 20, &data, &size, &err));
    for (size_t i = 0; i < size; i++) {
        struct safetensors read = {0};
        struct error err = {0};
        data[i] = (char)(data[i] ^ 1 << i % 8);
        data_scratch_write(path.text, data, size);
        if (safetensors_read(path.text, &read, &err) < 0)
            assert_int_equal(err.kind, ERR_FORMAT);
        safetensors_release(&read);
        data[i] = (char)(data[i] ^ 1 << i % 8);
    }
    free(data);
}

static void safetensors_survives_failing_allocations(void **state)
{
    struct scratch_path path = data_scratch_path(state, "m");
    struct safetensors set = {0}, read = {0};
    make_set(&set, false);
    EXPECT_ALLOCATION_FAILURES(safetensors_write(path.text, &set, &err), 1);
    EXPECT_ALLOCATION_FAILURES(safetensors_read(path.text, &read, &err), 0);
    safetensors_release(&set);
    safetensors_release(&read);
}

int main(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, data_scratch_set_up, data_scratch_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(safetensors_reads_what_the_library_wrote),
        TEST(safetensors_names_the_type_it_does_not_read),
        TEST(safetensors_widens_half_brain_and_double),
        TEST(safetensors_bytes_do_not_depend_on_the_order_of_adding),
        TEST(safetensors_round_trip_keeps_everything),
        TEST(safetensors_refuses_a_name_twice),
        TEST(safetensors_rejects_files_that_hide_or_lack_data),
        TEST(safetensors_rejects_every_truncation),
        TEST(safetensors_withstands_every_wrong_byte),
        TEST(safetensors_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
