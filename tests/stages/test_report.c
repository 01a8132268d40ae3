#include "report_run.h"

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "report/report_recipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

static void report_lists_stages_in_the_order_of_the_work(void **state)
{
    (void)state;
    static const char *const order[] = {"download", "split", "phase1", "phase2", "evaluate"};
    struct stage_run run;
    report_run_init(&run, 0.85);
    char *page = report_run_execute(&run, "report/index.html");
    const char *at = page;
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        char summary[64];
        snprintf(summary, sizeof(summary), "<summary>%s<span", order[i]);
        at = strstr(at, summary);
        assert_non_null(at);
    }
    free(page);
    stage_run_release(&run);
}

/* ---- HTML ---- */

static void report_page_says_everything(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "<strong>Target reached</strong>",
        "the target is 85.00%: reached with 7.90 points to spare.",
        "82.04% of the correctly recognised test images (1,498 of 1,826)",
        "A point placed at random would hit 18.73%.",
        "<strong>Phase 1, ok:</strong>",
        "for 100.00% of 1,838 images",
        "<td class=\"left\">automobile</td><td>14</td>",
        "<dt>Source</dt><dd>sample:objects</dd>",
        "make pipeline PROFILE=sample",
        "evaluate.<wbr>metrics.<wbr>test_accuracy",
        "The head alone, on a frozen base",
        "<th scope=\"row\">caffe</th><td>7.41</td><td>255</td>",
        "<td>\xe2\x80\x93</td><td>1</td>",
        "The head and the layers conv3, conv4"};
    struct stage_run run;
    report_run_init(&run, 0.85);
    report_run_add_all(&run);
    char *page = report_run_execute(&run, "report/index.html");
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        report_expect_part(page, parts[i]);
    json_t *lineage;
    struct error err = {0};
    assert_int_equal(json_read(FIXTURES "lineage.json", &lineage, &err), 0);
    size_t i;
    json_t *stage, *out;
    const char *name;
    json_array_foreach (json_object_get(lineage, "stages"), i, stage) {
        report_expect_part(page, json_string_value(json_object_get(stage, "key")));
        json_object_foreach (json_object_get(stage, "outs"), name, out)
            report_expect_part(page, json_string_value(json_object_get(out, "digest")));
    }
    json_decref(lineage);
    free(page);
    stage_run_release(&run);
}

static void report_says_that_the_target_was_missed(void **state)
{
    (void)state;
    struct stage_run run;
    report_run_init(&run, 0.95);
    char *page = report_run_execute(&run, "report/index.html");
    report_expect_part(page, "<strong>Target missed</strong>");
    report_expect_part(page, "missed by 2.10 points.");
    free(page);
    size_t size;
    page = stage_run_read(&run, "report/report.md", &size);
    report_expect_part(page, "**Target missed.** 92.90% of 2,000");
    free(page);
    stage_run_release(&run);
}

/* 0.929 of 2,000 images. */
static void report_tells_a_bound_apart_that_is_just_missed(void **state)
{
    (void)state;
    struct stage_run run;
    struct error err = {0};
    json_t *lineage;
    report_run_init(&run, 0.9290004);
    assert_int_equal(json_read(FIXTURES "lineage.json", &lineage, &err), 0);
    json_t *requirement = json_array_get(
        json_at(json_array_get(json_object_get(lineage, "stages"), 1), "requirements"), 0);
    json_object_set_new(requirement, "bound", json_real(0.9290004));
    json_object_set_new(requirement, "value", json_real(0.9290001));
    char *path = file_join(run.folder, "lineage.json", &err);
    assert_int_equal(json_write(path, lineage, &err), 0);
    stage_run_dep(&run, "lineage", path);
    char *page = report_run_execute(&run, "report/index.html");
    report_expect_part(
        page, "92.90000% of 2,000 test images are recognised; the target is 92.90004%: missed "
              "by 0.00004 points.");
    report_expect_part(page, "<p class=\"big\">92.90000%</p>\n<p>target 92.90004%");
    report_expect_part(page, " 0.9290004</td><td>0.9290001</td>");
    report_expect_part(run.messages, "target missed: test accuracy 0.9290000, asked 0.9290004");
    free(page);
    free(path);
    json_decref(lineage);
    stage_run_release(&run);
}

