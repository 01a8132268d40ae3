#include "report/report_card.h"

#include "base/json.h"
#include "page/escape.h"
#include "page/page_numbers.h"
#include "report/report_card_head.h"
#include "report/report_recipe.h"
#include "report/report_words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- what the lineage knows ---- */

static const json_t *find_stage(const struct report_content *content, const char *name,
                                size_t length)
{
    size_t i;
    json_t *stage;
    json_array_foreach (content->stages, i, stage) {
        const char *other = report_string(stage, "name");
        if (strlen(other) == length && memcmp(other, name, length) == 0)
            return stage;
    }
    return NULL;
}

/* The stage that trained what was evaluated, and of its outs the model; both NULL without lineage.
 */
struct trained {
    const json_t *stage, *file;
};

static struct trained find_model(const struct report_content *content)
{
    struct trained model = {NULL, NULL};
    const json_t *evaluate = find_stage(content, "evaluate", strlen("evaluate"));
    const char *from = report_string(evaluate, "deps.model.from");
    const char *dot = strrchr(from, '.');
    if (dot == NULL)
        return model;
    model.stage = find_stage(content, from, (size_t)(dot - from));
    model.file = json_object_get(json_object_get(model.stage, "outs"), dot + 1);
    return model;
}

/* Of an out of the stage `export`; "" where there is none. */
static const char *exported(const struct report_content *content, const char *out)
{
    const json_t *outs = json_object_get(find_stage(content, "export", strlen("export")), "outs");
    return report_string(json_object_get(outs, out), "path");
}

/* ---- parts of the text ---- */

static void add_code(struct text *card, const char *string)
{
    text_add(card, "`");
    for (; *string != '\0'; string++) /* none of these may end the code or its table's cell */
        text_append(card, strchr("`|\n\r", *string) != NULL ? " " : string, 1);
    text_add(card, "`");
}

static void add_fact(struct text *card, const char *name, const char *value)
{
    if (*value == '\0')
        return;
    text_addf(card, "- %s: ", name);
    escape_markdown(card, value);
    text_add(card, "\n");
}

/* "224 x 224" of a side, or of [height, width]. */
static bool add_size(struct text *card, const json_t *size)
{
    const json_t *height = json_is_array(size) ? json_array_get(size, 0) : size;
    const json_t *width = json_is_array(size) ? json_array_get(size, 1) : size;
    if (!json_is_integer(height) || !json_is_integer(width))
        return false;
    text_addf(card, "%lld x %lld", (long long)json_integer_value(height),
              (long long)json_integer_value(width));
    return true;
}

static const char *preprocessing(const char *mode)
{
    static const char *const modes[][2] = {
        {"caffe", "BGR, 0 to 255, less ImageNet's mean"},
        {"tf", "pixels scaled to -1 to 1"},
        {"torch", "pixels scaled to 0 to 1, less ImageNet's mean, over its deviation"},
        {"unit", "pixels scaled to 0 to 1"},
        {"lite", "(pixel - 127) / 128"}};
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if (strcmp(mode, modes[i][0]) == 0)
            return modes[i][1];
    return mode;
}

static void add_input(struct text *card, const json_t *model, const char *fit)
{
    const double range = report_number(model, "pixel_range");
    text_add(card, "- Input: RGB pictures, ");
    if (*fit != '\0') {
        text_add(card, "made of one shape (");
        escape_markdown(card, fit);
        text_add(card, "), ");
    }
    text_add(card, "resized to ");
    if (!add_size(card, json_object_get(model, "image_size")))
        text_add(card, "one size");
    text_add(card, " (bilinear); preprocessing: ");
    escape_markdown(card, preprocessing(report_string(model, "preprocess")));
    if (range == 1)
        text_add(card, ", of pixels that were scaled to 0 to 1 before");
    text_add(card, "\n");
}

