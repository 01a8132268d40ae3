/* What deps refer to: outs, groups, files here and elsewhere. */
#include "plan/plans.h"

#include "base/file.h"

#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void add_pipe(const struct plans *plans, const char *name)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/%s", plans->project, name);
    assert_int_equal(mkfifo(path, 0600), 0);
}

static void assert_file(const struct plan *plan, const char *stage, const char *path)
{
    const struct plan_stage *found = plans_stage(plan, stage);
    assert_int_equal(found->dep_count, 1);
    assert_string_equal(found->deps[0].path, path);
    assert_int_equal(found->deps[0].member_count, 0);
}

static void dep_on_a_group_stands_for_all_its_stages_by_name(void **state)
{
    struct plan *plan = plans_read(
        *state, "stages:\n"
                "  all: {cmd: x, deps: {m: train@*.m, some: train@1*.m, g: grid@0.1-*.o}}\n"
                "  train: {foreach: [3, 10, 1], do: {cmd: x, outs: {log: l, m: m}}}\n"
                "  grid: {matrix: {a: [0.1, 0.2], b: [p, q]}, cmd: x, outs: {o: o}}\n");
    const struct plan_stage *all = plans_stage(plan, "all");
    static const char *const names[] = {"1", "10", "3"};
    assert_int_equal(all->deps[0].member_count, 3);
    assert_null(all->deps[0].path);
    for (size_t i = 0; i < 3; i++) {
        const struct plan_member *member = &all->deps[0].members[i];
        char stage[16];
        assert_string_equal(member->name, names[i]);
        snprintf(stage, sizeof(stage), "train@%s", names[i]);
        assert_string_equal(plan->stages[member->stage].name, stage);
        assert_int_equal(member->out, 1);
        assert_true(member->stage < (size_t)(all - plan->stages));
    }
    assert_int_equal(all->deps[1].member_count, 2);
    assert_int_equal(all->deps[2].member_count, 2);
    assert_string_equal(all->deps[2].members[1].name, "0.1-q");
    plan_free(plan);
}

static void dep_on_a_group_leaves_out_what_is_left_out(void **state)
{
    static const char text[] =
        "vars: {which: [{on: true}, {on: false}]}\n"
        "stages:\n"
        "  t: {foreach: '${which}', do: {when: '${item.on}', cmd: x, outs: {o: o}}}\n"
        "  e: {cmd: x, deps: {d: t@*.o}}\n";
    struct plan *plan = plans_read(*state, text);
    assert_int_equal(plans_stage(plan, "e")->deps[0].member_count, 1);
    plan_free(plan);
}

static void assert_out(const struct plan *plan, const char *stage, const char *from)
{
    const struct plan_stage *found = plans_stage(plan, stage);
    assert_int_equal(found->dep_count, 1);
    assert_string_equal(plan->stages[found->deps[0].stage].name, from);
}

static void dep_with_choices_is_the_first_that_is_there(void **state)
{
    static const char text[] =
        "vars: {more: %d}\n"
        "stages:\n"
        "  use: {cmd: 'x ${deps.m}', deps: {m: [further.m, null_out.m, first.m]}}\n"
        "  last: {cmd: x, deps: {m: [further.m, in.csv]}}\n"
        "  first: {cmd: x, outs: {m: m}}\n"
        "  null_out: {cmd: x, outs: {m: null}}\n"
        "  further: {when: '${more}', cmd: x, deps: {m: first.m}, outs: {m: m}}\n";
    char pipeline[512];
    plans_add(*state, "in.csv", "1\n");
    for (int more = 0; more < 3; more++) {
        snprintf(pipeline, sizeof(pipeline), text, more);
        struct plan *plan = plans_read(*state, pipeline);
        assert_out(plan, "use", more > 0 ? "further" : "first");
        plans_assert_words(plan, "use", "[x][deps/m/m]");
        if (more > 0)
            assert_out(plan, "last", "further");
        else
            assert_file(plan, "last", "in.csv");
        plan_free(plan);
    }
}

