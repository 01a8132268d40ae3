/* A comparison as Markdown, for the summary of a CI's job or a comment: tables, and what is long
 * folded. */
#include "base/json.h"
#include "command/difference.h"
#include "command/numbers.h"
#include "command/print.h"
#include "page/escape.h"
#include "page/page_difference.h"

#include <string.h>

static void add_cell(struct text *text, const char *words)
{
    text_add(text, "| ");
    escape_markdown(text, words);
    text_add(text, " ");
}

static void add_side(struct text *text, const json_t *side)
{
    struct text words = {0};
    text_add(&words, json_text(side, "name"));
    if (json_text(side, "profile")[0] != '\0')
        text_addf(&words, ", profile %s", json_text(side, "profile"));
    print_add_sets(&words, ", --set ", json_object_get(side, "sets"));
    escape_markdown(text, text_string(&words));
    text->failed |= words.failed;
    text_release(&words);
}

/* ---- metrics ---- */

static void add_value(struct text *text, const json_t *value)
{
    struct text shown = {0};
    numbers_show(&shown, value);
    add_cell(text, text_string(&shown));
    text_release(&shown);
}

static void add_metric(struct text *text, const char *name, const json_t *metric)
{
    double difference;
    const json_t *better = json_object_get(metric, "better");
    add_cell(text, name);
    add_value(text, json_object_get(metric, "a"));
    add_value(text, json_object_get(metric, "b"));
    if (!numbers_value(json_object_get(metric, "difference"), &difference))
        text_add(text, "| ");
    else if (difference == 0.0)
        text_add(text, "| = ");
    else
        text_addf(text, "| %+.4g ", difference);
    text_addf(text, "| %s |\n",
              json_is_true(better)    ? "better"
              : json_is_false(better) ? "**worse**"
                                      : "");
}

static void add_metrics(struct text *text, const json_t *metrics)
{
    size_t index, size, count = 0;
    json_t *metric;
    json_array_foreach (metrics, index, metric) {
        struct text name = {0};
        if (page_difference_class(metric, &size) != NULL)
            continue;
        text_add(text,
                 count++ == 0 ? "\n| metric | a | b | b - a | |\n|---|--:|--:|--:|---|\n" : "");
        text_addf(&name, "%s.%s", json_text(metric, "stage"), json_text(metric, "metric"));
        add_metric(text, text_string(&name), metric);
        text_release(&name);
    }
    if (count == 0)
        text_add(text, "\nNo metrics of both.\n");
}

/* ---- folded ---- */

static void fold(struct text *text, const char *title)
{
    text_addf(text, "\n<details><summary>%s</summary>\n\n", title);
}

static void add_classes(struct text *text, const json_t *metrics)
{
    size_t index, size, count = 0;
    json_t *metric;
    json_array_foreach (metrics, index, metric) {
        struct text name = {0};
        const char *class = page_difference_class(metric, &size);
        if (class == NULL || size == 0)
            continue;
        if (count++ == 0) {
            fold(text, "F1 of classes");
            text_add(text, "| class | a | b | b - a | |\n|---|--:|--:|--:|---|\n");
        }
        text_append(&name, class, size);
        add_metric(text, text_string(&name), metric);
        text_release(&name);
    }
    text_add(text, count > 0 ? "\n</details>\n" : "");
}

static void add_params(struct text *text, const json_t *params)
{
    size_t index, at;
    json_t *entry, *stage;
    if (json_array_size(params) > 0)
        text_add(text, "\n| parameter | a | b | stages |\n|---|---|---|---|\n");
    json_array_foreach (params, index, entry) {
        add_cell(text, json_text(entry, "name"));
        add_cell(text, json_text(entry, "a"));
        add_cell(text, json_text(entry, "b"));
        text_add(text, "| ");
        json_array_foreach (json_object_get(entry, "stages"), at, stage) {
            text_add(text, at > 0 ? ", " : "");
            escape_markdown(text, json_string_value(stage));
        }
        text_add(text, " |\n");
    }
}

static void add_time(struct text *text, const json_t *stage, const char *side)
{
    double seconds;
    if (json_is_true(json_object_get(json_object_get(stage, "cached"), side)))
        text_add(text, "| cached ");
    else if (numbers_value(json_object_get(json_object_get(stage, "seconds"), side), &seconds))
        text_addf(text, "| %.1f s ", seconds);
    else
        text_add(text, "| ");
}

static void add_stages(struct text *text, const json_t *stages)
{
    size_t index, at, count;
    json_t *stage, *change;
    fold(text, "Stages: what of their keys differs");
    text_add(text, "| stage | key | a | b | differs |\n|---|---|--:|--:|---|\n");
    json_array_foreach (stages, index, stage) {
        add_cell(text, json_text(stage, "name"));
        add_cell(text, json_text(stage, "state"));
        add_time(text, stage, "a");
        add_time(text, stage, "b");
        text_add(text, "| ");
        count = 0;
        json_array_foreach (json_object_get(stage, "changes"), at, change) {
            text_add(text, count++ > 0 ? ", " : "");
            escape_markdown(text, json_text(change, "component"));
        }
        text_add(text, " |\n");
    }
    text_add(text, "\n</details>\n");
}

void difference_markdown(const json_t *difference, struct text *text)
{
    text_add(text, "a: ");
    add_side(text, json_object_get(difference, "a"));
    text_add(text, "  \nb: ");
    add_side(text, json_object_get(difference, "b"));
    text_add(text, "\n");
    add_metrics(text, json_object_get(difference, "metrics"));
    add_params(text, json_object_get(difference, "params"));
    struct text pictures = {0};
    difference_pictures(json_object_get(difference, "pictures"), &pictures);
    text_add(text, "\n");
    escape_markdown(text, text_string(&pictures));
    text_add(text, "\n");
    text->failed |= pictures.failed;
    text_release(&pictures);
    add_classes(text, json_object_get(difference, "metrics"));
    add_stages(text, json_object_get(difference, "stages"));
}
