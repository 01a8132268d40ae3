/* A comparison as people read it. */
#include "base/json.h"
#include "base/text.h"
#include "command/difference.h"
#include "command/numbers.h"
#include "command/print.h"
#include "page/page_difference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_COLUMNS = 36, CLASSES_SHOWN = 10, REASONS_SHOWN = 3, OUTS_SHOWN = 8 };

static void add_side(struct text *text, const char *letter, const json_t *side)
{
    text_addf(text, "%s  %s", letter, json_text(side, "name"));
    if (json_text(side, "started")[0] != '\0')
        text_addf(text, "  %s", json_text(side, "started"));
    if (json_text(side, "profile")[0] != '\0')
        text_addf(text, "  profile %s", json_text(side, "profile"));
    print_add_sets(text, "  --set ", json_object_get(side, "sets"));
    text_add(text, "\n");
}

static const char *or_absent(const json_t *change, const char *side)
{
    return json_is_string(json_object_get(change, side)) ? json_text(change, side) : "(absent)";
}

static void add_params(struct text *text, const json_t *params)
{
    size_t index, at;
    json_t *entry, *stage;
    if (json_array_size(params) > 0)
        text_add(text, "\nparameters\n");
    json_array_foreach (params, index, entry) {
        const char *name = json_text(entry, "name");
        text_addf(text, "  %-*s %s -> %s   (", print_width(name, NAME_COLUMNS), name,
                  or_absent(entry, "a"), or_absent(entry, "b"));
        json_array_foreach (json_object_get(entry, "stages"), at, stage)
            text_addf(text, "%s%s", at > 0 ? ", " : "", json_string_value(stage));
        text_add(text, ")\n");
    }
}

static void add_value(struct text *text, const json_t *value)
{
    struct text shown = {0};
    numbers_show(&shown, value);
    text_addf(text, " %12s", text_string(&shown));
    text_release(&shown);
}

static void add_metric(struct text *text, const char *name, const json_t *metric)
{
    double difference;
    const json_t *better = json_object_get(metric, "better");
    text_addf(text, "  %-*s", print_width(name, NAME_COLUMNS), name);
    add_value(text, json_object_get(metric, "a"));
    add_value(text, json_object_get(metric, "b"));
    if (numbers_value(json_object_get(metric, "difference"), &difference))
        text_addf(text, " %+11.4g", difference);
    if (json_is_boolean(better))
        text_addf(text, "  %s", json_is_true(better) ? "better" : "worse");
    text_add(text, "\n");
}

static bool is_equal(const json_t *metric)
{
    return json_equal(json_object_get(metric, "a"), json_object_get(metric, "b"));
}

static void add_metrics(struct text *text, const json_t *metrics)
{
    size_t index, equal = 0, shown_count = 0, ignored;
    json_t *metric;
    json_array_foreach (metrics, index, metric) {
        struct text name = {0};
        equal += is_equal(metric);
        if (is_equal(metric) || page_difference_class(metric, &ignored) != NULL)
            continue;
        if (shown_count++ == 0)
            text_addf(text, "\n%-*s %12s %12s %11s\n", NAME_COLUMNS + 2, "metrics", "a", "b",
                      "b - a");
        text_addf(&name, "%s.%s", json_text(metric, "stage"), json_text(metric, "metric"));
        add_metric(text, text_string(&name), metric);
        text_release(&name);
    }
    if (json_array_size(metrics) > 0 && equal == json_array_size(metrics))
        text_addf(text, "\nmetrics: %s%zu number%s equal\n", equal == 1 ? "" : "all ", equal,
                  equal == 1 ? " is" : "s are");
}

static double magnitude(const json_t *metric)
{
    double value;
    return numbers_value(json_object_get(metric, "difference"), &value) && isfinite(value)
               ? fabs(value)
               : 0.0;
}

