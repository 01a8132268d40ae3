/* Commands: places in the work folder, and what only a shell would understand. */
#include "plan/plans.h"

#include "tap.h"

#include <stdio.h>
#include <string.h>

static void cmd_names_where_deps_and_outs_lie(void **state)
{
    plans_add(*state, "raw data/a b.txt", "");
    plans_add(*state, "code/prep.py", "");
    struct plan *plan = plans_read(
        *state, "vars: {flag: -v}\n"
                "stages:\n"
                "  prep:\n"
                "    cmd: python3 ${deps.code} ${flag} --in=${ deps.raw } '${outs.o}' \\${outs.o}\n"
                "    deps: {code: ./code/prep.py, raw: raw data/a b.txt}\n"
                "    outs: {o: sub/clean.txt}\n"
                "  use: {cmd: [cat, \"${deps.x}\", \"${deps.lineage}\", \"${outs.o}.tmp\"], "
                "lineage: true, deps: {x: prep.o}, outs: {o: o}}\n"
                "  run: {cmd: \"${deps.x}\", deps: {x: raw data/a b.txt}}\n");
    plans_assert_words(plan, "prep",
                       "[python3][deps/code/prep.py][-v][--in=deps/raw/a b.txt]"
                       "[outs/sub/clean.txt][${outs.o}]");
    plans_assert_words(plan, "use",
                       "[cat][deps/x/clean.txt][deps/lineage/lineage.json][outs/o.tmp]");
    plans_assert_words(plan, "run", "[deps/x/a b.txt]");
    plan_free(plan);
}

static void cmd_of_a_variant_names_its_own_outs_and_a_whole_group(void **state)
{
    struct plan *plan = plans_read(
        *state,
        "stages:\n"
        "  t: {foreach: [a, b], do: {cmd: \"x ${item} ${outs.m}\", outs: {m: \"${item}.m\"}}}\n"
        "  e: {cmd: \"y ${deps.all} ${deps.one}\", deps: {all: t@*.m, one: t@b.m}}\n");
    plans_assert_words(plan, "t@a", "[x][a][outs/a.m]");
    plans_assert_words(plan, "t@b", "[x][b][outs/b.m]");
    plans_assert_words(plan, "e", "[y][deps/all][deps/one/b.m]");
    plan_free(plan);
}

static void cmd_is_told_of_unknown_deps_and_outs(void **state)
{
    plans_add(*state, "a", "");
    plans_refused(*state,
                  "stages:\n"
                  "  s:\n"
                  "    cmd: x ${deps.rwa}\n"
                  "    deps: {raw: a}\n",
                  "3:12: stage 's': no dep is called 'rwa', did you mean 'raw'?");
    plans_refused(*state, "stages: {s: {cmd: 'x ${outs.modle}', outs: {model: m}}}\n",
                  "1:22: stage 's': no out is called 'modle', did you mean 'model'?");
    plans_refused(*state, "stages: {s: {cmd: 'x ${outs.m}', outs: {m: null}}}\n",
                  "1:22: stage 's': '${outs.m}' stands for nothing: the out 'm' is null");
    plans_refused(*state, "stages: {s: {cmd: 'x ${deps}', deps: {a: a}}}\n",
                  "1:22: '${deps}' names no single dep: ${deps.name}");
    plans_refused(*state, "stages: {s: {cmd: 'x ${outs.m.n}', outs: {m: m}}}\n",
                  "1:22: '${outs.m.n}' names no single out: ${outs.name}");
}

static void deps_and_outs_have_a_value_only_in_cmd(void **state)
{
    plans_refused(*state, "stages: {s: {cmd: x, params: {p: '${outs.m}'}, outs: {m: m}}}\n",
                  "1:35: 'outs.m' has a value only in 'cmd'");
    plans_refused(*state, "vars: {v: '${deps.d}'}\nstages: {s: {cmd: x}}\n",
                  "1:12: 'deps.d' has a value only in 'cmd'");
    plans_refused(*state, "vars: {outs: 1}\nstages: {s: {cmd: x}}\n",
                  "1:8: a variable may not be called 'outs': in cmd it names those of the stage");
}