static void dep_on_a_group_of_none_is_refused(void **state)
{
    plans_refused(*state,
                  "stages:\n"
                  "  t: {foreach: [], do: {cmd: x, outs: {o: o}}}\n"
                  "  e: {cmd: x, deps: {d: t@*.o}}\n",
                  "3:25: stage 'e': dep 'd': 't@*' stands for no stage here");
    plans_refused(*state,
                  "stages:\n"
                  "  t: {foreach: [a], do: {cmd: x, outs: {o: o}}}\n"
                  "  e: {cmd: x, deps: {d: t@b*.o}}\n",
                  "3:25: stage 'e': dep 'd': 't@b*' stands for no stage here");
}

static void dep_on_a_group_is_told_of_names(void **state)
{
    plans_refused(*state,
                  "stages:\n"
                  "  train: {foreach: [a], do: {cmd: x, outs: {model: o}}}\n"
                  "  e: {cmd: x, deps: {d: trian@*.model}}\n",
                  "3:25: stage 'e': dep 'd': no stage 'trian' has 'foreach' or 'matrix', did you "
                  "mean 'train'?");
    plans_refused(*state,
                  "stages:\n"
                  "  train: {foreach: [a], do: {cmd: x, outs: {model: o}}}\n"
                  "  e: {cmd: x, deps: {d: train@*.modle}}\n",
                  "3:25: stage 'e': dep 'd': stage 'train@a' has no out 'modle', did you mean "
                  "'model'? (a file would be './train@*.modle')");
    plans_refused(*state,
                  "stages:\n"
                  "  train: {foreach: [a], do: {cmd: x, outs: {model: o}}}\n"
                  "  e: {cmd: x, deps: {d: train.model}}\n",
                  "3:25: stage 'e': dep 'd': 'train' is a group of stages; all of them are "
                  "'train@*.model' (a file would be './train.model')");
    plans_refused(*state,
                  "stages:\n"
                  "  train: {foreach: [a], do: {cmd: x, outs: {model: o}}}\n"
                  "  e: {cmd: x, deps: {d: train}}\n",
                  "3:25: stage 'e': dep 'd': 'train' is a group of stages; name one of its outs: "
                  "'train@*.out'");
}

static void dep_on_a_group_without_an_out_is_refused(void **state)
{
    plans_refused(*state,
                  "stages:\n"
                  "  t: {foreach: [a], do: {cmd: x, outs: {o: o}}}\n"
                  "  e: {cmd: x, deps: {d: t@*}}\n",
                  "3:25: stage 'e': dep 'd': 't@*' is a group of stages; name one of its outs: "
                  "'t@*.out'");
}

static void dep_on_a_group_of_its_own_is_a_circle(void **state)
{
    plans_refused(*state,
                  "stages:\n"
                  "  t: {foreach: [a, b], do: {cmd: x, deps: {d: t@*.o}, outs: {o: o}}}\n",
                  "2:47: stage 't@a': stages depend on one another in a circle: t@a -> t@a");
    plans_refused(*state,
                  "stages:\n"
                  "  t: {foreach: [a, b], do: {cmd: x, deps: {d: e.o}, outs: {o: o}}}\n"
                  "  e: {cmd: x, deps: {d: t@*.o}, outs: {o: o}}\n",
                  "2:47: stage 't@a': stages depend on one another in a circle: t@a -> e -> t@a");
}

