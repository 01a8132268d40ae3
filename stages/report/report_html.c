#include "report/report_html.h"

#include "base/base64.h"
#include "base/json.h"
#include "figure/plot.h"
#include "page/escape.h"
#include "page/page.h"
#include "page/page_numbers.h"
#include "report/report_classes.h"
#include "report/report_defects.h"
#include "report/report_html_experiment.h"
#include "report/report_html_lineage.h"
#include "report/report_html_training.h"
#include "report/report_recipe.h"
#include "report/report_words.h"

#include <math.h>
#include <string.h>

/* ---- top ---- */

static void add_verdict(struct text *page, const struct report_content *content)
{
    text_addf(page, "<div class=\"verdict %s\">\n", content->reached ? "good" : "bad");
    text_add(
        page,
        "<svg viewBox=\"0 0 24 24\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"2.2\" "
        "stroke-linecap=\"round\" stroke-linejoin=\"round\" aria-hidden=\"true\">"
        "<circle cx=\"12\" cy=\"12\" r=\"10\"/>");
    text_add(page, content->reached ? "<path d=\"M7.5 12.5l3 3 6-7\"/></svg>\n"
                                    : "<path d=\"M8.5 8.5l7 7M15.5 8.5l-7 7\"/></svg>\n");
    text_addf(page, "<p><strong>%s</strong><span>", report_headline(content));
    report_verdict(page, content);
    text_add(page, "</span></p>\n</div>\n");
}

static void open_card(struct text *page, const char *title)
{
    text_addf(page, "<div class=\"card\">\n<p class=\"name\">%s</p>\n<p class=\"big\">", title);
}

/* A scale from 0 to 1 with a value as a bar and a mark as a tick; colours by name. */
static void add_scale(struct text *page, double value, double mark, const char *colour)
{
    text_addf(page,
              "<svg viewBox=\"0 0 100 14\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
              "<rect x=\"0\" y=\"4\" width=\"100\" height=\"6\" fill=\"var(--tint)\"/>"
              "<rect x=\"0\" y=\"4\" width=\"%.2f\" height=\"6\" fill=\"var(--%s)\"/>",
              100 * fmin(fmax(value, 0), 1), colour);
    if (isfinite(mark))
        text_addf(page,
                  "<rect x=\"%.2f\" y=\"0\" width=\"0.8\" height=\"14\" fill=\"var(--ink)\"/>",
                  fmin(100 * fmax(mark, 0), 99.2));
    text_add(page, "</svg>\n");
}

static void add_phase_card(struct text *page, const struct report_content *content,
                           const struct report_phase *phase)
{
    if (phase->history == NULL)
        return;
    text_addf(page, "<div class=\"card\">\n<p class=\"name\">Validation, %s</p>\n<p class=\"big\">",
              phase->in_text);
    page_percent(page, phase->val_accuracy);
    text_addf(page, "</p>\n<p>epoch %lld of %lld</p>\n", (long long)phase->kept_epoch,
              (long long)phase->epoch_count);
    page_spark(page, content, phase);
    text_add(page, "</div>\n");
}

static void add_cards(struct text *page, const struct report_content *content)
{
    text_add(page, "<div class=\"cards\">\n");
    const int decimals = page_decimals_apart(content->accuracy, content->target);
    open_card(page, "Test accuracy");
    page_percent_with(page, content->accuracy, decimals);
    text_add(page, "</p>\n<p>");
    if (!isnan(content->target)) {
        text_add(page, "target ");
        page_percent_with(page, content->target, decimals);
    }
    if (!isnan(content->loss))
        text_addf(page, "%sloss %.4f", isnan(content->target) ? "" : " \xc2\xb7 ", content->loss);
    text_add(page, "</p>\n");
    add_scale(page, content->accuracy, content->target, content->reached ? "good" : "bad");
    text_add(page, "</div>\n");
    for (int i = REPORT_PHASE1; i < REPORT_PHASES; i++)
        add_phase_card(page, content, &content->phases[i]);
    double boxes = report_number(content->gradcam, "boxes.fraction");
    if (isfinite(boxes)) {
        double chance = report_number(content->gradcam, "boxes.chance");
        open_card(page, "Grad-CAM inside the box");
        page_percent(page, boxes);
        text_add(page, "</p>\n<p>by chance ");
        page_percent(page, chance);
        text_add(page, "</p>\n");
        add_scale(page, boxes, chance, "blue");
        text_add(page, "</div>\n");
    }
    text_add(page, "</div>\n");
}