static void report_without_a_target_says_the_result(void **state)
{
    (void)state;
    struct stage_run run;
    size_t size;
    report_run_init(&run, 0.5);
    stage_run_param(&run, "target", json_null());
    char *page = report_run_execute(&run, "report/index.html");
    report_expect_part(page, "<strong>Result</strong>");
    report_expect_part(page, "test images are recognised.</span>");
    assert_null(strstr(page, "target"));
    free(page);
    page = stage_run_read(&run, "report/report.json", &size);
    report_expect_part(page, "\"target\": null");
    report_expect_part(page, "\"reached\": null");
    free(page);
    page = stage_run_read(&run, "report/report.md", &size);
    report_expect_part(page, "**Result.** 92.90% of 2,000 test images are recognised.");
    free(page);
    stage_run_release(&run);
}

static void report_compares_with_published_numbers_only_where_given(void **state)
{
    (void)state;
    struct stage_run run;
    report_run_init(&run, 0.65);
    report_run_add_all(&run);
    char *page = report_run_execute(&run, "report/index.html");
    assert_null(strstr(page, "Against what"));
    free(page);
    stage_run_param(&run, "published",
                    json_pack("{s:s, s:f}", "source", "the notebook", "test_accuracy", 0.486));
    page = report_run_execute(&run, "report/index.html");
    report_expect_part(page, "Against what the notebook reports");
    report_expect_part(page, "<td>92.90%</td><td>48.60%</td><td>+44.30</td>");
    free(page);
    stage_run_release(&run);
}

/* ---- what the notebook got wrong ---- */

static json_t *stage_of_lineage(const char *name, json_t *params)
{
    return json_pack("{s:s, s:s, s:o, s:{}, s:{}}", "name", name, "key", "ab", "params", params,
                     "deps", "outs");
}

static void put_lineage(struct stage_run *run, int pixel_range, const char *norm,
                        const char *preprocess, const char *colormap)
{
    struct error err = {0};
    json_t *stages = json_array();
    json_array_append_new(
        stages,
        stage_of_lineage("phase1", json_pack("{s:{s:i}}", "model", "pixel_range", pixel_range)));
    json_array_append_new(
        stages, stage_of_lineage("phase2", json_pack("{s:{s:s}}", "train", "norm", norm)));
    json_array_append_new(
        stages,
        stage_of_lineage("gradcam", json_pack("{s:{s:s, s:s, s:f}}", "gradcam", "preprocess",
                                              preprocess, "colormap", colormap, "alpha", 0.3)));
    json_t *lineage = json_pack("{s:s, s:o}", "profile", "x", "stages", stages);
    char *path = file_join(run->folder, "lineage.json", &err);
    assert_int_equal(json_write(path, lineage, &err), 0);
    stage_run_dep(run, "lineage", path);
    free(path);
    json_decref(lineage);
}

