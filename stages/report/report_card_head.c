#include "report/report_card_head.h"

#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void report_card_quoted(struct text *card, const char *string)
{
    struct error ignored;
    json_t *json = json_clean(string);
    char *quoted = json_to_text(json, true, &ignored); /* NULL of NULL */
    text_add(card, quoted != NULL ? quoted : "");
    card->failed |= quoted == NULL;
    free(quoted);
    json_decref(json);
}

static void add_item(struct text *card, const char *string)
{
    text_add(card, "- ");
    report_card_quoted(card, string);
    text_add(card, "\n");
}

/* Whether the pipeline has a stage with an out whose path ends so. */
static bool exports(const struct report_content *content, const char *ending)
{
    size_t i;
    json_t *stage, *out;
    const char *name;
    json_array_foreach (content->stages, i, stage)
        json_object_foreach (json_object_get(stage, "outs"), name, out) {
            const char *path = report_string(out, "path");
            const size_t length = strlen(path);
            if (length >= strlen(ending) && strcmp(path + length - strlen(ending), ending) == 0)
                return true;
        }
    return false;
}

static void add_tags(struct text *card, const struct report_content *content)
{
    const char *architecture =
        report_string(report_params(content, "phase1"), "model.architecture");
    text_add(card, "tags:\n- image-classification\n");
    if (*architecture != '\0')
        add_item(card, architecture);
    if (exports(content, ".safetensors"))
        text_add(card, "- safetensors\n");
    if (exports(content, ".keras"))
        text_add(card, "- keras\n");
    if (exports(content, ".onnx"))
        text_add(card, "- onnx\n");
}

/* Of fixed digits: YAML takes 1e-05 for a text. */
static void add_metric(struct text *card, const char *type, const char *name, double value)
{
    if (isfinite(value))
        text_addf(card, "    - type: %s\n      name: %s\n      value: %.6f\n", type, name, value);
}

static void add_index(struct text *card, const struct report_content *content)
{
    const char *source = report_string(content->dataset, "source");
    const char *first = json_string_value(json_array_get(content->card.datasets, 0));
    if (*source == '\0')
        source = "the test images";
    text_add(card, "model-index:\n- name: ");
    report_card_quoted(card, content->title);
    text_add(card, "\n  results:\n  - task:\n      type: image-classification\n    dataset:\n"
                   "      name: ");
    report_card_quoted(card, first != NULL ? first : source);
    text_add(card, "\n      type: ");
    report_card_quoted(card, first != NULL ? first : source);
    text_add(card, "\n      split: test\n    metrics:\n");
    add_metric(card, "accuracy", "Accuracy", content->accuracy);
    add_metric(card, "loss", "Loss", content->loss);
    add_metric(card, "f1", "F1, mean of the classes", report_number(content->metrics, "macro.f1"));
    add_metric(card, "precision", "Precision, mean of the classes",
               report_number(content->metrics, "macro.precision"));
    add_metric(card, "recall", "Recall, mean of the classes",
               report_number(content->metrics, "macro.recall"));
}

void report_card_head(struct text *card, const struct report_content *content)
{
    size_t i;
    json_t *name;
    text_add(card, "---\nlibrary_name: reprise\npipeline_tag: image-classification\n");
    if (content->card.license != NULL) {
        text_add(card, "license: ");
        report_card_quoted(card, content->card.license);
        text_add(card, "\n");
    }
    if (json_array_size(content->card.datasets) > 0)
        text_add(card, "datasets:\n");
    json_array_foreach (content->card.datasets, i, name)
        add_item(card, json_string_value(name));
    add_tags(card, content);
    add_index(card, content);
    text_add(card, "---\n");
}
