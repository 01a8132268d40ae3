/* Every allocation of reading a plan fails once. */
#include "command/dag.h"
#include "plan/plan_read.h"

#include "base/memory.h"

#include "tap.h"

#include <stdlib.h>
#include <string.h>

static const char good[] =
    "profile: p\n"
    "vars: {a: 1, m: &m {x: \"${b}\", y: [1, 2]}, n: *m, l: [1, 2], b: two words}\n"
    "profiles: {p: {a: 2, m: {y: [3]}}, q: {b: x}}\n"
    "stages:\n"
    "  one:\n"
    "    desc: first\n"
    "    cmd: bin/one --a=${a} '${b}'\n"
    "    params: {m: \"${m}\", n: \"${n}\"}\n"
    "    outs: {o: o.csv, m: {path: m.json, publish: reports}}\n"
    "    metrics: [m]\n"
    "    require: {m.acc: [\"> 0.5\", \"< ${a}\"]}\n"
    "  each: {foreach: \"${l}\", do: {cmd: \"x ${item}\", deps: {o: one.o, d: data.csv}, env: "
    "[HOME]}}\n"
    "  grid: {matrix: {p: [1, 2], q: [{x: 1}]}, cmd: \"y ${item.p} ${item.q.x}\"}\n";

/* clang-format off */
static const char *const wrong[] = {
    "vars: {a: {b: 1}}\nstages: {s: {cmd: \"x ${a.c}\"}}\n",
    "stages: {s: {cmd: x, dps: {}}}\n",
    "vars: {a: \"${b}\", b: \"${a}\"}\nstages: {s: {cmd: x}}\n",
    "stages: {s: {cmd: x, deps: {d: dta.csv}}, t: {cmd: x, outs: {o: o}}}\n",
    "stages: {a: {cmd: x, deps: {d: b.o}, outs: {o: o}}, b: {cmd: x, deps: {d: a.o}, outs: {o: o}}}\n",
    "stages: {s: {cmd: \"a 'b\"}}\n",
};
/* clang-format on */

static int read_and_draw(const char *text, struct error *err)
{
    static const char *const sets[] = {"a=3", "m.y=[4, 5]"};
    bool set = text == good;
    struct plan *plan = NULL;
    int status = plan_parse("pipeline.yaml", "tests/runner/project", text, strlen(text), NULL, sets,
                            set ? 2 : 0, &plan, err);
    if (status == 0) {
        char *picture = NULL;
        size_t size;
        FILE *stream = open_memstream(&picture, &size);
        status = dag_print(plan, DAG_DOT, stream, err);
        fclose(stream);
        free(picture);
    } else {
        assert_null(plan);
    }
    plan_free(plan);
    return status;
}

/* Fails the first allocation, then the second, until none is left to fail.
 * Returns how many were. */
static unsigned fail_each(const char *text, enum error_kind without_failure)
{
    unsigned injected = 0;
    for (unsigned after = 1;; after++) {
        struct error err = {0};
        memory_fail_after(after);
        int status = read_and_draw(text, &err);
        unsigned failed = memory_fail_after(0);
        injected += failed;
        if (failed == 0) {
            assert_int_equal(status == 0 ? ERR_NONE : err.kind, without_failure);
            return injected;
        }
        /* A suggestion may be lost without harm. */
        assert_int_equal(status, -1);
        assert_true(err.kind == ERR_MEMORY || err.kind == without_failure);
    }
}

static void plan_survives_every_failed_allocation(void **state)
{
    (void)state;
    assert_true(fail_each(good, ERR_NONE) > 100);
}

static void plan_survives_failed_allocations_while_it_complains(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_true(fail_each(wrong[i], ERR_USAGE) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plan_survives_every_failed_allocation),
        cmocka_unit_test(plan_survives_failed_allocations_while_it_complains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