static void report_says_what_the_notebook_got_wrong(void **state)
{
    (void)state;
    struct stage_run run;
    size_t size;
    report_run_init(&run, 0.65);
    report_run_add_all(&run);
    put_lineage(&run, 255, "inference", "model", "viridis");
    char *page = report_run_execute(&run, "report/index.html");
    assert_null(strstr(page, "got wrong"));
    report_expect_part(page, "Yellow marks the places");
    report_expect_part(page, "mixed of 70% picture and 30% heat map");
    free(page);
    stage_run_param(&run, "published",
                    json_pack("{s:s, s:f}", "source", "the notebook", "test_accuracy", 0.486));
    page = report_run_execute(&run, "report/index.html");
    report_expect_part(page, "<h2 id=\"notebook-title\">What the notebook got wrong</h2>");
    report_expect_part(page, "<h3>Pixels scaled twice</h3>");
    report_expect_part(page, "Here preprocessing is fed pixels of 0 to 255");
    report_expect_part(page, "Here they take the stored statistics in both");
    report_expect_part(page, "Here it is fed as in training");
    free(page);
    put_lineage(&run, 1, "batch", "none", "jet");
    page = report_run_execute(&run, "report/index.html");
    report_expect_part(page, "Repeated here on purpose: preprocessing is fed pixels of 0 to 1");
    report_expect_part(page, "Here they do so by choice (train.norm: batch).");
    report_expect_part(page, "Repeated here on purpose (gradcam.preprocess: none).");
    report_expect_part(page, "Red marks the places");
    free(page);
    page = stage_run_read(&run, "report/report.md", &size);
    report_expect_part(page, "## What the notebook got wrong\n\n- **Pixels scaled twice.**");
    free(page);
    stage_run_release(&run);
}

/* ---- recipe ---- */

static void expect_recipe(const char *sets, const char *command, const char *verify)
{
    struct text text = {0};
    json_t *lineage = json_pack("{s:s}", "profile", "sample");
    json_t *value = sets != NULL ? json_loads(sets, 0, NULL) : NULL;
    assert_true(sets == NULL || json_object_set_new(lineage, "sets", value) == 0);
    report_recipe_run(&text, lineage);
    assert_string_equal(text_string(&text), command);
    text_clear(&text);
    report_recipe_verify(&text, lineage);
    assert_string_equal(text_string(&text), verify);
    text_release(&text);
    json_decref(lineage);
}

static void report_recipe_names_what_was_set_quoted_for_shell_and_make(void **state)
{
    (void)state;
    expect_recipe(NULL, "make pipeline PROFILE=sample", "build/reprise verify");
    expect_recipe("{}", "make pipeline PROFILE=sample", "build/reprise verify");
    expect_recipe("{\"a.b\": 4, \"c\": null, \"d\": 0.5}",
                  "make pipeline PROFILE=sample RUN_FLAGS=\"--set a.b=4 --set c=null --set d=0.5\"",
                  "build/reprise verify --as-recorded");
}

/* The command itself, with a make that prints what it would start. */
static void report_recipe_of_a_pipeline_without_profiles_needs_no_makefile(void **state)
{
    (void)state;
    struct stage_run run;
    struct error err = {0};
    size_t size;
    json_t *lineage;
    report_run_init(&run, 0.85);
    assert_int_equal(json_read(FIXTURES "lineage.json", &lineage, &err), 0);
    json_object_set_new(lineage, "profile", json_string(""));
    json_object_set_new(lineage, "sets", json_pack("{s:i}", "phase1.epochs", 1));
    char *path = file_join(run.folder, "lineage.json", &err);
    assert_int_equal(json_write(path, lineage, &err), 0);
    stage_run_dep(&run, "lineage", path);
    char *page = report_run_execute(&run, "report/index.html");
    report_expect_part(page, "\nreprise run --set phase1.epochs=1\n");
    report_expect_part(page, "\nreprise verify --as-recorded\n");
    free(page);
    page = stage_run_read(&run, "report/report.md", &size);
    report_expect_part(
        page, "\n    reprise run --set phase1.epochs=1\n    reprise verify --as-recorded\n");
    report_expect_part(page, "\nWith --set phase1.epochs=1.\n");
    free(page);
    free(path);
    json_decref(lineage);
    stage_run_release(&run);
}

