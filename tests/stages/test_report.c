#include "stage_run.h"

#include "base/base64.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "report/report_recipe.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

#define FIXTURES "tests/stages/report/"

static void init_run(struct stage_run *run, double target)
{
    stage_run_init(run, "report");
    stage_run_param(run, "target", json_real(target));
    stage_run_param(run, "title", json_string("Ten classes"));
    stage_run_dep(run, "metrics", FIXTURES "metrics.json");
    stage_run_dep(run, "lineage", FIXTURES "lineage.json");
    stage_run_out(run, "report", "report");
}

static void add_everything(struct stage_run *run)
{
    static const char *const figures[] = {
        "sample_images",    "class_distribution", "augmentation_examples",
        "pretrain_curves",  "phase1_curves",      "phase2_curves",
        "confusion_matrix", "gradcam_samples",    "gradcam_confusion"};
    static const char *const texts[][2] = {{"pretrain_history", "pretrain_history.json"},
                                           {"phase1_history", "phase1_history.json"},
                                           {"phase2_history", "phase2_history.json"},
                                           {"phase1_preflight", "phase1_preflight.json"},
                                           {"phase2_preflight", "phase2_preflight.json"},
                                           {"gradcam", "gradcam.json"},
                                           {"classification", "classification_report.txt"},
                                           {"dataset", "dataset"},
                                           {"splits", "splits"}};
    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
        stage_run_dep(run, figures[i], FIXTURES "figure.png");
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char path[128];
        snprintf(path, sizeof(path), FIXTURES "%s", texts[i][1]);
        stage_run_dep(run, texts[i][0], path);
    }
}

static char *execute(struct stage_run *run, const char *file)
{
    size_t size;
    if (stage_run_execute(run) != 0)
        fail_msg("%s", run->messages);
    return stage_run_read(run, file, &size);
}

static void expect_part(const char *page, const char *part)
{
    if (strstr(page, part) == NULL)
        fail_msg("the page lacks '%s'", part);
}

static void report_lists_stages_in_the_order_of_the_work(void **state)
{
    (void)state;
    static const char *const order[] = {"download", "split", "phase1", "phase2", "evaluate"};
    struct stage_run run;
    init_run(&run, 0.85);
    char *page = execute(&run, "report/index.html");
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

enum { DEEPEST = 64, LONGEST_TAG = 16 };

static bool is_void(const char *tag)
{
    static const char *const tags[] = {"!DOCTYPE", "meta", "link", "img",
                                       "source",   "br",   "hr",   "wbr"};
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
        if (strcmp(tag, tags[i]) == 0)
            return true;
    return false;
}

/* Every tag that opens closes, in order; every attribute is quoted. */
static void expect_balanced(const char *page)
{
    char open[DEEPEST][LONGEST_TAG];
    int depth = 0;
    for (const char *at = page; (at = strchr(at, '<')) != NULL;) {
        bool closes = at[1] == '/', self = false;
        size_t length = 0;
        char tag[LONGEST_TAG];
        at += closes ? 2 : 1;
        while (isalnum((unsigned char)at[length]) || at[length] == '!')
            length++;
        assert_in_range(length, 1, LONGEST_TAG - 1);
        snprintf(tag, sizeof(tag), "%.*s", (int)length, at);
        for (at += length; *at != '>'; at++) {
            assert_int_not_equal(*at, '\0');
            assert_int_not_equal(*at, '<');
            if (*at == '=')
                assert_int_equal(at[1], '"');
            if (*at == '"')
                at = strchr(at + 1, '"');
            self = at[0] == '/' && at[1] == '>';
        }
        if (closes) {
            assert_true(depth > 0);
            assert_string_equal(tag, open[--depth]);
        } else if (!self && !is_void(tag)) {
            assert_true(depth < DEEPEST);
            snprintf(open[depth++], LONGEST_TAG, "%s", tag);
            if (strcmp(tag, "style") == 0)
                at = strstr(at, "</style>");
        }
    }
    assert_int_equal(depth, 0);
}

/* metrics.json of 100 classes: class 7 is the worst, then 14, and so on round. */
static void put_many_classes(struct stage_run *run)
{
    enum { CLASSES = 100 };
    struct error err = {0};
    json_t *names = json_array(), *scores = json_array(), *confusion = json_array();
    for (int i = 0; i < CLASSES; i++) {
        char name[32];
        json_t *row = json_array();
        snprintf(name, sizeof(name), "class %03d, \"x\"", i);
        const double f1 = (double)((i * 43 + 99) % CLASSES) / CLASSES;
        json_array_append_new(names, json_string(name));
        json_array_append_new(scores,
                              json_pack("{s:s, s:f, s:f, s:f, s:i}", "name", name, "precision", f1,
                                        "recall", f1, "f1", f1, "support", 2));
        for (int j = 0; j < CLASSES; j++)
            json_array_append_new(row, json_integer(i == j ? 2 : i == 3 && j == 5));
        json_array_append_new(confusion, row);
    }
    json_t *metrics =
        json_pack("{s:f, s:f, s:i, s:o, s:o, s:o}", "test_loss", 0.5, "test_accuracy", 1.0, "n",
                  2 * CLASSES + 1, "classes", names, "per_class", scores, "confusion", confusion);
    char path[96];
    snprintf(path, sizeof(path), "%s/many.json", run->folder);
    assert_int_equal(json_write(path, metrics, &err), 0);
    json_decref(metrics);
    stage_run_dep(run, "metrics", path);
    /* Of 10,000 classes with long names it has more than a MiB. */
    snprintf(path, sizeof(path), "%s/long.txt", run->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), (1 << 20) + 1), 0);
    fclose(file);
    stage_run_dep(run, "classification", path);
}

