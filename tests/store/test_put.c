/* How outs come into the store: whatever a stage left, and whoever still has it open. */
#include "base/file.h"
#include "scratch.h"
#include "store/action.h"
#include "store/beneath.h"
#include "store/materialise.h"

#include "tap.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int open_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY);
    assert_true(fd >= 0);
    return fd;
}

static int put(struct scratch *scratch, const char *name, bool take, struct content *content,
               struct error *err)
{
    int folder = open_folder(scratch->folder);
    int result = content_put(scratch->store, folder, name, take, content, err);
    close(folder);
    return result;
}

static void make_link(struct scratch *scratch, const char *target, const char *name)
{
    char path[256];
    assert_int_equal(symlink(target, scratch_path(scratch, name, path)), 0);
}

static void relative_links_are_kept(void **state)
{
    struct scratch *scratch = *state;
    struct content content, hashed;
    struct error err;
    char path[256], target[64] = "";
    bool changed;
    scratch_write(scratch, "o/runs/ckpt-1", "1");
    make_link(scratch, "ckpt-1", "o/runs/latest");
    make_link(scratch, "runs/latest", "o/best");
    make_link(scratch, "runs/../nowhere", "o/dangling");
    make_link(scratch, "itself", "o/itself");
    make_link(scratch, "..", "o/runs/up");
    assert_int_equal(content_hash(scratch->store, scratch_path(scratch, "o", path), STORE_BY_STAT,
                                  &hashed, &err),
                     0);
    assert_int_equal(put(scratch, "o", true, &content, &err), 0);
    assert_true(digest_equal(&content.digest, &hashed.digest));
    assert_int_equal(
        materialise(scratch->store, &content, scratch_path(scratch, "again", path), &changed, &err),
        0);
    assert_true(content_is_at(scratch->store, &content, path, STORE_BY_READING));
    assert_true(readlink(scratch_path(scratch, "again/runs/latest", path), target, 63) > 0);
    assert_string_equal(target, "ckpt-1");
    /* Another target is another content. */
    assert_int_equal(unlink(path), 0);
    make_link(scratch, "ckpt-2", "again/runs/latest");
    assert_false(content_is_at(scratch->store, &content, scratch_path(scratch, "again", path),
                               STORE_BY_READING));
}

static void link_that_leads_out_is_refused_before_anything_moves(void **state)
{
    struct scratch *scratch = *state;
    static const char *const targets[] = {"/etc/passwd", "..",        "../..",
                                          "../../x",     "a/../../x", "deep/up/../x"};
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        struct content content;
        struct error err = {0};
        char path[256];
        scratch_write(scratch, "o/a/file", "work of days");
        assert_int_equal(mkdir(scratch_path(scratch, "o/deep", path), 0755), 0);
        make_link(scratch, "..", "o/deep/up");
        make_link(scratch, targets[i], "o/z");
        assert_int_equal(put(scratch, "o", true, &content, &err), -1);
        assert_int_equal(err.kind, ERR_FORMAT);
        assert_non_null(strstr(err.message, "o/z' is a link to"));
        assert_true(file_exists(scratch_path(scratch, "o/a/file", path)));
        assert_int_equal(scratch_count(scratch, "objects"), 0);
        assert_int_equal(file_remove(scratch_path(scratch, "o", path), &err), 0);
    }
}

/* The kernel takes "x/up" for the folder above x: a path that looks as if it stayed does not. */
static void link_that_leads_out_through_another_is_refused(void **state)
{
    struct scratch *scratch = *state;
    struct content content;
    struct error err = {0};
    char path[256];
    scratch_write(scratch, "o/x/y/file", "1");
    make_link(scratch, "../..", "o/x/y/p");
    make_link(scratch, "p/../../secret", "o/x/y/q");
    assert_int_equal(put(scratch, "o", true, &content, &err), -1);
    assert_non_null(strstr(err.message, "q"));
    assert_true(file_exists(scratch_path(scratch, "o/x/y/file", path)));
}

