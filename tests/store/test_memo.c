#include "store/memo.h"

#include "base/file.h"

#include "tap.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char path[] = "/tmp/reprise-memo-XXXXXX";

static int make_path(void **state)
{
    (void)state;
    memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
    int fd = mkstemp(path);
    close(fd);
    return fd < 0;
}

static int remove_path(void **state)
{
    (void)state;
    struct error err;
    return file_remove(path, &err);
}

static struct stat file_number(uint64_t inode)
{
    return (struct stat){.st_dev = 1, .st_ino = inode, .st_size = 3, .st_mtim.tv_nsec = 5};
}

static struct digest digest_number(uint64_t number)
{
    struct digest digest = {0};
    memcpy(digest.bytes, &number, sizeof(number));
    return digest;
}

static struct memo *open_memo(void)
{
    struct error err;
    struct memo *memo;
    assert_int_equal(memo_open(path, &memo, &err), 0);
    return memo;
}

static void save_and_close(struct memo *memo)
{
    struct error err;
    assert_int_equal(memo_save(memo, &err), 0);
    memo_close(memo);
}

static bool knows(struct memo *memo, uint64_t number)
{
    struct stat st = file_number(number);
    struct digest found, wanted = digest_number(number);
    return memo_find(memo, &st, &found) && digest_equal(&found, &wanted);
}

static void add(struct memo *memo, uint64_t number)
{
    struct stat st = file_number(number);
    struct digest digest = digest_number(number);
    memo_add(memo, &st, &digest);
}

static void many_are_found_again(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    struct memo *memo = open_memo();
    for (uint64_t i = 1; i <= MANY; i++)
        add(memo, i);
    save_and_close(memo);
    memo = open_memo();
    for (uint64_t i = 1; i <= MANY; i++)
        assert_true(knows(memo, i));
    assert_false(knows(memo, MANY + 1));
    struct stat st = file_number(7);
    struct digest found;
    st.st_ctim.tv_nsec = 1;
    assert_false(memo_find(memo, &st, &found));
    st = file_number(7);
    st.st_mtim.tv_nsec = 6;
    assert_false(memo_find(memo, &st, &found));
    st = file_number(7);
    st.st_size++;
    assert_false(memo_find(memo, &st, &found));
    memo_close(memo);
}

static void what_others_saved_meanwhile_is_kept(void **state)
{
    (void)state;
    struct memo *one = open_memo(), *two = open_memo();
    add(one, 1);
    add(two, 2);
    save_and_close(one);
    save_and_close(two);
    one = open_memo();
    assert_true(knows(one, 1) && knows(one, 2));
    struct stat st = file_number(1);
    memo_forget(one, &st);
    assert_false(knows(one, 1));
    save_and_close(one);
    one = open_memo();
    assert_true(!knows(one, 1) && knows(one, 2));
    memo_close(one);
}

static void what_nobody_asks_for_is_dropped_in_the_end(void **state)
{
    (void)state;
    enum { MANY = 6000, SAVES = 300 };
    struct memo *memo = open_memo();
    for (uint64_t i = 1; i <= MANY; i++)
        add(memo, i);
    save_and_close(memo);
    for (int save = 0; save < SAVES; save++) {
        memo = open_memo();
        assert_true(knows(memo, 1));
        add(memo, MANY + 1);
        save_and_close(memo);
    }
    memo = open_memo();
    assert_true(knows(memo, 1) && knows(memo, MANY + 1));
    assert_false(knows(memo, 2));
    memo_close(memo);
}

static void flip(long at)
{
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    fputc(byte ^ 4, file);
    fclose(file);
}

static void damaged_page_is_empty(void **state)
{
    (void)state;
    struct memo *memo = open_memo();
    add(memo, 1);
    save_and_close(memo);
    for (long at = 0; at < 32 + 4096; at += at < 200 ? 1 : 97) {
        flip(at);
        memo = open_memo();
        assert_false(knows(memo, 1));
        memo_close(memo);
        flip(at);
    }
    memo = open_memo();
    assert_true(knows(memo, 1));
    memo_close(memo);
    assert_int_equal(truncate(path, 32 + 4095), 0);
    memo = open_memo();
    assert_false(knows(memo, 1));
    memo_close(memo);
}

static void *work(void *arg)
{
    struct memo *memo = arg;
    for (uint64_t i = 1; i <= 2000; i++) {
        add(memo, i);
        if (!knows(memo, i))
            return arg;
    }
    return NULL;
}

static void threads_share_it(void **state)
{
    (void)state;
    struct memo *memo = open_memo();
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, memo), 0);
    for (int i = 0; i < 4; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    save_and_close(memo);
}

static bool is_racy(double age, bool whole)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    double then = (double)now.tv_sec + (double)now.tv_nsec * 1e-9 - age;
    struct timespec time = {.tv_sec = (time_t)then};
    time.tv_nsec = whole ? 0 : (long)((then - (double)time.tv_sec) * 1e9) | 1;
    struct stat st = {.st_mtim = time, .st_ctim = time};
    return memo_is_racy(&st);
}

static void coarse_clocks_and_the_future_are_not_trusted(void **state)
{
    (void)state;
    assert_true(is_racy(0.01, false));
    assert_false(is_racy(0.2, false));
    assert_true(is_racy(1, true));
    assert_false(is_racy(3.2, true));
    assert_true(is_racy(-1, false));
    assert_true(is_racy(-3600, true));
}

static void fresh_file_of_whole_seconds_is_not_remembered(void **state)
{
    (void)state;
    struct memo *memo = open_memo();
    struct stat st = file_number(1);
    struct digest found, digest = digest_number(1);
    st.st_mtim = st.st_ctim = (struct timespec){.tv_sec = time(NULL)};
    memo_add(memo, &st, &digest);
    assert_false(memo_find(memo, &st, &found));
    st.st_mtim.tv_sec = st.st_ctim.tv_sec -= 4;
    memo_add(memo, &st, &digest);
    assert_true(memo_find(memo, &st, &found));
    memo_close(memo);
}

#define MEMO_TEST(name) cmocka_unit_test_setup_teardown(name, make_path, remove_path)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MEMO_TEST(many_are_found_again),
        MEMO_TEST(what_others_saved_meanwhile_is_kept),
        MEMO_TEST(what_nobody_asks_for_is_dropped_in_the_end),
        MEMO_TEST(damaged_page_is_empty),
        MEMO_TEST(threads_share_it),
        MEMO_TEST(coarse_clocks_and_the_future_are_not_trusted),
        MEMO_TEST(fresh_file_of_whole_seconds_is_not_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