static size_t count_of(const char *page, const char *text)
{
    size_t count = 0;
    for (const char *at = page; (at = strstr(at, text)) != NULL; at += strlen(text))
        count++;
    return count;
}

/* A phone's figure leaves classes out, and so does the table of pairs. */
static void expect_whole_matrix(const char *page)
{
    static const char start[] =
        "<a download=\"confusion.csv\" href=\"data:text/csv;charset=utf-8;base64,";
    struct text csv = {0};
    const char *at = strstr(page, start);
    assert_non_null(at);
    char *content = strndup(at + strlen(start), strcspn(at + strlen(start), "\""));
    assert_true(base64_parse(content, &csv));
    assert_int_equal(count_of(text_string(&csv), "\r\n"), 1 + 100 + 1);
    assert_int_equal(
        count_of(text_string(&csv), "\r\n\"class 003, \"\"x\"\"\",\"class 005, \"\"x\"\"\",1\r\n"),
        1);
    text_release(&csv);
    free(content);
}

static void report_of_many_classes_lists_the_worst_and_has_all_as_csv(void **state)
{
    struct stage_run run;
    size_t size;
    (void)state;
    init_run(&run, 0.5);
    put_many_classes(&run);
    char *page = execute(&run, "report/index.html");
    assert_non_null(strstr(page, "The 20 classes with the least F1 on the test images"));
    assert_int_equal(count_of(page, "<th scope=\"row\">class "), 20 + 1); /* and one mistake */
    /* (43 i + 99) mod 100 is 0 for 7, 1 for 14 */
    const char *worst = strstr(page, "class 007"), *next = strstr(page, "class 014");
    assert_true(worst != NULL && next != NULL && worst < next);
    assert_int_equal(
        count_of(page, "href=\"data:text/csv;charset=utf-8;base64,Y2xhc3MscHJlY2lzaW9u"), 1);
    expect_whole_matrix(page);
    char *markdown = stage_run_read(&run, "report/report.md", &size);
    assert_non_null(strstr(markdown, "The 20 of 100 with the least F1; report.json has all."));
    assert_int_equal(count_of(markdown, "| class 0"), 20 + 2);
    free(markdown);
    free(page);
    stage_run_release(&run);
}

