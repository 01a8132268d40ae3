/* When is written data on the disk: counted by fsync and syncfs of this program's own, which come
 * before libc's. */
#include "base/file.h"
#include "scratch.h"
#include "store/action.h"
#include "store/materialise.h"
#include "store/pool.h"

#include "tap.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

static atomic_int fsyncs, syncfss, flush_fails;

static int call(const char *name, int fd)
{
    int (*real)(int);
    void *symbol = dlsym(RTLD_NEXT, name);
    memcpy(&real, &symbol, sizeof(real));
    if (flush_fails) {
        errno = EIO;
        return -1;
    }
    return real(fd);
}

int fsync(int fd)
{
    fsyncs++;
    return call("fsync", fd);
}

int syncfs(int fd)
{
    syncfss++;
    return call("syncfs", fd);
}

static void put_many(struct scratch *scratch, int count, struct content *content)
{
    struct error err;
    char path[256], name[64];
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "o/%d", i);
        scratch_write(scratch, name, name);
    }
    fsyncs = syncfss = 0;
    assert_int_equal(content_put(scratch->store, AT_FDCWD, scratch_path(scratch, "o", path), true,
                                 content, &err),
                     0);
    assert_int_equal(fsyncs + syncfss, 0);
}

static void few_files_are_flushed_one_by_one(void **state)
{
    struct scratch *scratch = *state;
    struct content content;
    struct error err;
    put_many(scratch, 2, &content);
    assert_int_equal(store_flush(scratch->store, &err), 0);
    /* three blobs, their folders, and what holds those */
    assert_true(fsyncs >= 6 && fsyncs <= 20);
    assert_int_equal(syncfss, 0);
    fsyncs = 0;
    assert_int_equal(store_flush(scratch->store, &err), 0);
    assert_int_equal(fsyncs + syncfss, 0);
}

static void many_files_are_flushed_at_once(void **state)
{
    struct scratch *scratch = *state;
    struct content content;
    struct error err;
    put_many(scratch, 200, &content);
    assert_int_equal(store_flush(scratch->store, &err), 0);
    assert_int_equal(fsyncs, 0);
    assert_int_equal(syncfss, 1);
}

static void delivered_files_and_actions_are_flushed_too(void **state)
{
    struct scratch *scratch = *state;
    struct content content;
    struct digest key;
    struct error err;
    char path[256];
    bool changed;
    put_many(scratch, 1, &content);
    assert_int_equal(store_flush(scratch->store, &err), 0);
    fsyncs = 0;
    assert_int_equal(
        materialise(scratch->store, &content, scratch_path(scratch, "art", path), &changed, &err),
        0);
    assert_int_equal(store_flush(scratch->store, &err), 0);
    assert_true(fsyncs >= 2);
    struct action *action = action_new("s", "abc", &err);
    assert_int_equal(digest_of_bytes("abc", 3, &key, &err), 0);
    fsyncs = 0;
    assert_int_equal(action_write(scratch->store, &key, action, &err), 0);
    assert_int_equal(fsyncs + syncfss, 0);
    assert_int_equal(store_flush(scratch->store, &err), 0);
    assert_true(fsyncs >= 2);
    action_free(action);
}

static void failed_flush_is_an_error_and_is_done_again(void **state)
{
    struct scratch *scratch = *state;
    struct error err;
    for (int count = 1; count <= 100; count += 99) {
        struct content content;
        put_many(scratch, count, &content);
        flush_fails = 1;
        assert_int_equal(store_flush(scratch->store, &err), -1);
        assert_int_equal(err.kind, ERR_IO);
        assert_int_equal(store_flush(scratch->store, &err), -1);
        flush_fails = 0;
        fsyncs = syncfss = 0;
        assert_int_equal(store_flush(scratch->store, &err), 0);
        assert_true(fsyncs + syncfss > 0);
    }
}

/* What could be lost must not be vouched for afterwards. */
static void memo_is_not_saved_where_the_flush_fails(void **state)
{
    struct scratch *scratch = *state;
    struct content content;
    struct error err;
    put_many(scratch, 1, &content);
    flush_fails = 1;
    scratch_reopen(scratch);
    flush_fails = 0;
    assert_int_equal(content_check(scratch->store, &content, STORE_BY_MEMO, NULL, &err), -1);
    assert_int_equal(err.kind, ERR_UNKNOWN);
    assert_int_equal(content_check(scratch->store, &content, STORE_BY_STAT, NULL, &err), 0);
}

/* ---- the pool ---- */

static int visit(void *arg, size_t index, struct error *err)
{
    atomic_int *visits = arg;
    visits[index]++;
    return index == 700 || index == 300 ? error_set(err, ERR_IO, "%zu", index) : 0;
}

static void pool_visits_each_and_reports_the_first_failure(void **state)
{
    (void)state;
    struct error err = {0};
    struct pool *pool = pool_new(4, &err);
    atomic_int visits[1000] = {0};
    assert_non_null(pool);
    assert_int_equal(pool_each(pool, 300, visit, visits, &err), 0);
    for (size_t i = 0; i < 300; i++)
        assert_int_equal(visits[i], 1);
    assert_int_equal(pool_each(pool, 1000, visit, visits, &err), -1);
    assert_string_equal(err.message, "300");
    assert_int_equal(pool_each(pool, 0, visit, visits, &err), 0);
    pool_free(pool);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_set_up, scratch_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(few_files_are_flushed_one_by_one),
        STORE_TEST(many_files_are_flushed_at_once),
        STORE_TEST(delivered_files_and_actions_are_flushed_too),
        STORE_TEST(failed_flush_is_an_error_and_is_done_again),
        STORE_TEST(memo_is_not_saved_where_the_flush_fails),
        cmocka_unit_test(pool_visits_each_and_reports_the_first_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
