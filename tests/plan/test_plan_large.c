/* Plans of many stages: what is promised of small ones holds, and beyond the limits one line tells.
 */
#include "plan/plans.h"

#include "base/text.h"

#include "tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MANY = 20000 };

/* The last stage of the file comes first: each needs the one behind it. */
static void large_plans_are_in_the_order_of_their_deps(void **state)
{
    struct text file = {0};
    text_add(&file, "stages:\n");
    for (int i = 0; i < MANY - 1; i++)
        text_addf(&file, "  s%d: {cmd: x, deps: {d: s%d.o}, outs: {o: o}}\n", i, i + 1);
    text_addf(&file, "  s%d: {cmd: x, outs: {o: o}}\n", MANY - 1);
    struct plan *plan = plans_read(*state, text_string(&file));
    assert_int_equal(plan->count, MANY);
    for (size_t i = 0; i < MANY; i++) {
        char name[16];
        snprintf(name, sizeof(name), "s%zu", MANY - 1 - i);
        assert_string_equal(plan->stages[i].name, name);
        if (i > 0)
            assert_int_equal(plan->stages[i].deps[0].stage, i - 1);
    }
    assert_ptr_equal(plans_stage(plan, "s17"), &plan->stages[MANY - 18]);
    plan_free(plan);
    text_release(&file);
}

static void large_plans_name_a_circle_and_a_missing_out(void **state)
{
    struct text file = {0};
    text_add(&file, "stages:\n");
    for (int i = 0; i < MANY; i++)
        text_addf(&file, "  s%d: {cmd: x, deps: {d: %s}, outs: {model%d: o}}\n", i,
                  i == 19990   ? "s19991.model19991"
                  : i == 19991 ? "s19990.model19990"
                  : i == 0     ? "null"
                               : "s0.model0",
                  i);
    plans_refused(*state, text_string(&file),
                  "19992:30: stage 's19990': stages depend on one another in a circle: s19990 -> "
                  "s19991 -> s19990");
    text_add(&file, "  end: {cmd: x, deps: {d: s19999.modle19999}}\n");
    plans_refused(*state, text_string(&file),
                  "20002:27: stage 'end': dep 'd': stage 's19999' has no out 'modle19999', did you "
                  "mean 'model19999'? (a file would be './s19999.modle19999')");
    text_release(&file);
}

static void large_groups_are_multiplied_once_for_each_item(void **state)
{
    struct text file = {0};
    text_add(&file, "stages:\n  t:\n    foreach: [0");
    for (int i = 1; i < MANY; i++)
        text_addf(&file, ", %d", i);
    text_add(&file, "]\n    do: {cmd: 'x ${item}', outs: {o: o}}\n"
                    "  all: {cmd: x, deps: {d: t@*.o}}\n");
    struct plan *plan = plans_read(*state, text_string(&file));
    assert_int_equal(plan->count, MANY + 1);
    assert_int_equal(plan->stages[MANY].deps[0].member_count, MANY);
    plan_free(plan);
    text_release(&file);
}

static void many_stages_are_the_limit(void **state)
{
    struct text file = {0};
    text_add(&file, "vars:\n  l: [0");
    for (int i = 1; i < 100000; i++)
        text_addf(&file, ", %d", i);
    text_add(&file, "]\nstages:\n"
                    "  one: {cmd: x}\n"
                    "  t: {foreach: '${l}', do: {cmd: x}}\n");
    plans_refused(*state, text_string(&file), "5:3: more than 100000 stages");
    text_clear(&file);
    text_add(&file, "stages:\n  t:\n    foreach: [0");
    for (int i = 1; i <= 100000; i++)
        text_addf(&file, ", %d", i);
    text_add(&file, "]\n    do: {cmd: x}\n");
    plans_refused(*state, text_string(&file), "3:14: stage 't': more than 100000 variants");
    text_release(&file);
}

static void deps_on_groups_stand_for_a_million_stages_at_most(void **state)
{
    struct text file = {0};
    text_add(&file, "vars:\n  l: [0");
    for (int i = 1; i < 2000; i++)
        text_addf(&file, ", %d", i);
    text_add(&file, "]\nstages:\n"
                    "  t: {foreach: '${l}', do: {cmd: x, outs: {o: o}}}\n"
                    "  u: {foreach: '${l}', do: {cmd: x, deps: {d: t@*.o}}}\n");
    plans_refused(
        *state, text_string(&file),
        "5:47: stage 'u@500': dep 'd': deps on groups stand for more than 1000000 stages");
    text_release(&file);
}

static void file_of_more_than_64_MiB_is_refused_unread(void **state)
{
    const struct plans *plans = *state;
    struct error err = {0};
    struct plan *plan = NULL;
    char path[128], message[256];
    snprintf(path, sizeof(path), "%s/large.yaml", plans->project);
    int file = open(path, O_WRONLY | O_CREAT, 0644);
    assert_true(file >= 0);
    assert_int_equal(ftruncate(file, (64 << 20) + 1), 0);
    close(file);
    assert_int_equal(plan_read(path, NULL, NULL, 0, &plan, &err), -1);
    snprintf(message, sizeof(message), "'%s' has 67108865 bytes, more than the 67108864 allowed",
             path);
    assert_string_equal(err.message, message);
    assert_int_equal(err.kind, ERR_USAGE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, plans_setup, plans_teardown)
    const struct CMUnitTest tests[] = {
        TEST(large_plans_are_in_the_order_of_their_deps),
        TEST(large_plans_name_a_circle_and_a_missing_out),
        TEST(large_groups_are_multiplied_once_for_each_item),
        TEST(many_stages_are_the_limit),
        TEST(deps_on_groups_stand_for_a_million_stages_at_most),
        TEST(file_of_more_than_64_MiB_is_refused_unread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