static void report_page_is_balanced(void **state)
{
    (void)state;
    struct stage_run run;
    init_run(&run, 0.85);
    add_everything(&run);
    char *page = execute(&run, "report/index.html");
    expect_balanced(page);
    free(page);
    stage_run_release(&run);
}

static void report_page_asks_for_nothing(void **state)
{
    (void)state;
    static const char *const never[] = {"<script", "http:",   "https:", "@import",
                                        "url(",    "src=\"/", "<iframe"};
    struct stage_run run;
    init_run(&run, 0.85);
    add_everything(&run);
    char *page = execute(&run, "report/index.html");
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        if (strstr(page, never[i]) != NULL)
            fail_msg("the page has '%s'", never[i]);
    int pictures = 0;
    for (const char *at = page; (at = strstr(at, "<img ")) != NULL; at++) {
        const char *end = strchr(at, '>');
        const char *alt = strstr(at, "alt=\""),
                   *source = strstr(at, "src=\"data:image/png;base64,iVBO");
        assert_true(alt != NULL && alt < end && alt[5] != '"');
        assert_true(source != NULL && source < end);
        pictures++;
    }
    assert_int_equal(pictures, 9);
    free(page);
    stage_run_release(&run);
}

/* What a reader of headings and a keyboard need. */
static void report_page_is_in_order(void **state)
{
    (void)state;
    struct stage_run run;
    init_run(&run, 0.85);
    add_everything(&run);
    char *page = execute(&run, "report/index.html");
    int level = 0;
    for (const char *at = page; (at = strstr(at, "<h")) != NULL; at++)
        if (isdigit((unsigned char)at[2])) {
            assert_true(at[2] - '0' <= level + 1);
            level = at[2] - '0';
        }
    assert_int_equal(level, 3);
    assert_int_equal(count_of(page, "<h1"), 1);
    /* Paper can't be opened: tests/oracle/check_pages.py looks at it. */
    assert_int_equal(
        count_of(page, "media=\"print\" href=\"data:text/css,details::details-content"), 1);
    assert_int_equal(count_of(page, "<pre"), count_of(page, "<pre tabindex=\"0\">"));
    assert_int_equal(count_of(page, "<table"),
                     count_of(page, "<div class=\"scroll\" role=\"group\" tabindex=\"0\""));
    free(page);
    stage_run_release(&run);
}

static void report_draws_shares_to_scale(void **state)
{
    (void)state;
    struct stage_run run;
    init_run(&run, 0.85);
    add_everything(&run);
    char *page = execute(&run, "report/index.html");
    size_t bars = 0;
    for (const char *at = page; (at = strstr(at, "%<svg class=\"track\"")) != NULL; at++, bars++) {
        const char *number = at, *end = strchr(strchr(at, '>') + 1, '/');
        double width, share;
        while (number[-1] != '>')
            number--;
        share = strtod(number, NULL);
        assert_int_equal(sscanf(strstr(end, "<rect width=\""), "<rect width=\"%lf", &width), 1);
        assert_float_equal(width, share, 0.011);
    }
    assert_true(bars > 10);
    free(page);
    stage_run_release(&run);
}

static void put_file(const struct stage_run *run, const char *name, const char *content)
{
    struct error err = {0};
    char path[160];
    snprintf(path, sizeof(path), "%s/drawings", run->folder);
    assert_int_equal(file_make_folders(path, &err), 0);
    snprintf(path, sizeof(path), "%s/drawings/%s", run->folder, name);
    assert_int_equal(file_write(path, content, strlen(content), &err), 0);
}