static void expressions_select_from_lists(void **state)
{
    struct plan *plan = plans_read(
        *state, "vars: {l: [p, [q, {r: s}]], m: {b: [{c: 7}]}}\n"
                "stages:\n"
                "  s: {cmd: \"x ${l[0]} ${l[1][0]} ${ l[1][1].r } ${m.b[0].c} ${l.0}\"}\n"
                "  e: {foreach: [[5, 6]], do: {cmd: \"x ${item[1]}\"}}\n");
    plans_assert_words(plan, "s", "[x][p][q][s][7][p]");
    plans_assert_words(plan, "e@0", "[x][6]");
    plan_free(plan);
}

static void expressions_past_the_end_of_a_list_are_refused(void **state)
{
    plans_refused(*state, "vars: {l: [p]}\nstages: {s: {cmd: 'x ${l[1]}'}}\n",
                  "2:22: 'l' has 1 item, counted from 0, and no [1]");
    plans_refused(*state,
                  "vars: {a: {b: [1, 2]}}\nstages: {s: {cmd: 'x ${a.b[99999999999999999999]}'}}\n",
                  "2:22: 'a.b' has 2 items, counted from 0, and no [99999999999999999999]");
    plans_refused(*state, "vars: {l: {p: 1}}\nstages: {s: {cmd: 'x ${l[0]}'}}\n",
                  "2:22: 'l' is a map and has no [0]");
    plans_refused(*state, "vars: {l: [p]}\nstages: {s: {cmd: 'x ${l[-1]}'}}\n",
                  "2:22: '${l[-1]}' does not name a variable: ${a.b}");
    plans_refused(*state, "vars: {l: [p]}\nstages: {s: {cmd: 'x ${l[]}'}}\n",
                  "2:22: '${l[]}' does not name a variable: ${a.b}");
    plans_refused(*state, "vars: {l: [p]}\nstages: {s: {cmd: 'x ${l.[0]}'}}\n",
                  "2:22: '${l.[0]}' does not name a variable: ${a.b}");
}

static void cmd_with_what_only_a_shell_expands_is_refused(void **state)
{
    static const char behind[] = " means something only to a shell, and none is run: ";
    static const char keep[] = "; in quotes or in a list of words it stays as it is";
    static const struct {
        const char *command, *what, *instead;
    } commands[] = {
        {"prog *.csv", "25: '*' in '*.csv'", "name the files, or a folder"},
        {"prog data/?.csv x", "25: '?' in 'data/?.csv'", "name the files, or a folder"},
        {"prog data/[ab].csv", "25: '[' in 'data/[ab].csv'", "name the files, or a folder"},
        {"prog ~/x", "25: '~' in '~/x'", "write the path out"},
    };
    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
        char text[128], message[256];
        snprintf(text, sizeof(text), "stages: {s: {cmd: '%s'}}\n", commands[i].command);
        snprintf(message, sizeof(message), "1:%s%s%s%s", commands[i].what, behind,
                 commands[i].instead, keep);
        plans_refused(*state, text, message);
    }
}

static void cmd_keeps_what_is_quoted_or_listed(void **state)
{
    struct plan *plan = plans_read(*state, "vars: {v: '*'}\n"
                                           "stages:\n"
                                           "  q: {cmd: \"x '*.csv' \\\"~/x\\\" \\\\? a~ [ ${v}\"}\n"
                                           "  l: {cmd: [x, '*.csv', '~/x', 'a?[b]', 'a b']}\n");
    plans_assert_words(plan, "q", "[x][*.csv][~/x][?][a~][[][*]");
    plans_assert_words(plan, "l", "[x][*.csv][~/x][a?[b]][a b]");
    plan_free(plan);
}

