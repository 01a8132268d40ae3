#include "runner/tried.h"

#include "tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/reprise-tried-XXXXXX";

struct bed {
    struct tried *tried;
    int fd, folder;
};

static void make(struct bed *bed)
{
    struct error err;
    assert_int_equal(tried_new(folder, &bed->tried, &bed->fd, &err), 0);
    assert_true(tried_add_rule(bed->tried, TRIED_READ, "/usr"));
    assert_true(tried_add_rule(bed->tried, TRIED_WRITE, "/dev/null"));
    assert_true(tried_add_rule(bed->tried, TRIED_OWN, "outs"));
    assert_true(tried_add_rule(bed->tried, TRIED_DEP, "deps/data"));
    bed->folder = open(folder, O_PATH | O_DIRECTORY);
    assert_true(bed->folder >= 0);
}

static void end(struct bed *bed)
{
    close(bed->fd);
    close(bed->folder);
    tried_free(bed->tried);
}

static void hear(struct bed *bed, const char *path, unsigned access)
{
    char room[TRIED_PATH];
    snprintf(room, sizeof(room), "%s", path);
    tried_hear(bed->tried, bed->folder, room, access);
}

static void hear_own(struct bed *bed, const char *name, unsigned access)
{
    char room[TRIED_PATH];
    snprintf(room, sizeof(room), "%s/%s", folder, name);
    tried_hear(bed->tried, bed->folder, room, access);
}

static size_t count(const struct bed *bed)
{
    struct tried_path path;
    size_t found = 0;
    for (size_t at = 0; tried_next(bed->tried, &at, &path);)
        found++;
    return found;
}

static void tried_notes_what_no_rule_covers_once(void **state)
{
    (void)state;
    struct bed bed;
    struct tried_path path;
    size_t at = 0;
    make(&bed);
    hear(&bed, "/usr/lib/a", TRIED_READS);
    hear(&bed, "/dev/null", TRIED_WRITES);
    hear(&bed, "/", TRIED_READS);
    assert_int_equal(count(&bed), 0);
    hear(&bed, "/usr/lib/a", TRIED_WRITES);
    hear(&bed, "/usrs", TRIED_READS);
    hear(&bed, "/usrs", TRIED_WRITES);
    assert_int_equal(count(&bed), 2);
    assert_true(tried_next(bed.tried, &at, &path));
    assert_string_equal(path.path, "/usr/lib/a");
    assert_true(tried_next(bed.tried, &at, &path));
    assert_string_equal(path.path, "/usrs");
    assert_int_equal(path.access, TRIED_READS | TRIED_WRITES);
    end(&bed);
}

static void tried_simplifies_paths_by_their_text(void **state)
{
    (void)state;
    struct bed bed;
    struct tried_path path;
    size_t at = 0;
    make(&bed);
    hear(&bed, "//data/./x/../y//", TRIED_READS);
    hear(&bed, "/../../usr/../data/y", TRIED_READS);
    hear(&bed, "/data/../usr/x", TRIED_READS);
    assert_int_equal(count(&bed), 1);
    assert_true(tried_next(bed.tried, &at, &path));
    assert_string_equal(path.path, "/data/y");
    end(&bed);
}

static void tried_notes_of_its_own_folder_deps_and_what_is_not_there(void **state)
{
    (void)state;
    struct bed bed;
    struct tried_path path;
    size_t at = 0;
    make(&bed);
    assert_int_equal(mkdirat(bed.folder, "there", 0755), 0);
    hear_own(&bed, "there", TRIED_READS);
    hear_own(&bed, "outs/a", TRIED_READS);
    hear_own(&bed, "new", TRIED_WRITES | TRIED_MAKES);
    hear_own(&bed, "", TRIED_READS);
    assert_int_equal(count(&bed), 0);
    hear_own(&bed, "deps/data/data/1.png", TRIED_READS);
    hear_own(&bed, "deps/data/data/2.png", TRIED_READS);
    hear_own(&bed, "missing", TRIED_READS);
    assert_int_equal(count(&bed), 2);
    assert_true(tried_next(bed.tried, &at, &path));
    assert_string_equal(path.path, "deps/data");
    assert_true(path.own);
    assert_true(tried_next(bed.tried, &at, &path));
    assert_string_equal(path.path, "missing");
    unlinkat(bed.folder, "there", AT_REMOVEDIR);
    end(&bed);
}

