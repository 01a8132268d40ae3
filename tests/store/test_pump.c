/* Bytes of large files, which two threads share: read and written by one, hashed by the other. */
#include "store/pump.h"

#include "base/file.h"
#include "scratch.h"
#include "store/blob.h"

#include "tap.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MIB = 1 << 20 };

static int open_scratch(struct scratch *scratch, const char *name, int flags)
{
    char path[256];
    int fd = open(scratch_path(scratch, name, path), flags | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    return fd;
}

/* Bytes that differ from block to block. */
static void write_at(int fd, int64_t at, int64_t size)
{
    enum { NUMBERS = 4096 };
    static uint64_t block[NUMBERS];
    while (size > 0) {
        int64_t part = size < (int64_t)sizeof(block) ? size : (int64_t)sizeof(block);
        for (size_t i = 0; i < NUMBERS; i++)
            block[i] = ((uint64_t)at + i) * 0x9e3779b97f4a7c15U;
        assert_int_equal(pwrite(fd, block, (size_t)part, at), part);
        at += part;
        size -= part;
    }
}

static void assert_same(struct scratch *scratch, const char *name, const struct digest *digest)
{
    struct digest whole;
    struct error err;
    char path[256];
    assert_int_equal(digest_of_file(scratch_path(scratch, name, path), &whole, &err), 0);
    assert_true(digest_equal(digest, &whole));
}

static void copy_and_compare(struct scratch *scratch, int64_t size)
{
    struct digest hashed, copied;
    struct error err;
    int64_t read_size = 0, copied_size = 0;
    struct pumps *pumps = store_pumps(scratch->store);
    int from = open_scratch(scratch, "large", O_RDONLY);
    int to = open_scratch(scratch, "copy", O_RDWR | O_CREAT | O_TRUNC);
    assert_int_equal(pump_hash(pumps, from, "large", &hashed, &read_size, &err), 0);
    assert_int_equal(pump_copy(pumps, from, "large", to, "copy", &copied, &copied_size, &err), 0);
    assert_int_equal(read_size, size);
    assert_int_equal(copied_size, size);
    assert_true(digest_equal(&hashed, &copied));
    assert_same(scratch, "large", &hashed);
    assert_same(scratch, "copy", &hashed);
    close(from);
    close(to);
}

static void large_file_has_its_digest(void **state)
{
    static const int64_t sizes[] = {8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 20 * MIB, 24 * MIB + 12345};
    struct scratch *scratch = *state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        int fd = open_scratch(scratch, "large", O_RDWR | O_CREAT | O_TRUNC);
        write_at(fd, 0, sizes[i]);
        close(fd);
        copy_and_compare(scratch, sizes[i]);
    }
}

static void large_parts_between_holes_stay_so(void **state)
{
    struct scratch *scratch = *state;
    struct stat st;
    char path[256];
    int fd = open_scratch(scratch, "large", O_RDWR | O_CREAT);
    write_at(fd, 32 * MIB, 12 * MIB);
    write_at(fd, 100 * MIB, 9 * MIB + 77);
    assert_int_equal(ftruncate(fd, 200 * MIB + 5), 0);
    if (fstat(fd, &st) < 0 || (int64_t)st.st_blocks * 512 > 100 * MIB)
        skip_because("this file system has no holes");
    close(fd);
    copy_and_compare(scratch, 200 * MIB + 5);
    assert_int_equal(stat(scratch_path(scratch, "copy", path), &st), 0);
    assert_true((int64_t)st.st_blocks * 512 < 40 * MIB);
}

struct meddler {
    int fd;
    atomic_int done;
};

/* Cuts the file off and lets it grow again, until told to end. */
static void *cut_off(void *arg)
{
    struct meddler *meddler = arg;
    while (meddler->done == 0)
        if (ftruncate(meddler->fd, 12345) < 0 || ftruncate(meddler->fd, 24 * MIB) < 0)
            break;
    return NULL;
}

static void file_cut_off_while_read_is_an_error(void **state)
{
    struct scratch *scratch = *state;
    struct meddler meddler = {.fd = open_scratch(scratch, "large", O_RDWR | O_CREAT)};
    pthread_t thread;
    struct digest digest;
    int64_t size;
    char path[256];
    write_at(meddler.fd, 0, 24 * MIB);
    assert_int_equal(pthread_create(&thread, NULL, cut_off, &meddler), 0);
    for (int i = 0; i < 30; i++) {
        struct error err;
        if (blob_hash_file(scratch->store, scratch_path(scratch, "large", path), STORE_BY_READING,
                           &digest, &size, &err) < 0)
            assert_non_null(strstr(err.message, "changed while it was read"));
    }
    meddler.done = 1;
    pthread_join(thread, NULL);
    close(meddler.fd);
}

static void *raise_flag(void *arg)
{
    usleep(5000);
    atomic_store((atomic_int *)arg, 1);
    return NULL;
}

static void flag_stops_both_threads(void **state)
{
    struct scratch *scratch = *state;
    struct pumps *pumps = store_pumps(scratch->store);
    struct error err;
    struct digest digest;
    int64_t size;
    int fd = open_scratch(scratch, "large", O_RDWR | O_CREAT);
    write_at(fd, 0, 64 * MIB);
    for (int i = 0; i < 20; i++) {
        atomic_int stop = 0;
        pthread_t thread;
        pumps_set_stop(pumps, &stop);
        assert_int_equal(pthread_create(&thread, NULL, raise_flag, &stop), 0);
        while (pump_hash(pumps, fd, "large", &digest, &size, &err) == 0)
            continue;
        assert_int_equal(err.kind, ERR_INTERRUPTED);
        pthread_join(thread, NULL);
        pumps_set_stop(pumps, NULL);
    }
    close(fd);
}

/* A limit on the size of files stands for a full disk. */
static void full_disk_is_told_by_the_other_thread(void **state)
{
    struct scratch *scratch = *state;
    struct error err = {0};
    struct digest digest;
    int64_t size;
    struct rlimit old, small;
    int from = open_scratch(scratch, "large", O_RDWR | O_CREAT);
    int to = open_scratch(scratch, "copy", O_RDWR | O_CREAT);
    write_at(from, 0, 24 * MIB);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){10 * MIB, old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int result =
        pump_copy(store_pumps(scratch->store), from, "large", to, "copy", &digest, &size, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(result, -1);
    assert_int_equal(err.kind, ERR_IO);
    assert_non_null(strstr(err.message, "cannot write 'copy'"));
    close(from);
    close(to);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_set_up, scratch_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(large_file_has_its_digest),
        STORE_TEST(large_parts_between_holes_stay_so),
        STORE_TEST(file_cut_off_while_read_is_an_error),
        STORE_TEST(flag_stops_both_threads),
        STORE_TEST(full_disk_is_told_by_the_other_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