static void add_classes(struct text *card, const struct report_content *content)
{
    text_addf(card, "- Output: the probabilities of %lld classes", (long long)content->classes);
    if (report_has_many_classes(content)) {
        text_add(card, ", whose names lie in the model's file\n");
        return;
    }
    for (int64_t c = 0; c < content->classes; c++) {
        text_add(card, c == 0 ? ": " : ", ");
        escape_markdown(card, report_class(content, c));
    }
    text_add(card, "\n");
}

static void add_model(struct text *card, const struct report_content *content)
{
    const json_t *model = json_object_get(report_params(content, "phase1"), "model");
    const json_t *file = find_model(content).file;
    text_add(card, "## The model\n\n");
    add_fact(card, "Architecture", report_string(model, "architecture"));
    if (json_is_object(model))
        add_input(card, model, report_string(content->dataset, "fit"));
    add_classes(card, content);
    for (int i = REPORT_PHASES - 1; i >= 0; i--)
        if (content->phases[i].history != NULL) {
            text_add(card, "- Parameters: ");
            page_count(card, content->phases[i].trainable + content->phases[i].frozen);
            text_add(card, "\n");
            break;
        }
    if (file != NULL) {
        text_add(card, "- File: ");
        add_code(card, report_string(file, "path"));
        text_addf(card, ", SHA-256 %s\n", report_string(file, "digest"));
    }
    add_fact(card, "License", content->card.license != NULL ? content->card.license : "");
    text_add(card, "\n");
}

/* ---- use and limits ---- */

static void add_paragraph(struct text *card, const char *string)
{
    if (string == NULL)
        return;
    escape_markdown(card, string);
    text_add(card, "\n\n");
}

static void add_preflight(struct text *card, const struct report_content *content)
{
    for (int i = 0; i < REPORT_PHASES; i++) {
        const json_t *preflight = content->phases[i].preflight;
        const char *verdict = report_string(preflight, "verdict");
        if (*verdict == '\0' || strcmp(verdict, "ok") == 0)
            continue;
        text_addf(card, "- The check before %s said: ", content->phases[i].in_text);
        escape_markdown(card, report_string(preflight, "message"));
        text_add(card, "\n");
    }
}

static void add_use(struct text *card, const struct report_content *content)
{
    text_add(card, "## Use and limits\n\n");
    add_paragraph(card, content->card.intended_use);
    add_paragraph(card, content->card.limitations);
    text_add(card,
             "- It tells which of its classes a picture shows. Of a picture that shows none of "
             "them it names one all the same.\n"
             "- The numbers below are of test images from the same source as the training "
             "images; nothing is known of pictures from elsewhere.\n");
    if (content->confused_count > 0) {
        const struct report_confusion *worst = &content->confused[0];
        text_add(card, "- Its most frequent mistake: ");
        escape_markdown(card, report_class(content, worst->truth));
        text_add(card, " taken for ");
        escape_markdown(card, report_class(content, worst->predicted));
        text_add(card, ", ");
        page_percent(card, worst->share);
        text_add(card, " of that class.\n");
    }
    add_preflight(card, content);
    text_add(card, "\n");
}

/* ---- results ---- */

static void add_class_row(struct text *card, const struct report_content *content, int64_t class)
{
    const json_t *score =
        json_array_get(json_object_get(content->metrics, "per_class"), (size_t) class);
    const json_t *row =
        json_array_get(json_object_get(content->metrics, "confusion"), (size_t) class);
    const double hits = (double)json_integer_value(json_array_get(row, (size_t) class));
    double images = 0;
    for (size_t j = 0; j < json_array_size(row); j++)
        images += (double)json_integer_value(json_array_get(row, j));
    text_add(card, "| ");
    escape_markdown(card, report_class(content, class));
    text_add(card, " | ");
    page_percent(card, report_number(score, "f1"));
    text_add(card, " | ");
    page_percent(card, report_number(score, "precision"));
    text_add(card, " | ");
    page_percent(card, report_number(score, "recall"));
    text_add(card, " | ");
    page_interval(card, hits, images);
    text_addf(card, " | %.0f |\n", images);
}