static void report_recipe_reaches_the_program_as_it_was_set(void **state)
{
    (void)state;
    struct text text = {0};
    struct error err = {0};
    char folder[] = "/tmp/reprise-recipe-XXXXXX", path[64], line[512], *data;
    size_t size;
    static const char makefile[] = "pipeline:\n\t@printf '%s\\n' run $(RUN_FLAGS) > said\n";
    json_t *lineage = json_pack("{s:s, s:{s:s, s:[s,i], s:b}}", "profile", "p", "sets", "a",
                                "it's $5 `x` \"y\" \\ # !", "b", "$(z)", 1, "c", 1);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/Makefile", folder);
    assert_int_equal(file_write(path, makefile, strlen(makefile), &err), 0);
    report_recipe_run(&text, lineage);
    snprintf(line, sizeof(line), "cd %s && %s", folder, text_string(&text));
    assert_int_equal(system(line), 0);
    snprintf(path, sizeof(path), "%s/said", folder);
    assert_int_equal(file_read(path, 1000, &data, &size, &err), 0);
    assert_string_equal(data, "run\n--set\na=\"it's $5 `x` \\\"y\\\" \\\\ # !\"\n--set\n"
                              "b=[\"$(z)\",1]\n--set\nc=true\n");
    free(data);
    file_remove(folder, &err);
    text_release(&text);
    json_decref(lineage);
}

static void report_shows_the_recipe_in_page_and_markdown(void **state)
{
    (void)state;
    struct stage_run run;
    struct error err = {0};
    char path[128];
    json_t *lineage;
    report_run_init(&run, 0.85);
    assert_int_equal(json_read(FIXTURES "lineage.json", &lineage, &err), 0);
    json_object_set_new(lineage, "sets", json_pack("{s:i, s:s}", "train.steps", 4, "x", "<b>"));
    snprintf(path, sizeof(path), "%s/lineage.json", run.folder);
    assert_int_equal(json_write(path, lineage, &err), 0);
    stage_run_dep(&run, "lineage", path);
    char *page = report_run_execute(&run, "report/index.html");
    report_expect_part(page,
                       "<p class=\"sets\">with <code>--set train.steps=4 --set &#39;x=&quot;");
    report_expect_part(
        page, "echo &#39;2a89bd4338eaa5e29af4f960c46cb98a6d2c24fc08929b10d224dba023c483fb  "
              "artifacts/evaluate/metrics.json&#39; | sha256sum -c");
    report_expect_part(page,
                       "make pipeline PROFILE=sample RUN_FLAGS=&#39;--set train.steps=4 --set ");
    report_expect_part(page, "x=&quot;&lt;b&gt;&quot;");
    report_expect_part(page, "build/reprise verify --as-recorded");
    free(page);
    size_t size;
    char *markdown = stage_run_read(&run, "report/report.md", &size);
    report_expect_part(markdown,
                       "\n    make pipeline PROFILE=sample RUN_FLAGS='--set train.steps=4 --set ");
    free(markdown);
    json_decref(lineage);
    stage_run_release(&run);
}

/* ---- what may be missing ---- */

static void report_leaves_out_what_is_not_there(void **state)
{
    (void)state;
    struct stage_run run;
    report_run_init(&run, 0.85);
    stage_run_dep(&run, "lineage", NULL);
    char *page = report_run_execute(&run, "report/index.html");
    report_expect_balanced(page);
    assert_null(strstr(page, "Pretraining"));
    assert_null(strstr(page, "Grad-CAM"));
    assert_null(strstr(page, "<img"));
    assert_null(strstr(page, "id=\"reproduce\""));
    report_expect_part(page, "No history was recorded.");
    free(page);
    stage_run_release(&run);
}

