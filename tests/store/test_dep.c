/* What a stage reads: deps of the project by content, deps of other stages laid out from the store.
 */
#include "base/file.h"
#include "scratch.h"
#include "store/materialise.h"

#include "tap.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void put_folder(struct scratch *scratch, struct content *content)
{
    struct error err;
    char path[256];
    assert_int_equal(file_remove(scratch_path(scratch, "in", path), &err), 0);
    scratch_write(scratch, "in/a/deep", "one");
    scratch_write(scratch, "in/b", "two");
    scratch_write(scratch, "in/run", "#!/bin/sh\n");
    assert_int_equal(chmod(scratch_path(scratch, "in/run", path), 0700), 0);
    assert_int_equal(mkdir(scratch_path(scratch, "in/empty", path), 0700), 0);
    assert_int_equal(symlink("a/deep", scratch_path(scratch, "in/link", path)), 0);
    assert_int_equal(content_put(scratch->store, AT_FDCWD, scratch_path(scratch, "in", path), true,
                                 content, &err),
                     0);
}

static void lay_out(struct scratch *scratch, const struct content *content, const char *name)
{
    struct error err;
    char path[256];
    assert_int_equal(
        materialise_dep(scratch->store, content, scratch_path(scratch, name, path), false, &err),
        0);
}

static void expect_mode(struct scratch *scratch, const char *name, mode_t type, mode_t mode)
{
    struct stat st;
    char path[256];
    assert_int_equal(lstat(scratch_path(scratch, name, path), &st), 0);
    assert_int_equal(st.st_mode & S_IFMT, type);
    if (type != S_IFLNK)
        assert_int_equal(st.st_mode & 07777, mode);
    if (type == S_IFREG)
        assert_int_equal(st.st_mtim.tv_sec, BLOB_TIME);
}

static void stage_sees_folders_and_read_only_files(void **state)
{
    struct scratch *scratch = *state;
    struct content content;
    struct error err;
    char path[256];
    put_folder(scratch, &content);
    mode_t old = umask(077);
    lay_out(scratch, &content, "w/dep");
    umask(old);
    expect_mode(scratch, "w/dep", S_IFDIR, 0755);
    expect_mode(scratch, "w/dep/a", S_IFDIR, 0755);
    expect_mode(scratch, "w/dep/empty", S_IFDIR, 0755);
    expect_mode(scratch, "w/dep/a/deep", S_IFREG, 0444);
    expect_mode(scratch, "w/dep/run", S_IFREG, 0555);
    expect_mode(scratch, "w/dep/link", S_IFLNK, 0);
    scratch_path(scratch, "w/dep", path);
    assert_true(content_is_at(scratch->store, &content, path, STORE_BY_READING));
    assert_int_equal(materialise_dep_check(scratch->store, &content, path, &err), 0);
}

/* Two stages, one after the other and at once: nothing is read again. */
static void memo_follows_the_links(void **state)
{
    struct scratch *scratch = *state;
    struct content content;
    struct error err;
    char one[256], two[256];
    put_folder(scratch, &content);
    lay_out(scratch, &content, "one");
    lay_out(scratch, &content, "two");
    scratch_path(scratch, "one", one);
    scratch_path(scratch, "two", two);
    assert_int_equal(content_check(scratch->store, &content, STORE_BY_MEMO, NULL, &err), 0);
    assert_int_equal(materialise_dep_check(scratch->store, &content, one, &err), 0);
    assert_int_equal(materialise_dep_remove(scratch->store, &content, one, &err), 0);
    assert_int_equal(content_check(scratch->store, &content, STORE_BY_MEMO, NULL, &err), 0);
    assert_int_equal(materialise_dep_remove(scratch->store, &content, two, &err), 0);
    assert_int_equal(content_check(scratch->store, &content, STORE_BY_MEMO, NULL, &err), 0);
    assert_false(file_exists(one) || file_exists(two));
    scratch_reopen(scratch);
    assert_int_equal(content_check(scratch->store, &content, STORE_BY_MEMO, NULL, &err), 0);
}

