#include "report/report_html_training.h"

#include "base/json.h"
#include "page/escape.h"
#include "page/page.h"
#include "page/page_numbers.h"

#include <math.h>
#include <string.h>

/* ---- small curves ---- */

enum { SPARK_WIDTH = 200, SPARK_HEIGHT = 40 };

static double spark_x(const struct report_phase *phase, int64_t epoch)
{
    return phase->epoch_count < 2 ? SPARK_WIDTH / 2.0
                                  : (double)epoch * SPARK_WIDTH / (double)(phase->epoch_count - 1);
}

struct range {
    double low, high;
};

static void widen(struct range *range, const struct report_phase *phase, const char *member)
{
    for (int64_t e = 0; e < phase->epoch_count; e++) {
        double value = report_number(json_array_get(phase->epochs, (size_t)e), member);
        if (isfinite(value)) {
            range->low = fmin(range->low, value);
            range->high = fmax(range->high, value);
        }
    }
}

static double spark_y(struct range range, double value)
{
    double span = fmax(range.high - range.low, 0.02);
    return SPARK_HEIGHT * (1 - fmin(fmax((value - range.low) / span, 0), 1));
}

static void add_line(struct text *page, const struct report_phase *phase, struct range range,
                     const char *member, const char *style)
{
    text_addf(page, "<polyline fill=\"none\" vector-effect=\"non-scaling-stroke\" %s points=\"",
              style);
    for (int64_t e = 0; e < phase->epoch_count; e++) {
        double value = report_number(json_array_get(phase->epochs, (size_t)e), member);
        if (isfinite(value))
            text_addf(page, "%.1f,%.1f ", spark_x(phase, e), spark_y(range, value));
    }
    text_add(page, "\"/>");
}

void page_spark(struct text *page, const struct report_content *content,
                const struct report_phase *phase)
{
    struct range range = {INFINITY, -INFINITY};
    for (int i = REPORT_PHASE1; i < REPORT_PHASES; i++) {
        widen(&range, &content->phases[i], "accuracy");
        widen(&range, &content->phases[i], "val_accuracy");
    }
    if (!(range.high >= range.low))
        return;
    text_addf(page,
              "<svg viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\" role=\"img\" "
              "aria-label=\"Accuracy by epoch, from %.2f to %.2f; training dashed\">",
              SPARK_WIDTH, SPARK_HEIGHT, range.low, range.high);
    text_addf(page,
              "<line x1=\"0\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"var(--line)\" "
              "vector-effect=\"non-scaling-stroke\"/>",
              SPARK_HEIGHT, SPARK_WIDTH, SPARK_HEIGHT);
    add_line(page, phase, range, "accuracy", "stroke=\"var(--soft)\" stroke-dasharray=\"3 3\"");
    add_line(page, phase, range, "val_accuracy", "stroke=\"var(--blue)\" stroke-width=\"2\"");
    if (isfinite(phase->val_accuracy)) /* a line of no length with round ends stays round */
        text_addf(page,
                  "<path d=\"M%.1f %.1fh0\" stroke=\"var(--blue)\" stroke-width=\"8\" "
                  "stroke-linecap=\"round\" vector-effect=\"non-scaling-stroke\"/>",
                  spark_x(phase, phase->kept_epoch - 1), spark_y(range, phase->val_accuracy));
    text_add(page, "</svg>\n");
}

/* ---- phases ---- */

static void add_count(struct text *page, const char *name, int64_t number)
{
    text_addf(page, "<dt>%s</dt><dd>", name);
    page_count(page, number);
    text_add(page, "</dd>\n");
}

static void add_percent(struct text *page, const char *name, double fraction)
{
    text_addf(page, "<dt>%s</dt><dd>", name);
    page_percent(page, fraction);
    text_add(page, "</dd>\n");
}

/* Which layers the phase trained: a list of parts of their names, "" for all. */
static void add_trained_layers(struct text *page, const struct report_content *content,
                               const struct report_phase *phase)
{
    const json_t *patterns = json_at(report_params(content, phase->id), "phase.trainable");
    size_t i;
    json_t *pattern;
    if (phase == &content->phases[REPORT_PRETRAIN])
        text_add(page, "A base of its own, trained on other classes");
    if (!json_is_array(patterns))
        return;
    if (json_array_size(patterns) == 0)
        text_add(page, "The head alone, on a frozen base");
    json_array_foreach ((json_t *)patterns, i, pattern) {
        const char *part = json_string_value(pattern);
        if (part != NULL && *part == '\0') {
            text_add(page, i == 0 ? "All layers" : " and all layers");
        } else {
            text_add(page, i == 0 ? "The head and the layers " : ", ");
            escape_html(page, part != NULL ? part : "?");
        }
    }
}