static void add_sets(struct text *page, const struct report_content *content)
{
    struct text sets = {0};
    report_recipe_sets(&sets, content->lineage);
    if (sets.size > 0) {
        text_add(page, "<p class=\"sets\">with <code>");
        escape_html(page, text_string(&sets));
        text_add(page, "</code></p>\n");
    }
    page->failed |= sets.failed;
    text_release(&sets);
}

static void add_link(struct text *page, const char *id, const char *name, bool there)
{
    if (there)
        text_addf(page, "<li><a href=\"#%s\">%s</a></li>\n", id, name);
}

static void add_head(struct text *page, const struct report_content *content)
{
    page_head(page, content->title, "");
    text_add(page, "<header>\n");
    const char *profile = report_string(content->lineage, "profile");
    text_add(page, "<p class=\"eyebrow\">Reprise report");
    if (*profile != '\0') {
        text_add(page, " \xc2\xb7 profile ");
        escape_html(page, profile);
    }
    text_add(page, "</p>\n<h1>");
    escape_html(page, content->title);
    text_add(page, "</h1>\n");
    add_sets(page, content);
    add_verdict(page, content);
    add_cards(page, content);
    text_add(page, "<nav aria-label=\"Sections\"><ul>\n");
    add_link(page, "result", "Result", true);
    add_link(page, "training", "Training", true);
    add_link(page, "notebook", "Notebook", report_has_defects(content));
    add_link(page, "experiment", "Experiment", content->experiment != NULL);
    add_link(page, "gradcam", "Grad-CAM", content->gradcam != NULL);
    add_link(page, "data", "Data", true);
    add_link(page, "reproduce", "Reproduce", content->lineage != NULL);
    text_add(page, "</ul></nav>\n</header>\n<main>\n");
}

/* ---- result ---- */

static void add_score_row(struct text *page, const char *name, const json_t *score)
{
    text_add(page, "<tr>");
    page_text_cell(page, "th", name);
    page_percent_cell(page, report_number(score, "precision"));
    page_percent_cell(page, report_number(score, "recall"));
    page_bar_cell(page, report_number(score, "f1"));
    page_count_cell(page, (int64_t)json_integer_value(json_object_get(score, "support")));
    text_add(page, "</tr>\n");
}

/* What a table or a figure leaves out is in the page all the same. */
static void open_csv(struct text *page, const char *file, const struct report_content *content,
                     void (*write)(struct text *, const struct report_content *))
{
    struct text csv = {0};
    write(&csv, content);
    text_addf(page, "<p><a download=\"%s\" href=\"data:text/csv;charset=utf-8;base64,", file);
    base64_add(page, (const uint8_t *)text_string(&csv), csv.size);
    text_add(page, "\">");
    page->failed = page->failed || csv.failed;
    text_release(&csv);
}

static void add_all_classes(struct text *page, const struct report_content *content)
{
    open_csv(page, "classes.csv", content, report_classes_csv);
    text_add(page, "All ");
    page_count(page, content->classes);
    text_add(page, " classes as CSV</a>, with the pictures of each.</p>\n");
}

static void add_class_table(struct text *page, const struct report_content *content)
{
    const bool many = report_has_many_classes(content);
    page_table(page,
               many ? "The 20 classes with the least F1 on the test images"
                    : "Scores of each class on the test images",
               "<th scope=\"col\">class</th><th scope=\"col\">precision</th>"
               "<th scope=\"col\">recall</th><th scope=\"col\">F1</th>"
               "<th scope=\"col\">images</th>");
    const json_t *scores = json_object_get(content->metrics, "per_class");
    for (int64_t i = 0; i < content->listed_count; i++)
        add_score_row(page, report_class(content, content->listed[i]),
                      json_array_get(scores, (size_t)content->listed[i]));
    text_add(page, "</tbody>\n<tfoot>\n");
    const json_t *macro = json_object_get(content->metrics, "macro");
    const json_t *weighted = json_object_get(content->metrics, "weighted");
    if (macro != NULL)
        add_score_row(page, "mean", macro);
    if (weighted != NULL)
        add_score_row(page, "weighted mean", weighted);
    text_add(page, "</tfoot>\n</table>\n</div>\n");
    if (many)
        add_all_classes(page, content);
}

