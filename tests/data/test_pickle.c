#include "data/pickle.h"

#include "base/file.h"
#include "data_scratch.h"

#include <stdlib.h>

static const char *const written[] = {"numpy1_protocol2", "numpy2_protocol2", "numpy2_protocol3",
                                      "numpy2_protocol4", "numpy2_protocol5", "python2"};

static char *golden(const char *name, size_t *size)
{
    char path[128], *bytes = NULL;
    snprintf(path, sizeof(path), "tests/golden/pickles/%s.pickle", name);
    EXPECT_OK(file_read(path, 1 << 20, &bytes, size, &err));
    return bytes;
}

static struct pickle *read_pickle(const void *bytes, size_t size)
{
    struct error err = {0};
    struct pickle *pickle = pickle_read(bytes, size, &err);
    if (pickle == NULL)
        fail_msg("%s", err.message);
    return pickle;
}

static void pickle_reads_what_numpy_and_python_2_write(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++) {
        size_t size;
        char *bytes = golden(written[i], &size);
        struct pickle *pickle = read_pickle(bytes, size);
        const struct pickle_value *root = pickle_root(pickle);
        const struct pickle_value *data = pickle_get(pickle, root, "data");
        const struct pickle_value *labels = pickle_get(pickle, root, "labels");
        assert_int_equal(data->kind, PICKLE_ARRAY);
        assert_string_equal(data->type, "u1");
        assert_int_equal(data->rank, 2);
        assert_int_equal(data->shape[0], 2);
        assert_int_equal(data->shape[1], 3);
        assert_int_equal(data->size, 6);
        assert_memory_equal(data->data, "\xfa\xfb\xfc\xfd\xfe\xff", 6);
        assert_int_equal(labels->count, 2);
        assert_int_equal(pickle_item(pickle, labels, 0)->number, 7);
        assert_int_equal(pickle_item(pickle, labels, 1)->number, 300);
        assert_null(pickle_item(pickle, labels, 2));
        assert_null(pickle_get(pickle, root, "absent"));
        pickle_free(pickle);
        free(bytes);
    }
}

static void pickle_reads_numbers_texts_and_tuples(void **state)
{
    (void)state;
    for (int protocol = 2; protocol <= 5; protocol++) {
        static const int64_t expected[] = {0, -1, 65536, -((int64_t)1 << 40), 1};
        char name[32];
        size_t size;
        snprintf(name, sizeof(name), "numpy2_protocol%d", protocol);
        char *bytes = golden(name, &size);
        struct pickle *pickle = read_pickle(bytes, size);
        const struct pickle_value *root = pickle_root(pickle);
        const struct pickle_value *numbers = pickle_get(pickle, root, "numbers");
        const struct pickle_value *names = pickle_get(pickle, root, "label_names");
        const struct pickle_value *tuple = pickle_get(pickle, root, "tuple");
        for (size_t i = 0; i < 5; i++)
            assert_int_equal(pickle_item(pickle, numbers, i)->number, expected[i]);
        assert_int_equal(pickle_item(pickle, numbers, 5)->kind, PICKLE_NONE);
        assert_int_equal(pickle_item(pickle, names, 0)->size, 5);
        assert_memory_equal(pickle_item(pickle, names, 0)->data, "caf\xc3\xa9", 5);
        assert_int_equal(pickle_get(pickle, root, "text")->size, 2);
        assert_int_equal(pickle_item(pickle, pickle_item(pickle, tuple, 1), 1)->number, 3);
        pickle_free(pickle);
        free(bytes);
    }
}

static void pickle_runs_nothing(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *message;
    } cases[] = {
#define CASE(bytes, message) {bytes, sizeof(bytes) - 1, message}
        CASE("cos\nsystem\n(X\x02\0\0\0lstR.", "asks for 'os.system'"),
        CASE("\x80\x04\x8c\x02os\x8c\x06system\x93.", "asks for 'os.system'"),
        CASE("c__builtin__\neval\n.", "asks for '__builtin__.eval'"),
        CASE("G\0\0\0\0\0\0\0\0.", "opcode 0x47 at byte 0"),
        CASE("(i", "opcode 0x69"),
        CASE("}.x", ""),
        CASE("", "ends too early"),
        CASE("}", "ends too early"),
        CASE("X\xff\xff\xff\xff.", "ends too early"),
        CASE("\x8e\xff\xff\xff\xff\xff\xff\xff\xff.", "ends too early"),
        CASE("K\x01R.", "called"),
        CASE("K\x01)b.", "state"),
        CASE("e.", "mark is missing"),
        CASE("(.", "not one value"),
        CASE("](.", "not one value"),
        CASE("h\x01.", "memo"),
        CASE("]K\x01K\x02u.", "mark is missing"),
        CASE("}(K\x01u.", "items of nothing"),
        CASE("cnumpy\nndarray\n)R.", "makes nothing"),
        CASE("cnumpy\ndtype\nX\x02\0\0\0u2\x85R(K\x03X\x01\0\0\0>tb.", "order of bytes"),
        CASE("\x8a\x09\0\0\0\0\0\0\0\0\x01.", "too large"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error err = {0};
        struct pickle *pickle =
            pickle_read((const unsigned char *)cases[i].bytes, cases[i].size, &err);
        if (*cases[i].message == '\0') { /* what follows the end is not looked at */
            assert_non_null(pickle);
            pickle_free(pickle);
            continue;
        }
        assert_null(pickle);
        if (err.kind != ERR_FORMAT || strstr(err.message, cases[i].message) == NULL)
            fail_msg("case %zu: '%s' lacks '%s'", i, err.message, cases[i].message);
    }
}

static int read_and_free(const char *bytes, size_t size, struct error *err)
{
    struct pickle *pickle = pickle_read((const unsigned char *)bytes, size, err);
    pickle_free(pickle);
    return pickle != NULL ? 0 : -1;
}

static void pickle_survives_failing_allocations(void **state)
{
    (void)state;
    size_t size;
    char *bytes = golden("numpy2_protocol2", &size);
    EXPECT_ALLOCATION_FAILURES(read_and_free(bytes, size, &err), 0);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pickle_reads_what_numpy_and_python_2_write),
        cmocka_unit_test(pickle_reads_numbers_texts_and_tuples),
        cmocka_unit_test(pickle_runs_nothing),
        cmocka_unit_test(pickle_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
