#include "page/page_difference.h"

#include "base/json.h"
#include "base/number.h"
#include "page/escape.h"
#include "page/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void add_number(struct text *page, const json_t *value)
{
    struct number number;
    char shown[JSON_NUMBER_SIZE] = "\xe2\x80\x93";
    if (number_from_json(value, &number))
        number_show(&number, shown);
    text_add(page, json_is_string(value) ? json_string_value(value) : shown);
}

static void add_change(struct text *page, const json_t *metric)
{
    double difference;
    const json_t *json = json_object_get(metric, "difference");
    if (json_is_null(json) || !json_measurement(json, &difference))
        text_add(page, "\xe2\x80\x93");
    else if (difference == 0.0)
        text_add(page, "0");
    else
        text_addf(page, "%s%.4g", difference > 0 ? "+" : "\xe2\x88\x92", fabs(difference));
}

static const char *mood(const json_t *metric)
{
    const json_t *better = json_object_get(metric, "better");
    return json_is_true(better) ? "good" : json_is_false(better) ? "bad" : "";
}

static const json_t *headline(const json_t *metrics)
{
    static const char *const names[] = {"test_accuracy", "accuracy", NULL};
    size_t index;
    json_t *metric;
    for (size_t i = 0; names[i] != NULL; i++)
        json_array_foreach ((json_t *)metrics, index, metric) {
            const char *dot = strrchr(json_text(metric, "metric"), '.');
            if (strcmp(dot != NULL ? dot + 1 : json_text(metric, "metric"), names[i]) == 0)
                return metric;
        }
    json_array_foreach ((json_t *)metrics, index, metric)
        if (json_is_boolean(json_object_get(metric, "better")))
            return metric;
    return NULL;
}

void page_difference_verdict(struct text *page, const json_t *difference)
{
    const json_t *metric = headline(json_object_get(difference, "metrics"));
    if (metric == NULL)
        return;
    const char *lacking = json_is_null(json_object_get(metric, "a"))   ? "a"
                          : json_is_null(json_object_get(metric, "b")) ? "b"
                                                                       : NULL;
    text_addf(page, "<div class=\"verdict %s\">\n<p><strong>",
              mood(metric)[0] != '\0' ? mood(metric) : "warn");
    escape_html_metric(page, json_text(metric, "stage"), json_text(metric, "metric"));
    text_add(page, ": ");
    add_number(page, json_object_get(metric, "a"));
    text_add(page, " \xe2\x86\x92 ");
    add_number(page, json_object_get(metric, "b"));
    text_add(page, "</strong><span>");
    if (lacking != NULL)
        text_addf(page, "There is no such number in %s.", lacking);
    else if (mood(metric)[0] == '\0')
        text_add(page, "No difference.");
    else {
        add_change(page, metric);
        text_add(page, json_is_true(json_object_get(metric, "better")) ? ", which is better."
                                                                       : ", which is worse.");
    }
    text_add(page, "</span></p>\n</div>\n");
}

static void code_cell(struct text *page, const json_t *value)
{
    text_add(page, "<td class=\"left\">");
    if (json_is_string(value)) {
        text_add(page, "<code>");
        escape_html(page, json_string_value(value));
        text_add(page, "</code>");
    } else
        text_add(page, "\xe2\x80\x93");
    text_add(page, "</td>");
}

static void name_cell(struct text *page, const char *name)
{
    text_add(page, "<th scope=\"row\">");
    escape_html_dotted(page, name);
    text_add(page, "</th>");
}

void page_difference_params(struct text *page, const json_t *params)
{
    size_t index, at;
    json_t *entry, *stage;
    if (json_array_size(params) == 0) {
        text_add(page, "<p>No parameter differs.</p>\n");
        return;
    }
    page_table(
        page, "Parameters that differ",
        "<th scope=\"col\">Parameter</th><th class=\"left\" scope=\"col\">a</th>"
        "<th class=\"left\" scope=\"col\">b</th><th class=\"left\" scope=\"col\">Stages</th>");
    json_array_foreach ((json_t *)params, index, entry) {
        text_add(page, "<tr>");
        name_cell(page, json_text(entry, "name"));
        code_cell(page, json_object_get(entry, "a"));
        code_cell(page, json_object_get(entry, "b"));
        text_add(page, "<td class=\"left\">");
        json_array_foreach (json_object_get(entry, "stages"), at, stage) {
            text_add(page, at > 0 ? ", " : "");
            escape_html(page, json_string_value(stage));
        }
        text_add(page, "</td></tr>\n");
    }
    page_table_end(page);
}

void page_difference_row(struct text *page, const char *name, const json_t *metric)
{
    text_add(page, "<tr>");
    name_cell(page, name);
    text_add(page, "<td>");
    add_number(page, json_object_get(metric, "a"));
    text_add(page, "</td><td>");
    add_number(page, json_object_get(metric, "b"));
    text_addf(page, "</td><td class=\"%s\">", mood(metric));
    add_change(page, metric);
    text_addf(page, "</td><td class=\"left\">%s</td></tr>\n",
              strcmp(mood(metric), "good") == 0  ? "better"
              : strcmp(mood(metric), "bad") == 0 ? "worse"
                                                 : "");
}

const char page_difference_heads[] =
    "<th scope=\"col\">Metric</th><th scope=\"col\">a</th><th scope=\"col\">b</th>"
    "<th scope=\"col\">b \xe2\x88\x92 a</th><th class=\"left\" scope=\"col\">b is</th>";

const char *page_difference_class(const json_t *metric, size_t *f1_size)
{
    static const char group[] = "per_class.", f1[] = ".f1";
    const char *found = strstr(json_text(metric, "metric"), group);
    const char *name = found != NULL ? found + strlen(group) : NULL;
    const size_t length = name != NULL ? strlen(name) : 0, suffix = strlen(f1);
    const bool is_f1 = length > suffix && strcmp(name + length - suffix, f1) == 0;
    *f1_size = is_f1 ? length - suffix : 0;
    return name;
}

void page_difference_metrics(struct text *page, const json_t *metrics)
{
    size_t index, rows = 0, equal = 0, ignored;
    json_t *metric;
    json_array_foreach ((json_t *)metrics, index, metric) {
        struct text name = {0};
        const bool same = json_equal(json_object_get(metric, "a"), json_object_get(metric, "b"));
        equal += same;
        if (same || page_difference_class(metric, &ignored) != NULL)
            continue;
        if (rows++ == 0)
            page_table(page, "Metrics that differ", page_difference_heads);
        text_addf(&name, "%s.%s", json_text(metric, "stage"), json_text(metric, "metric"));
        page_difference_row(page, text_string(&name), metric);
        text_release(&name);
    }
    if (rows > 0)
        page_table_end(page);
    if (equal > 0)
        text_addf(page, "<p>%zu number%s equal.</p>\n", equal, equal == 1 ? " is" : "s are");
    if (json_array_size(metrics) == 0)
        text_add(page, "<p>There are no metrics of both in the cache.</p>\n");
}