/* PHN2ZyB3 is "<svg w". */
static void report_shows_drawings_where_they_are_there(void **state)
{
    (void)state;
    struct stage_run run;
    char path[128];
    init_run(&run, 0.85);
    add_everything(&run);
    snprintf(path, sizeof(path), "%s/drawings", run.folder);
    put_file(&run, "confusion_matrix.svg", "<svg wide/>");
    put_file(&run, "confusion_matrix.narrow.svg", "<svg width=\"1\"/>");
    stage_run_dep(&run, "curves_drawings", path);
    char *page = execute(&run, "report/index.html");
    assert_int_equal(count_of(page, "<source media=\"(max-width:40rem)\" type=\"image/svg+xml\" "
                                    "srcset=\"data:image/svg+xml;base64,PHN2ZyB3aWR0aD0i"),
                     1);
    assert_int_equal(count_of(page, "src=\"data:image/svg+xml;base64,PHN2ZyB3aWRlLz4=\""), 1);
    assert_int_equal(count_of(page, "<figure class=\"paper\">"), 8);
    expect_balanced(page);
    free(page);
    stage_run_release(&run);
}

static void report_refuses_a_drawing_that_is_none(void **state)
{
    (void)state;
    struct stage_run run;
    char path[128];
    init_run(&run, 0.85);
    add_everything(&run);
    put_file(&run, "confusion_matrix.svg", "<script>");
    snprintf(path, sizeof(path), "%s/drawings", run.folder);
    stage_run_dep(&run, "curves_drawings", path);
    assert_int_not_equal(stage_run_execute(&run), 0);
    assert_non_null(strstr(run.messages, "confusion_matrix.svg' does not begin as an SVG"));
    stage_run_release(&run);
}

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
    init_run(&run, 0.85);
    add_everything(&run);
    char *page = execute(&run, "report/index.html");
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        expect_part(page, parts[i]);
    json_t *lineage;
    struct error err = {0};
    assert_int_equal(json_read(FIXTURES "lineage.json", &lineage, &err), 0);
    size_t i;
    json_t *stage, *out;
    const char *name;
    json_array_foreach (json_object_get(lineage, "stages"), i, stage) {
        expect_part(page, json_string_value(json_object_get(stage, "key")));
        json_object_foreach (json_object_get(stage, "outs"), name, out)
            expect_part(page, json_string_value(json_object_get(out, "digest")));
    }
    json_decref(lineage);
    free(page);
    stage_run_release(&run);
}

static void report_says_that_the_target_was_missed(void **state)
{
    (void)state;
    struct stage_run run;
    init_run(&run, 0.95);
    char *page = execute(&run, "report/index.html");
    expect_part(page, "<strong>Target missed</strong>");
    expect_part(page, "missed by 2.10 points.");
    free(page);
    size_t size;
    page = stage_run_read(&run, "report/report.md", &size);
    expect_part(page, "**Target missed.** 92.90% of 2,000");
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
    init_run(&run, 0.9290004);
    assert_int_equal(json_read(FIXTURES "lineage.json", &lineage, &err), 0);
    json_t *requirement = json_array_get(
        json_at(json_array_get(json_object_get(lineage, "stages"), 1), "requirements"), 0);
    json_object_set_new(requirement, "bound", json_real(0.9290004));
    json_object_set_new(requirement, "value", json_real(0.9290001));
    char *path = file_join(run.folder, "lineage.json", &err);
    assert_int_equal(json_write(path, lineage, &err), 0);
    stage_run_dep(&run, "lineage", path);
    char *page = execute(&run, "report/index.html");
    expect_part(page,
                "92.90000% of 2,000 test images are recognised; the target is 92.90004%: missed "
                "by 0.00004 points.");
    expect_part(page, "<p class=\"big\">92.90000%</p>\n<p>target 92.90004%");
    expect_part(page, " 0.9290004</td><td>0.9290001</td>");
    expect_part(run.messages, "target missed: test accuracy 0.9290000, asked 0.9290004");
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
    init_run(&run, 0.5);
    stage_run_param(&run, "target", json_null());
    char *page = execute(&run, "report/index.html");
    expect_part(page, "<strong>Result</strong>");
    expect_part(page, "test images are recognised.</span>");
    assert_null(strstr(page, "target"));
    free(page);
    page = stage_run_read(&run, "report/report.json", &size);
    expect_part(page, "\"target\": null");
    expect_part(page, "\"reached\": null");
    free(page);
    page = stage_run_read(&run, "report/report.md", &size);
    expect_part(page, "**Result.** 92.90% of 2,000 test images are recognised.");
    free(page);
    stage_run_release(&run);
}