enum { PROCESSES = 3, LAYINGS = 40 };

/* Another runner: lays the dep out, looks at it, reads all blobs, removes it. */
static int use_again_and_again(const char *cache, const struct content *content, const char *path)
{
    struct error err;
    struct store *store;
    if (store_open(cache, &store, &err) < 0)
        return -1;
    int result = 0;
    for (int i = 0; i < LAYINGS && result == 0; i++) {
        result = materialise_dep(store, content, path, false, &err);
        if (result == 0)
            result = materialise_dep_check(store, content, path, &err);
        if (result == 0)
            result = content_check(store, content, STORE_BY_READING, NULL, &err);
        if (result == 0)
            result = materialise_dep_remove(store, content, path, &err);
    }
    if (result < 0)
        fprintf(stderr, "%s\n", err.message);
    store_close(store);
    return result;
}

static void processes_use_the_same_blobs_at_once(void **state)
{
    struct scratch *scratch = *state;
    struct content content;
    struct error err;
    char path[256], name[16];
    pid_t pids[PROCESSES];
    int status;
    put_folder(scratch, &content);
    assert_int_equal(store_flush(scratch->store, &err), 0);
    lay_out(scratch, &content, "running"); /* a stage's, all the time */
    for (int i = 0; i < PROCESSES; i++) {
        snprintf(name, sizeof(name), "w%d", i);
        scratch_path(scratch, name, path);
        if ((pids[i] = fork()) == 0)
            _exit(use_again_and_again(scratch->cache, &content, path) == 0 ? 0 : 1);
        assert_true(pids[i] > 0);
    }
    for (int i = 0; i < PROCESSES; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    scratch_path(scratch, "running", path);
    assert_int_equal(materialise_dep_check(scratch->store, &content, path, &err), 0);
    assert_true(content_is_at(scratch->store, &content, path, STORE_BY_READING));
    assert_true(content_is_good(scratch->store, &content, STORE_BY_READING, NULL));
}

/* A name that somebody else gives or takes moves the change time as a write would. */
static void link_by_others_is_looked_into(void **state)
{
    struct scratch *scratch = *state;
    struct content content;
    struct digest digest;
    struct error err = {0};
    char object[STORE_PATH_SIZE], other[256];
    put_folder(scratch, &content);
    assert_int_equal(digest_of_bytes("two", 3, &digest, &err), 0);
    store_object_path(scratch->store, &digest, object);
    usleep(10000); /* a tick, for kernels whose times are coarse */
    assert_int_equal(link(object, scratch_path(scratch, "other", other)), 0);
    assert_int_equal(blob_check(scratch->store, &digest, STORE_BY_MEMO, &err), -1);
    assert_int_equal(err.kind, ERR_UNKNOWN);
    assert_int_equal(blob_check(scratch->store, &digest, STORE_BY_STAT, &err), 0);
    lay_out(scratch, &content, "w");
    scratch_path(scratch, "w", other);
    assert_int_equal(materialise_dep_check(scratch->store, &content, other, &err), 0);
}

static void write_to(const char *path, bool restore_time)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(chmod(path, 0644), 0);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "X", 1, 0), 1);
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    if (restore_time)
        assert_int_equal(futimens(fd, times), 0);
    close(fd);
    assert_int_equal(chmod(path, 0444), 0);
}

