#include "command/dag.h"
#include "plan/plan_read.h"

#include "tap.h"

#include <stdlib.h>
#include <string.h>

static const char file[] =
    "stages:\n"
    "  get: {cmd: x, outs: {train: t, test: e}}\n"
    "  fit: {cmd: x, deps: {a: get.train, b: get.test, c: data.csv}, outs: {model: m}}\n"
    "  see: {cmd: x, deps: {model: fit.model, test: get.test, table: data.csv}}\n";

static void assert_graph(enum dag_format format, const char *expected)
{
    struct error err = {0};
    struct plan *plan = NULL;
    char *text = NULL;
    size_t size;
    if (plan_parse("pipeline.yaml", "tests/runner/project", file, strlen(file), NULL, NULL, 0,
                   &plan, &err) < 0)
        fail_msg("%s", err.message);
    FILE *stream = open_memstream(&text, &size);
    assert_int_equal(dag_print(plan, format, stream, &err), 0);
    fclose(stream);
    assert_string_equal(text, expected);
    free(text);
    plan_free(plan);
}

static void dag_prints_dot(void **state)
{
    (void)state;
    assert_graph(DAG_DOT, "digraph pipeline {\n"
                          "  rankdir=LR;\n"
                          "  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n"
                          "  edge [fontname=\"sans-serif\", fontsize=10];\n"
                          "  s0 [label=\"get\"];\n"
                          "  s1 [label=\"fit\"];\n"
                          "  s0 -> s1 [label=\"train, test\"];\n"
                          "  f2 [shape=note, style=\"\", label=\"data.csv\"];\n"
                          "  f2 -> s1 [label=\"c\"];\n"
                          "  s2 [label=\"see\"];\n"
                          "  s1 -> s2 [label=\"model\"];\n"
                          "  s0 -> s2 [label=\"test\"];\n"
                          "  f2 -> s2 [label=\"table\"];\n"
                          "}\n");
}

static void dag_prints_mermaid(void **state)
{
    (void)state;
    assert_graph(DAG_MERMAID, "flowchart LR\n"
                              "  s0(\"get\")\n"
                              "  s1(\"fit\")\n"
                              "  s0 -->|\"train, test\"| s1\n"
                              "  f2[/\"data.csv\"/]\n"
                              "  f2 -->|\"c\"| s1\n"
                              "  s2(\"see\")\n"
                              "  s1 -->|\"model\"| s2\n"
                              "  s0 -->|\"test\"| s2\n"
                              "  f2 -->|\"table\"| s2\n");
}

static void dag_draws_an_arrow_from_each_stage_of_a_group(void **state)
{
    (void)state;
    struct error err = {0};
    struct plan *plan = NULL;
    char *text = NULL;
    size_t size;
    static const char group[] = "stages:\n"
                                "  t: {foreach: [b, a], do: {cmd: x, outs: {m: m, l: l}}}\n"
                                "  e: {cmd: x, deps: {l: t@a.l, m: t@*.m}}\n";
    assert_int_equal(plan_parse("pipeline.yaml", "tests/runner/project", group, strlen(group), NULL,
                                NULL, 0, &plan, &err),
                     0);
    FILE *stream = open_memstream(&text, &size);
    assert_int_equal(dag_print(plan, DAG_MERMAID, stream, &err), 0);
    fclose(stream);
    assert_string_equal(text, "flowchart LR\n"
                              "  s0(\"t@b\")\n"
                              "  s1(\"t@a\")\n"
                              "  s2(\"e\")\n"
                              "  s1 -->|\"l, m\"| s2\n"
                              "  s0 -->|\"m\"| s2\n");
    free(text);
    plan_free(plan);
}

static void dag_escapes_names(void **state)
{
    (void)state;
    char name[] = "a\"b\\<c>&#\nd", dep_name[] = "d";
    struct plan_dep dep = {.name = dep_name, .path = name};
    struct plan_stage stage = {.name = name, .deps = &dep, .dep_count = 1};
    struct plan plan = {.stages = &stage, .count = 1};
    struct error err = {0};
    static const char *const expected[] = {[DAG_DOT] = "  s0 [label=\"a\\\"b\\\\<c>&#\\nd\"];\n",
                                           [DAG_MERMAID] =
                                               "  s0(\"a#34;b#92;#60;c#62;#38;#35;<br>d\")\n"};
    for (int format = DAG_DOT; format <= DAG_MERMAID; format++) {
        char *text = NULL;
        size_t size;
        FILE *stream = open_memstream(&text, &size);
        assert_int_equal(dag_print(&plan, (enum dag_format)format, stream, &err), 0);
        fclose(stream);
        assert_non_null(strstr(text, expected[format]));
        free(text);
    }
}

static void dag_format_is_known_by_name(void **state)
{
    (void)state;
    struct error err = {0};
    enum dag_format format;
    assert_int_equal(dag_format_of("mermaid", &format, &err), 0);
    assert_int_equal(format, DAG_MERMAID);
    assert_int_equal(dag_format_of("dto", &format, &err), -1);
    assert_string_equal(err.message, "unknown format 'dto', did you mean 'dot'?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dag_prints_dot),
        cmocka_unit_test(dag_prints_mermaid),
        cmocka_unit_test(dag_draws_an_arrow_from_each_stage_of_a_group),
        cmocka_unit_test(dag_escapes_names),
        cmocka_unit_test(dag_format_is_known_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