static void add_phase(struct text *page, const struct report_content *content,
                      const struct report_phase *phase)
{
    const json_t *stopped = json_object_get(phase->history, "stopped_early");
    text_addf(page, "<div class=\"card phase\">\n<h3>%s</h3>\n<p>", phase->name);
    add_trained_layers(page, content, phase);
    text_add(page, "</p>\n<dl class=\"facts\">\n");
    text_addf(page, "<dt>Epochs</dt><dd>%lld</dd>\n<dt>Stopped early</dt><dd>%s</dd>\n",
              (long long)phase->epoch_count, json_is_true(stopped) ? "yes" : "no");
    if (phase->further_epochs > 0)
        text_addf(page,
                  "<dt>Continued</dt><dd>by up to %lld epochs, on top of the finished phase</dd>\n",
                  (long long)phase->further_epochs);
    text_addf(page, "<dt>Best epoch</dt><dd>%lld</dd>\n", (long long)phase->best_epoch);
    if (phase->kept_epoch != phase->best_epoch)
        text_addf(page, "<dt>Weights kept</dt><dd>of the last epoch, %lld</dd>\n",
                  (long long)phase->kept_epoch);
    add_percent(page, "Validation accuracy", phase->val_accuracy);
    if (!isnan(phase->val_loss))
        text_addf(page, "<dt>Validation loss</dt><dd>%.4f</dd>\n", phase->val_loss);
    add_percent(page, "Training accuracy", phase->accuracy);
    text_add(page, "<dt>Trained in</dt><dd>");
    escape_html(page, phase->precision);
    text_add(page, "</dd>\n");
    add_count(page, "Trainable parameters", phase->trainable);
    add_count(page, "Frozen parameters", phase->frozen);
    text_add(page, "</dl>\n</div>\n");
}

static void add_number_cell(struct text *page, const json_t *row, const char *member, bool decimals)
{
    double value = report_number(row, member);
    text_add(page, "<td>");
    if (isnan(value))
        text_add(page, "\xe2\x80\x93");
    else if (decimals)
        text_addf(page, "%.4f", value);
    else
        text_addf(page, "%.4g", value);
    text_add(page, "</td>");
}

static void add_epochs(struct text *page, const struct report_phase *phase)
{
    struct text caption = {0};
    text_addf(&caption, "%s, epoch by epoch", phase->name);
    text_addf(page, "<details><summary>%s: all epochs</summary>\n", phase->name);
    page_table(
        page, text_string(&caption),
        "<th scope=\"col\">epoch</th><th scope=\"col\">loss</th><th scope=\"col\">accuracy</th>"
        "<th scope=\"col\">validation loss</th><th scope=\"col\">validation accuracy</th>"
        "<th scope=\"col\">learning rate</th>");
    for (int64_t e = 0; e < phase->epoch_count; e++) {
        const json_t *epoch = json_array_get(phase->epochs, (size_t)e);
        bool best = e + 1 == phase->best_epoch;
        bool last = e + 1 == phase->kept_epoch && !best;
        text_addf(page, "<tr%s><th scope=\"row\">%lld%s%s</th>", best ? " class=\"best\"" : "",
                  (long long)e + 1, best ? " (best)" : "", last ? " (kept)" : "");
        add_number_cell(page, epoch, "loss", true);
        add_number_cell(page, epoch, "accuracy", true);
        add_number_cell(page, epoch, "val_loss", true);
        add_number_cell(page, epoch, "val_accuracy", true);
        add_number_cell(page, epoch, "learning_rate", false);
        text_add(page, "</tr>\n");
    }
    page_table_end(page);
    text_add(page, "</details>\n");
    text_release(&caption);
}

/* ---- preflight ---- */

static bool is_column(const char *member, const json_t *value, const char *label)
{
    double ignored;
    return strcmp(member, label) != 0 && json_measurement(value, &ignored);
}

