#include "data/npy.h"

#include "base/file.h"
#include "data_scratch.h"

#include <stdlib.h>

#define GOLDEN "tests/golden/npy/"

static void expect_array(const char *path, enum npy_type type, int rank, const int64_t *shape,
                         const void *values)
{
    struct npy npy = {0};
    EXPECT_OK(npy_read(path, &npy, &err));
    assert_int_equal(npy.type, type);
    assert_int_equal(npy.rank, rank);
    int64_t count = 1;
    for (int i = 0; i < rank; i++) {
        assert_int_equal(npy.shape[i], shape[i]);
        count *= shape[i];
    }
    assert_int_equal(npy.count, count);
    assert_memory_equal(npy.data, values, (size_t)count * npy_type_size(type));
    npy_release(&npy);
}

static void expect_same_file(const char *a, const char *b)
{
    char *x, *y;
    size_t m, n;
    EXPECT_OK(file_read(a, 1 << 20, &x, &m, &err));
    EXPECT_OK(file_read(b, 1 << 20, &y, &n, &err));
    assert_int_equal(m, n);
    assert_memory_equal(x, y, n);
    free(x);
    free(y);
}

static const uint8_t bytes[] = {0, 1, 2, 3, 4, 5};
static const int64_t longs[] = {-((int64_t)1 << 62), -1, 0, 1, (int64_t)1 << 62};
static const float floats[] = {0.5f, -1.25f, 3e38f, 1e-45f};
static const double scalar = 3.141592653589793;

static const struct {
    const char *name;
    enum npy_type type;
    int rank;
    int64_t shape[3];
    const void *values;
} golden[] = {
    {"u8_2x3.npy", NPY_U8, 2, {2, 3}, bytes},         {"i64_5.npy", NPY_I64, 1, {5}, longs},
    {"f32_2x1x2.npy", NPY_F32, 3, {2, 1, 2}, floats}, {"f64_scalar.npy", NPY_F64, 0, {0}, &scalar},
    {"i32_empty.npy", NPY_I32, 2, {0, 4}, NULL},
};

static void npy_reads_what_numpy_wrote(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
        char path[128];
        snprintf(path, sizeof(path), GOLDEN "%s", golden[i].name);
        if (golden[i].values != NULL)
            expect_array(path, golden[i].type, golden[i].rank, golden[i].shape, golden[i].values);
        struct npy npy = {0};
        EXPECT_OK(npy_read_as(path, golden[i].type, golden[i].rank, &npy, &err));
        npy_release(&npy);
    }
}

static void npy_writes_the_bytes_that_numpy_writes(void **state)
{
    struct scratch_path path = data_scratch_path(state, "a.npy");
    for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
        char expected[128];
        snprintf(expected, sizeof(expected), GOLDEN "%s", golden[i].name);
        EXPECT_OK(npy_write(path.text, golden[i].type, golden[i].rank, golden[i].shape,
                            golden[i].values, &err));
        expect_same_file(path.text, expected);
    }
}

static void npy_refuses_other_layouts_by_name(void **state)
{
    (void)state;
    struct npy npy = {0};
    EXPECT_ERROR(npy_read(GOLDEN "big_endian.npy", &npy, &err), ERR_FORMAT, "'>f4'");
    EXPECT_ERROR(npy_read(GOLDEN "fortran.npy", &npy, &err), ERR_FORMAT, "Fortran order");
    EXPECT_ERROR(npy_read(GOLDEN "f16.npy", &npy, &err), ERR_FORMAT, "'<f2'");
    EXPECT_ERROR(npy_read(GOLDEN "records.npy", &npy, &err), ERR_FORMAT, "records");
    EXPECT_ERROR(npy_read(GOLDEN "version_2.npy", &npy, &err), ERR_FORMAT, "version 2.0");
    EXPECT_ERROR(npy_read(GOLDEN "generate.py", &npy, &err), ERR_FORMAT, "not an npy file");
    EXPECT_ERROR(npy_read("tests/golden", &npy, &err), ERR_FORMAT, "regular file");
    EXPECT_ERROR(npy_read(GOLDEN "absent.npy", &npy, &err), ERR_IO, "absent.npy");
    EXPECT_ERROR(npy_read_as(GOLDEN "u8_2x3.npy", NPY_F32, 2, &npy, &err), ERR_FORMAT, "<f4");
    EXPECT_ERROR(npy_read_as(GOLDEN "u8_2x3.npy", NPY_U8, 1, &npy, &err), ERR_FORMAT, "rank 2");
    assert_null(npy.data);
}