static void any_name_is_stored(void **state)
{
    struct scratch *scratch = *state;
    static const char *const names[] = {"o/a\nb",     "o/tab\there", "o/back\\slash", "o/\x01\x7f",
                                        "o/\xff\xfe", "o/ ",         "o/\\x0a",       "o/d\n/in\n"};
    struct content content;
    struct error err;
    char path[256];
    bool changed;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        scratch_write(scratch, names[i], names[i]);
    make_link(scratch, "a\nb", "o/link\n");
    assert_int_equal(put(scratch, "o", true, &content, &err), 0);
    assert_int_equal(
        materialise(scratch->store, &content, scratch_path(scratch, "p", path), &changed, &err), 0);
    assert_true(content_is_at(scratch->store, &content, path, STORE_BY_READING));
    assert_true(file_exists(scratch_path(scratch, "p/d\n/in\n", path)));
    assert_true(file_exists(scratch_path(scratch, "p/link\n", path)));
}

static void what_is_no_file_is_refused_before_anything_moves(void **state)
{
    struct scratch *scratch = *state;
    struct content content;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[256];
    for (int kind = 0; kind < 2; kind++) {
        struct error err = {0};
        scratch_write(scratch, "o/a", "1");
        scratch_path(scratch, "o/z", path);
        if (kind == 0)
            assert_int_equal(mkfifo(path, 0600), 0);
        else {
            int fd = socket(AF_UNIX, SOCK_STREAM, 0);
            snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", path);
            assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
            close(fd);
        }
        assert_int_equal(put(scratch, "o", true, &content, &err), -1);
        assert_int_equal(err.kind, ERR_FORMAT);
        assert_non_null(strstr(err.message, kind == 0 ? "o/z' is a pipe" : "o/z' is a socket"));
        assert_true(file_exists(scratch_path(scratch, "o/a", path)));
        assert_int_equal(file_remove(scratch_path(scratch, "o", path), &err), 0);
    }
}

static void folders_that_nest_too_deep_are_refused(void **state)
{
    struct scratch *scratch = *state;
    struct content content;
    struct error err = {0};
    char path[1024];
    int size = snprintf(path, sizeof(path), "%s/o", scratch->folder);
    for (int i = 0; i < 102; i++)
        size += snprintf(path + size, sizeof(path) - (size_t)size, "/d");
    assert_int_equal(file_make_folders(path, &err), 0);
    assert_int_equal(put(scratch, "o", true, &content, &err), -1);
    assert_non_null(strstr(err.message, "nest deeper than 100"));
}

/* ---- who may reach what ---- */

static void take_outside(struct scratch *scratch, const char *name)
{
    struct content content;
    struct digest digest;
    int64_t size;
    struct error err = {0};
    char path[256];
    int folder = open_folder(scratch_path(scratch, "work", path));
    assert_int_equal(content_put(scratch->store, folder, name, true, &content, &err), -1);
    assert_int_equal(err.kind, ERR_FORMAT);
    assert_int_equal(blob_put_file(scratch->store, folder, name, true, &digest, &size, &err), -1);
    assert_int_equal(err.kind, ERR_FORMAT);
    close(folder);
    assert_true(file_exists(scratch_path(scratch, "precious/o", path)));
}

static void nothing_outside_the_folder_is_taken(void **state)
{
    struct scratch *scratch = *state;
    char path[256];
    scratch_write(scratch, "precious/o", "thesis");
    assert_int_equal(mkdir(scratch_path(scratch, "work", path), 0755), 0);
    make_link(scratch, scratch_path(scratch, "precious", path), "work/outs");
    make_link(scratch, "../precious", "work/near");
    make_link(scratch, "../precious/o", "work/o");
    take_outside(scratch, "outs/o");
    take_outside(scratch, "near/o");
    take_outside(scratch, "o");
    take_outside(scratch, "../precious/o");
    take_outside(scratch, "outs");
}

