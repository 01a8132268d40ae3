/* The page of the report as a whole: its order, its figures, what it asks for. */
#include "report_run.h"

#include "base/base64.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

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
    report_run_init(&run, 0.5);
    put_many_classes(&run);
    char *page = report_run_execute(&run, "report/index.html");
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
    report_run_init(&run, 0.85);
    report_run_add_all(&run);
    char *page = report_run_execute(&run, "report/index.html");
    report_expect_balanced(page);
    free(page);
    stage_run_release(&run);
}

static void report_page_asks_for_nothing(void **state)
{
    (void)state;
    static const char *const never[] = {"<script", "http:",   "https:", "@import",
                                        "url(",    "src=\"/", "<iframe"};
    struct stage_run run;
    report_run_init(&run, 0.85);
    report_run_add_all(&run);
    char *page = report_run_execute(&run, "report/index.html");
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
    report_run_init(&run, 0.85);
    report_run_add_all(&run);
    char *page = report_run_execute(&run, "report/index.html");
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
    report_run_init(&run, 0.85);
    report_run_add_all(&run);
    char *page = report_run_execute(&run, "report/index.html");
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
    report_run_init(&run, 0.85);
    report_run_add_all(&run);
    snprintf(path, sizeof(path), "%s/drawings", run.folder);
    put_file(&run, "confusion_matrix.svg", "<svg wide/>");
    put_file(&run, "confusion_matrix.narrow.svg", "<svg width=\"1\"/>");
    stage_run_dep(&run, "curves_drawings", path);
    char *page = report_run_execute(&run, "report/index.html");
    assert_int_equal(count_of(page, "<source media=\"(max-width:40rem)\" type=\"image/svg+xml\" "
                                    "srcset=\"data:image/svg+xml;base64,PHN2ZyB3aWR0aD0i"),
                     1);
    assert_int_equal(count_of(page, "src=\"data:image/svg+xml;base64,PHN2ZyB3aWRlLz4=\""), 1);
    assert_int_equal(count_of(page, "<figure class=\"paper\">"), 8);
    report_expect_balanced(page);
    free(page);
    stage_run_release(&run);
}

static void report_refuses_a_drawing_that_is_none(void **state)
{
    (void)state;
    struct stage_run run;
    char path[128];
    report_run_init(&run, 0.85);
    report_run_add_all(&run);
    put_file(&run, "confusion_matrix.svg", "<script>");
    snprintf(path, sizeof(path), "%s/drawings", run.folder);
    stage_run_dep(&run, "curves_drawings", path);
    assert_int_not_equal(stage_run_execute(&run), 0);
    assert_non_null(strstr(run.messages, "confusion_matrix.svg' does not begin as an SVG"));
    stage_run_release(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(report_of_many_classes_lists_the_worst_and_has_all_as_csv),
        cmocka_unit_test(report_page_is_balanced),
        cmocka_unit_test(report_page_asks_for_nothing),
        cmocka_unit_test(report_page_is_in_order),
        cmocka_unit_test(report_draws_shares_to_scale),
        cmocka_unit_test(report_shows_drawings_where_they_are_there),
        cmocka_unit_test(report_refuses_a_drawing_that_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