static void stage_that_writes_to_its_dep_is_found(void **state)
{
    struct scratch *scratch = *state;
    for (int restore = 0; restore < 2; restore++) {
        struct content content, again;
        struct error err = {0};
        char path[256], file[256];
        put_folder(scratch, &content);
        lay_out(scratch, &content, "w");
        usleep(10000);
        write_to(scratch_path(scratch, "w/b", file), restore);
        scratch_path(scratch, "w", path);
        assert_int_equal(materialise_dep_check(scratch->store, &content, path, &err), -1);
        assert_int_equal(err.kind, ERR_STAGE);
        assert_non_null(strstr(err.message, "w/b' was changed"));
        /* A file system with reflinks keeps the blob from it; else it is a miss. */
        bool hurt = !store_has_reflinks(scratch->store);
        assert_int_equal(content_is_good(scratch->store, &content, STORE_BY_STAT, NULL), !hurt);
        assert_int_equal(materialise_dep_remove(scratch->store, &content, path, &err), 0);
        assert_int_equal(content_is_good(scratch->store, &content, STORE_BY_STAT, NULL), !hurt);
        put_folder(scratch, &again); /* and is repaired by the next who stores it */
        assert_true(content_is_good(scratch->store, &content, STORE_BY_READING, NULL));
    }
}

static void copy_of_a_dep_is_an_out(void **state)
{
    struct scratch *scratch = *state;
    struct content content, out;
    struct error err;
    char path[256], to[256];
    put_folder(scratch, &content);
    lay_out(scratch, &content, "w");
    /* mv and ln of a dep into an out: the blob's own second name. */
    assert_int_equal(mkdir(scratch_path(scratch, "out", to), 0755), 0);
    assert_int_equal(rename(scratch_path(scratch, "w/b", path), scratch_path(scratch, "out/b", to)),
                     0);
    assert_int_equal(
        content_put(scratch->store, AT_FDCWD, scratch_path(scratch, "out", path), true, &out, &err),
        0);
    assert_true(content_is_good(scratch->store, &out, STORE_BY_READING, NULL));
    assert_true(content_is_good(scratch->store, &content, STORE_BY_READING, NULL));
    write_to(scratch_path(scratch, "out/b", to), false);
    usleep(10000);
    if (!store_has_reflinks(scratch->store))
        assert_false(content_is_good(scratch->store, &content, STORE_BY_STAT, NULL));
}

/* ---- deps of the project ---- */

static int hash_dep(struct scratch *scratch, const char *name, const struct ignore *ignore,
                    struct content *content, struct error *err)
{
    char path[256];
    return content_hash_dep(scratch->store, scratch_path(scratch, name, path), ignore,
                            STORE_BY_STAT, content, err);
}

static void links_of_a_dep_are_followed(void **state)
{
    struct scratch *scratch = *state;
    struct content plain, linked, copied;
    struct error err;
    char path[256], target[256], to[256];
    scratch_write(scratch, "plain/x", "1");
    scratch_write(scratch, "plain/d/y", "2");
    scratch_write(scratch, "disk/y", "2");
    scratch_write(scratch, "disk/real-x", "1");
    assert_int_equal(mkdir(scratch_path(scratch, "linked", path), 0755), 0);
    assert_int_equal(symlink("../disk/real-x", scratch_path(scratch, "linked/x", path)), 0);
    assert_int_equal(mkdir(scratch_path(scratch, "elsewhere", path), 0755), 0);
    assert_int_equal(
        rename(scratch_path(scratch, "disk/y", path), scratch_path(scratch, "elsewhere/y", target)),
        0);
    assert_int_equal(symlink(scratch_path(scratch, "elsewhere", target),
                             scratch_path(scratch, "linked/d", path)),
                     0);
    assert_int_equal(symlink("linked", scratch_path(scratch, "data", path)), 0);
    assert_int_equal(hash_dep(scratch, "plain", NULL, &plain, &err), 0);
    assert_int_equal(hash_dep(scratch, "data", NULL, &linked, &err), 0);
    assert_true(digest_equal(&plain.digest, &linked.digest));
    assert_int_equal(content_copy_dep(scratch->store, scratch_path(scratch, "data", path), NULL,
                                      scratch_path(scratch, "w/deps/data", to), &copied, &err),
                     0);
    assert_true(digest_equal(&plain.digest, &copied.digest));
    expect_mode(scratch, "w/deps/data/d", S_IFDIR, 0755);
    expect_mode(scratch, "w/deps/data/d/y", S_IFREG, 0444);
    assert_true(content_is_at(scratch->store, &plain, to, STORE_BY_READING));
    /* A single file, too. */
    assert_int_equal(content_copy_dep(scratch->store, scratch_path(scratch, "linked/x", path), NULL,
                                      scratch_path(scratch, "w/deps/x/x", to), &copied, &err),
                     0);
    expect_mode(scratch, "w/deps/x/x", S_IFREG, 0444);
}