static void add_results(struct text *card, const struct report_content *content)
{
    text_add(card, "## Results\n\n- Test accuracy: ");
    page_percent(card, content->accuracy);
    text_add(card, ", 95% interval ");
    page_interval(card, (double)(content->tested - content->mistakes), (double)content->tested);
    text_add(card, "\n- Test loss: ");
    page_real(card, content->loss);
    text_add(card, "\n- Mean F1 of the classes: ");
    page_percent(card, report_number(content->metrics, "macro.f1"));
    text_add(card, "\n\n");
    if (report_has_many_classes(content))
        text_addf(card, "The %lld of %lld classes with the least F1:\n\n",
                  (long long)content->listed_count, (long long)content->classes);
    text_add(card, "| class | F1 | precision | recall | recall, 95% interval | images |\n"
                   "|---|---:|---:|---:|---:|---:|\n");
    for (int64_t i = 0; i < content->listed_count; i++)
        add_class_row(card, content, content->listed[i]);
    text_add(card, "\n");
}

/* ---- training ---- */

static void add_data(struct text *card, const struct report_content *content)
{
    const json_t *weights = json_object_get(report_params(content, "download"), "weights");
    add_fact(card, "Weights of the base", report_string(weights, "url"));
    add_fact(card, "SHA-256 of the weights", report_string(weights, "sha256"));
    add_fact(card, "Data", report_string(content->dataset, "source"));
    add_fact(card, "SHA-256 of the data", report_string(content->dataset, "sha256"));
    if (content->split != NULL) {
        text_add(card, "- Images: ");
        page_count(card, json_integer_value(json_object_get(content->split, "train")));
        text_add(card, " to train on, ");
        page_count(card, json_integer_value(json_object_get(content->split, "val")));
        text_addf(card, " to validate on (split with seed %lld), ",
                  (long long)json_integer_value(json_object_get(content->split, "seed")));
        page_count(card, content->tested);
        text_add(card, " to test on\n");
    }
}

static void add_number(struct text *card, const char *name, const json_t *params, const char *path)
{
    struct error ignored;
    const json_t *value = json_at(params, path);
    char *digits = json_is_number(value) ? json_to_text(value, true, &ignored) : NULL;
    add_fact(card, name, digits != NULL ? digits : "");
    free(digits);
}

/* Of a list of parts of their names; "" is part of every name. */
static void add_trained_layers(struct text *card, const json_t *parts)
{
    size_t i;
    json_t *part;
    if (!json_is_array(parts))
        return;
    text_add(card, "- Trained: the head");
    json_array_foreach (parts, i, part) {
        const char *name = json_string_value(part);
        text_add(card, ", ");
        escape_markdown(card, name != NULL && *name != '\0' ? name : "all layers");
    }
    text_add(card, "\n");
}

static void add_params(struct text *card, const json_t *params)
{
    struct error ignored;
    char *json = json_to_text(params, false, &ignored);
    text_addf(card,
              "\n<details><summary>All parameters</summary>\n\n```json\n%s\n```\n\n</details>\n",
              json != NULL ? json : "");
    card->failed |= json == NULL;
    free(json);
}

static void add_phase(struct text *card, const struct report_content *content,
                      const struct report_phase *phase)
{
    const json_t *params = report_params(content, phase->id);
    const bool base = phase == &content->phases[REPORT_PRETRAIN];
    text_addf(card,
              "\n### %s\n\n- %lld epochs; the weights of epoch %lld were kept, with a "
              "validation accuracy of ",
              phase->name, (long long)phase->epoch_count, (long long)phase->kept_epoch);
    page_percent(card, phase->val_accuracy);
    text_add(card, "\n- Parameters: ");
    page_count(card, phase->trainable);
    text_add(card, " trained, ");
    page_count(card, phase->frozen);
    text_addf(card, " frozen, in %s\n", strcmp(phase->precision, "bf16") == 0 ? "bf16" : "f32");
    if (params == NULL)
        return;
    add_trained_layers(card, json_at(params, "phase.trainable"));
    add_number(card, "Learning rate", params, base ? "train.learning_rate" : "phase.learning_rate");
    add_number(card, "Batch", params, "train.batch");
    add_number(card, "Seed", params, "seed");
    add_params(card, params);
}