static void cmd_that_sets_a_variable_is_told_of_env(void **state)
{
    static const char message[] =
        "1:19: stage 's': 'A=1' would set a variable only in a shell, and none is run: 'env A=1 "
        "...', or a value under 'params'";
    plans_refused(*state, "stages: {s: {cmd: A=1 sh a.sh}}\n", message);
    plans_refused(*state, "stages: {s: {cmd: [A=1, sh]}}\n",
                  "1:20: stage 's': 'A=1' would set a variable only in a shell, and none is run: "
                  "'env A=1 ...', or a value under 'params'");
    struct plan *plan = plans_read(*state, "stages: {s: {cmd: env A=1 sh a.sh}}\n");
    plans_assert_words(plan, "s", "[env][A=1][sh][a.sh]");
    plan_free(plan);
}

static void cmd_of_several_commands_is_refused(void **state)
{
    plans_refused(*state, "stages: {s: {cmd: [sh a.sh, sh b.sh]}}\n",
                  "1:20: stage 's': there is no program 'sh a.sh': 'cmd' is one command only, and "
                  "a list is its words; make a stage of each command, or [sh, -c, '...']");
    plans_add(*state, "my program", "#!/bin/sh\n");
    struct plan *plan = plans_read(*state, "stages: {s: {cmd: [my program, a b]}}\n");
    plans_assert_words(plan, "s", "[my program][a b]");
    plan_free(plan);
}

static void cmd_of_several_lines_is_one_command(void **state)
{
    struct plan *plan = plans_read(*state, "stages:\n"
                                           "  a:\n"
                                           "    cmd: |\n"
                                           "      x a\n"
                                           "        b\n"
                                           "      --long \\\n"
                                           "      c d\\\n"
                                           "      e \\\n"
                                           "        f\n"
                                           "\n");
    plans_assert_words(plan, "a", "[x][a][b][--long][c][de][f]");
    plan_free(plan);
    plans_refused(
        *state,
        "stages:\n"
        "  a:\n"
        "    cmd: |\n"
        "      sh a.sh\n"
        "      sh b.sh\n",
        "3:10: a line break ends a command only in a shell, and none is run: 'cmd' is one "
        "command only; indent lines that go on, or make a stage of each command, or [sh, "
        "-c, '...']");
    plans_refused(*state, "stages: {s: {cmd: cd sub}}\n",
                  "1:19: stage 's': 'cd' means something only to a shell, and none is run: a stage "
                  "begins in its own folder; or [sh, -c, '...']");
}

static void secrets_in_urls_are_refused_and_not_shown(void **state)
{
    static const char *const texts[] = {
        "vars: {u: 'http://me:S3CRET@h/x'}\nstages: {s: {cmd: x}}\n",
        "profiles: {p: {}, q: {}}\nvars: {}\nstages: {s: {cmd: 'curl https://h/x?token=S3CRET'}}\n",
        "stages: {s: {cmd: x, params: {l: [{u: 'https://h/?a=1&access_token=S3CRET'}]}}}\n",
        "vars: {p: S3CRET}\nstages: {s: {cmd: x, params: {u: 'ftp://me:${p}@h'}}}\n",
        "vars: {p: 'me:S3CRET@h'}\nstages: {s: {cmd: [x, 'ftp://${p}/']}}\n",
        "stages: {s: {cmd: x, deps: {d: 'https://me:S3CRET@h/d'}}}\n",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct error err = {0};
        struct plan *plan = NULL;
        const struct plans *plans = *state;
        assert_int_equal(plan_parse("pipeline.yaml", plans->project, texts[i], strlen(texts[i]),
                                    NULL, NULL, 0, &plan, &err),
                         -1);
        assert_null(strstr(err.message, "S3CRET"));
        assert_non_null(strstr(err.message, ".netrc"));
        assert_memory_equal(err.message, "pipeline.yaml:", 14);
    }
    struct plan *plan =
        plans_read(*state, "stages: {s: {cmd: x, params: {u: 'https://h/x?v=1'}}}\n");
    plan_free(plan);
}

