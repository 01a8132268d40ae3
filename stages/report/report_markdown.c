#include "report/report_markdown.h"

#include "page/escape.h"
#include "page/page_numbers.h"
#include "report/report_defects.h"
#include "report/report_recipe.h"
#include "report/report_words.h"

#include <math.h>
#include <string.h>

static void add_figure(struct text *page, const struct report_content *content, int id)
{
    const struct report_figure *figure = &content->figures[id];
    if (figure->png == NULL)
        return;
    text_add(page, "![");
    escape_markdown(page, text_string(&figure->alt));
    text_addf(page, "](figures/%s)\n\n", figure->file);
    escape_markdown(page, text_string(&figure->caption));
    text_add(page, "\n\n");
}

static void add_percent_cell(struct text *page, double fraction)
{
    text_add(page, " ");
    page_percent(page, fraction);
    text_add(page, " |");
}

static void add_experiment(struct text *page, const struct report_content *content)
{
    const json_t *settings = json_object_get(json_array_get(content->experiment, 0), "settings");
    const char *name;
    json_t *ignored, *row;
    size_t i;
    if (content->experiment == NULL)
        return;
    text_add(page, "## Experiment\n\n| item |");
    json_object_foreach ((json_t *)settings, name, ignored) {
        text_add(page, " ");
        escape_markdown(page, name);
        text_add(page, " |");
    }
    text_add(page, " validation, phase 1 | validation, phase 2 | test accuracy |\n|---|");
    for (i = 0; i < json_object_size(settings); i++)
        text_add(page, "---|");
    text_add(page, "---:|---:|---:|\n");
    json_array_foreach (content->experiment, i, row) {
        text_add(page, "| ");
        escape_markdown(page, report_string(row, "name"));
        text_add(page, " |");
        json_object_foreach ((json_t *)settings, name, ignored) {
            struct text value = {0};
            report_experiment_setting(row, name, &value);
            text_add(page, " ");
            escape_markdown(page, text_string(&value));
            text_add(page, " |");
            text_release(&value);
        }
        add_percent_cell(page, report_number(row, "phase1_val_accuracy"));
        add_percent_cell(page, report_number(row, "phase2_val_accuracy"));
        add_percent_cell(page, report_number(row, "test_accuracy"));
        text_add(page, "\n");
    }
    text_add(page, "\n");
}

static void add_phases(struct text *page, const struct report_content *content)
{
    text_add(
        page,
        "## Training\n\n"
        "| phase | best epoch | validation accuracy | validation loss | trainable parameters | "
        "trained in |\n"
        "|---|---:|---:|---:|---:|---|\n");
    for (int i = 0; i < REPORT_PHASES; i++) {
        const struct report_phase *phase = &content->phases[i];
        if (phase->history == NULL)
            continue;
        text_addf(page, "| %s | %lld of %lld |", phase->name, (long long)phase->best_epoch,
                  (long long)phase->epoch_count);
        add_percent_cell(page, phase->val_accuracy);
        text_add(page, " ");
        page_real(page, phase->val_loss);
        text_add(page, " | ");
        page_count(page, phase->trainable);
        text_add(page, " | ");
        escape_markdown(page, phase->precision);
        text_add(page, " |\n");
    }
    text_add(page, "\n");
    for (int i = 0; i < REPORT_PHASES; i++)
        if (content->phases[i].history != NULL && content->phases[i].further_epochs > 0)
            text_addf(page,
                      "- %s was continued by up to %lld epochs, on top of the finished phase\n",
                      content->phases[i].name, (long long)content->phases[i].further_epochs);
    for (int i = 0; i < REPORT_PHASES; i++)
        if (content->phases[i].history != NULL &&
            content->phases[i].kept_epoch != content->phases[i].best_epoch)
            text_addf(
                page,
                "- %s keeps the weights of its last epoch, %lld, whose numbers these are; the "
                "least validation loss was that of epoch %lld\n",
                content->phases[i].name, (long long)content->phases[i].kept_epoch,
                (long long)content->phases[i].best_epoch);
    for (int i = 0; i < REPORT_PHASES; i++)
        if (content->phases[i].preflight != NULL) {
            text_addf(page, "- Preflight, %s: **", content->phases[i].in_text);
            escape_markdown(page, report_string(content->phases[i].preflight, "verdict"));
            text_add(page, "**: ");
            escape_markdown(page, report_string(content->phases[i].preflight, "message"));
            text_add(page, "\n");
        }
    text_add(page, "\n");
    for (int i = 0; i < REPORT_PHASES; i++)
        add_figure(page, content, content->phases[i].figure);
}

static void add_score_row(struct text *page, const char *name, const json_t *score)
{
    text_add(page, "| ");
    escape_markdown(page, name);
    text_add(page, " |");
    add_percent_cell(page, report_number(score, "precision"));
    add_percent_cell(page, report_number(score, "recall"));
    add_percent_cell(page, report_number(score, "f1"));
    text_add(page, " ");
    page_count(page, json_integer_value(json_object_get(score, "support")));
    text_add(page, " |\n");
}