static void dep_called_like_a_file_of_a_stage_is_the_file_where_there_is_no_such_out(void **state)
{
    plans_add(*state, "train.py", "");
    plans_add(*state, "grid.py", "");
    plans_add(*state, "off.py", "");
    struct plan *plan = plans_read(
        *state, "stages:\n"
                "  train: {cmd: x, deps: {code: train.py}, outs: {m: m}}\n"
                "  grid: {foreach: [a], do: {cmd: x, deps: {code: grid.py}, outs: {m: m}}}\n"
                "  off: {when: false, cmd: x, outs: {m: m}}\n"
                "  use: {cmd: x, deps: {code: off.py}}\n");
    assert_file(plan, "train", "train.py");
    assert_file(plan, "grid@a", "grid.py");
    assert_file(plan, "use", "off.py");
    plan_free(plan);
    plan = plans_read(*state, "stages:\n"
                              "  train: {cmd: x, outs: {py: m}}\n"
                              "  out: {cmd: x, deps: {code: train.py}}\n"
                              "  file: {cmd: x, deps: {code: ./train.py}}\n");
    assert_null(plans_stage(plan, "out")->deps[0].path);
    assert_file(plan, "file", "train.py");
    plan_free(plan);
    plans_refused(
        *state,
        "stages:\n"
        "  a: {cmd: x, outs: {m: m}}\n"
        "  b: {cmd: x, deps: {code: a.py}}\n",
        "3:28: stage 'b': dep 'code': stage 'a' has no out 'py' (a file would be './a.py')");
    plans_refused(
        *state,
        "stages:\n"
        "  train: {cmd: x, outs: {py: null}}\n"
        "  b: {cmd: x, deps: {code: train.py}}\n",
        "3:28: stage 'b': dep 'code': stage 'train' has no out 'py' here: its path is null");
}

static void deps_may_lie_outside_the_project_and_inside_each_other(void **state)
{
    const struct plans *plans = *state;
    char text[512];
    plans_add(plans, "../else/x/f", "");
    plans_add(plans, "data/a/b", "");
    snprintf(text, sizeof(text),
             "stages:\n"
             "  up: {cmd: x, deps: {d: ../else//x/./f}}\n"
             "  abs: {cmd: x, deps: {d: %s/else/}}\n"
             "  in: {cmd: x, deps: {d: %s/data/a}}\n"
             "  round: {cmd: x, deps: {d: ../project/data/a/b}}\n"
             "  both: {cmd: x, deps: {d: data, e: data/a, f: ./data}}\n",
             plans->folder, plans->project);
    struct plan *plan = plans_read(plans, text);
    assert_file(plan, "up", "../else/x/f");
    snprintf(text, sizeof(text), "%s/else", plans->folder);
    assert_file(plan, "abs", text);
    assert_file(plan, "in", "data/a");
    assert_file(plan, "round", "data/a/b");
    assert_int_equal(plans_stage(plan, "both")->dep_count, 3);
    plan_free(plan);
}