static void add_confused(struct text *page, const struct report_content *content)
{
    if (content->confused_count == 0) {
        text_add(page, "<p>No test image was mistaken.</p>\n");
        return;
    }
    page_table(page, "Most confused pairs",
               "<th scope=\"col\">shows</th><th scope=\"col\" class=\"left\">taken for</th>"
               "<th scope=\"col\">images</th><th scope=\"col\">share of the class</th>");
    for (size_t i = 0; i < content->confused_count; i++) {
        const struct report_confusion *pair = &content->confused[i];
        text_add(page, "<tr>");
        page_text_cell(page, "th", report_class(content, pair->truth));
        page_text_cell(page, "td", report_class(content, pair->predicted));
        page_count_cell(page, pair->count);
        page_bar_cell(page, pair->share);
        text_add(page, "</tr>\n");
    }
    page_table_end(page);
    if (content->classes > FIGURE_NARROW_CLASSES) {
        open_csv(page, "confusion.csv", content, report_cells_csv);
        text_add(page, "The whole matrix as CSV</a>, a line for each pair.</p>\n");
    }
}

static void add_published_row(struct text *page, const char *name, double here, double there)
{
    if (!isfinite(there))
        return;
    text_add(page, "<tr>");
    page_text_cell(page, "th", name);
    page_percent_cell(page, here);
    page_percent_cell(page, there);
    if (isfinite(here))
        text_addf(page, "<td>%+.2f</td>", 100 * (here - there));
    else
        text_add(page, "<td>\xe2\x80\x93</td>");
    text_add(page, "</tr>\n");
}

static void add_published(struct text *page, const struct report_content *content)
{
    if (content->published == NULL)
        return;
    struct text caption = {0};
    text_addf(&caption, "Against what %s reports", report_source(content));
    page_table(page, text_string(&caption),
               "<th scope=\"col\">accuracy</th><th scope=\"col\">here</th>"
               "<th scope=\"col\">published</th><th scope=\"col\">points</th>");
    for (int i = REPORT_PHASE1; i < REPORT_PHASES; i++) {
        char name[64], member[64];
        snprintf(name, sizeof(name), "%s, validation", content->phases[i].name);
        snprintf(member, sizeof(member), "%s_val_accuracy", content->phases[i].id);
        add_published_row(
            page, name, content->phases[i].history != NULL ? content->phases[i].val_accuracy : NAN,
            report_number(content->published, member));
    }
    add_published_row(page, "Test", content->accuracy,
                      report_number(content->published, "test_accuracy"));
    page_table_end(page);
    text_release(&caption);
}

static void add_result(struct text *page, const struct report_content *content)
{
    page_section(page, "result", "Result");
    text_add(page, "<p class=\"lead\">The network never saw the ");
    page_count(page, content->tested);
    text_add(page, " test images in training; it mistakes ");
    page_count(page, content->mistakes);
    text_add(page, " of them.</p>\n");
    add_published(page, content);
    report_figure_html(page, &content->figures[FIGURE_CONFUSION]);
    text_add(page, "<div class=\"pair\">\n<div>\n");
    add_class_table(page, content);
    text_add(page, "</div>\n<div>\n");
    add_confused(page, content);
    text_add(page, "</div>\n</div>\n");
    if (content->classification != NULL && !report_has_many_classes(content)) {
        text_add(page, "<details class=\"for-screens\"><summary>The same as text, as scikit-learn "
                       "prints it</summary>\n");
        page_lines(page, content->classification);
        text_add(page, "</details>\n");
    }
    text_add(page, "</section>\n");
}

/* ---- what the notebook got wrong ---- */

static void add_defects(struct text *page, const struct report_content *content)
{
    struct text title = {0};
    if (!report_has_defects(content))
        return;
    text_addf(&title, "What %s got wrong", report_source(content));
    page_section(page, "notebook", text_string(&title));
    text_add(page, "<p class=\"lead\">It took what these defects did for properties of the "
                   "data.</p>\n");
    for (int i = 0; i < REPORT_DEFECTS; i++) {
        struct report_defect defect;
        if (!report_defect(content, i, &defect))
            continue;
        text_addf(page, "<h3>%s</h3>\n<p>%s</p>\n<div class=\"notice %s\"><p>%s</p></div>\n",
                  defect.name, defect.what, defect.here_too ? "warn" : "good", defect.here);
    }
    text_add(page, "</section>\n");
    page->failed |= title.failed;
    text_release(&title);
}

/* ---- Grad-CAM ---- */

