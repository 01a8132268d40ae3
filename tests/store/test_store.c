#include "base/file.h"
#include "base/memory.h"
#include "scratch.h"
#include "store/action.h"
#include "store/materialise.h"

#include "tap.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void write_folder(struct scratch *scratch)
{
    char path[256];
    scratch_write(scratch, "in/b.txt", "two");
    scratch_write(scratch, "in/a/deep.txt", "one");
    scratch_write(scratch, "in/run.sh", "#!/bin/sh\n");
    assert_int_equal(chmod(scratch_path(scratch, "in/run.sh", path), 0755), 0);
    assert_int_equal(mkdir(scratch_path(scratch, "in/empty", path), 0755), 0);
}

static void put_folder(struct scratch *scratch, bool take, struct content *content)
{
    char path[256];
    struct error err;
    write_folder(scratch);
    scratch_path(scratch, "in", path);
    assert_int_equal(content_put(scratch->store, AT_FDCWD, path, take, content, &err), 0);
}

static void folder_round_trip(void **state)
{
    struct scratch *scratch = *state;
    struct content content, again;
    struct error err;
    struct stat st;
    char path[256];
    bool changed;
    put_folder(scratch, true, &content);
    assert_int_equal(content.kind, CONTENT_FOLDER);
    assert_int_equal(content.size, 16);
    scratch_path(scratch, "out", path);
    assert_int_equal(materialise(scratch->store, &content, path, &changed, &err), 0);
    assert_true(changed);
    assert_int_equal(content_hash(scratch->store, path, STORE_BY_READING, &again, &err), 0);
    assert_true(digest_equal(&content.digest, &again.digest));
    assert_int_equal(stat(scratch_path(scratch, "out/run.sh", path), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0555);
    assert_int_equal(stat(scratch_path(scratch, "out/empty", path), &st), 0);
    scratch_path(scratch, "out", path);
    assert_int_equal(materialise(scratch->store, &content, path, &changed, &err), 0);
    assert_false(changed);
}

static void folder_is_repaired_where_it_differs(void **state)
{
    struct scratch *scratch = *state;
    struct content content;
    struct error err;
    char path[256], file[256];
    bool changed;
    put_folder(scratch, false, &content);
    scratch_path(scratch, "out", path);
    assert_int_equal(materialise(scratch->store, &content, path, &changed, &err), 0);
    scratch_flip(scratch_path(scratch, "out/b.txt", file), 0);
    assert_int_equal(materialise(scratch->store, &content, path, &changed, &err), 0);
    assert_true(changed);
    scratch_write(scratch, "out/extra", "not ours");
    assert_int_equal(materialise(scratch->store, &content, path, &changed, &err), 0);
    assert_true(changed);
    assert_false(file_exists(scratch_path(scratch, "out/extra", file)));
    assert_true(content_is_at(scratch->store, &content, path, STORE_BY_READING));
}

static void folder_with_a_damaged_file_is_not_good(void **state)
{
    struct scratch *scratch = *state;
    struct content content;
    struct digest file, bad;
    char object[STORE_PATH_SIZE];
    struct error err;
    put_folder(scratch, false, &content);
    assert_true(content_is_good(scratch->store, &content, STORE_BY_STAT, NULL));
    assert_int_equal(digest_of_bytes("two", 3, &file, &err), 0);
    store_object_path(scratch->store, &file, object);
    assert_int_equal(unlink(object), 0);
    assert_false(content_is_good(scratch->store, &content, STORE_BY_STAT, &bad));
    assert_true(digest_equal(&bad, &file));
}

static void dep_is_read_from_the_store(void **state)
{
    struct scratch *scratch = *state;
    struct content content;
    struct error err;
    char path[256], *data;
    size_t size;
    put_folder(scratch, false, &content);
    assert_int_equal(materialise_dep(scratch->store, &content, scratch_path(scratch, "w/dep", path),
                                     false, &err),
                     0);
    assert_int_equal(
        file_read(scratch_path(scratch, "w/dep/a/deep.txt", path), 100, &data, &size, &err), 0);
    assert_string_equal(data, "one");
    free(data);
    assert_int_equal(access(scratch_path(scratch, "w/dep/run.sh", path), X_OK), 0);
}

static void copies_into_a_folder_leave_others_alone(void **state)
{
    struct scratch *scratch = *state;
    struct content content;
    struct error err;
    char path[256];
    put_folder(scratch, false, &content);
    scratch_write(scratch, "reports/README", "kept");
    scratch_path(scratch, "reports", path);
    assert_int_equal(materialise_into(scratch->store, &content, "x", path, &err), 0);
    assert_true(file_exists(scratch_path(scratch, "reports/README", path)));
    assert_true(file_exists(scratch_path(scratch, "reports/a/deep.txt", path)));
}

static struct action *make_action(const char *components, struct digest *key)
{
    struct error err;
    struct content content = {.kind = CONTENT_FILE, .size = 3};
    struct action *action = action_new("stage", components, &err);
    assert_non_null(action);
    assert_int_equal(digest_of_bytes(components, strlen(components), key, &err), 0);
    assert_int_equal(digest_of_bytes("abc", 3, &content.digest, &err), 0);
    assert_int_equal(action_add_out(action, "z", &content, &err), 0);
    assert_int_equal(action_add_out(action, "a", &content, &err), 0);
    action->seconds = 1.2345678901234567;
    return action;
}

static void action_round_trip(void **state)
{
    struct scratch *scratch = *state;
    struct digest key;
    struct error err;
    struct action *action = make_action("cmd [\"x\"]\n", &key), *again;
    assert_int_equal(action_write(scratch->store, &key, action, &err), 0);
    assert_int_equal(action_read(scratch->store, &key, &again, &err), 0);
    assert_non_null(again);
    assert_string_equal(again->components, "cmd [\"x\"]\n");
    assert_string_equal(again->outs[0].name, "a");
    assert_int_equal(action_out(again, "z")->size, 3);
    assert_null(action_out(again, "y"));
    action_free(again);
    action_free(action);
}

static void action_with_any_byte_flipped_is_a_miss(void **state)
{
    struct scratch *scratch = *state;
    struct digest key;
    struct error err;
    struct stat st;
    char path[STORE_PATH_SIZE];
    struct action *action = make_action("cmd [\"x\"]\n", &key), *again;
    assert_int_equal(action_write(scratch->store, &key, action, &err), 0);
    store_action_path(scratch->store, &key, path);
    assert_int_equal(stat(path, &st), 0);
    for (long at = 0; at < st.st_size; at++) {
        scratch_flip(path, at);
        assert_int_equal(action_read(scratch->store, &key, &again, &err), 0);
        /* A blank that became another blank changes nothing. */
        if (again != NULL)
            assert_int_equal(action_out(again, "z")->size, 3);
        action_free(again);
        scratch_flip(path, at);
    }
    assert_int_equal(truncate(path, st.st_size / 2), 0);
    assert_int_equal(action_read(scratch->store, &key, &again, &err), 0);
    assert_null(again);
    action_free(action);
}

static void memo_survives_the_process(void **state)
{
    struct scratch *scratch = *state;
    struct digest digest, found;
    struct error err;
    struct stat st;
    char object[STORE_PATH_SIZE], memo[256];
    assert_int_equal(blob_put_bytes(scratch->store, "abc", 3, &digest, &err), 0);
    scratch_reopen(scratch);
    store_object_path(scratch->store, &digest, object);
    assert_int_equal(stat(object, &st), 0);
    assert_true(memo_find(store_memo(scratch->store), &st, &found));
    assert_true(digest_equal(&digest, &found));
    scratch_flip(scratch_path(scratch, "cache/memo", memo), 100);
    scratch_reopen(scratch);
    assert_false(memo_find(store_memo(scratch->store), &st, &found));
    assert_true(blob_is_good(scratch->store, &digest, STORE_BY_STAT));
}

static void memo_does_not_trust_a_file_just_written(void **state)
{
    struct scratch *scratch = *state;
    struct digest first, second;
    struct error err;
    struct stat st;
    int64_t size;
    char path[256];
    scratch_write(scratch, "file", "one");
    assert_int_equal(stat(scratch_path(scratch, "file", path), &st), 0);
    assert_int_equal(blob_hash_file(scratch->store, path, STORE_BY_STAT, &first, &size, &err), 0);
    assert_false(memo_find(store_memo(scratch->store), &st, &second));
    usleep(60000);
    assert_int_equal(blob_hash_file(scratch->store, path, STORE_BY_STAT, &first, &size, &err), 0);
    assert_true(memo_find(store_memo(scratch->store), &st, &second));
}

static void lock_has_one_holder(void **state)
{
    struct scratch *scratch = *state;
    struct store_lock *mine, *other;
    struct error err;
    assert_int_equal(store_try_lock(scratch->store, "key", &mine, &err), 0);
    assert_non_null(mine);
    assert_int_equal(store_try_lock(scratch->store, "key", &other, &err), 0);
    assert_null(other);
    store_unlock(mine);
    assert_int_equal(store_try_lock(scratch->store, "key", &other, &err), 0);
    assert_non_null(other);
    store_unlock(other);
}

static void lock_ends_with_its_process(void **state)
{
    struct scratch *scratch = *state;
    struct store_lock *lock;
    struct error err;
    pid_t child = fork();
    if (child == 0) {
        if (store_try_lock(scratch->store, "key", &lock, &err) < 0 || lock == NULL)
            _exit(1);
        raise(SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(store_try_lock(scratch->store, "key", &lock, &err), 0);
    assert_non_null(lock);
    store_unlock(lock);
}

/* Several processes add to a number in a file under the lock. */
static void lock_keeps_processes_apart(void **state)
{
    enum { PROCESSES = 4, ROUNDS = 50 };
    struct scratch *scratch = *state;
    struct error err;
    char path[256], *data;
    size_t size;
    scratch_write(scratch, "count", "0");
    scratch_path(scratch, "count", path);
    for (int i = 0; i < PROCESSES; i++)
        if (fork() == 0) {
            for (int round = 0; round < ROUNDS; round++) {
                struct store_lock *lock;
                if (store_wait_lock(scratch->store, "count", &lock, &err) < 0 || lock == NULL ||
                    file_read(path, 100, &data, &size, &err) < 0)
                    _exit(1);
                FILE *stream = fopen(path, "w");
                fprintf(stream, "%ld", strtol(data, NULL, 10) + 1);
                fclose(stream);
                free(data);
                store_unlock(lock);
            }
            _exit(0);
        }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(file_read(path, 100, &data, &size, &err), 0);
    assert_int_equal(strtol(data, NULL, 10), PROCESSES * ROUNDS);
    free(data);
}

static void temporary_files_of_the_dead_are_removed(void **state)
{
    struct scratch *scratch = *state;
    struct digest digest;
    struct error err;
    char path[256];
    scratch_write(scratch, "cache/tmp/1-abc/7", "left");
    scratch_write(scratch, "cache/work/0123/run/out", "left");
    scratch_write(scratch, "cache/work/0123/checkpoint/epoch", "kept");
    scratch_write(scratch, "cache/work/4567/log", "left");
    assert_int_equal(blob_put_bytes(scratch->store, "x", 1, &digest, &err), 0);
    assert_false(file_exists(scratch_path(scratch, "cache/tmp/1-abc", path)));
    assert_false(file_exists(scratch_path(scratch, "cache/work/0123/run", path)));
    assert_false(file_exists(scratch_path(scratch, "cache/work/4567", path)));
    assert_true(file_exists(scratch_path(scratch, "cache/work/0123/checkpoint/epoch", path)));
}

/* Where times come in ticks of the clock (before Linux 6.13), the time of an edit can be that of
 * the delivery: so what is delivered has an earlier one. */
static void what_is_edited_in_the_tick_of_its_delivery_is_seen(void **state)
{
    enum { TIMES = 20, TICK_NS = 10 * 1000 * 1000 };
    struct stat st;
    struct scratch *scratch = *state;
    struct content content;
    struct error err;
    bool changed;
    char path[256];
    scratch_write(scratch, "in.txt", "one");
    assert_int_equal(content_put(scratch->store, AT_FDCWD, scratch_path(scratch, "in.txt", path),
                                 false, &content, &err),
                     0);
    scratch_path(scratch, "out.txt", path);
    for (int i = 0; i < TIMES; i++) {
        assert_int_equal(materialise(scratch->store, &content, path, &changed, &err), 0);
        assert_true(changed);
        assert_true(content_is_at(scratch->store, &content, path, STORE_BY_MEMO));
        assert_int_equal(lstat(path, &st), 0);
        assert_true((st.st_ctim.tv_sec - st.st_mtim.tv_sec) * 1000000000 + st.st_ctim.tv_nsec -
                        st.st_mtim.tv_nsec >
                    TICK_NS);
        assert_int_equal(chmod(path, 0644), 0);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        assert_int_equal(write(fd, "two", 3), 3);
        assert_int_equal(fchmod(fd, 0444), 0);
        close(fd);
        assert_false(content_is_at(scratch->store, &content, path, STORE_BY_STAT));
    }
}

static void folder_survives_failed_allocations(void **state)
{
    struct scratch *scratch = *state;
    struct content content;
    struct error err;
    char path[256];
    bool changed;
    unsigned injected = 0;
    write_folder(scratch);
    for (unsigned after = 1;; after++) {
        int result;
        memory_fail_after(after);
        result = content_put(scratch->store, AT_FDCWD, scratch_path(scratch, "in", path), false,
                             &content, &err);
        if (result == 0)
            result = materialise(scratch->store, &content, scratch_path(scratch, "out", path),
                                 &changed, &err);
        unsigned failed = memory_fail_after(0);
        injected += failed;
        if (failed == 0) {
            assert_int_equal(result, 0);
            break;
        }
    }
    assert_true(injected > 20);
    assert_true(content_is_at(scratch->store, &content, path, STORE_BY_READING));
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_set_up, scratch_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(folder_round_trip),
        STORE_TEST(folder_is_repaired_where_it_differs),
        STORE_TEST(folder_with_a_damaged_file_is_not_good),
        STORE_TEST(dep_is_read_from_the_store),
        STORE_TEST(copies_into_a_folder_leave_others_alone),
        STORE_TEST(action_round_trip),
        STORE_TEST(action_with_any_byte_flipped_is_a_miss),
        STORE_TEST(memo_survives_the_process),
        STORE_TEST(memo_does_not_trust_a_file_just_written),
        STORE_TEST(lock_has_one_holder),
        STORE_TEST(lock_ends_with_its_process),
        STORE_TEST(lock_keeps_processes_apart),
        STORE_TEST(temporary_files_of_the_dead_are_removed),
        STORE_TEST(what_is_edited_in_the_tick_of_its_delivery_is_seen),
        STORE_TEST(folder_survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