static void report_leaves_out_boxes_that_are_not_known(void **state)
{
    (void)state;
    struct stage_run run;
    struct error err = {0};
    json_t *gradcam;
    report_run_init(&run, 0.85);
    report_run_add_all(&run);
    assert_int_equal(json_read(FIXTURES "gradcam.json", &gradcam, &err), 0);
    json_object_set_new(gradcam, "boxes", json_null());
    json_object_set_new(gradcam, "preprocess", json_string("none"));
    json_object_set_new(gradcam, "agreement", json_real(0.25));
    char *path = file_join(run.folder, "gradcam.json", &err);
    assert_int_equal(json_write(path, gradcam, &err), 0);
    stage_run_dep(&run, "gradcam", path);
    char *page = report_run_execute(&run, "report/index.html");
    assert_null(strstr(page, "hottest point"));
    report_expect_part(page, "without its preprocessing, as the published notebook did");
    report_expect_part(page, "for 25.00% of");
    free(page);
    free(path);
    json_decref(gradcam);
    stage_run_release(&run);
}

/* ---- safety and sameness ---- */

static void report_escapes_names_and_titles(void **state)
{
    (void)state;
    struct stage_run run;
    struct error err = {0};
    json_t *metrics;
    report_run_init(&run, 0.85);
    report_run_add_all(&run);
    assert_int_equal(json_read(FIXTURES "metrics.json", &metrics, &err), 0);
    json_array_set_new(json_object_get(metrics, "classes"), 9,
                       json_string("<b onclick='x'>\"truck\" & | `co`</b>"));
    char *path = file_join(run.folder, "metrics.json", &err);
    assert_int_equal(json_write(path, metrics, &err), 0);
    stage_run_dep(&run, "metrics", path);
    stage_run_param(&run, "title", json_string("</title><script>alert(1)</script>"));
    char *page = report_run_execute(&run, "report/index.html");
    report_expect_balanced(page);
    assert_null(strstr(page, "<script"));
    assert_null(strstr(page, "<b "));
    report_expect_part(page,
                       "&lt;b onclick=&#39;x&#39;&gt;&quot;truck&quot; &amp; | `co`&lt;/b&gt;");
    free(page);
    size_t size;
    page = stage_run_read(&run, "report/report.md", &size);
    report_expect_part(page, "&lt;b onclick='x'\\>\"truck\" &amp; \\| \\`co\\`&lt;/b\\>");
    assert_null(strstr(page, "<script"));
    free(page);
    free(path);
    json_decref(metrics);
    stage_run_release(&run);
}

static void report_is_the_same_bytes_from_another_folder(void **state)
{
    (void)state;
    static const char *const files[] = {"report/index.html", "report/report.md",
                                        "report/report.json",
                                        "report/figures/confusion_matrix.png"};
    struct stage_run one, two;
    report_run_init(&one, 0.85);
    report_run_add_all(&one);
    report_run_init(&two, 0.85);
    report_run_add_all(&two);
    free(report_run_execute(&one, files[0]));
    free(report_run_execute(&two, files[0]));
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        size_t first, second;
        char *a = stage_run_read(&one, files[i], &first),
             *b = stage_run_read(&two, files[i], &second);
        assert_int_equal(first, second);
        assert_memory_equal(a, b, first);
        assert_null(strstr(a, "/tmp/"));
        free(a);
        free(b);
    }
    stage_run_release(&one);
    stage_run_release(&two);
}

static void report_json_has_the_numbers(void **state)
{
    (void)state;
    struct stage_run run;
    struct error err = {0};
    json_t *report;
    report_run_init(&run, 0.85);
    report_run_add_all(&run);
    free(report_run_execute(&run, "report/report.json"));
    char *path = file_join(run.folder, "report/report.json", &err);
    assert_int_equal(json_read(path, &report, &err), 0);
    assert_true(json_is_true(json_at(report, "reached")));
    assert_float_equal(json_number_value(json_at(report, "test_accuracy")), 0.929, 1e-12);
    assert_int_equal(json_integer_value(json_at(report, "phases.phase2.best_epoch")), 10);
    assert_string_equal(json_string_value(json_at(report, "phases.phase1.preflight.verdict")),
                        "ok");
    assert_int_equal(json_array_size(json_at(report, "stages")), 6);
    json_decref(report);
    free(path);
    stage_run_release(&run);
}