static void add_gradcam(struct text *page, const struct report_content *content)
{
    if (content->gradcam == NULL)
        return;
    struct text boxes = {0};
    bool own = strcmp(report_string(content->gradcam, "preprocess"), "none") != 0;
    page_section(page, "gradcam", "Grad-CAM: what the network looked at");
    text_add(page, "<p class=\"lead\">");
    report_heat(page, content);
    text_add(page, "</p>\n");
    if (report_boxes(&boxes, content)) {
        text_add(page, "<div class=\"notice good\"><p>");
        escape_html(page, text_string(&boxes));
        text_add(page, "</p></div>\n");
    }
    text_addf(page, "<div class=\"notice %s\"><p>", own ? "good" : "warn");
    report_agreement(page, content);
    text_add(page, "</p></div>\n");
    report_figure_html(page, &content->figures[FIGURE_GRADCAM_SAMPLES]);
    report_figure_html(page, &content->figures[FIGURE_GRADCAM_CONFUSION]);
    text_add(page, "</section>\n");
    text_release(&boxes);
}

/* ---- data ---- */

static void add_fact(struct text *page, const char *name, const char *value)
{
    text_addf(page, "<dt>%s</dt><dd>", name);
    escape_html(page, value);
    text_add(page, "</dd>\n");
}

static void add_count_fact(struct text *page, const char *name, const json_t *number)
{
    if (!json_is_integer(number))
        return;
    text_addf(page, "<dt>%s</dt><dd>", name);
    page_count(page, json_integer_value(number));
    text_add(page, "</dd>\n");
}

static void add_dataset_facts(struct text *page, const struct report_content *content)
{
    text_add(page, "<dl class=\"facts wide\">\n");
    if (content->dataset != NULL) {
        add_fact(page, "Source", report_string(content->dataset, "source"));
        text_add(page, "<dt>SHA-256</dt><dd class=\"digest\">");
        escape_html(page, report_string(content->dataset, "sha256"));
        text_add(page, "</dd>\n");
        text_addf(page, "<dt>Pictures</dt><dd>%lld \xc3\x97 %lld pixels, RGB%s</dd>\n",
                  (long long)json_integer_value(json_object_get(content->dataset, "width")),
                  (long long)json_integer_value(json_object_get(content->dataset, "height")),
                  json_is_true(json_object_get(content->dataset, "generated")) ? ", generated"
                                                                               : "");
    }
    add_count_fact(page, "To train on", json_object_get(content->split, "train"));
    add_count_fact(page, "To validate on", json_object_get(content->split, "val"));
    add_count_fact(page, "To test on", json_object_get(content->dataset, "test"));
    add_count_fact(page, "Seed of the split", json_object_get(content->split, "seed"));
    text_add(page, "</dl>\n");
}

static void add_counts_table(struct text *page, const struct report_content *content)
{
    const json_t *parts[3] = {json_object_get(content->split, "train_counts"),
                              json_object_get(content->split, "val_counts"),
                              json_object_get(content->dataset, "test_counts")};
    if ((parts[0] == NULL && parts[2] == NULL) || report_has_many_classes(content))
        return;
    text_add(page, "<details><summary>Pictures of each class</summary>\n");
    page_table(page, "Pictures of each class",
               "<th scope=\"col\">class</th><th scope=\"col\">training</th>"
               "<th scope=\"col\">validation</th><th scope=\"col\">test</th>");
    for (int64_t c = 0; c < content->classes; c++) {
        text_add(page, "<tr>");
        page_text_cell(page, "th", report_class(content, c));
        for (int i = 0; i < 3; i++)
            page_count_cell(page, json_integer_value(json_array_get(parts[i], (size_t)c)));
        text_add(page, "</tr>\n");
    }
    page_table_end(page);
    text_add(page, "</details>\n");
}

static void add_data(struct text *page, const struct report_content *content)
{
    page_section(page, "data", "Data");
    add_dataset_facts(page, content);
    report_figure_html(page, &content->figures[FIGURE_SAMPLE_IMAGES]);
    report_figure_html(page, &content->figures[FIGURE_CLASS_DISTRIBUTION]);
    add_counts_table(page, content);
    report_figure_html(page, &content->figures[FIGURE_AUGMENTATION]);
    text_add(page, "</section>\n");
}

void report_html(struct text *page, const struct report_content *content)
{
    add_head(page, content);
    add_result(page, content);
    page_training(page, content);
    add_defects(page, content);
    page_experiment(page, content);
    add_gradcam(page, content);
    add_data(page, content);
    page_lineage(page, content);
    text_add(
        page,
        "</main>\n<footer>\n<p>Written by Reprise from the artifacts named above. Equal inputs "
        "give "
        "this page byte for byte, so it carries no time and no machine; <code>reprise log</code> "
        "has those.</p>\n</footer>\n</body>\n</html>\n");
}
