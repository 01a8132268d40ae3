#include "base/file.h"
#include "tap.h"

#include "base/memory.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/reprise-test-XXXXXX";

static char *in_folder(const char *name)
{
    struct error err;
    return file_join(folder, name, &err);
}

static int make_folder(void **state)
{
    (void)state;
    memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    struct error err;
    return file_remove(folder, &err);
}

static size_t count_files(void)
{
    struct error err;
    char **names;
    size_t count;
    assert_int_equal(file_list(folder, &names, &count, &err), 0);
    file_free_names(names, count);
    return count;
}

static void written_file_reads_back(void **state)
{
    (void)state;
    struct error err = {0};
    char *path = in_folder("x"), *data;
    size_t size;
    assert_int_equal(file_write(path, "one\0two", 7, &err), 0);
    assert_int_equal(file_read(path, 100, &data, &size, &err), 0);
    assert_int_equal(size, 7);
    assert_memory_equal(data, "one\0two", 8);
    free(data);
    assert_int_equal(file_read(path, 6, &data, &size, &err), -1);
    assert_int_equal(err.kind, ERR_FORMAT);
    free(path);
}

static void abandoned_file_leaves_the_old_one(void **state)
{
    (void)state;
    struct error err = {0};
    char *path = in_folder("x"), *data;
    size_t size;
    struct file_writer writer;
    assert_int_equal(file_write(path, "old", 3, &err), 0);
    assert_int_equal(file_create(&writer, path, &err), 0);
    fputs("new", writer.stream);
    file_abandon(&writer);
    file_abandon(&writer);
    assert_int_equal(file_read(path, 100, &data, &size, &err), 0);
    assert_string_equal(data, "old");
    assert_int_equal(count_files(), 1);
    free(data);
    free(path);
}

/* A limit on the size of files stands for a full disk: the write fails in fflush. */
static void full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    struct error err = {0};
    struct rlimit old, small = {1000, 1000};
    char *path = in_folder("x"), *data;
    size_t size;
    char big[5000] = {0};
    assert_int_equal(file_write(path, "old", 3, &err), 0);
    getrlimit(RLIMIT_FSIZE, &old);
    small.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    int result = file_write(path, big, sizeof(big), &err);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(result, -1);
    assert_int_equal(err.kind, ERR_IO);
    assert_int_equal(file_read(path, 100, &data, &size, &err), 0);
    assert_string_equal(data, "old");
    assert_int_equal(count_files(), 1);
    free(data);
    free(path);
}

static void remove_takes_read_only_folders_and_spares_link_targets(void **state)
{
    (void)state;
    struct error err = {0};
    char *kept = in_folder("kept"), *deep = in_folder("tree/a/b"), *file = in_folder("tree/a/b/f");
    char *link = in_folder("tree/a/link"), *tree = in_folder("tree"), *a = in_folder("tree/a");
    assert_int_equal(file_write(kept, "k", 1, &err), 0);
    assert_int_equal(file_make_folders(deep, &err), 0);
    assert_int_equal(file_write(file, "f", 1, &err), 0);
    assert_int_equal(symlink(kept, link), 0);
    chmod(deep, 0500);
    chmod(a, 0500);
    assert_int_equal(file_remove(tree, &err), 0);
    assert_false(file_exists(tree));
    assert_true(file_exists(kept));
    assert_int_equal(file_remove(tree, &err), 0);
    free(kept), free(deep), free(file), free(link), free(tree), free(a);
}

static void list_is_sorted_and_survives_failed_allocations(void **state)
{
    (void)state;
    struct error err = {0};
    static const char *const expected[] = {"a", "b", "c"};
    for (size_t i = 3; i-- > 0;) {
        char *path = in_folder(expected[i]);
        assert_int_equal(file_write(path, "", 0, &err), 0);
        free(path);
    }
    unsigned injected = 0;
    for (unsigned after = 1;; after++) {
        char **names;
        size_t count;
        memory_fail_after(after);
        int result = file_list(folder, &names, &count, &err);
        unsigned failures = memory_fail_after(0);
        injected += failures;
        if (result == 0) {
            assert_int_equal(count, 3);
            for (size_t i = 0; i < 3; i++)
                assert_string_equal(names[i], expected[i]);
            file_free_names(names, count);
            break;
        }
        assert_int_equal(err.kind, ERR_MEMORY);
    }
    assert_true(injected >= 4);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(written_file_reads_back),
        TEST(abandoned_file_leaves_the_old_one),
        TEST(full_disk_leaves_the_old_file),
        TEST(remove_takes_read_only_folders_and_spares_link_targets),
        TEST(list_is_sorted_and_survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
