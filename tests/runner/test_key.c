#include "runner/key.h"

#include "base/memory.h"

#include "tap.h"
#include <string.h>

static char *argv_one[] = {(char[]){"build/stages/split"}, NULL};

/* The components of a stage whose executable is not one of the project, so
 * that no process is asked. */
static void components(const struct plan_stage *stage, const struct key_dep *deps, size_t count,
                       struct text *text)
{
    static const struct project project;
    char *words[] = {(char[]){"/bin/true"}, NULL};
    static const struct executable program;
    struct invocation_file file = {.name = (char[]){"true"}, .program = &program};
    const struct invocation invocation = {
        .argv = words, .argc = 1, .files = &file, .file_count = 1};
    struct error err;
    text_clear(text);
    assert_int_equal(
        key_components(&project, stage, &invocation, deps, count, STORE_BY_STAT, "", text, &err),
        0);
}

static struct plan_stage stage_with(json_t *params)
{
    return (struct plan_stage){
        .name = (char[]){"split"}, .argv = argv_one, .argc = 1, .params = params};
}

static void components_are_sorted_and_complete(void **state)
{
    (void)state;
    json_t *params = json_pack("{s:{s:i, s:f}, s:s, s:{}, s:[i, i]}", "split", "seed", 42,
                               "test_size", 0.2, "name", "a b", "empty", "list", 1, 2);
    struct plan_out outs[2] = {{.name = (char[]){"z"}, .path = (char[]){"z.txt"}},
                               {.name = (char[]){"a"}, .path = (char[]){"with blank"}}};
    struct plan_stage stage = stage_with(params);
    const struct key_dep deps[] = {
        {.name = (char[]){"z"}, .content = {.kind = CONTENT_FOLDER}, .known = true},
        {.name = (char[]){"a"}, .known = false}};
    struct text text = {0};
    stage.outs = outs;
    stage.out_count = 2;
    components(&stage, deps, 2, &text);
    assert_string_equal(
        text.data,
        "reprise-key 2\n"
        "cmd [\"build/stages/split\"]\n"
        "executable true 0000000000000000000000000000000000000000000000000000000000000000\n"
        "param empty {}\n"
        "param list [1,2]\n"
        "param name \"a b\"\n"
        "param split.seed 42\n"
        "param split.test_size 0.2\n"
        "dep a unknown\n"
        "dep z folder 0000000000000000000000000000000000000000000000000000000000000000\n"
        "out a \"with blank\"\n"
        "out z z.txt\n");
    text_release(&text);
    json_decref(params);
}

static void params_of_different_shape_differ(void **state)
{
    (void)state;
    json_t *nested = json_pack("{s:{s:i}}", "a", "b", 1), *dotted = json_pack("{s:i}", "a.b", 1);
    json_t *broken = json_pack("{s:s}", "a", "1\nparam b 2");
    struct plan_stage first = stage_with(nested), second = stage_with(dotted),
                      third = stage_with(broken);
    struct text a = {0}, b = {0};
    components(&first, NULL, 0, &a);
    components(&second, NULL, 0, &b);
    assert_string_not_equal(a.data, b.data);
    components(&third, NULL, 0, &b);
    assert_null(strstr(b.data, "\nparam b"));
    text_release(&a);
    text_release(&b);
    json_decref(nested);
    json_decref(dotted);
    json_decref(broken);
}

static void comparing_names_changed_added_and_removed(void **state)
{
    (void)state;
    struct key_change *changes;
    size_t count;
    struct error err;
    assert_int_equal(key_compare("cmd [\"a\"]\nparam x 1\nparam gone 3\ndep \"a b\" file 1\n",
                                 "cmd [\"a\"]\nparam x 2\nparam new 4\ndep \"a b\" file 2\n",
                                 &changes, &count, &err),
                     0);
    assert_int_equal(count, 4);
    assert_string_equal(changes[0].component, "param x");
    assert_string_equal(changes[0].before, "1");
    assert_string_equal(changes[0].after, "2");
    assert_string_equal(changes[1].component, "param new");
    assert_string_equal(changes[1].before, "");
    assert_string_equal(changes[2].component, "dep \"a b\"");
    assert_string_equal(changes[2].after, "file 2");
    assert_string_equal(changes[3].component, "param gone");
    assert_string_equal(changes[3].after, "");
    key_free_changes(changes, count);
}

static void equal_components_have_no_changes(void **state)
{
    (void)state;
    struct key_change *changes;
    size_t count;
    struct error err;
    assert_int_equal(
        key_compare("cmd x\nparam a 1\n", "cmd x\nparam a 1\n", &changes, &count, &err), 0);
    assert_int_equal(count, 0);
    key_free_changes(changes, count);
}

static void key_survives_failed_allocations(void **state)
{
    (void)state;
    static const struct project project;
    char *words[] = {(char[]){"/bin/true"}, NULL};
    const struct invocation invocation = {.argv = words, .argc = 1};
    json_t *params = json_pack("{s:{s:i, s:f}, s:s}", "a", "b", 1, "c", 0.5, "d", "text");
    struct plan_out outs[2] = {{.name = (char[]){"z"}, .path = (char[]){"z"}},
                               {.name = (char[]){"a"}, .path = (char[]){"a"}}};
    struct plan_stage stage = stage_with(params);
    unsigned injected = 0, failed;
    stage.outs = outs;
    stage.out_count = 2;
    do {
        struct text text = {0};
        struct key_change *changes = NULL;
        size_t count = 0;
        struct error err = {0};
        memory_fail_after(++injected);
        int result = key_components(&project, &stage, &invocation, NULL, 0, STORE_BY_STAT, "a 1\n",
                                    &text, &err);
        if (result == 0)
            result = key_compare("param x 1\n", text.data, &changes, &count, &err);
        failed = memory_fail_after(0);
        assert_int_equal(result, failed > 0 ? -1 : 0);
        assert_int_equal(err.kind, failed > 0 ? ERR_MEMORY : ERR_NONE);
        key_free_changes(changes, count);
        text_release(&text);
    } while (failed > 0);
    assert_true(injected > 10);
    json_decref(params);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(components_are_sorted_and_complete),
        cmocka_unit_test(params_of_different_shape_differ),
        cmocka_unit_test(comparing_names_changed_added_and_removed),
        cmocka_unit_test(equal_components_have_no_changes),
        cmocka_unit_test(key_survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