/* Pretraining without early stopping keeps its last epoch, and here its loss is infinite. */
static void report_says_which_epoch_was_kept_and_infinity_as_it_is(void **state)
{
    (void)state;
    struct stage_run run;
    struct error err = {0};
    json_t *history;
    size_t size;
    report_run_init(&run, 0.85);
    report_run_add_all(&run);
    assert_int_equal(json_read(FIXTURES "pretrain_history.json", &history, &err), 0);
    json_object_set_new(history, "best_epoch", json_integer(6));
    json_object_set_new(history, "kept_epoch", json_integer(8));
    json_object_set_new(json_array_get(json_object_get(history, "epochs"), 7), "val_loss",
                        json_string("inf"));
    char *path = file_join(run.folder, "history.json", &err);
    assert_int_equal(json_write(path, history, &err), 0);
    stage_run_dep(&run, "pretrain_history", path);
    char *page = report_run_execute(&run, "report/index.html");
    report_expect_part(page, "<dt>Best epoch</dt><dd>6</dd>");
    report_expect_part(page, "<dt>Weights kept</dt><dd>of the last epoch, 8</dd>");
    report_expect_part(page, "<dt>Validation loss</dt><dd>inf</dd>");
    report_expect_part(page, "8 (kept)</th>");
    report_expect_part(page, "<td>inf</td>");
    report_expect_part(page, "keeps the weights of epoch 8");
    char *markdown = stage_run_read(&run, "report/report.md", &size);
    report_expect_part(markdown, "- Pretraining keeps the weights of its last epoch, 8");
    report_expect_part(markdown, " inf | ");
    free(markdown);
    free(page);
    free(path);
    json_decref(history);
    stage_run_release(&run);
}

/* As the lineage has a stage that went on where phase2 ended. */
static void report_says_which_phase_was_continued(void **state)
{
    (void)state;
    struct stage_run run;
    struct error err = {0};
    json_t *lineage, *report = NULL;
    size_t size;
    report_run_init(&run, 0.85);
    report_run_add_all(&run);
    char *page = report_run_execute(&run, "report/index.html");
    assert_null(strstr(page, "<dt>Continued</dt>"));
    free(page);
    assert_int_equal(json_read(FIXTURES "lineage.json", &lineage, &err), 0);
    json_array_append_new(json_object_get(lineage, "stages"),
                          json_pack("{s:s, s:s, s:{s:{s:i}}, s:{}, s:{}}", "name",
                                    "phase2_continued", "key", "ab", "params", "phase", "epochs", 4,
                                    "deps", "outs"));
    char *path = file_join(run.folder, "lineage.json", &err);
    assert_int_equal(json_write(path, lineage, &err), 0);
    stage_run_dep(&run, "lineage", path);
    page = report_run_execute(&run, "report/index.html");
    report_expect_part(
        page, "<dt>Continued</dt><dd>by up to 4 epochs, on top of the finished phase</dd>");
    char *markdown = stage_run_read(&run, "report/report.md", &size);
    report_expect_part(markdown, "- Phase 2 was continued by up to 4 epochs");
    free(path);
    path = file_join(run.folder, "report/report.json", &err);
    assert_int_equal(json_read(path, &report, &err), 0);
    assert_int_equal(json_integer_value(json_at(report, "phases.phase2.further_epochs")), 4);
    assert_null(json_at(report, "phases.phase1.further_epochs"));
    json_decref(report);
    free(markdown);
    free(page);
    free(path);
    json_decref(lineage);
    stage_run_release(&run);
}