static void secrets_from_set_are_refused_and_not_shown(void **state)
{
    static const char text[] = "vars: {u: null}\nstages: {s: {cmd: x}}\n";
    static const char *const sets[] = {"u=https://me:S3CRET@h/x"};
    const struct plans *plans = *state;
    struct error err = {0};
    struct plan *plan = NULL;
    assert_int_equal(
        plan_parse("pipeline.yaml", plans->project, text, strlen(text), NULL, sets, 1, &plan, &err),
        -1);
    assert_null(strstr(err.message, "S3CRET"));
    assert_memory_equal(err.message, "--set u: ", 9);
}

static void secrets_are_names_of_variables_apart_from_env(void **state)
{
    struct plan *plan =
        plans_read(*state, "stages: {s: {cmd: x, env: [A], secrets: [TOKEN, B]}}\n");
    const struct plan_stage *stage = plans_stage(plan, "s");
    assert_int_equal(stage->env_count, 1);
    assert_int_equal(stage->secret_count, 2);
    assert_string_equal(stage->secrets[0], "TOKEN");
    plan_free(plan);
    plans_refused(*state, "stages: {s: {cmd: x, secrets: [A, B], env: [B]}}\n",
                  "1:35: stage 's': 'B' is under 'env', too: its value is in the key, or it is a "
                  "secret");
    plans_refused(*state, "stages: {s: {cmd: x, secrets: {A: 1}}}\n",
                  "1:31: stage 's': 'secrets' must be a list of names of variables, not a map");
    plans_refused(*state, "stages: {s: {cmd: x, env: [REPRISE_STAGE]}}\n",
                  "1:28: stage 's': 'REPRISE_STAGE' cannot be let through: names that begin with "
                  "'REPRISE_' are the runner's");
    plans_refused(*state, "stages: {s: {cmd: x, secrets: [REPRISE_X]}}\n",
                  "1:32: stage 's': 'REPRISE_X' cannot be let through: names that begin with "
                  "'REPRISE_' are the runner's");
}

static void requirement_of_null_is_none(void **state)
{
    struct plan *plan = plans_read(
        *state, "vars: {none: null, low: 0.5}\n"
                "stages:\n"
                "  s: {cmd: x, outs: {m: m.json}, metrics: [m], require: {m.a: '>= ${none}', m.b: "
                "null, m.c: ['> ${low}', '< ${none}', null], m.d: '${none}'}}\n");
    const struct plan_stage *stage = plans_stage(plan, "s");
    assert_int_equal(stage->requirement_count, 1);
    assert_string_equal(stage->requirements[0].member, "c");
    plan_free(plan);
    plans_refused(*state, "vars: {none: null}\nstages: {s: {cmd: x, desc: 'is ${none}'}}\n",
                  "2:32: 'none' is null and cannot stand inside a text");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, plans_setup, plans_teardown)
    const struct CMUnitTest tests[] = {
        TEST(cmd_names_where_deps_and_outs_lie),
        TEST(cmd_of_a_variant_names_its_own_outs_and_a_whole_group),
        TEST(cmd_is_told_of_unknown_deps_and_outs),
        TEST(deps_and_outs_have_a_value_only_in_cmd),
        TEST(expressions_select_from_lists),
        TEST(expressions_past_the_end_of_a_list_are_refused),
        TEST(cmd_with_what_only_a_shell_expands_is_refused),
        TEST(cmd_keeps_what_is_quoted_or_listed),
        TEST(cmd_that_sets_a_variable_is_told_of_env),
        TEST(cmd_of_several_commands_is_refused),
        TEST(cmd_of_several_lines_is_one_command),
        TEST(secrets_in_urls_are_refused_and_not_shown),
        TEST(secrets_from_set_are_refused_and_not_shown),
        TEST(secrets_are_names_of_variables_apart_from_env),
        TEST(requirement_of_null_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