/* The test's own folder stands for /tmp, the stage works elsewhere. */
static void tried_notes_of_what_began_empty_what_the_stage_did_not_put_there(void **state)
{
    (void)state;
    struct error err;
    struct bed bed;
    struct tried_path path;
    char shown[TRIED_PATH];
    size_t at = 0;
    make(&bed);
    tried_free(bed.tried);
    close(bed.fd);
    assert_int_equal(tried_new("/run/reprise/run", &bed.tried, &bed.fd, &err), 0);
    assert_true(tried_add_rule(bed.tried, TRIED_WRITE, folder));
    assert_true(tried_add_rule(bed.tried, TRIED_EMPTY, folder));
    snprintf(shown, sizeof(shown), "%s/shown", folder);
    assert_true(tried_add_rule(bed.tried, TRIED_READ, shown));
    assert_int_equal(mkdirat(bed.folder, "there", 0755), 0);
    hear_own(&bed, "", TRIED_READS);
    hear_own(&bed, "there", TRIED_READS);
    hear_own(&bed, "new", TRIED_WRITES | TRIED_MAKES);
    hear_own(&bed, "there/new", TRIED_WRITES | TRIED_MAKES);
    hear_own(&bed, "shown/file", TRIED_READS);
    assert_int_equal(count(&bed), 0);
    hear_own(&bed, "of-the-machine", TRIED_READS);
    hear_own(&bed, "project/new", TRIED_WRITES | TRIED_MAKES);
    hear_own(&bed, "shown/new", TRIED_WRITES | TRIED_MAKES);
    assert_int_equal(count(&bed), 3);
    assert_true(tried_next(bed.tried, &at, &path));
    assert_string_equal(strrchr(path.path, '/'), "/of-the-machine");
    assert_false(tried_allows(bed.tried, path.path, false));
    assert_true(tried_allows(bed.tried, shown, false));
    unlinkat(bed.folder, "there", AT_REMOVEDIR);
    end(&bed);
}

/* Another mapping of the same memory is what the keeper has. */
static void tried_is_bounded_and_says_when_it_was_full(void **state)
{
    (void)state;
    struct bed bed;
    make(&bed);
    struct tried *keeper = tried_map(bed.fd);
    assert_non_null(keeper);
    assert_false(tried_has_begun(bed.tried));
    tried_begin(keeper);
    assert_true(tried_is_whole(bed.tried));
    for (int i = 0; i < 100000; i++) {
        char path[TRIED_PATH];
        snprintf(path, sizeof(path), "/data/%d", i);
        tried_hear(keeper, bed.folder, path, TRIED_READS);
    }
    assert_true(tried_has_begun(bed.tried));
    assert_false(tried_is_whole(bed.tried));
    assert_in_range(count(&bed), 1000, 10000);
    tried_free(keeper);
    end(&bed);
}

static void tried_allows_what_rules_cover(void **state)
{
    (void)state;
    struct bed bed;
    make(&bed);
    assert_true(tried_allows(bed.tried, "/usr/bin/cat", false));
    assert_false(tried_allows(bed.tried, "/usr/bin/cat", true));
    assert_true(tried_allows(bed.tried, "/dev/null", true));
    assert_true(tried_allows(bed.tried, folder, true));
    assert_false(tried_allows(bed.tried, "/data", false));
    end(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tried_notes_what_no_rule_covers_once),
        cmocka_unit_test(tried_simplifies_paths_by_their_text),
        cmocka_unit_test(tried_notes_of_its_own_folder_deps_and_what_is_not_there),
        cmocka_unit_test(tried_notes_of_what_began_empty_what_the_stage_did_not_put_there),
        cmocka_unit_test(tried_is_bounded_and_says_when_it_was_full),
        cmocka_unit_test(tried_allows_what_rules_cover),
    };
    if (mkdtemp(folder) == NULL)
        return 1;
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return result;
}