/* f32 where a history says nothing. */
static void report_says_in_which_precision_each_phase_was_trained(void **state)
{
    (void)state;
    struct stage_run run;
    struct error err = {0};
    json_t *history, *report = NULL;
    size_t size;
    report_run_init(&run, 0.85);
    report_run_add_all(&run);
    assert_int_equal(json_read(FIXTURES "phase2_history.json", &history, &err), 0);
    json_object_set_new(history, "precision", json_string("bf16"));
    char *path = file_join(run.folder, "history.json", &err);
    assert_int_equal(json_write(path, history, &err), 0);
    stage_run_dep(&run, "phase2_history", path);
    char *page = report_run_execute(&run, "report/index.html");
    report_expect_part(page, "<dt>Trained in</dt><dd>f32</dd>");
    report_expect_part(page, "<dt>Trained in</dt><dd>bf16</dd>");
    char *markdown = stage_run_read(&run, "report/report.md", &size);
    report_expect_part(markdown, " | trained in |\n");
    report_expect_part(markdown, " | f32 |\n| Phase 2 |");
    report_expect_part(markdown, " | bf16 |\n");
    free(path);
    path = file_join(run.folder, "report/report.json", &err);
    assert_int_equal(json_read(path, &report, &err), 0);
    assert_string_equal(json_string_value(json_at(report, "phases.phase1.precision")), "f32");
    assert_string_equal(json_string_value(json_at(report, "phases.phase2.precision")), "bf16");
    json_decref(report);
    free(markdown);
    free(page);
    free(path);
    json_decref(history);
    stage_run_release(&run);
}

/* ---- refusals ---- */

static void expect_refusal(struct stage_run *run, const char *message)
{
    assert_int_not_equal(stage_run_execute(run), 0);
    if (strstr(run->messages, message) == NULL)
        fail_msg("'%s' lacks '%s'", run->messages, message);
    stage_run_release(run);
}

static void report_refuses_what_is_not_its_input(void **state)
{
    (void)state;
    struct stage_run run;
    report_run_init(&run, 0.85);
    stage_run_dep(&run, "confusion_matrix", FIXTURES "metrics.json");
    expect_refusal(&run, "metrics.json' is not a PNG file");
    report_run_init(&run, 0.85);
    stage_run_dep(&run, "metrics", FIXTURES "gradcam.json");
    expect_refusal(&run, "dep 'metrics' lacks test_accuracy, n, classes, confusion or per_class");
    report_run_init(&run, 0.85);
    stage_run_dep(&run, "phase1_history", FIXTURES "metrics.json");
    expect_refusal(&run, "the history of phase1 has no epochs or no best one");
    report_run_init(&run, 0.85);
    stage_run_param(&run, "titel", json_string("x"));
    expect_refusal(&run, "unknown parameter 'titel', did you mean 'title'?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(report_lists_stages_in_the_order_of_the_work),
        cmocka_unit_test(report_page_says_everything),
        cmocka_unit_test(report_says_that_the_target_was_missed),
        cmocka_unit_test(report_tells_a_bound_apart_that_is_just_missed),
        cmocka_unit_test(report_says_what_the_notebook_got_wrong),
        cmocka_unit_test(report_without_a_target_says_the_result),
        cmocka_unit_test(report_compares_with_published_numbers_only_where_given),
        cmocka_unit_test(report_recipe_names_what_was_set_quoted_for_shell_and_make),
        cmocka_unit_test(report_recipe_reaches_the_program_as_it_was_set),
        cmocka_unit_test(report_recipe_of_a_pipeline_without_profiles_needs_no_makefile),
        cmocka_unit_test(report_shows_the_recipe_in_page_and_markdown),
        cmocka_unit_test(report_leaves_out_what_is_not_there),
        cmocka_unit_test(report_leaves_out_boxes_that_are_not_known),
        cmocka_unit_test(report_escapes_names_and_titles),
        cmocka_unit_test(report_is_the_same_bytes_from_another_folder),
        cmocka_unit_test(report_json_has_the_numbers),
        cmocka_unit_test(report_says_which_epoch_was_kept_and_infinity_as_it_is),
        cmocka_unit_test(report_says_which_phase_was_continued),
        cmocka_unit_test(report_says_in_which_precision_each_phase_was_trained),
        cmocka_unit_test(report_refuses_what_is_not_its_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