/* The classes whose F1 changed most, at most CLASSES_SHOWN; those that one side lacks come last. */
static void add_classes(struct text *text, const json_t *metrics)
{
    const json_t *most[CLASSES_SHOWN];
    size_t count = 0, changed = 0, index, size;
    json_t *metric;
    json_array_foreach (metrics, index, metric) {
        if (page_difference_class(metric, &size) == NULL || size == 0 || is_equal(metric))
            continue;
        changed++;
        size_t at = count < CLASSES_SHOWN ? count++ : CLASSES_SHOWN;
        for (; at > 0 && magnitude(most[at - 1]) < magnitude(metric); at--)
            if (at < CLASSES_SHOWN)
                most[at] = most[at - 1];
        if (at < CLASSES_SHOWN)
            most[at] = metric;
    }
    if (count > 0)
        text_addf(text, "\nF1 of classes%s\n",
                  changed > count ? ", the ten that changed most" : "");
    for (size_t i = 0; i < count; i++) {
        struct text name = {0};
        const char *class = page_difference_class(most[i], &size);
        text_append(&name, class, size);
        add_metric(text, text_string(&name), most[i]);
        text_release(&name);
    }
}

static void add_time(struct text *text, const json_t *stage, const char *side)
{
    double seconds;
    const json_t *json = json_object_get(json_object_get(stage, "seconds"), side);
    if (json_is_true(json_object_get(json_object_get(stage, "cached"), side)))
        text_addf(text, " %9s", "cached");
    else if (numbers_value(json, &seconds))
        text_addf(text, " %7.1f s", seconds);
    else
        text_addf(text, " %9s", "-");
}

/* What of the key differs, by name alone: values of parameters stand above, digests say nothing. */
static void add_reason(struct text *text, const json_t *stage)
{
    size_t index;
    json_t *change;
    if (!json_is_true(json_object_get(stage, "known"))) {
        text_add(text, "  what its key was made of is not in the cache");
        return;
    }
    const json_t *changes = json_object_get(stage, "changes");
    json_array_foreach ((json_t *)changes, index, change)
        if (index < REASONS_SHOWN)
            text_addf(text, "%s%s", index > 0 ? ", " : "  ", json_text(change, "component"));
    if (json_array_size(changes) > REASONS_SHOWN)
        text_addf(text, ", and %zu more", json_array_size(changes) - REASONS_SHOWN);
}

static void add_stages(struct text *text, const json_t *stages)
{
    size_t index, at, outs = 0, differ = 0;
    json_t *stage, *out;
    text_addf(text, "\n%-22s %-8s %9s %9s\n", "stages", "key", "a", "b");
    json_array_foreach (stages, index, stage) {
        text_addf(text, "  %-20s %-8s", json_text(stage, "name"), json_text(stage, "state"));
        add_time(text, stage, "a");
        add_time(text, stage, "b");
        if (strcmp(json_text(stage, "state"), "changed") == 0)
            add_reason(text, stage);
        text_add(text, "\n");
        json_array_foreach (json_object_get(stage, "outs"), at, out) {
            outs++;
            differ += !json_is_true(json_object_get(out, "equal"));
        }
    }
    text_addf(text, "\nouts: %zu of %zu differ", differ, outs);
    size_t named = 0;
    json_array_foreach (stages, index, stage)
        json_array_foreach (json_object_get(stage, "outs"), at, out)
            if (!json_is_true(json_object_get(out, "equal")) && named++ < OUTS_SHOWN)
                text_addf(text, "%s%s.%s", named > 1 ? ", " : ": ", json_text(stage, "name"),
                          json_text(out, "name"));
    text_add(text, differ > OUTS_SHOWN ? ", ...\n" : "\n");
}

static long long count_of(const json_t *pictures, const char *name)
{
    return (long long)json_integer_value(json_object_get(pictures, name));
}

void difference_pictures(const json_t *pictures, struct text *text)
{
    if (json_object_get(pictures, "tested") == NULL) {
        text_addf(text, "pictures: not compared: %s", json_text(pictures, "note"));
        return;
    }
    text_addf(text,
              "pictures: of %lld tested %lld are right only in b, %lld only in a, %lld wrong in "
              "another way",
              count_of(pictures, "tested"), count_of(pictures, "fixed"),
              count_of(pictures, "broken"), count_of(pictures, "moved"));
}

void difference_text(const json_t *difference, struct text *text)
{
    add_side(text, "a", json_object_get(difference, "a"));
    add_side(text, "b", json_object_get(difference, "b"));
    add_params(text, json_object_get(difference, "params"));
    add_metrics(text, json_object_get(difference, "metrics"));
    add_classes(text, json_object_get(difference, "metrics"));
    text_add(text, "\n");
    difference_pictures(json_object_get(difference, "pictures"), text);
    text_add(text, "\n");
    add_stages(text, json_object_get(difference, "stages"));
}
