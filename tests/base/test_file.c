#include "base/file.h"
#include "tap.h"

#include "base/memory.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

/* ---- the end of a folder, and an error ---- */

/* The program's own readdir comes before libc's. */
static int readdir_fails_after = -1;

struct dirent *readdir(DIR *dir)
{
    struct dirent *(*real)(DIR *);
    void *symbol = dlsym(RTLD_NEXT, "readdir");
    memcpy(&real, &symbol, sizeof(real));
    if (readdir_fails_after == 0) {
        errno = EIO;
        return NULL;
    }
    readdir_fails_after -= readdir_fails_after > 0;
    return real(dir);
}

static void error_in_a_folder_is_not_its_end(void **state)
{
    (void)state;
    struct error err = {0};
    char **names, *path = in_folder("tree/a"), *tree = in_folder("tree");
    size_t count;
    assert_int_equal(file_make_folders(path, &err), 0);
    for (int after = 0; after < 3; after++) {
        readdir_fails_after = after;
        int listed = file_list(tree, &names, &count, &err);
        readdir_fails_after = -1;
        assert_int_equal(listed, -1);
        assert_non_null(strstr(err.message, "cannot read the folder"));
        readdir_fails_after = after;
        int removed = file_remove(tree, &err);
        readdir_fails_after = -1;
        assert_int_equal(removed, -1);
        assert_true(file_exists(tree));
    }
    free(path), free(tree);
}

/* ---- leftovers ---- */

static void temporary_of_the_dead_is_removed_and_of_the_living_kept(void **state)
{
    (void)state;
    struct error err = {0};
    struct file_writer writer;
    char *path = in_folder("lock"), *other = in_folder(".reprise-notes"), *data;
    char *like = in_folder(".reprise-1-abc.ef");
    size_t size;
    pid_t child = fork();
    if (child == 0) {
        if (file_create(&writer, path, &err) == 0)
            raise(SIGKILL);
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(file_write(other, "mine", 4, &err), 0);
    assert_int_equal(file_write(like, "mine", 4, &err), 0);
    assert_int_equal(file_create(&writer, path, &err), 0);
    assert_int_equal(count_files(), 4);
    file_remove_stale(folder);
    assert_int_equal(count_files(), 3);
    fputs("new", writer.stream);
    assert_int_equal(file_commit(&writer, &err), 0);
    assert_int_equal(file_read(path, 100, &data, &size, &err), 0);
    assert_string_equal(data, "new");
    file_remove_stale(folder);
    assert_int_equal(count_files(), 3);
    free(data), free(path), free(other), free(like);
}

/* ---- removal ---- */

static void remove_takes_very_deep_folders(void **state)
{
    (void)state;
    enum { DEEP = 3000 };
    struct error err = {0};
    struct rlimit old, few = {128, 128};
    char *tree = in_folder("tree");
    assert_int_equal(mkdir(tree, 0700), 0);
    int fd = open(tree, O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < DEEP; i++) {
        assert_int_equal(mkdirat(fd, "d", 0700), 0);
        close(openat(fd, "f", O_CREAT | O_WRONLY, 0400));
        int inner = openat(fd, "d", O_RDONLY | O_DIRECTORY);
        close(fd);
        fd = inner;
    }
    close(fd);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few.rlim_max = old.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    int result = file_remove(tree, &err);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(result, 0);
    assert_false(file_exists(tree));
    free(tree);
}

static int remove_locked(const char *tree, const char *inner)
{
    struct error err = {0};
    if (getuid() == 0 &&
        (chown(folder, 65534, 65534) < 0 || setgid(65534) < 0 || setuid(65534) < 0))
        return 2;
    if (file_make_folders(inner, &err) < 0 || chmod(inner, 0) < 0 || chmod(tree, 0) < 0)
        return 3;
    return file_remove(tree, &err) == 0 && !file_exists(tree) ? 0 : 4;
}

static void remove_takes_folders_without_permissions(void **state)
{
    (void)state;
    char *tree = in_folder("tree"), *inner = in_folder("tree/a");
    pid_t child = fork();
    if (child == 0)
        _exit(remove_locked(tree, inner));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    free(tree), free(inner);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(written_file_reads_back),
        TEST(abandoned_file_leaves_the_old_one),
        TEST(full_disk_leaves_the_old_file),
        TEST(remove_takes_read_only_folders_and_spares_link_targets),
        TEST(error_in_a_folder_is_not_its_end),
        TEST(temporary_of_the_dead_is_removed_and_of_the_living_kept),
        TEST(remove_takes_very_deep_folders),
        TEST(remove_takes_folders_without_permissions),
        TEST(list_is_sorted_and_survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