static void report_compares_with_published_numbers_only_where_given(void **state)
{
    (void)state;
    struct stage_run run;
    init_run(&run, 0.65);
    add_everything(&run);
    char *page = execute(&run, "report/index.html");
    assert_null(strstr(page, "Against what"));
    free(page);
    stage_run_param(&run, "published",
                    json_pack("{s:s, s:f}", "source", "the notebook", "test_accuracy", 0.486));
    page = execute(&run, "report/index.html");
    expect_part(page, "Against what the notebook reports");
    expect_part(page, "<td>92.90%</td><td>48.60%</td><td>+44.30</td>");
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
    init_run(&run, 0.65);
    add_everything(&run);
    put_lineage(&run, 255, "inference", "model", "viridis");
    char *page = execute(&run, "report/index.html");
    assert_null(strstr(page, "got wrong"));
    expect_part(page, "Yellow marks the places");
    expect_part(page, "mixed of 70% picture and 30% heat map");
    free(page);
    stage_run_param(&run, "published",
                    json_pack("{s:s, s:f}", "source", "the notebook", "test_accuracy", 0.486));
    page = execute(&run, "report/index.html");
    expect_part(page, "<h2 id=\"notebook-title\">What the notebook got wrong</h2>");
    expect_part(page, "<h3>Pixels scaled twice</h3>");
    expect_part(page, "Here preprocessing is fed pixels of 0 to 255");
    expect_part(page, "Here they take the stored statistics in both");
    expect_part(page, "Here it is fed as in training");
    free(page);
    put_lineage(&run, 1, "batch", "none", "jet");
    page = execute(&run, "report/index.html");
    expect_part(page, "Repeated here on purpose: preprocessing is fed pixels of 0 to 1");
    expect_part(page, "Here they do so by choice (train.norm: batch).");
    expect_part(page, "Repeated here on purpose (gradcam.preprocess: none).");
    expect_part(page, "Red marks the places");
    free(page);
    page = stage_run_read(&run, "report/report.md", &size);
    expect_part(page, "## What the notebook got wrong\n\n- **Pixels scaled twice.**");
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
    init_run(&run, 0.85);
    assert_int_equal(json_read(FIXTURES "lineage.json", &lineage, &err), 0);
    json_object_set_new(lineage, "profile", json_string(""));
    json_object_set_new(lineage, "sets", json_pack("{s:i}", "phase1.epochs", 1));
    char *path = file_join(run.folder, "lineage.json", &err);
    assert_int_equal(json_write(path, lineage, &err), 0);
    stage_run_dep(&run, "lineage", path);
    char *page = execute(&run, "report/index.html");
    expect_part(page, "\nreprise run --set phase1.epochs=1\n");
    expect_part(page, "\nreprise verify --as-recorded\n");
    free(page);
    page = stage_run_read(&run, "report/report.md", &size);
    expect_part(page,
                "\n    reprise run --set phase1.epochs=1\n    reprise verify --as-recorded\n");
    expect_part(page, "\nWith --set phase1.epochs=1.\n");
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
    init_run(&run, 0.85);
    assert_int_equal(json_read(FIXTURES "lineage.json", &lineage, &err), 0);
    json_object_set_new(lineage, "sets", json_pack("{s:i, s:s}", "train.steps", 4, "x", "<b>"));
    snprintf(path, sizeof(path), "%s/lineage.json", run.folder);
    assert_int_equal(json_write(path, lineage, &err), 0);
    stage_run_dep(&run, "lineage", path);
    char *page = execute(&run, "report/index.html");
    expect_part(page, "<p class=\"sets\">with <code>--set train.steps=4 --set &#39;x=&quot;");
    expect_part(page, "echo &#39;2a89bd4338eaa5e29af4f960c46cb98a6d2c24fc08929b10d224dba023c483fb  "
                      "artifacts/evaluate/metrics.json&#39; | sha256sum -c");
    expect_part(page, "make pipeline PROFILE=sample RUN_FLAGS=&#39;--set train.steps=4 --set ");
    expect_part(page, "x=&quot;&lt;b&gt;&quot;");
    expect_part(page, "build/reprise verify --as-recorded");
    free(page);
    size_t size;
    char *markdown = stage_run_read(&run, "report/report.md", &size);
    expect_part(markdown,
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
    init_run(&run, 0.85);
    stage_run_dep(&run, "lineage", NULL);
    char *page = execute(&run, "report/index.html");
    expect_balanced(page);
    assert_null(strstr(page, "Pretraining"));
    assert_null(strstr(page, "Grad-CAM"));
    assert_null(strstr(page, "<img"));
    assert_null(strstr(page, "id=\"reproduce\""));
    expect_part(page, "No history was recorded.");
    free(page);
    stage_run_release(&run);
}

static void report_leaves_out_boxes_that_are_not_known(void **state)
{
    (void)state;
    struct stage_run run;
    struct error err = {0};
    json_t *gradcam;
    init_run(&run, 0.85);
    add_everything(&run);
    assert_int_equal(json_read(FIXTURES "gradcam.json", &gradcam, &err), 0);
    json_object_set_new(gradcam, "boxes", json_null());
    json_object_set_new(gradcam, "preprocess", json_string("none"));
    json_object_set_new(gradcam, "agreement", json_real(0.25));
    char *path = file_join(run.folder, "gradcam.json", &err);
    assert_int_equal(json_write(path, gradcam, &err), 0);
    stage_run_dep(&run, "gradcam", path);
    char *page = execute(&run, "report/index.html");
    assert_null(strstr(page, "hottest point"));
    expect_part(page, "without its preprocessing, as the published notebook did");
    expect_part(page, "for 25.00% of");
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
    init_run(&run, 0.85);
    add_everything(&run);
    assert_int_equal(json_read(FIXTURES "metrics.json", &metrics, &err), 0);
    json_array_set_new(json_object_get(metrics, "classes"), 9,
                       json_string("<b onclick='x'>\"truck\" & | `co`</b>"));
    char *path = file_join(run.folder, "metrics.json", &err);
    assert_int_equal(json_write(path, metrics, &err), 0);
    stage_run_dep(&run, "metrics", path);
    stage_run_param(&run, "title", json_string("</title><script>alert(1)</script>"));
    char *page = execute(&run, "report/index.html");
    expect_balanced(page);
    assert_null(strstr(page, "<script"));
    assert_null(strstr(page, "<b "));
    expect_part(page, "&lt;b onclick=&#39;x&#39;&gt;&quot;truck&quot; &amp; | `co`&lt;/b&gt;");
    free(page);
    size_t size;
    page = stage_run_read(&run, "report/report.md", &size);
    expect_part(page, "&lt;b onclick='x'\\>\"truck\" &amp; \\| \\`co\\`&lt;/b\\>");
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
    init_run(&one, 0.85);
    add_everything(&one);
    init_run(&two, 0.85);
    add_everything(&two);
    free(execute(&one, files[0]));
    free(execute(&two, files[0]));
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
    init_run(&run, 0.85);
    add_everything(&run);
    free(execute(&run, "report/report.json"));
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
    init_run(&run, 0.85);
    add_everything(&run);
    assert_int_equal(json_read(FIXTURES "pretrain_history.json", &history, &err), 0);
    json_object_set_new(history, "best_epoch", json_integer(6));
    json_object_set_new(history, "kept_epoch", json_integer(8));
    json_object_set_new(json_array_get(json_object_get(history, "epochs"), 7), "val_loss",
                        json_string("inf"));
    char *path = file_join(run.folder, "history.json", &err);
    assert_int_equal(json_write(path, history, &err), 0);
    stage_run_dep(&run, "pretrain_history", path);
    char *page = execute(&run, "report/index.html");
    expect_part(page, "<dt>Best epoch</dt><dd>6</dd>");
    expect_part(page, "<dt>Weights kept</dt><dd>of the last epoch, 8</dd>");
    expect_part(page, "<dt>Validation loss</dt><dd>inf</dd>");
    expect_part(page, "8 (kept)</th>");
    expect_part(page, "<td>inf</td>");
    expect_part(page, "keeps the weights of epoch 8");
    char *markdown = stage_run_read(&run, "report/report.md", &size);
    expect_part(markdown, "- Pretraining keeps the weights of its last epoch, 8");
    expect_part(markdown, " inf | ");
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
    init_run(&run, 0.85);
    add_everything(&run);
    char *page = execute(&run, "report/index.html");
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
    page = execute(&run, "report/index.html");
    expect_part(page, "<dt>Continued</dt><dd>by up to 4 epochs, on top of the finished phase</dd>");
    char *markdown = stage_run_read(&run, "report/report.md", &size);
    expect_part(markdown, "- Phase 2 was continued by up to 4 epochs");
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
    init_run(&run, 0.85);
    add_everything(&run);
    assert_int_equal(json_read(FIXTURES "phase2_history.json", &history, &err), 0);
    json_object_set_new(history, "precision", json_string("bf16"));
    char *path = file_join(run.folder, "history.json", &err);
    assert_int_equal(json_write(path, history, &err), 0);
    stage_run_dep(&run, "phase2_history", path);
    char *page = execute(&run, "report/index.html");
    expect_part(page, "<dt>Trained in</dt><dd>f32</dd>");
    expect_part(page, "<dt>Trained in</dt><dd>bf16</dd>");
    char *markdown = stage_run_read(&run, "report/report.md", &size);
    expect_part(markdown, " | trained in |\n");
    expect_part(markdown, " | f32 |\n| Phase 2 |");
    expect_part(markdown, " | bf16 |\n");
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
    init_run(&run, 0.85);
    stage_run_dep(&run, "confusion_matrix", FIXTURES "metrics.json");
    expect_refusal(&run, "metrics.json' is not a PNG file");
    init_run(&run, 0.85);
    stage_run_dep(&run, "metrics", FIXTURES "gradcam.json");
    expect_refusal(&run, "dep 'metrics' lacks test_accuracy, n, classes, confusion or per_class");
    init_run(&run, 0.85);
    stage_run_dep(&run, "phase1_history", FIXTURES "metrics.json");
    expect_refusal(&run, "the history of phase1 has no epochs or no best one");
    init_run(&run, 0.85);
    stage_run_param(&run, "titel", json_string("x"));
    expect_refusal(&run, "unknown parameter 'titel', did you mean 'title'?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(report_page_is_balanced),
        cmocka_unit_test(report_of_many_classes_lists_the_worst_and_has_all_as_csv),
        cmocka_unit_test(report_lists_stages_in_the_order_of_the_work),
        cmocka_unit_test(report_page_asks_for_nothing),
        cmocka_unit_test(report_page_is_in_order),
        cmocka_unit_test(report_draws_shares_to_scale),
        cmocka_unit_test(report_shows_drawings_where_they_are_there),
        cmocka_unit_test(report_refuses_a_drawing_that_is_none),
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