static void deps_through_links_are_taken_but_not_into_the_runners_folders(void **state)
{
    plans_add(*state, "../else/f", "");
    plans_add(*state, "artifacts/a/o", "");
    plans_add(*state, "cache/x", "");
    plans_add(*state, "reports/x", "");
    plans_link(*state, "away", "../else");
    plans_link(*state, "own", "artifacts");
    plans_link(*state, "here", ".");
    plans_link(*state, "broken", "nowhere");
    plans_link(*state, "circle", "circle");
    plans_link(*state, "to_pipe", "pipe");
    add_pipe(*state, "pipe");
    struct plan *plan = plans_read(*state, "stages:\n"
                                           "  a: {cmd: x, deps: {d: away}}\n"
                                           "  b: {cmd: x, deps: {d: away/f}}\n");
    assert_file(plan, "a", "away");
    assert_file(plan, "b", "away/f");
    plan_free(plan);
    plan = plans_read(*state, "stages:\n"
                              "  a: {cmd: x, deps: {d: .}}\n"
                              "  b: {cmd: \"x ${deps.d}\", deps: {d: ../project/.}}\n");
    assert_file(plan, "a", ".");
    assert_file(plan, "b", ".");
    assert_string_equal(plan->stages[1].argv[1], "deps/d");
    plan_free(plan);
#define AROUND                                                                                     \
    " the runner's own folders; name what is needed inside it ('.' stands for this project's "     \
    "folders)"
    static const struct {
        const char *dep, *why;
    } deps[] = {
        {"own", "'own' is the runner's to write; an out is named 'stage.out'"},
        {"own/a/o", "'own/a/o' is the runner's to write; an out is named 'stage.out'"},
        {"./cache/x", "'./cache/x' is the runner's to write; an out is named 'stage.out'"},
        {"../project/cache",
         "'../project/cache' is the runner's to write; an out is named 'stage.out'"},
        {"pipeline.lock", "'pipeline.lock' is the runner's to write; 'lineage: true' tells a stage "
                          "what is upstream"},
        {"", "'' is no path"},
        {"./"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
         "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...' is longer than the 255 bytes that a name may have"},
        {"here", "'here' holds" AROUND},
        {"reports", "'reports' holds" AROUND},
        {"..", "'..' holds" AROUND},
        {"/", "'/' holds" AROUND},
        {"broken", "'broken' is a link to 'nowhere', which is not there"},
        {"circle", "'circle' is a link to 'circle', which leads back to it"},
        {"pipe", "'pipe' is neither a file nor a folder"},
        {"to_pipe", "'to_pipe' is neither a file nor a folder"},
        {"./data/*.csv",
         "there is no file './data/*.csv', and '*' stands for nothing here: name the folder"},
        {"away/../x", "in 'away/../x', '..' may stand only at the start"},
        {"/tmp/../x", "in '/tmp/../x', '..' may stand only at the start"},
    };
    for (size_t i = 0; i < sizeof(deps) / sizeof(*deps); i++) {
        char text[512], message[256];
        snprintf(text, sizeof(text), "stages: {a: {cmd: x, deps: {d: '%s'}}}\n", deps[i].dep);
        snprintf(message, sizeof(message), "1:32: stage 'a': dep 'd': %s", deps[i].why);
        plans_refused(*state, text, message);
    }
}

static void deps_in_git_are_refused(void **state)
{
    plans_add(*state, ".git/HEAD", "");
    plans_add(*state, "sub/.GIT/x", "");
    plans_refused(*state, "stages: {a: {cmd: x, deps: {d: .git/HEAD}}}\n",
                  "1:32: stage 'a': dep 'd': '.git/HEAD' is git's to write");
    plans_refused(*state, "stages: {a: {cmd: x, deps: {d: sub/.GIT}}}\n",
                  "1:32: stage 'a': dep 'd': 'sub/.GIT' is git's to write");
}

/* The names of what a word selects, with blanks between. */
static void assert_selects(const struct plan *plan, const char *word, const char *expected)
{
    struct error err = {0};
    size_t *indices, count, used = 0;
    char names[256] = "";
    if (plan_select(plan, word, &indices, &count, &err) < 0)
        fail_msg("%s", err.message);
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i == 0 ? "" : " ",
                                 plan->stages[indices[i]].name);
    assert_string_equal(names, expected);
    free(indices);
}

static void assert_selects_nothing(const struct plan *plan, const char *word, const char *message)
{
    struct error err = {0};
    size_t *indices, count;
    assert_int_equal(plan_select(plan, word, &indices, &count, &err), -1);
    assert_string_equal(err.message, message);
    assert_int_equal(err.kind, ERR_USAGE);
}