static void opening_beneath_needs_no_openat2(void **state)
{
    struct scratch *scratch = *state;
    static const struct {
        const char *path;
        int why;
    } cases[] = {{"a/b/file", 0},    {"a//b/file", 0},       {"a/link/file", ELOOP},
                 {"a/b/l", ELOOP},   {"../x", EXDEV},        {"a/../../x", EXDEV},
                 {"a/none", ENOENT}, {"/etc/passwd", EXDEV}, {"a/b/file/x", ENOTDIR}};
    scratch_write(scratch, "a/b/file", "1");
    make_link(scratch, "b", "a/link");
    make_link(scratch, "file", "a/b/l");
    int folder = open_folder(scratch->folder);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        errno = 0;
        int fd = beneath_open_by_parts(folder, cases[i].path, O_RDONLY);
        assert_int_equal(fd < 0 ? errno : 0, cases[i].why);
        if (fd >= 0)
            close(fd);
        errno = 0;
        fd = beneath_open(folder, cases[i].path, O_RDONLY);
        assert_int_equal(fd < 0 ? errno : 0, cases[i].why);
        if (fd >= 0)
            close(fd);
    }
    close(folder);
}

/* Runs a test's part as somebody whom modes bind. */
static void as_ordinary_user(struct scratch *scratch, void part(struct scratch *scratch))
{
    pid_t child = fork();
    if (child == 0) {
        if (getuid() == 0 &&
            (chown(scratch->folder, 65534, 65534) < 0 || setgid(65534) < 0 || setuid(65534) < 0))
            _exit(2);
        part(scratch);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void put_locked_folders(struct scratch *scratch)
{
    struct error err;
    struct store *store;
    struct content content, again;
    char path[256], cache[256];
    scratch_write(scratch, "o/sub/x", "1");
    scratch_write(scratch, "o/none/y", "2");
    scratch_write(scratch, "o/none/secret", "3");
    if (store_open(scratch_path(scratch, "other", cache), &store, &err) < 0 ||
        content_hash(store, scratch_path(scratch, "o", path), STORE_BY_STAT, &again, &err) < 0)
        _exit(3);
    chmod(scratch_path(scratch, "o/none/secret", path), 0);
    chmod(scratch_path(scratch, "o/none", path), 0);
    chmod(scratch_path(scratch, "o/sub", path), 0555);
    chmod(scratch_path(scratch, "o", path), 0555);
    int folder = open(scratch->folder, O_RDONLY | O_DIRECTORY);
    if (content_put(store, folder, "o", true, &content, &err) < 0)
        _exit(4);
    if (!digest_equal(&content.digest, &again.digest) ||
        !content_is_good(store, &content, STORE_BY_READING, NULL))
        _exit(5);
    store_close(store);
}

static void folders_without_permissions_are_stored(void **state)
{
    as_ordinary_user(*state, put_locked_folders);
}

/* ---- what was hashed is what is stored ---- */

static void put_and_write_late(struct scratch *scratch, int fd, char *map)
{
    struct content content;
    struct error err = {0};
    assert_int_equal(put(scratch, "o", true, &content, &err), 0);
    assert_true(content_is_good(scratch->store, &content, STORE_BY_READING, NULL));
    if (map != NULL)
        map[0] = 'X';
    else
        assert_int_equal(pwrite(fd, "X", 1, 0), 1);
    assert_true(content_is_good(scratch->store, &content, STORE_BY_STAT, NULL));
    assert_true(content_is_good(scratch->store, &content, STORE_BY_READING, NULL));
}

static void file_that_is_open_for_writing_is_copied(void **state)
{
    struct scratch *scratch = *state;
    char path[256];
    scratch_write(scratch, "o", "bytes");
    int fd = open(scratch_path(scratch, "o", path), O_RDWR);
    put_and_write_late(scratch, fd, NULL);
    close(fd);
}

static void file_that_is_mapped_for_writing_is_copied(void **state)
{
    struct scratch *scratch = *state;
    char path[256];
    scratch_write(scratch, "o", "bytes");
    int fd = open(scratch_path(scratch, "o", path), O_RDWR);
    char *map = mmap(NULL, 5, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(map != MAP_FAILED);
    close(fd);
    map[1] = 'Y'; /* the page is dirty: later writes change no time */
    put_and_write_late(scratch, -1, map);
    munmap(map, 5);
}

/* A dirty page of a mapping takes writes that change no time of the file. */
static void file_that_is_mapped_for_writing_is_not_remembered(void **state)
{
    struct scratch *scratch = *state;
    struct digest first, second;
    struct error err;
    int64_t size;
    char path[256];
    scratch_write(scratch, "data", "bytes");
    int fd = open(scratch_path(scratch, "data", path), O_RDWR);
    char *map = mmap(NULL, 5, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(map != MAP_FAILED);
    close(fd);
    map[0] = 'X';
    usleep(60000);
    assert_int_equal(blob_hash_file(scratch->store, path, STORE_BY_STAT, &first, &size, &err), 0);
    map[0] = 'Y';
    assert_int_equal(blob_hash_file(scratch->store, path, STORE_BY_STAT, &second, &size, &err), 0);
    assert_false(digest_equal(&first, &second));
    munmap(map, 5);
    usleep(60000); /* if the page was written out before 'Y', that moved the times */
    assert_int_equal(blob_hash_file(scratch->store, path, STORE_BY_STAT, &second, &size, &err), 0);
    assert_int_equal(blob_hash_file(scratch->store, path, STORE_BY_MEMO, &second, &size, &err), 0);
}

static void sparse_file_stays_sparse(void **state)
{
    struct scratch *scratch = *state;
    struct digest digest, whole;
    struct error err;
    struct stat st;
    int64_t size;
    char path[256], object[STORE_PATH_SIZE];
    enum { SIZE = 8 << 20 };
    int fd = open(scratch_path(scratch, "o", path), O_WRONLY | O_CREAT, 0644);
    assert_int_equal(pwrite(fd, "middle", 6, 5 << 20), 6);
    assert_int_equal(ftruncate(fd, SIZE), 0);
    close(fd);
    char *bytes = calloc(1, SIZE);
    memcpy(bytes + (5 << 20), "middle", 6);
    assert_int_equal(digest_of_bytes(bytes, SIZE, &whole, &err), 0);
    free(bytes);
    assert_int_equal(blob_put_file(scratch->store, AT_FDCWD, path, false, &digest, &size, &err), 0);
    assert_true(digest_equal(&digest, &whole));
    assert_int_equal(size, SIZE);
    store_object_path(scratch->store, &digest, object);
    assert_int_equal(stat(object, &st), 0);
    assert_int_equal(st.st_size, SIZE);
    assert_true((int64_t)st.st_blocks * 512 < SIZE / 2);
    assert_true(blob_is_good(scratch->store, &digest, STORE_BY_READING));
}

static void modes_that_matter_are_kept_and_no_others(void **state)
{
    struct scratch *scratch = *state;
    struct content content;
    struct error err;
    struct stat st;
    char path[256], object[STORE_PATH_SIZE];
    scratch_write(scratch, "o", "#!/bin/sh\n");
    assert_int_equal(chmod(scratch_path(scratch, "o", path), 06755), 0);
    assert_int_equal(put(scratch, "o", true, &content, &err), 0);
    assert_int_equal(content.kind, CONTENT_EXECUTABLE);
    store_object_path(scratch->store, &content.digest, object);
    assert_int_equal(stat(object, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0444);
    assert_int_equal(st.st_mtim.tv_sec, BLOB_TIME);
}

static void log_is_stored_from_its_descriptor(void **state)
{
    struct scratch *scratch = *state;
    struct digest digest;
    struct error err;
    int64_t size;
    char path[256], *data;
    size_t bytes;
    int fd = open(scratch_path(scratch, "log", path), O_WRONLY | O_CREAT | O_APPEND, 0644);
    assert_int_equal(write(fd, "one\n", 4), 4);
    /* Whatever lies in its place by now. */
    assert_int_equal(unlink(path), 0);
    make_link(scratch, "/etc/passwd", "log");
    assert_int_equal(blob_put_descriptor(scratch->store, fd, "log", &digest, &size, &err), 0);
    assert_int_equal(write(fd, "two\n", 4), 4);
    close(fd);
    assert_int_equal(blob_read(scratch->store, &digest, 100, &data, &bytes, &err), 0);
    assert_string_equal(data, "one\n");
    free(data);
}

/* ---- the rest ---- */

static void many_files_are_stored_by_several_threads(void **state)
{
    struct scratch *scratch = *state;
    struct content content, hashed;
    struct error err;
    char name[64], path[256];
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "o/%d/%d", i % 7, i);
        scratch_write(scratch, name, name);
    }
    scratch_path(scratch, "o", path);
    assert_int_equal(content_hash(scratch->store, path, STORE_BY_READING, &hashed, &err), 0);
    assert_int_equal(put(scratch, "o", true, &content, &err), 0);
    assert_true(digest_equal(&content.digest, &hashed.digest));
    assert_int_equal(scratch_count(scratch, "objects"), 301);
    assert_int_equal(content_check(scratch->store, &content, STORE_BY_MEMO, NULL, &err), 0);
    assert_int_equal(store_flush(scratch->store, &err), 0);
    scratch_reopen(scratch);
    assert_int_equal(content_check(scratch->store, &content, STORE_BY_MEMO, NULL, &err), 0);
    assert_true(content_is_good(scratch->store, &content, STORE_BY_READING, NULL));
}

static void raised_flag_stops_it(void **state)
{
    struct scratch *scratch = *state;
    struct content content;
    struct error err = {0};
    char path[256];
    atomic_int stop = 1;
    scratch_write(scratch, "o/x", "1");
    store_set_stop(scratch->store, &stop);
    assert_int_equal(put(scratch, "o", true, &content, &err), -1);
    assert_int_equal(err.kind, ERR_INTERRUPTED);
    assert_int_equal(content_hash(scratch->store, scratch_path(scratch, "o", path),
                                  STORE_BY_READING, &content, &err),
                     -1);
    assert_int_equal(err.kind, ERR_INTERRUPTED);
    store_set_stop(scratch->store, NULL);
    assert_int_equal(put(scratch, "o", true, &content, &err), 0);
}

static void memo_depth_reads_nothing(void **state)
{
    struct scratch *scratch = *state;
    struct content content;
    struct digest digest;
    struct error err = {0};
    char path[256];
    scratch_write(scratch, "o/x", "1");
    scratch_path(scratch, "o", path);
    assert_int_equal(content_hash(scratch->store, path, STORE_BY_MEMO, &content, &err), -1);
    assert_int_equal(err.kind, ERR_UNKNOWN);
    usleep(60000);
    assert_int_equal(content_hash(scratch->store, path, STORE_BY_STAT, &content, &err), 0);
    assert_int_equal(content_hash(scratch->store, path, STORE_BY_MEMO, &content, &err), 0);
    assert_int_equal(digest_of_bytes("none", 4, &digest, &err), 0);
    assert_int_equal(blob_check(scratch->store, &digest, STORE_BY_MEMO, &err), -1);
    assert_int_equal(err.kind, ERR_IO);
}

static void put_folder_in_place(const char *path)
{
    struct error err;
    char inner[STORE_PATH_SIZE + 8];
    snprintf(inner, sizeof(inner), "%s/x", path);
    assert_int_equal(file_remove(path, &err), 0);
    assert_int_equal(file_make_folders(path, &err), 0);
    assert_int_equal(file_write(inner, "x", 1, &err), 0);
}

static void folder_in_place_of_a_file_is_a_miss_and_is_replaced(void **state)
{
    struct scratch *scratch = *state;
    struct digest digest;
    struct error err = {0};
    struct action *action, *again;
    char path[STORE_PATH_SIZE];
    assert_int_equal(blob_put_bytes(scratch->store, "abc", 3, &digest, &err), 0);
    store_object_path(scratch->store, &digest, path);
    put_folder_in_place(path);
    assert_int_equal(blob_check(scratch->store, &digest, STORE_BY_STAT, &err), -1);
    assert_int_equal(err.kind, ERR_MISMATCH);
    assert_int_equal(blob_put_bytes(scratch->store, "abc", 3, &digest, &err), 0);
    assert_true(blob_is_good(scratch->store, &digest, STORE_BY_READING));

    assert_non_null(action = action_new("s", "abc", &err));
    store_action_path(scratch->store, &digest, path);
    put_folder_in_place(path);
    assert_int_equal(action_read(scratch->store, &digest, &again, &err), 0);
    assert_null(again);
    assert_int_equal(action_write(scratch->store, &digest, action, &err), 0);
    assert_int_equal(action_read(scratch->store, &digest, &again, &err), 0);
    assert_non_null(again);
    action_free(again);
    action_free(action);

    snprintf(path, sizeof(path), "%s/memo", scratch->cache);
    put_folder_in_place(path);
    scratch_reopen(scratch);
    assert_int_equal(blob_check(scratch->store, &digest, STORE_BY_STAT, &err), 0);
    scratch_reopen(scratch);
    assert_int_equal(blob_check(scratch->store, &digest, STORE_BY_MEMO, &err), 0);
}

static void several_become_one_folder(void **state)
{
    struct scratch *scratch = *state;
    struct content_member members[3] = {{.path = "b/tool"}, {.path = "a/data"}, {.path = "c/none"}};
    struct content gathered, hashed;
    struct error err;
    char path[256];
    scratch_write(scratch, "all/b/tool", "1");
    assert_int_equal(chmod(scratch_path(scratch, "all/b/tool", path), 0755), 0);
    scratch_write(scratch, "all/a/data/x/y", "2");
    make_link(scratch, "x/y", "all/a/data/z");
    assert_int_equal(file_make_folders(scratch_path(scratch, "all/c/none", path), &err), 0);
    assert_int_equal(put(scratch, "all/b/tool", false, &members[0].content, &err), 0);
    assert_int_equal(put(scratch, "all/a/data", false, &members[1].content, &err), 0);
    assert_int_equal(put(scratch, "all/c/none", false, &members[2].content, &err), 0);
    assert_int_equal(content_gather(scratch->store, members, 3, &gathered, &err), 0);
    assert_int_equal(content_hash(scratch->store, scratch_path(scratch, "all", path), STORE_BY_STAT,
                                  &hashed, &err),
                     0);
    assert_true(digest_equal(&gathered.digest, &hashed.digest));
    assert_int_equal(gathered.size, 2);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_set_up, scratch_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(relative_links_are_kept),
        STORE_TEST(link_that_leads_out_is_refused_before_anything_moves),
        STORE_TEST(link_that_leads_out_through_another_is_refused),
        STORE_TEST(any_name_is_stored),
        STORE_TEST(what_is_no_file_is_refused_before_anything_moves),
        STORE_TEST(folders_that_nest_too_deep_are_refused),
        STORE_TEST(nothing_outside_the_folder_is_taken),
        STORE_TEST(opening_beneath_needs_no_openat2),
        STORE_TEST(folders_without_permissions_are_stored),
        STORE_TEST(file_that_is_open_for_writing_is_copied),
        STORE_TEST(file_that_is_mapped_for_writing_is_copied),
        STORE_TEST(file_that_is_mapped_for_writing_is_not_remembered),
        STORE_TEST(sparse_file_stays_sparse),
        STORE_TEST(modes_that_matter_are_kept_and_no_others),
        STORE_TEST(log_is_stored_from_its_descriptor),
        STORE_TEST(many_files_are_stored_by_several_threads),
        STORE_TEST(raised_flag_stops_it),
        STORE_TEST(memo_depth_reads_nothing),
        STORE_TEST(folder_in_place_of_a_file_is_a_miss_and_is_replaced),
        STORE_TEST(several_become_one_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