static void add_training(struct text *card, const struct report_content *content)
{
    text_add(card, "## Training\n\n");
    add_data(card, content);
    for (int i = 0; i < REPORT_PHASES; i++)
        if (content->phases[i].history != NULL)
            add_phase(card, content, &content->phases[i]);
    text_add(card, "\n");
}

/* ---- how to ---- */

static void add_how_to_use(struct text *card, const struct report_content *content)
{
    const json_t *file = find_model(content).file;
    const char *keras = exported(content, "keras"), *onnx = exported(content, "onnx");
    if (file == NULL)
        return;
    text_add(card, "## How to use it\n\nWith Reprise, from a terminal:\n\n    reprise predict ");
    text_add_shell(card, report_string(file, "path"));
    text_add(card, " PICTURE...\n\nThe file is safetensors; `reprise` in its metadata is JSON of "
                   "architecture, class names and preprocessing.\n\n");
    if (*keras == '\0' && *onnx == '\0')
        return;
    text_add(card,
             "For others resizing and preprocessing are inside the file: `pictures` is float32 "
             "[n, height, width, 3], RGB, 0 to 255.\n\n```python\n");
    if (*keras != '\0') {
        text_add(card, "keras.models.load_model(");
        report_card_quoted(card, keras);
        text_add(card, ").predict(pictures)\n");
    }
    if (*onnx != '\0') {
        text_add(card, "session = onnxruntime.InferenceSession(");
        report_card_quoted(card, onnx);
        text_add(card, ")\nsession.run(None, {session.get_inputs()[0].name: pictures})[0]\n");
    }
    text_add(card, "```\n\n");
}

static void add_reproduce(struct text *card, const struct report_content *content)
{
    const json_t *lines = json_object_get(find_model(content).stage, "fingerprint");
    size_t i;
    json_t *stage, *line;
    if (content->lineage == NULL)
        return;
    text_add(card, "## How to make it again\n\n    ");
    report_recipe_run(card, content->lineage);
    text_add(card, "\n    ");
    report_recipe_verify(card, content->lineage);
    text_add(card,
             "\n\nEach key stands for program, parameters and input of a stage; equal keys give "
             "equal bits.\n\n| stage | key |\n|---|---|\n");
    json_array_foreach (content->stages, i, stage) {
        text_add(card, "| ");
        escape_markdown(card, report_string(stage, "name"));
        text_addf(card, " | %s |\n", report_string(stage, "key"));
    }
    if (json_array_size(lines) == 0)
        return;
    text_add(card, "\n## Environment\n\nOf the machine that trained it the bits depend on:\n\n");
    json_array_foreach (lines, i, line) {
        text_add(card, "- ");
        add_code(card, json_string_value(line) != NULL ? json_string_value(line) : "");
        text_add(card, "\n");
    }
}

void report_card(struct text *card, const struct report_content *content)
{
    report_card_head(card, content);
    text_add(card, "\n# ");
    escape_markdown(card, content->title);
    text_addf(card,
              "\n\nA classifier of pictures, trained, tested and described by a pipeline of "
              "Reprise. **%s.** ",
              report_headline(content));
    report_verdict(card, content);
    text_add(card, "\n\n");
    add_model(card, content);
    add_use(card, content);
    add_results(card, content);
    add_training(card, content);
    add_how_to_use(card, content);
    add_reproduce(card, content);
}
