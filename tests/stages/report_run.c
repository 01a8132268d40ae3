#include "report_run.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

void report_run_init(struct stage_run *run, double target)
{
    stage_run_init(run, "report");
    stage_run_param(run, "target", json_real(target));
    stage_run_param(run, "title", json_string("Ten classes"));
    stage_run_dep(run, "metrics", FIXTURES "metrics.json");
    stage_run_dep(run, "lineage", FIXTURES "lineage.json");
    stage_run_out(run, "report", "report");
}

void report_run_add_all(struct stage_run *run)
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

char *report_run_execute(struct stage_run *run, const char *file)
{
    size_t size;
    if (stage_run_execute(run) != 0)
        fail_msg("%s", run->messages);
    return stage_run_read(run, file, &size);
}

void report_expect_part(const char *page, const char *part)
{
    if (strstr(page, part) == NULL)
        fail_msg("the page lacks '%s'", part);
}

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
void report_expect_balanced(const char *page)
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