/* A table of objects that are alike: member `label`, then a column for each number of the first. */
static void add_numbers(struct text *page, const char *caption, const json_t *rows,
                        const char *label)
{
    struct text heads = {0};
    const json_t *first = json_array_get(rows, 0);
    const char *member;
    json_t *value, *row;
    size_t i;
    if (!json_is_object(first))
        return;
    text_addf(&heads, "<th scope=\"col\">%s</th>", label);
    json_object_foreach ((json_t *)first, member, value)
        if (is_column(member, value, label)) {
            text_add(&heads, "<th scope=\"col\">");
            for (const char *at = member; *at != '\0'; at++)
                escape_html(&heads, (const char[2]){*at == '_' ? ' ' : *at, '\0'});
            text_add(&heads, "</th>");
        }
    page_table(page, caption, text_string(&heads));
    json_array_foreach ((json_t *)rows, i, row) {
        text_add(page, "<tr>");
        page_text_cell(page, "th", report_string(row, label));
        json_object_foreach ((json_t *)first, member, value)
            if (is_column(member, value, label))
                add_number_cell(page, row, member, false);
        text_add(page, "</tr>\n");
    }
    page_table_end(page);
    text_release(&heads);
}

static void add_measurements(struct text *page, const struct report_phase *phase)
{
    const json_t *layers = json_object_get(phase->preflight, "layers");
    const json_t *alternatives = json_object_get(phase->preflight, "alternatives");
    if (json_array_size(layers) + json_array_size(alternatives) == 0)
        return;
    text_addf(page,
              "<details class=\"for-screens\"><summary>What preflight of %s measured</summary>\n",
              phase->in_text);
    add_numbers(page, "What the first batch norms saw", layers, "name");
    add_numbers(page, "How far other preprocessing would be", alternatives, "preprocess");
    text_add(page, "</details>\n");
}

static void add_preflight(struct text *page, const struct report_phase *phase)
{
    if (phase->preflight == NULL)
        return;
    const char *verdict = report_string(phase->preflight, "verdict");
    const char *tone = strcmp(verdict, "ok") == 0        ? "good"
                       : strcmp(verdict, "skipped") == 0 ? "none"
                                                         : "bad";
    text_addf(page, "<div class=\"notice %s\"><p><strong>%s, ", tone, phase->name);
    escape_html(page, verdict);
    text_add(page, ":</strong> ");
    escape_html(page, report_string(phase->preflight, "message"));
    text_add(page, "</p></div>\n");
    add_measurements(page, phase);
}

/* ---- the section ---- */

/* Whose averages the head sees beside the last map's. */
static void add_pooled_layers(struct text *page, const json_t *layers)
{
    const size_t count = json_array_size(layers);
    for (size_t i = 0; i < count; i++) {
        const char *layer = json_string_value(json_array_get(layers, i));
        text_add(page, i == 0 ? "; the head sees averages of " : i + 1 < count ? ", " : " and ");
        text_add(page, "<code>");
        escape_html(page, layer != NULL ? layer : "");
        text_add(page, "</code>");
    }
    text_add(page, count > 0 ? ", too" : "");
}

static void add_model_line(struct text *page, const struct report_content *content)
{
    const json_t *model = json_object_get(report_params(content, "phase1"), "model");
    const char *architecture = report_string(model, "architecture");
    double size = report_number(model, "image_size");
    if (*architecture == '\0')
        return;
    text_add(page, "<p class=\"lead\">Architecture <code>");
    escape_html(page, architecture);
    text_add(page, "</code>");
    if (isfinite(size))
        text_addf(page, ", fed pictures of %.0f \xc3\x97 %.0f pixels", size, size);
    add_pooled_layers(page, json_object_get(model, "pooled_layers"));
    text_add(page, ".</p>\n");
}

void page_training(struct text *page, const struct report_content *content)
{
    bool any_preflight = false, any_history = false;
    for (int i = 0; i < REPORT_PHASES; i++) {
        any_history = any_history || content->phases[i].history != NULL;
        any_preflight = any_preflight || content->phases[i].preflight != NULL;
    }
    page_section(page, "training", "Training");
    add_model_line(page, content);
    text_add(page, any_history ? "<div class=\"phases\">\n" : "<p>No history was recorded.</p>\n");
    for (int i = 0; i < REPORT_PHASES; i++)
        if (content->phases[i].history != NULL)
            add_phase(page, content, &content->phases[i]);
    text_add(page, any_history ? "</div>\n" : "");
    for (int i = 0; i < REPORT_PHASES; i++) {
        report_figure_html(page, &content->figures[content->phases[i].figure]);
        if (content->phases[i].history != NULL)
            add_epochs(page, &content->phases[i]);
    }
    if (any_preflight) {
        text_add(
            page,
            "<h3>What preflight found</h3>\n<p>Before training, what the first batch norms see is "
            "compared with the statistics stored in the weights: a difference means that the "
            "network is not fed what it was trained on.</p>\n");
        for (int i = 0; i < REPORT_PHASES; i++)
            add_preflight(page, &content->phases[i]);
    }
    text_add(page, "</section>\n");
}