static void npy_rejects_every_truncation(void **state)
{
    struct scratch_path path = data_scratch_path(state, "cut.npy");
    char *data;
    size_t size;
    EXPECT_OK(file_read(GOLDEN "u8_2x3.npy", 1 << 20, &data, &size, &err));
    for (size_t kept = 0; kept < size; kept++) {
        struct npy npy = {0};
        data_scratch_write(path.text, data, kept);
        EXPECT_ERROR(npy_read(path.text, &npy, &err), ERR_FORMAT, "cut.npy");
    }
    free(data);
}

static void write_with_header(const char *path, const char *header, size_t data_size)
{
    char file[512] = "\x93NUMPY\x01";
    size_t length = strlen(header);
    file[8] = (char)length;
    memcpy(file + 10, header, length);
    data_scratch_write(path, file, 10 + length + data_size);
}

static void npy_rejects_headers_that_numpy_does_not_write(void **state)
{
    struct scratch_path path = data_scratch_path(state, "h.npy");
    static const struct {
        const char *header, *message;
    } cases[] = {
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }", "trailing bytes"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (4,), }", "truncated"},
        {"{'descr': '|u1', 'fortran_order': False}", "not as numpy writes it"},
        {"{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (3,)}", "twice"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (3,), 'x': 1}", "unknown member 'x'"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (3,)} x", "not as numpy"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (-3,)}", "not as numpy"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (3", "not as numpy"},
        {"{'descr': '|u1", "not as numpy"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,3)}", "more than 8"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 4)}",
         "overflows"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904,)}", "overflows"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}", "overflows"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (1152921504606846975,)}", "truncated"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct npy npy = {0};
        write_with_header(path.text, cases[i].header, 3);
        EXPECT_ERROR(npy_read(path.text, &npy, &err), ERR_FORMAT, cases[i].message);
    }
    static const uint8_t three[] = {0, 0, 0};
    write_with_header(path.text, "{\"shape\" :( 3 ,),'fortran_order':False,'descr':'|u1'}\n", 3);
    expect_array(path.text, NPY_U8, 1, (const int64_t[]){3}, three);
}

/* Whatever single byte is wrong: an error, or another array of the same size. */
static void npy_withstands_every_wrong_byte(void **state)
{
    struct scratch_path path = data_scratch_path(state, "flip");
    char *data;
    size_t size;
    EXPECT_OK(file_read(GOLDEN "u8_2x3.npy", 1 << 20, &data, &size, &err));
    for (size_t i = 0; i < size; i++) {
        struct npy read = {0};
        struct error err = {0};
        data[i] = (char)(data[i] ^ 1 << i % 8);
        data_scratch_write(path.text, data, size);
        if (npy_read(path.text, &read, &err) < 0)
            assert_int_equal(err.kind, ERR_FORMAT);
        npy_release(&read);
        data[i] = (char)(data[i] ^ 1 << i % 8);
    }
    free(data);
}

static void npy_survives_failing_allocations(void **state)
{
    struct scratch_path path = data_scratch_path(state, "m.npy");
    const int64_t shape[] = {2, 3};
    struct npy npy = {0};
    EXPECT_ALLOCATION_FAILURES(npy_write(path.text, NPY_U8, 2, shape, bytes, &err), 1);
    EXPECT_ALLOCATION_FAILURES(npy_read(path.text, &npy, &err), 0);
    npy_release(&npy);
    EXPECT_ALLOCATION_FAILURES(npy_new(NPY_F64, 2, shape, &npy, &err), 0);
    npy_release(&npy);
}

static void npy_count_refuses_negative_and_overflowing_shapes(void **state)
{
    (void)state;
    int64_t count = 7;
    const int64_t negative[] = {2, -1}, huge[] = {INT64_MAX, 2}, wide[] = {INT64_MAX / 4};
    EXPECT_ERROR(npy_count(2, negative, 1, &count, &err), ERR_FORMAT, "negative");
    EXPECT_ERROR(npy_count(2, huge, 1, &count, &err), ERR_FORMAT, "overflows");
    EXPECT_ERROR(npy_count(1, wide, 8, &count, &err), ERR_FORMAT, "overflows");
    EXPECT_ERROR(npy_count(9, huge, 1, &count, &err), ERR_FORMAT, "rank 9");
    assert_int_equal(count, 7);
    EXPECT_OK(npy_count(0, NULL, 8, &count, &err));
    assert_int_equal(count, 1);
}

int main(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, data_scratch_set_up, data_scratch_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(npy_reads_what_numpy_wrote),
        TEST(npy_writes_the_bytes_that_numpy_writes),
        TEST(npy_refuses_other_layouts_by_name),
        TEST(npy_rejects_every_truncation),
        TEST(npy_rejects_headers_that_numpy_does_not_write),
        TEST(npy_withstands_every_wrong_byte),
        TEST(npy_survives_failing_allocations),
        TEST(npy_count_refuses_negative_and_overflowing_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
