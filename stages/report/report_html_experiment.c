#include "report/report_html_experiment.h"

#include "page/escape.h"
#include "page/page.h"

#include <stdlib.h>

static void add_heads(struct text *heads, const json_t *settings)
{
    const char *name;
    json_t *ignored;
    text_add(heads, "<th scope=\"col\">item</th>");
    json_object_foreach ((json_t *)settings, name, ignored) {
        text_add(heads, "<th scope=\"col\"><code>");
        escape_html(heads, name);
        text_add(heads, "</code></th>");
    }
    text_add(heads, "<th scope=\"col\">validation, phase 1</th><th scope=\"col\">validation, phase "
                    "2</th><th scope=\"col\">test accuracy</th>");
}

static void add_row(struct text *page, const json_t *row, const json_t *settings)
{
    const char *name;
    json_t *ignored;
    text_add(page, "<tr>");
    page_text_cell(page, "th", report_string(row, "name"));
    json_object_foreach ((json_t *)settings, name, ignored) {
        struct text value = {0};
        report_experiment_setting(row, name, &value);
        page_text_cell(page, "td", text_string(&value));
        text_release(&value);
    }
    page_percent_cell(page, report_number(row, "phase1_val_accuracy"));
    page_percent_cell(page, report_number(row, "phase2_val_accuracy"));
    page_percent_cell(page, report_number(row, "test_accuracy"));
    text_add(page, "</tr>\n");
}

void page_experiment(struct text *page, const struct report_content *content)
{
    struct text heads = {0};
    size_t i;
    json_t *row;
    if (content->experiment == NULL)
        return;
    const json_t *settings = json_object_get(json_array_get(content->experiment, 0), "settings");
    page_section(page, "experiment", "Experiment");
    text_add(page, "<p class=\"lead\">The same work done several ways: what sets each apart, the "
                   "validation accuracy of what each phase kept, and the test accuracy.</p>\n");
    add_heads(&heads, settings);
    page_table(page, "What each way reached", text_string(&heads));
    json_array_foreach (content->experiment, i, row)
        add_row(page, row, settings);
    page_table_end(page);
    text_add(page, "</section>\n");
    text_release(&heads);
}