static void links_that_lead_nowhere_or_in_circles_are_refused(void **state)
{
    struct scratch *scratch = *state;
    struct content content;
    struct error err = {0};
    char path[256];
    scratch_write(scratch, "d/x/y", "1");
    assert_int_equal(symlink("gone", scratch_path(scratch, "d/broken", path)), 0);
    assert_int_equal(hash_dep(scratch, "d", NULL, &content, &err), -1);
    assert_non_null(strstr(err.message, "d/broken' is a link to 'gone', which does not exist"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("../../d", scratch_path(scratch, "d/x/around", path)), 0);
    assert_int_equal(hash_dep(scratch, "d", NULL, &content, &err), -1);
    assert_non_null(strstr(err.message, "d/x/around' is a link to a folder around it"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("self", scratch_path(scratch, "d/self", path)), 0);
    assert_int_equal(hash_dep(scratch, "d", NULL, &content, &err), -1);
}

static void droppings_do_not_count(void **state)
{
    static const char *const droppings[] = {"d/__pycache__/m.cpython-311.pyc",
                                            "d/sub/__pycache__/x",
                                            "d/m.pyc",
                                            "d/.x.py.swp",
                                            "d/x.py~",
                                            "d/.#x.py",
                                            "d/#x.py#",
                                            "d/.git/HEAD",
                                            "d/.DS_Store",
                                            "d/sub/Thumbs.db",
                                            "d/.nfs0001",
                                            "d/.reprise-1-abcdef",
                                            "d/.ipynb_checkpoints/a.ipynb"};
    struct scratch *scratch = *state;
    struct content before, after, copied, out;
    struct error err;
    char path[256], to[256];
    scratch_write(scratch, "d/x.py", "1");
    scratch_write(scratch, "d/sub/4913", "an image of this number");
    assert_int_equal(hash_dep(scratch, "d", NULL, &before, &err), 0);
    for (size_t i = 0; i < sizeof(droppings) / sizeof(droppings[0]); i++)
        scratch_write(scratch, droppings[i], "dropped");
    assert_int_equal(hash_dep(scratch, "d", NULL, &after, &err), 0);
    assert_true(digest_equal(&before.digest, &after.digest));
    scratch_path(scratch, "d", path);
    assert_int_equal(
        content_copy_dep(scratch->store, path, NULL, scratch_path(scratch, "w", to), &copied, &err),
        0);
    assert_true(digest_equal(&before.digest, &copied.digest));
    assert_false(file_exists(scratch_path(scratch, "w/__pycache__", to)));
    /* In an out everything counts, and so does what a dep itself is called. */
    assert_int_equal(content_hash(scratch->store, path, STORE_BY_STAT, &out, &err), 0);
    assert_false(digest_equal(&before.digest, &out.digest));
    assert_int_equal(hash_dep(scratch, "d/m.pyc", NULL, &after, &err), 0);
    assert_int_equal(hash_dep(scratch, "d/.git", NULL, &after, &err), 0);
    assert_int_equal(after.size, 7);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_set_up, scratch_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(stage_sees_folders_and_read_only_files),
        STORE_TEST(memo_follows_the_links),
        STORE_TEST(processes_use_the_same_blobs_at_once),
        STORE_TEST(link_by_others_is_looked_into),
        STORE_TEST(stage_that_writes_to_its_dep_is_found),
        STORE_TEST(copy_of_a_dep_is_an_out),
        STORE_TEST(links_of_a_dep_are_followed),
        STORE_TEST(links_that_lead_nowhere_or_in_circles_are_refused),
        STORE_TEST(droppings_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
