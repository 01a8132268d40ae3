#include "plan/plan_read.h"

#include "base/json.h"

#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROJECT "tests/runner/project"

static struct plan *parse_with(const char *text, const char *profile, const char *const *sets,
                               size_t set_count)
{
    struct error err = {0};
    struct plan *plan = NULL;
    if (plan_parse("pipeline.yaml", PROJECT, text, strlen(text), profile, sets, set_count, &plan,
                   &err) < 0)
        fail_msg("%s", err.message);
    return plan;
}

static struct plan *parse(const char *text)
{
    return parse_with(text, NULL, NULL, 0);
}

static const struct plan_stage *stage_of(const struct plan *plan, const char *name)
{
    struct error err = {0};
    size_t index;
    if (plan_find(plan, name, &index, &err) < 0)
        fail_msg("%s", err.message);
    return &plan->stages[index];
}

/* The params of a stage as JSON on one line. */
static void assert_params(const struct plan *plan, const char *stage, const char *expected)
{
    struct error err;
    char *text = json_to_text(stage_of(plan, stage)->params, true, &err);
    assert_string_equal(text, expected);
    free(text);
}

static void assert_words(const struct plan *plan, const char *stage, const char *const *words,
                         size_t count)
{
    const struct plan_stage *found = stage_of(plan, stage);
    assert_int_equal(found->argc, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(found->argv[i], words[i]);
    assert_null(found->argv[count]);
}

static void plan_reads_every_key_of_a_stage(void **state)
{
    (void)state;
    struct plan *plan = parse("stages:\n"
                              "  make: {cmd: make, outs: {table: t.csv}}\n"
                              "  all:\n"
                              "    desc: everything\n"
                              "    cmd: [bin/x, 3, a b]\n"
                              "    deps: {t: make.table, d: ./data.csv, none: null}\n"
                              "    params: {a: 1, b: [x, 2.5]}\n"
                              "    outs:\n"
                              "      m: m.json\n"
                              "      r: {path: ./r//x/, publish: reports}\n"
                              "      n: null\n"
                              "    metrics: [m]\n"
                              "    plots: [r]\n"
                              "    require: {m.acc.top: \">= 0.65\", m.loss: [\"< 2\", \">0\"]}\n"
                              "    frozen: true\n"
                              "    network: true\n"
                              "    lineage: true\n"
                              "    env: [HOME, LANG]\n"
                              "    resources: {threads: all, gpu: 1, memory: 4G, time: 1h30m,\n"
                              "      disk: 10G, processes: 64}\n");
    const struct plan_stage *s = stage_of(plan, "all");
    assert_string_equal(s->desc, "everything");
    assert_words(plan, "all", (const char *const[]){"bin/x", "3", "a b"}, 3);
    assert_int_equal(s->dep_count, 2);
    assert_string_equal(s->deps[0].name, "t");
    assert_null(s->deps[0].path);
    assert_int_equal(s->deps[0].stage, 0);
    assert_int_equal(s->deps[0].out, 0);
    assert_int_equal(s->deps[0].place.line, 6);
    assert_string_equal(s->deps[1].path, "data.csv");
    assert_params(plan, "all", "{\"a\":1,\"b\":[\"x\",2.5]}");
    assert_int_equal(s->out_count, 2);
    assert_true(s->outs[0].metrics && !s->outs[0].plots && s->outs[0].publish == NULL);
    assert_true(s->outs[1].plots && !s->outs[1].metrics);
    assert_string_equal(s->outs[1].path, "r/x");
    assert_string_equal(s->outs[1].publish, "reports");
    assert_int_equal(s->requirement_count, 3);
    assert_string_equal(s->requirements[0].member, "acc.top");
    assert_int_equal(s->requirements[0].relation, PLAN_GREATER_EQUAL);
    assert_true(s->requirements[0].bound.real == 0.65);
    assert_int_equal(s->requirements[1].relation, PLAN_LESS);
    assert_int_equal(s->requirements[2].relation, PLAN_GREATER);
    assert_true(s->frozen && s->network && !s->loopback && s->lineage);
    assert_int_equal(s->env_count, 2);
    assert_string_equal(s->env[1], "LANG");
    assert_int_equal(s->resources.threads, 0);
    assert_int_equal(s->resources.gpu, 1);
    assert_int_equal(s->resources.memory_bytes, (int64_t)4 << 30);
    assert_int_equal(s->resources.time_ms, 5400000);
    assert_int_equal(s->resources.disk_bytes, (int64_t)10 << 30);
    assert_int_equal(s->resources.processes, 64);
    assert_int_equal(s->place.line, 3);
    assert_int_equal(s->place.column, 3);
    plan_free(plan);
}

static void plan_knows_a_network_of_the_stages_own(void **state)
{
    (void)state;
    struct plan *plan = parse("stages:\n"
                              "  a: {cmd: x, network: loopback}\n"
                              "  b: {cmd: x, network: false}\n");
    assert_true(stage_of(plan, "a")->loopback && !stage_of(plan, "a")->network);
    assert_false(stage_of(plan, "b")->loopback || stage_of(plan, "b")->network);
    plan_free(plan);
}

static void plan_gives_defaults_where_the_file_is_silent(void **state)
{
    (void)state;
    struct plan *plan = parse("stages: {a: {cmd: x, params: null, deps: null}}\n");
    const struct plan_stage *s = &plan->stages[0];
    assert_string_equal(plan->profile, "");
    assert_string_equal(plan->file, "pipeline.yaml");
    assert_string_equal(s->desc, "");
    assert_false(s->frozen || s->network || s->loopback || s->lineage);
    assert_int_equal(s->dep_count + s->out_count + s->env_count + s->requirement_count, 0);
    assert_int_equal(s->resources.threads, 1);
    assert_int_equal(s->resources.gpu + s->resources.memory_bytes + s->resources.time_ms +
                         s->resources.disk_bytes + s->resources.processes,
                     0);
    assert_int_equal(json_object_size(s->params), 0);
    plan_free(plan);
}

static void plan_orders_by_deps_and_then_as_in_the_file(void **state)
{
    (void)state;
    struct plan *plan = parse("stages:\n"
                              "  e: {cmd: x, deps: {a: d.o, b: b.o}}\n"
                              "  d: {cmd: x, deps: {a: b.o}, outs: {o: o}}\n"
                              "  c: {cmd: x, outs: {o: o}}\n"
                              "  b: {cmd: x, outs: {o: o}}\n"
                              "  a: {cmd: x}\n");
    const char *const order[] = {"c", "b", "d", "e", "a"};
    assert_int_equal(plan->count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(plan->stages[i].name, order[i]);
        for (size_t j = 0; j < plan->stages[i].dep_count; j++)
            assert_true(plan->stages[i].deps[j].stage < i);
    }
    assert_int_equal(plan->stages[3].deps[0].stage, 2);
    assert_int_equal(plan->stages[3].deps[1].stage, 1);
    plan_free(plan);
}

static void plan_splits_commands_with_quotes(void **state)
{
    (void)state;
    struct plan *plan =
        parse("vars: {two: a b, n: 1.0e-3, list: [p, 'q r', 7], text: \"p 'q r'\"}\n"
              "stages:\n"
              "  a: {cmd: 'x \"a b\" ''c d'' e\\ f \"g\\\"h\" i\"j\"k \"\"'}\n"
              "  b: {cmd: \"x ${two} --n=${ n } '${two}'-${two} \\\\${two}\"}\n"
              "  c: {cmd: \"${list}\"}\n"
              "  d: {cmd: \"${text}\"}\n"
              "  e: {cmd: \"sh -c 'a | b > $HOME; c' \\\"$x\\\"\"}\n"
              "  f: {cmd: [x, \"${two}\", \"-n${n}\"]}\n"
              "  g:\n"
              "    cmd: >\n"
              "      x\n"
              "      --long y\n");
    assert_words(plan, "a", (const char *const[]){"x", "a b", "c d", "e f", "g\"h", "ijk", ""}, 7);
    assert_words(plan, "b", (const char *const[]){"x", "a b", "--n=1.0e-3", "a b-a b", "${two}"},
                 5);
    assert_words(plan, "c", (const char *const[]){"p", "q r", "7"}, 3);
    assert_words(plan, "d", (const char *const[]){"p", "q r"}, 2);
    assert_words(plan, "e", (const char *const[]){"sh", "-c", "a | b > $HOME; c", "$x"}, 4);
    assert_words(plan, "f", (const char *const[]){"x", "a b", "-n1.0e-3"}, 3);
    assert_words(plan, "g", (const char *const[]){"x", "--long", "y"}, 3);
    plan_free(plan);
}

static void plan_expands_with_types_and_inside_text(void **state)
{
    (void)state;
    struct plan *plan = parse("vars:\n"
                              "  n: 3\n"
                              "  r: 0.50\n"
                              "  yes_: yes\n"
                              "  t: true\n"
                              "  none: null\n"
                              "  map: {x: \"${n}\", y: ['${t}', \"v${n}\"]}\n"
                              "  again: ${map}\n"
                              "  deep: ${again.y.1}\n"
                              "stages:\n"
                              "  a:\n"
                              "    cmd: x\n"
                              "    params:\n"
                              "      n: ${n}\n"
                              "      q: \"${n}\"\n"
                              "      t: a ${n} ${r} ${t} ${yes_}\n"
                              "      none: ${none}\n"
                              "      again: ${again}\n"
                              "      deep: ${deep}\n"
                              "      escaped: \\${n} costs $5\n"
                              "      list: [\"${map.x}\", '${map.y.0}']\n");
    assert_params(plan, "a",
                  "{\"again\":{\"x\":3,\"y\":[true,\"v3\"]},\"deep\":\"v3\",\"escaped\":\"${n} "
                  "costs $5\",\"list\":[3,true],\"n\":3,\"none\":null,\"q\":3,\"t\":\"a 3 0.50 "
                  "true yes\"}");
    plan_free(plan);
}

static const char layered[] =
    "profile: small\n"
    "vars: {a: 1, m: {x: 1, y: 2, z: null}, l: [1, 2], s: \"${a}\"}\n"
    "profiles:\n"
    "  small:\n"
    "  big: {a: 10, m: {x: 10, z: {k: 1}}, l: [3]}\n"
    "  other: {m: null}\n"
    "stages: {s: {cmd: x, params: {a: \"${a}\", m: \"${m}\", l: \"${l}\", s: \"${s}\"}}}\n";

static void plan_lays_the_profile_and_then_set_over_vars(void **state)
{
    (void)state;
    struct plan *plan = parse(layered);
    assert_string_equal(plan->profile, "small");
    assert_params(plan, "s", "{\"a\":1,\"l\":[1,2],\"m\":{\"x\":1,\"y\":2,\"z\":null},\"s\":1}");
    plan_free(plan);
    plan = parse_with(layered, "big", NULL, 0);
    assert_string_equal(plan->profile, "big");
    assert_params(plan, "s",
                  "{\"a\":10,\"l\":[3],\"m\":{\"x\":10,\"y\":2,\"z\":{\"k\":1}},\"s\":10}");
    plan_free(plan);
    const char *const sets[] = {"a=null", "m.x=2.50",       "m.y=[q, \"5\"]",
                                "l=",     "m.z.k=[v, yes]", "a=file:///tmp/x=y"};
    plan = parse_with(layered, "big", sets, 6);
    assert_params(plan, "s",
                  "{\"a\":\"file:///tmp/x=y\",\"l\":null,\"m\":{\"x\":2.5,\"y\":[\"q\",\"5\"],"
                  "\"z\":{\"k\":[\"v\",\"yes\"]}},\"s\":\"file:///tmp/x=y\"}");
    assert_int_equal(json_object_size(plan->sets), 5);
    assert_string_equal(json_string_value(json_object_get(plan->sets, "a")), "file:///tmp/x=y");
    plan_free(plan);
    plan = parse_with(layered, "other", NULL, 0);
    assert_params(plan, "s", "{\"a\":1,\"l\":[1,2],\"m\":null,\"s\":1}");
    plan_free(plan);
}

/* What vars leaves null has no keys of its own: a profile gives it some, and --set others. */
static void plan_adds_keys_to_a_map_that_took_the_place_of_null(void **state)
{
    (void)state;
    const char *const sets[] = {"m.z={o: 2, n: {p: 3}}", "m.z.n.q=4"};
    struct plan *plan = parse_with(layered, "big", sets, 2);
    assert_params(plan, "s",
                  "{\"a\":10,\"l\":[3],\"m\":{\"x\":10,\"y\":2,"
                  "\"z\":{\"k\":1,\"n\":{\"p\":3,\"q\":4},\"o\":2}},\"s\":10}");
    plan_free(plan);
    const char *const wrong[] = {"m.w=1"};
    struct error err;
    assert_int_equal(plan_parse("pipeline.yaml", PROJECT, layered, strlen(layered), "big", wrong, 1,
                                &plan, &err),
                     -1);
    assert_non_null(strstr(err.message, "unknown variable 'm.w'"));
}

static void plan_multiplies_foreach(void **state)
{
    (void)state;
    struct plan *plan = parse(
        "vars: {seeds: [1, 0.5], nets: {big: {n: 9}, small: {n: 2}}}\n"
        "stages:\n"
        "  l: {foreach: \"${seeds}\", do: {cmd: \"x ${item}\", params: {k: \"${key}\", i: "
        "\"${item}\"}, outs: {o: \"o-${item}\"}}}\n"
        "  m: {foreach: \"${nets}\", do: {cmd: x, params: {k: \"${key}\", n: \"${item.n}\"}}}\n"
        "  c: {foreach: [{n: 1}, 2], do: {cmd: x, params: {i: \"${item}\"}}}\n"
        "  none: {foreach: [], do: {cmd: x}}\n"
        "  use: {cmd: x, deps: {a: l@1.o, b: l@0.5.o}}\n");
    assert_int_equal(plan->count, 7);
    assert_params(plan, "l@1", "{\"i\":1,\"k\":\"1\"}");
    assert_params(plan, "l@0.5", "{\"i\":0.5,\"k\":\"0.5\"}");
    assert_params(plan, "m@big", "{\"k\":\"big\",\"n\":9}");
    assert_params(plan, "m@small", "{\"k\":\"small\",\"n\":2}");
    assert_params(plan, "c@0", "{\"i\":{\"n\":1}}");
    assert_params(plan, "c@1", "{\"i\":2}");
    const struct plan_stage *use = stage_of(plan, "use");
    assert_string_equal(plan->stages[use->deps[1].stage].name, "l@0.5");
    plan_free(plan);
}

static void plan_multiplies_matrix(void **state)
{
    (void)state;
    struct plan *plan = parse("vars: {nets: [{n: 1}, [4, 5]]}\n"
                              "stages:\n"
                              "  m:\n"
                              "    matrix: {lr: [0.1, fast], net: \"${nets}\"}\n"
                              "    cmd: x ${item.lr}\n"
                              "    params: {net: \"${item.net}\", key: \"${key}\"}\n");
    const char *const order[] = {"m@0.1-net0", "m@0.1-net1", "m@fast-net0", "m@fast-net1"};
    assert_int_equal(plan->count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(plan->stages[i].name, order[i]);
    assert_params(plan, "m@fast-net1", "{\"key\":\"fast-net1\",\"net\":[4,5]}");
    assert_words(plan, "m@fast-net1", (const char *const[]){"x", "fast"}, 2);
    plan_free(plan);
}

static void plan_leaves_out_a_stage_whose_when_is_false(void **state)
{
    (void)state;
    static const char text[] =
        "vars: {on: false, from: null, out: null}\n"
        "stages:\n"
        "  a: {when: \"${on}\", cmd: \"${out}\", deps: {d: nowhere.x}, outs: {o: o}}\n"
        "  b: {cmd: x, deps: {d: \"${from}\"}, outs: {o: \"${out}\"}, metrics: [o], require: {o.x: "
        "\"> 1\"}}\n";
    struct plan *plan = parse(text);
    assert_int_equal(plan->count, 1);
    assert_string_equal(plan->stages[0].name, "b");
    assert_int_equal(plan->stages[0].dep_count, 0);
    assert_int_equal(plan->stages[0].out_count, 0);
    assert_int_equal(plan->stages[0].requirement_count, 0);
    plan_free(plan);
}

static void plan_takes_a_path_with_a_dot_for_a_file_unless_a_stage_has_the_name(void **state)
{
    (void)state;
    struct plan *plan = parse("stages:\n"
                              "  data: {cmd: x, outs: {csv: d.csv}}\n"
                              "  use: {cmd: x, deps: {out: data.csv, file: ./data.csv}}\n");
    const struct plan_stage *use = stage_of(plan, "use");
    assert_null(use->deps[0].path);
    assert_string_equal(use->deps[1].path, "data.csv");
    plan_free(plan);
}

static void plan_find_suggests(void **state)
{
    (void)state;
    struct error err = {0};
    size_t index;
    struct plan *plan = parse("stages: {evaluate: {cmd: x}}\n");
    assert_int_equal(plan_find(plan, "evalute", &index, &err), -1);
    assert_int_equal(err.kind, ERR_USAGE);
    assert_string_equal(err.message, "unknown stage 'evalute', did you mean 'evaluate'?");
    plan_free(plan);
}

static void plan_read_of_a_missing_file_is_a_usage_error(void **state)
{
    (void)state;
    struct error err = {0};
    struct plan *plan = NULL;
    assert_int_equal(plan_read("tests/none.yaml", NULL, NULL, 0, &plan, &err), -1);
    assert_int_equal(err.kind, ERR_USAGE);
    assert_string_equal(err.message, "there is no 'tests/none.yaml': go to the project's folder or "
                                     "name it with -C, or another file with --file");
}

static const char *const profiles[] = {"sample",          "cifar10",  "cifar10-mobilenet",
                                       "cifar10-scratch", "notebook", "notebook-32"};

static void plan_reads_the_pipeline_of_this_project_for_every_profile(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(profiles) / sizeof(*profiles); i++) {
        struct error err = {0};
        struct plan *plan = NULL;
        if (plan_read("pipeline.yaml", profiles[i], NULL, 0, &plan, &err) < 0)
            fail_msg("profile '%s': %s", profiles[i], err.message);
        assert_string_equal(plan->profile, profiles[i]);
        assert_int_equal(plan->folder[0], '/');
        assert_int_equal(plan->count, i == 0 ? 11 : 10);
        assert_string_equal(plan->stages[0].name, "download");
        assert_string_equal(plan->stages[plan->count - 1].name, "report");
        plan_free(plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plan_reads_every_key_of_a_stage),
        cmocka_unit_test(plan_knows_a_network_of_the_stages_own),
        cmocka_unit_test(plan_gives_defaults_where_the_file_is_silent),
        cmocka_unit_test(plan_orders_by_deps_and_then_as_in_the_file),
        cmocka_unit_test(plan_splits_commands_with_quotes),
        cmocka_unit_test(plan_expands_with_types_and_inside_text),
        cmocka_unit_test(plan_lays_the_profile_and_then_set_over_vars),
        cmocka_unit_test(plan_adds_keys_to_a_map_that_took_the_place_of_null),
        cmocka_unit_test(plan_multiplies_foreach),
        cmocka_unit_test(plan_multiplies_matrix),
        cmocka_unit_test(plan_leaves_out_a_stage_whose_when_is_false),
        cmocka_unit_test(plan_takes_a_path_with_a_dot_for_a_file_unless_a_stage_has_the_name),
        cmocka_unit_test(plan_find_suggests),
        cmocka_unit_test(plan_read_of_a_missing_file_is_a_usage_error),
        cmocka_unit_test(plan_reads_the_pipeline_of_this_project_for_every_profile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
