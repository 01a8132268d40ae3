#include "store/ignore.h"

#include "tap.h"
#include <string.h>

static struct ignore *parse(const char *text)
{
    struct error err;
    struct ignore *ignore;
    assert_int_equal(ignore_parse("/p", text, &ignore, &err), 0);
    return ignore;
}

static void patterns_add_to_what_is_built_in(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        bool is_folder, ignored;
    } cases[] = {
        {"/p/a/x.tmp", false, true},
        {"/p/a/x.tmpl", false, false},
        {"/p/src/notes", true, true},
        {"/p/src/notes", false, false},
        {"/p/data/a.log", false, true},
        {"/p/data/b/a.log", false, false},
        {"/elsewhere/data/a.log", false, false},
        {"/p/top", true, true},
        {"/p/cat", true, false},
        {"/p/log.txt", false, true},
        {"/p/.venv", true, true},
        {"/p/reports", true, true},
        {"/p/cat/cache", true, false},
        {"/elsewhere/log.txt", false, false},
        {"/p/data/top", false, false},
        {"/p/x/keep.pyc", false, false},
        {"/p/x/other.pyc", false, true},
        {"/p/x/__pycache__", true, true},
        {"/p/x/__pycache__", false, false},
        {"/p/./data/a.log", false, true},
        {"/p/x/a#b", false, false},
    };
    struct ignore *ignore =
        parse("# what editors leave\n\n*.tmp\nnotes/\ndata/*.log  \r\n/top\n!keep.pyc\n#a#b");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (ignore_matches(ignore, cases[i].path, cases[i].is_folder) != cases[i].ignored)
            fail_msg("%s", cases[i].path);
    ignore_free(ignore);
    assert_true(ignore_matches(NULL, "/anywhere/x.pyc", false));
    assert_false(ignore_matches(NULL, "/anywhere/x.py", false));
    ignore_free(NULL);
}

static void last_pattern_decides(void **state)
{
    (void)state;
    struct ignore *ignore = parse("*.log\n!a.log\na.log");
    assert_true(ignore_matches(ignore, "/p/x/a.log", false));
    ignore_free(ignore);
    ignore = parse("!*.pyc\n");
    assert_false(ignore_matches(ignore, "/p/x/a.pyc", false));
    ignore_free(ignore);
}

static void wrong_patterns_are_named_by_line(void **state)
{
    (void)state;
    static const char *const wrong[] = {"a\n/\n", "a\n!\n", "a\nb/**/c\n", "a\n!/\n"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct error err = {0};
        struct ignore *ignore;
        assert_int_equal(ignore_parse("/p", wrong[i], &ignore, &err), -1);
        assert_int_equal(err.kind, ERR_USAGE);
        assert_non_null(strstr(err.message, ".reprise-ignore:2: "));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_add_to_what_is_built_in),
        cmocka_unit_test(last_pattern_decides),
        cmocka_unit_test(wrong_patterns_are_named_by_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
