#include "store/blob.h"

#include "base/file.h"
#include "base/memory.h"
#include "scratch.h"

#include "tap.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void put_text(struct scratch *scratch, const char *text, struct digest *digest)
{
    struct error err;
    assert_int_equal(blob_put_bytes(scratch->store, text, strlen(text), digest, &err), 0);
}

static void blob_round_trip(void **state)
{
    struct scratch *scratch = *state;
    struct digest digest;
    struct error err;
    char hex[DIGEST_HEX_SIZE], *data, path[STORE_PATH_SIZE];
    size_t size;
    struct stat st;
    put_text(scratch, "abc", &digest);
    digest_to_hex(&digest, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(blob_read(scratch->store, &digest, 100, &data, &size, &err), 0);
    assert_int_equal(size, 3);
    assert_string_equal(data, "abc");
    free(data);
    store_object_path(scratch->store, &digest, path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0444);
    assert_int_equal(scratch_count(scratch, "tmp"), 0);
}

static void blob_is_stored_once(void **state)
{
    struct scratch *scratch = *state;
    struct digest a, b;
    struct error err;
    int64_t size;
    char path[256];
    put_text(scratch, "same", &a);
    scratch_write(scratch, "file", "same");
    assert_int_equal(blob_put_file(scratch->store, AT_FDCWD, scratch_path(scratch, "file", path),
                                   false, &b, &size, &err),
                     0);
    assert_true(digest_equal(&a, &b));
    assert_int_equal(size, 4);
    assert_int_equal(scratch_count(scratch, "objects"), 1);
    assert_true(file_exists(path));
}

static void blob_taken_file_is_moved(void **state)
{
    struct scratch *scratch = *state;
    struct digest digest;
    struct error err;
    struct stat before, after;
    int64_t size;
    char path[256], object[STORE_PATH_SIZE];
    scratch_write(scratch, "file", "moved");
    assert_int_equal(stat(scratch_path(scratch, "file", path), &before), 0);
    assert_int_equal(blob_put_file(scratch->store, AT_FDCWD, path, true, &digest, &size, &err), 0);
    store_object_path(scratch->store, &digest, object);
    assert_int_equal(stat(object, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_false(file_exists(path));
}

static void blob_with_a_second_name_is_copied(void **state)
{
    struct scratch *scratch = *state;
    struct digest digest;
    struct error err;
    int64_t size;
    char path[256], other[256];
    scratch_write(scratch, "file", "shared");
    assert_int_equal(link(scratch_path(scratch, "file", path), scratch_path(scratch, "two", other)),
                     0);
    assert_int_equal(blob_put_file(scratch->store, AT_FDCWD, path, true, &digest, &size, &err), 0);
    scratch_flip(other, 0);
    assert_true(blob_is_good(scratch->store, &digest, STORE_BY_READING));
}

static void blob_refuses_links_and_pipes(void **state)
{
    struct scratch *scratch = *state;
    struct digest digest;
    struct error err;
    int64_t size;
    char path[256];
    assert_int_equal(symlink("/etc/passwd", scratch_path(scratch, "link", path)), 0);
    assert_int_equal(blob_put_file(scratch->store, AT_FDCWD, path, false, &digest, &size, &err),
                     -1);
    assert_int_equal(err.kind, ERR_FORMAT);
    assert_non_null(strstr(err.message, "symbolic link"));
    assert_int_equal(mkfifo(scratch_path(scratch, "pipe", path), 0600), 0);
    assert_int_equal(blob_put_file(scratch->store, AT_FDCWD, path, false, &digest, &size, &err),
                     -1);
    assert_non_null(strstr(err.message, "not a regular file"));
}

static void store_rejects_flipped_object(void **state)
{
    struct scratch *scratch = *state;
    struct digest digest;
    char path[STORE_PATH_SIZE];
    put_text(scratch, "precious", &digest);
    store_object_path(scratch->store, &digest, path);
    assert_true(blob_is_good(scratch->store, &digest, STORE_BY_STAT));
    usleep(20000);
    scratch_flip(path, 3);
    assert_false(blob_is_good(scratch->store, &digest, STORE_BY_STAT));
    assert_false(blob_is_good(scratch->store, &digest, STORE_BY_READING));
    put_text(scratch, "precious", &digest);
    assert_true(blob_is_good(scratch->store, &digest, STORE_BY_READING));
}

static void store_rejects_truncated_object(void **state)
{
    struct scratch *scratch = *state;
    struct digest digest;
    struct error err;
    char path[STORE_PATH_SIZE], *data;
    size_t size;
    put_text(scratch, "precious", &digest);
    store_object_path(scratch->store, &digest, path);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(truncate(path, 3), 0);
    assert_false(blob_is_good(scratch->store, &digest, STORE_BY_STAT));
    assert_int_equal(blob_read(scratch->store, &digest, 100, &data, &size, &err), -1);
    assert_int_equal(err.kind, ERR_MISMATCH);
    assert_int_equal(unlink(path), 0);
    assert_false(blob_is_good(scratch->store, &digest, STORE_BY_STAT));
}

static void blob_copy_checks_the_bytes(void **state)
{
    struct scratch *scratch = *state;
    struct digest digest;
    struct error err;
    char object[STORE_PATH_SIZE], path[256];
    put_text(scratch, "precious", &digest);
    scratch_path(scratch, "copy", path);
    assert_int_equal(blob_copy_to(scratch->store, &digest, false, path, &err), 0);
    assert_int_equal(unlink(path), 0);
    store_object_path(scratch->store, &digest, object);
    scratch_flip(object, 0);
    assert_int_equal(blob_copy_to(scratch->store, &digest, false, path, &err), -1);
    assert_int_equal(err.kind, ERR_MISMATCH);
    assert_false(file_exists(path));
}

/* A disk that rots changes bytes and no stat. */
static void blob_that_rots_is_a_miss_once_it_was_read(void **state)
{
    struct scratch *scratch = *state;
    struct digest digest;
    struct error err;
    struct stat st;
    char object[STORE_PATH_SIZE], path[256];
    if (store_has_reflinks(scratch->store))
        skip_because("a clone reads nothing");
    put_text(scratch, "precious", &digest);
    store_object_path(scratch->store, &digest, object);
    scratch_flip(object, 0);
    assert_int_equal(stat(object, &st), 0);
    memo_add(store_memo(scratch->store), &st, &digest);
    assert_true(blob_is_good(scratch->store, &digest, STORE_BY_STAT));
    assert_int_equal(
        blob_copy_to(scratch->store, &digest, false, scratch_path(scratch, "copy", path), &err),
        -1);
    assert_int_equal(err.kind, ERR_MISMATCH);
    assert_false(blob_is_good(scratch->store, &digest, STORE_BY_STAT));
}

static void blob_survives_failed_allocations(void **state)
{
    struct scratch *scratch = *state;
    struct digest digest;
    struct error err;
    int64_t size;
    char path[256];
    unsigned injected = 0;
    scratch_write(scratch, "file", "allocated");
    scratch_path(scratch, "file", path);
    for (unsigned after = 1;; after++) {
        memory_fail_after(after);
        int result = blob_put_file(scratch->store, AT_FDCWD, path, false, &digest, &size, &err);
        unsigned failed = memory_fail_after(0);
        injected += failed;
        if (failed == 0) {
            assert_int_equal(result, 0);
            break;
        }
        if (result < 0)
            assert_int_equal(err.kind, ERR_MEMORY);
    }
    assert_true(injected > 0);
    assert_true(blob_is_good(scratch->store, &digest, STORE_BY_READING));
    assert_int_equal(scratch_count(scratch, "tmp"), 0);
}

/* A limit on the size of files stands for a full disk: write(2) fails in the middle. */
static void blob_survives_a_full_disk(void **state)
{
    struct scratch *scratch = *state;
    struct digest digest;
    struct error err;
    struct rlimit old, small = {1000, 1000};
    char *big = calloc(1, 4000);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(blob_put_bytes(scratch->store, big, 4000, &digest, &err), -1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(err.kind, ERR_IO);
    assert_false(blob_is_good(scratch->store, &digest, STORE_BY_STAT));
    assert_int_equal(scratch_count(scratch, "objects"), 0);
    assert_int_equal(scratch_count(scratch, "tmp"), 0);
    assert_int_equal(blob_put_bytes(scratch->store, big, 4000, &digest, &err), 0);
    assert_true(blob_is_good(scratch->store, &digest, STORE_BY_READING));
    free(big);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_set_up, scratch_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(blob_round_trip),
        STORE_TEST(blob_is_stored_once),
        STORE_TEST(blob_taken_file_is_moved),
        STORE_TEST(blob_with_a_second_name_is_copied),
        STORE_TEST(blob_refuses_links_and_pipes),
        STORE_TEST(store_rejects_flipped_object),
        STORE_TEST(store_rejects_truncated_object),
        STORE_TEST(blob_copy_checks_the_bytes),
        STORE_TEST(blob_that_rots_is_a_miss_once_it_was_read),
        STORE_TEST(blob_survives_failed_allocations),
        STORE_TEST(blob_survives_a_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