static void add_classes(struct text *page, const struct report_content *content)
{
    const json_t *scores = json_object_get(content->metrics, "per_class");
    text_add(page, "## Classes\n\n");
    if (report_has_many_classes(content))
        text_addf(page, "The %d of %lld with the least F1; report.json has all.\n\n", REPORT_WORST,
                  (long long)content->classes);
    text_add(page, "| class | precision | recall | F1 | images |\n|---|---:|---:|---:|---:|\n");
    for (int64_t i = 0; i < content->listed_count; i++)
        add_score_row(page, report_class(content, content->listed[i]),
                      json_array_get(scores, (size_t)content->listed[i]));
    add_score_row(page, "mean", json_object_get(content->metrics, "macro"));
    add_score_row(page, "weighted mean", json_object_get(content->metrics, "weighted"));
    text_add(page, "\n");
    add_figure(page, content, FIGURE_CONFUSION);
    if (content->confused_count == 0)
        return;
    text_add(page, "| shows | taken for | images | share of the class |\n|---|---|---:|---:|\n");
    for (size_t i = 0; i < content->confused_count; i++) {
        const struct report_confusion *pair = &content->confused[i];
        text_add(page, "| ");
        escape_markdown(page, report_class(content, pair->truth));
        text_add(page, " | ");
        escape_markdown(page, report_class(content, pair->predicted));
        text_addf(page, " | %lld |", (long long)pair->count);
        add_percent_cell(page, pair->share);
        text_add(page, "\n");
    }
    text_add(page, "\n");
}

static void add_gradcam(struct text *page, const struct report_content *content)
{
    if (content->gradcam == NULL)
        return;
    text_add(page, "## Grad-CAM\n\n");
    report_heat(page, content);
    text_add(page, "\n\n");
    if (report_boxes(page, content))
        text_add(page, "\n\n");
    report_agreement(page, content);
    text_add(page, "\n\n");
    add_figure(page, content, FIGURE_GRADCAM_SAMPLES);
    add_figure(page, content, FIGURE_GRADCAM_CONFUSION);
}

static void add_data(struct text *page, const struct report_content *content)
{
    text_add(page, "## Data\n\n");
    if (content->dataset != NULL) {
        text_add(page, "- Source: ");
        escape_markdown(page, report_string(content->dataset, "source"));
        text_add(page, "\n- SHA-256: ");
        escape_markdown(page, report_string(content->dataset, "sha256"));
        text_addf(page, "\n- Test images: %lld\n",
                  (long long)json_integer_value(json_object_get(content->dataset, "test")));
    }
    if (content->split != NULL)
        text_addf(page, "- Training images: %lld, validation images: %lld, seed %lld\n",
                  (long long)json_integer_value(json_object_get(content->split, "train")),
                  (long long)json_integer_value(json_object_get(content->split, "val")),
                  (long long)json_integer_value(json_object_get(content->split, "seed")));
    text_add(page, "\n");
    add_figure(page, content, FIGURE_SAMPLE_IMAGES);
    add_figure(page, content, FIGURE_CLASS_DISTRIBUTION);
    add_figure(page, content, FIGURE_AUGMENTATION);
}

static void add_lineage(struct text *page, const struct report_content *content)
{
    const char *name;
    size_t i;
    json_t *stage, *out;
    if (content->lineage == NULL)
        return;
    text_add(page, "## How to reproduce\n\n    ");
    report_recipe_run(page, content->lineage);
    text_add(page, "\n    ");
    report_recipe_verify(page, content->lineage);
    text_add(page, "\n    ");
    report_recipe_check(page, content->lineage);
    text_add(page, "\n\n| stage | out | SHA-256 | size |\n|---|---|---|---:|\n");
    json_array_foreach (content->stages, i, stage) {
        text_add(page, "| ");
        escape_markdown(page, report_string(stage, "name"));
        text_add(page, " | key | ");
        escape_markdown(page, report_string(stage, "key"));
        text_add(page, " | |\n");
        json_object_foreach (json_object_get(stage, "outs"), name, out) {
            text_add(page, "| | ");
            escape_markdown(page, report_string(out, "path"));
            text_add(page, " | ");
            escape_markdown(page, report_string(out, "digest"));
            text_add(page, " | ");
            page_size(page, json_integer_value(json_object_get(out, "size")));
            text_add(page, " |\n");
        }
    }
}

/* Profile and what was set. */
static void add_origin(struct text *page, const struct report_content *content)
{
    const char *profile = report_string(content->lineage, "profile");
    struct text sets = {0};
    report_recipe_sets(&sets, content->lineage);
    if (*profile != '\0') {
        text_add(page, "Profile ");
        escape_markdown(page, profile);
    }
    if (sets.size > 0) {
        text_add(page, *profile != '\0' ? ", with " : "With ");
        escape_markdown(page, text_string(&sets));
    }
    text_add(page, *profile != '\0' || sets.size > 0 ? ".\n\n" : "");
    page->failed |= sets.failed;
    text_release(&sets);
}

static void add_defects(struct text *page, const struct report_content *content)
{
    if (!report_has_defects(content))
        return;
    text_add(page, "## What ");
    escape_markdown(page, report_source(content));
    text_add(page, " got wrong\n\n");
    for (int i = 0; i < REPORT_DEFECTS; i++) {
        struct report_defect defect;
        if (report_defect(content, i, &defect))
            text_addf(page, "- **%s.** %s %s\n", defect.name, defect.what, defect.here);
    }
    text_add(page, "\n");
}

void report_markdown(struct text *page, const struct report_content *content)
{
    text_add(page, "# ");
    escape_markdown(page, content->title);
    text_add(page, "\n\n");
    add_origin(page, content);
    text_addf(page, "**%s.** ", report_headline(content));
    report_verdict(page, content);
    text_add(page, "\n\n");
    add_phases(page, content);
    add_defects(page, content);
    add_experiment(page, content);
    add_classes(page, content);
    add_gradcam(page, content);
    add_data(page, content);
    add_lineage(page, content);
}
