/* Where outs may not be published. */
#include "plan/plans.h"

#include "tap.h"

#include <stdio.h>

/* One out, called o, with a path and a folder. */
static void assert_refused(const struct plans *plans, const char *path, const char *publish,
                           const char *why)
{
    char text[256], message[256];
    snprintf(text, sizeof(text),
             "stages:\n"
             "  a:\n"
             "    cmd: sh code/a.sh b.sh\n"
             "    deps: {d: data/in}\n"
             "    outs: {o: {path: '%s', publish: '%s'}}\n",
             path, publish);
    snprintf(message, sizeof(message), "5:12: stage 'a': the out 'o' %s", why);
    plans_refused(plans, text, message);
}

static void publish_spares_what_is_not_the_pipelines(void **state)
{
    const struct plans *plans = *state;
    plans_add(plans, "code/a.sh", "");
    plans_add(plans, "b.sh", "");
    plans_add(plans, "data/in/x", "");
    plans_add(plans, ".git/hooks/x", "");
    plans_add(plans, "../else/x", "");
    plans_link(plans, "away", "../else");
    plans_link(plans, "hooks", ".git/hooks");
    plans_link(plans, "own", "cache");
    plans_add(plans, "cache/x", "");
    static const struct {
        const char *path, *publish, *why;
    } cases[] = {
        {"o", ".git/hooks", "cannot be published into '.git/hooks', which is git's"},
        {"o", "sub/.GIT", "cannot be published into 'sub/.GIT', which is git's"},
        {".git", "docs", "cannot be published into 'docs', which is git's"},
        {"o", "hooks", "cannot be published into 'hooks', which is git's"},
        {"o", "cache/objects", "cannot be published into 'cache', which is the runner's"},
        {"o", "own/new", "cannot be published into 'cache', which is the runner's"},
        {"o", "artifacts", "cannot be published into 'artifacts', which is the runner's"},
        {"o", "reports/runs/x", "cannot be published into 'reports/runs', which is the runner's"},
        {"x/runs", "reports", "cannot be published into 'reports/runs', which is the runner's"},
        {"o", "pipeline.yaml",
         "cannot be published into 'pipeline.yaml', which is the pipeline file"},
        {"o", "pipeline.lock/x",
         "cannot be published into 'pipeline.lock/x', which is the pipeline's lock"},
        {"o", "away",
         "cannot be published into 'away': a link on its way leads out of the project"},
        {"o", "away/new/deep",
         "cannot be published into 'away/new/deep': a link on its way leads out of the project"},
        {"a.sh", "code",
         "would be published over 'code/a.sh', which the command of stage 'a' names"},
        {"o", "code/a.sh",
         "would be published over 'code/a.sh', which the command of stage 'a' names"},
        {"o", "b.sh/x", "would be published over 'b.sh', which the command of stage 'a' names"},
        {"o", "data/in", "publishes into 'data/in', where stage 'a' has the dep 'd'"},
        {"o", "data/in/y", "publishes into 'data/in/y', where stage 'a' has the dep 'd'"},
        {"o", "data", "publishes into 'data', where stage 'a' has the dep 'd'"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_refused(plans, cases[i].path, cases[i].publish, cases[i].why);
}

/* The dep "." has none of the runner's folders: reports is the one to publish into. */
static void beside_a_dep_on_the_projects_folders_only_reports_is_published(void **state)
{
    static const char text[] = "stages:\n"
                               "  a: {cmd: x, deps: {d: .}, outs: {o: {path: o, publish: %s}}}\n";
    char at[256];
    snprintf(at, sizeof(at), text, "site/new");
    plans_refused(*state, at,
                  "2:36: stage 'a': the out 'o' publishes into 'site/new', where stage 'a' has the "
                  "dep 'd'");
    snprintf(at, sizeof(at), text, "reports/new");
    plan_free(plans_read(*state, at));
}

static void publish_over_a_file_of_another_stage_is_refused(void **state)
{
    plans_add(*state, "tools/b.py", "");
    plans_refused(*state,
                  "stages:\n"
                  "  a: {cmd: x, outs: {o: {path: b.py, publish: tools}}}\n"
                  "  b: {cmd: python3 ./tools/b.py}\n",
                  "2:22: stage 'a': the out 'o' would be published over 'tools/b.py', which the "
                  "command of stage 'b' names");
}

static void publish_over_what_links_lead_to_is_refused(void **state)
{
    plans_add(*state, "docs/in/x", "");
    plans_add(*state, "tools/b.py", "");
    plans_link(*state, "data", "docs/in");
    plans_link(*state, "scripts", "tools");
    plans_refused(*state,
                  "stages:\n"
                  "  a: {cmd: x, deps: {d: data}, outs: {o: {path: o, publish: docs/in}}}\n",
                  "2:39: stage 'a': the out 'o' publishes into 'docs/in', where stage 'a' has the "
                  "dep 'd'");
    plans_refused(*state,
                  "stages:\n"
                  "  a: {cmd: python3 scripts/b.py, outs: {o: {path: b.py, publish: tools}}}\n",
                  "2:41: stage 'a': the out 'o' would be published over 'tools/b.py', which the "
                  "command of stage 'a' names");
}

static void publish_collisions_that_are_certain_are_refused(void **state)
{
    plans_refused(*state,
                  "stages:\n"
                  "  a: {cmd: x, outs: {o: {path: r/x, publish: docs}}}\n"
                  "  b: {cmd: x, outs: {o: {path: x, publish: ./docs/}}}\n",
                  "3:22: stage 'b': the out 'o' publishes 'docs/x', which 'a.o' does already");
    plans_refused(*state,
                  "stages:\n"
                  "  a: {cmd: x, outs: {m: {path: m.json, publish: docs}}, metrics: [m]}\n"
                  "  b: {cmd: x, outs: {o: {path: x, publish: docs/m.json/y}}}\n",
                  "3:22: stage 'b': the out 'o' publishes into 'docs/m.json', where 'a.m' "
                  "publishes a file");
}

static void publish_that_may_fit_together_is_taken(void **state)
{
    plans_add(*state, "docs/build.sh", "");
    struct plan *plan =
        plans_read(*state, "stages:\n"
                           "  a: {cmd: sh docs/build.sh, outs: {o: {path: site, publish: docs}}}\n"
                           "  b: {cmd: x, outs: {o: {path: pages, publish: docs}}}\n"
                           "  c: {cmd: x, outs: {o: {path: x.png, publish: docs/pages/figures}}}\n"
                           "  d: {cmd: x, outs: {o: {path: report, publish: reports}}}\n");
    assert_string_equal(plan->stages[2].outs[0].publish, "docs/pages/figures");
    plan_free(plan);
}

static void temporary_names_are_refused(void **state)
{
    plans_refused(*state, "stages: {a: {cmd: x, outs: {o: d/.reprise-x}}}\n",
                  "1:32: stage 'a': the out 'd/.reprise-x' has a part that begins with "
                  "'.reprise-', as the runner's temporary files do");
    plans_refused(*state, "stages: {a: {cmd: x, outs: {o: {path: o, publish: .reprise-y/z}}}}\n",
                  "1:51: stage 'a': 'publish' '.reprise-y/z' has a part that begins with "
                  "'.reprise-', as the runner's temporary files do");
    struct plan *plan = plans_read(*state, "stages: {a: {cmd: x, outs: {o: a.reprise-x}}}\n");
    plan_free(plan);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, plans_setup, plans_teardown)
    const struct CMUnitTest tests[] = {
        TEST(publish_spares_what_is_not_the_pipelines),
        TEST(beside_a_dep_on_the_projects_folders_only_reports_is_published),
        TEST(publish_over_a_file_of_another_stage_is_refused),
        TEST(publish_over_what_links_lead_to_is_refused),
        TEST(publish_collisions_that_are_certain_are_refused),
        TEST(publish_that_may_fit_together_is_taken),
        TEST(temporary_names_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
