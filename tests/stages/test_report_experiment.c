/* The report's table of the same work done several ways. */
#include "stage_run.h"

#include "base/file.h"
#include "base/json.h"
#include "schemas/json_schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

#define FIXTURES "tests/stages/report/"

struct experiment {
    struct stage_run run;
    char deps[3][128]; /* metrics, histories of phase 1 and 2 */
};

static void write_json(const char *folder, const char *item, const char *name, json_t *value)
{
    char path[256];
    struct error err = {0};
    snprintf(path, sizeof(path), "%s/%s", folder, item);
    if (file_make_folders(path, &err) < 0)
        fail_msg("%s", err.message);
    snprintf(path, sizeof(path), "%s/%s/%s", folder, item, name);
    if (value == NULL || json_write(path, value, &err) < 0)
        fail_msg("%s", err.message);
    json_decref(value);
}

/* The first epoch is the best, the second is what was kept where `kept` says so. */
static json_t *history(double first, double second, bool kept)
{
    json_t *value = json_pack("{s:[{s:f},{s:f}], s:i}", "epochs", "val_accuracy", first,
                              "val_accuracy", second, "best_epoch", 1);
    if (kept)
        json_object_set_new(value, "kept_epoch", json_integer(2));
    return value;
}

static void add_item(struct experiment *e, json_t *stages, const char *item, int range,
                     const char *norm, double test)
{
    char name[64];
    snprintf(name, sizeof(name), "train@%s", item);
    json_array_append_new(stages,
                          json_pack("{s:s, s:{s:{s:i, s:i}, s:{s:s}}, s:{}, s:{}}", "name", name,
                                    "params", "model", "pixel_range", range, "image_size", 32,
                                    "train", "norm", norm, "deps", "outs"));
    write_json(e->deps[0], item, "metrics.json",
               json_pack("{s:f, s:i}", "test_accuracy", test, "n", 10));
    write_json(e->deps[1], item, "history.json", history(0.25, 0.5, false));
    write_json(e->deps[2], item, "history.json", history(0.25, 0.75, true));
}

static void init(struct experiment *e)
{
    static const char *const names[] = {"experiment_metrics", "experiment_phase1_history",
                                        "experiment_phase2_history"};
    char path[128];
    struct error err = {0};
    json_t *stages = json_array();
    stage_run_init(&e->run, "report");
    stage_run_param(&e->run, "target", json_real(0.5));
    stage_run_dep(&e->run, "metrics", FIXTURES "metrics.json");
    stage_run_out(&e->run, "report", "report");
    for (int i = 0; i < 3; i++) {
        char *dep = file_join(e->run.folder, names[i], &err);
        snprintf(e->deps[i], sizeof(e->deps[i]), "%s", dep);
        free(dep);
        stage_run_dep(&e->run, names[i], e->deps[i]);
    }
    add_item(e, stages, "255-batch", 255, "batch", 0.625);
    add_item(e, stages, "1-<i>", 1, "<i>", 0.125);
    json_t *lineage = json_pack("{s:s, s:{}, s:o}", "profile", "p", "sets", "stages", stages);
    snprintf(path, sizeof(path), "%s/lineage.json", e->run.folder);
    if (json_write(path, lineage, &err) < 0)
        fail_msg("%s", err.message);
    json_decref(lineage);
    stage_run_dep(&e->run, "lineage", path);
}

static void expect_part(struct stage_run *run, const char *file, const char *part)
{
    size_t size;
    char *text = stage_run_read(run, file, &size);
    if (strstr(text, part) == NULL)
        fail_msg("%s lacks '%s': %s", file, part, text);
    free(text);
}

/* report.json, which keeps to its schema but for the stages: the lineage here is a sketch. */
static json_t *read_report(const struct experiment *e)
{
    struct error err = {0};
    json_t *report = NULL, *stages;
    char path[128];
    snprintf(path, sizeof(path), "%s/report/report.json", e->run.folder);
    struct json_schema *schema = json_schema_open("docs/schemas/report.json", &err);
    if (schema == NULL || json_read(path, &report, &err) < 0)
        fail_msg("%s", err.message);
    stages = json_incref(json_object_get(report, "stages"));
    json_object_set_new(report, "stages", json_null());
    if (json_schema_check(schema, report, &err) < 0)
        fail_msg("%s", err.message);
    json_object_set_new(report, "stages", stages);
    json_schema_free(schema);
    return report;
}

static void experiment_shows_what_sets_each_way_apart_and_what_it_reached(void **state)
{
    (void)state;
    struct experiment e;
    init(&e);
    if (stage_run_execute(&e.run) != 0)
        fail_msg("%s", e.run.messages);
    expect_part(&e.run, "report/index.html",
                "<th scope=\"col\"><code>model.pixel_range</code></th><th scope=\"col\">"
                "<code>train.norm</code></th>");
    expect_part(&e.run, "report/index.html", "1-&lt;i&gt;");
    expect_part(&e.run, "report/report.md",
                "| 255-batch | 255 | batch | 25.00% | 75.00% | 62.50% |\n");
    json_t *report = read_report(&e);
    const json_t *first = json_array_get(json_object_get(report, "experiment"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "name")), "1-<i>");
    assert_true(json_real_value(json_object_get(first, "test_accuracy")) == 0.125);
    assert_int_equal(json_object_size(json_object_get(first, "settings")), 2);
    json_decref(report);
    stage_run_release(&e.run);
}

static void experiment_without_histories_or_lineage_shows_the_tests_alone(void **state)
{
    (void)state;
    struct experiment e;
    init(&e);
    json_t *deps = json_object_get(e.run.description, "deps");
    json_object_del(deps, "experiment_phase1_history");
    json_object_del(deps, "experiment_phase2_history");
    json_object_del(deps, "lineage");
    if (stage_run_execute(&e.run) != 0)
        fail_msg("%s", e.run.messages);
    expect_part(&e.run, "report/report.md", "| item | validation, phase 1 |");
    expect_part(&e.run, "report/report.md", " 62.50% |\n");
    json_decref(read_report(&e));
    stage_run_release(&e.run);
}

static void report_without_an_experiment_says_nothing_of_one(void **state)
{
    (void)state;
    struct experiment e;
    size_t size;
    init(&e);
    json_object_del(json_object_get(e.run.description, "deps"), "experiment_metrics");
    if (stage_run_execute(&e.run) != 0)
        fail_msg("%s", e.run.messages);
    char *page = stage_run_read(&e.run, "report/index.html", &size);
    assert_null(strstr(page, "id=\"experiment\""));
    free(page);
    stage_run_release(&e.run);
}

static void experiment_that_is_damaged_is_refused(void **state)
{
    (void)state;
    struct experiment e;
    init(&e);
    write_json(e.deps[1], "255-batch", "history.json",
               json_pack("{s:[], s:i}", "epochs", "best_epoch", 1));
    assert_int_not_equal(stage_run_execute(&e.run), 0);
    assert_non_null(strstr(e.run.messages, "the history of '255-batch' has no best epoch"));
    write_json(e.deps[1], "255-batch", "another.json", json_object());
    assert_int_not_equal(stage_run_execute(&e.run), 0);
    assert_non_null(strstr(e.run.messages, "has 2 files of '255-batch', expected one"));
    stage_run_release(&e.run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(experiment_shows_what_sets_each_way_apart_and_what_it_reached),
        cmocka_unit_test(experiment_without_histories_or_lineage_shows_the_tests_alone),
        cmocka_unit_test(report_without_an_experiment_says_nothing_of_one),
        cmocka_unit_test(experiment_that_is_damaged_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