static void select_takes_a_stage_a_group_or_a_part_of_it(void **state)
{
    struct plan *plan = plans_read(
        *state, "stages:\n"
                "  train: {matrix: {lr: [0.1, 0.2], net: [a, b]}, cmd: x, outs: {o: o}}\n"
                "  trains: {cmd: x}\n"
                "  evaluate: {cmd: x, deps: {d: train@0.1-a.o}}\n"
                "  none: {foreach: [], do: {cmd: x}}\n");
    assert_selects(plan, "evaluate", "evaluate");
    assert_selects(plan, "train", "train@0.1-a train@0.1-b train@0.2-a train@0.2-b");
    assert_selects(plan, "train@*", "train@0.1-a train@0.1-b train@0.2-a train@0.2-b");
    assert_selects(plan, "train@*-b", "train@0.1-b train@0.2-b");
    assert_selects(plan, "train@0.2-a", "train@0.2-a");
    assert_selects_nothing(plan, "evalute", "unknown stage 'evalute', did you mean 'evaluate'?");
    assert_selects_nothing(plan, "trian", "unknown stage 'trian', did you mean 'train'?");
    assert_selects_nothing(plan, "train@0.1-c",
                           "unknown stage 'train@0.1-c', did you mean 'train@0.1-a'?");
    assert_selects_nothing(
        plan, "trian@*",
        "'trian@*' names no stage: no group is called 'trian', did you mean 'train@*'?");
    assert_selects_nothing(plan, "evaluate@*",
                           "'evaluate@*' names no stage: no group is called 'evaluate'");
    assert_selects_nothing(plan, "none", "'none' names no stage: the group 'none' has none here");
    assert_selects_nothing(plan, "train@9*",
                           "'train@9*' names no stage: the group 'train' has none of this name");
    plan_free(plan);
}

static void find_of_a_group_names_one_of_it(void **state)
{
    struct error err = {0};
    size_t index;
    struct plan *plan = plans_read(*state, "stages:\n"
                                           "  train: {foreach: [a, b], do: {cmd: x}}\n"
                                           "  none: {foreach: [], do: {cmd: x}}\n");
    assert_int_equal(plan_find(plan, "train", &index, &err), -1);
    assert_string_equal(err.message, "'train' is a group of stages: name one, such as 'train@a'");
    assert_int_equal(plan_find(plan, "none", &index, &err), -1);
    assert_string_equal(err.message, "'none' names no stage: the group has none here");
    plan_free(plan);
}

static void find_file_looks_upwards(void **state)
{
    const struct plans *plans = *state;
    struct error err = {0};
    char back[4096];
    plans_add(plans, "here.yaml", "");
    plans_add(plans, "a/b/c", "");
    assert_non_null(getcwd(back, sizeof(back)));
    assert_int_equal(chdir(plans->project), 0);
    char *here = plan_find_file("here.yaml", &err);
    assert_int_equal(chdir("a/b"), 0);
    char *above = plan_find_file("here.yaml", &err);
    char *none = plan_find_file("nowhere-at-all.yaml", &err);
    assert_int_equal(chdir(back), 0);
    assert_string_equal(here, "here.yaml");
    assert_string_equal(above, "../../here.yaml");
    assert_null(none);
    assert_int_equal(err.kind, ERR_USAGE);
    assert_string_equal(err.message, "there is no 'nowhere-at-all.yaml' here or in a folder above: "
                                     "go to the project's folder or name it with -C, or another "
                                     "file with --file");
    free(here);
    free(above);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, plans_setup, plans_teardown)
    const struct CMUnitTest tests[] = {
        TEST(dep_on_a_group_stands_for_all_its_stages_by_name),
        TEST(dep_on_a_group_leaves_out_what_is_left_out),
        TEST(dep_with_choices_is_the_first_that_is_there),
        TEST(dep_on_a_group_of_none_is_refused),
        TEST(dep_on_a_group_is_told_of_names),
        TEST(dep_on_a_group_without_an_out_is_refused),
        TEST(dep_on_a_group_of_its_own_is_a_circle),
        TEST(dep_called_like_a_file_of_a_stage_is_the_file_where_there_is_no_such_out),
        TEST(deps_may_lie_outside_the_project_and_inside_each_other),
        TEST(deps_through_links_are_taken_but_not_into_the_runners_folders),
        TEST(deps_in_git_are_refused),
        TEST(select_takes_a_stage_a_group_or_a_part_of_it),
        TEST(find_of_a_group_names_one_of_it),
        TEST(find_file_looks_upwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
