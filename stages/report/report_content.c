#include "report/report_content.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "page/page_numbers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_TEXT = 1 << 20 };

double report_number(const json_t *object, const char *path)
{
    double value;
    return json_measurement(json_at(object, path), &value) ? value : NAN;
}

const char *report_string(const json_t *object, const char *path)
{
    const char *value = json_string_value(json_at(object, path));
    return value != NULL ? value : "";
}

const json_t *report_params(const struct report_content *content, const char *name)
{
    size_t i;
    json_t *stage;
    json_array_foreach (json_object_get(content->lineage, "stages"), i, stage)
        if (strcmp(report_string(stage, "name"), name) == 0)
            return json_object_get(stage, "params");
    return NULL;
}

const char *report_class(const struct report_content *content, int64_t class)
{
    const char *name = json_string_value(
        json_array_get(json_object_get(content->metrics, "classes"), (size_t) class));
    return name != NULL ? name : "?";
}

/* ---- reading ---- */

static int read_optional(struct stage *stage, const char *dep, json_t **value, struct error *err)
{
    if (!stage_has_dep(stage, dep))
        return 0;
    const char *path = stage_dep(stage, dep, err);
    return path == NULL ? -1 : json_read(path, value, err);
}

static int read_from_folder(struct stage *stage, const char *dep, const char *name, json_t **value,
                            struct error *err)
{
    if (!stage_has_dep(stage, dep))
        return 0;
    char *path = file_join(stage_dep(stage, dep, err), name, err);
    int result = path == NULL ? -1 : json_read(path, value, err);
    free(path);
    return result;
}

/* Of many classes it is long, and is not shown. */
static int read_classification(struct stage *stage, struct report_content *content,
                               struct error *err)
{
    size_t size;
    if (!stage_has_dep(stage, "classification") || report_has_many_classes(content))
        return 0;
    return file_read(stage_dep(stage, "classification", err), LARGEST_TEXT,
                     &content->classification, &size, err);
}

static int check_metrics(struct report_content *content, struct error *err)
{
    const json_t *classes = json_object_get(content->metrics, "classes");
    const json_t *confusion = json_object_get(content->metrics, "confusion");
    size_t count = json_array_size(classes);
    bool good = count > 0 && json_array_size(confusion) == count &&
                json_array_size(json_object_get(content->metrics, "per_class")) == count;
    for (size_t i = 0; good && i < count; i++) {
        const json_t *row = json_array_get(confusion, i);
        good = json_is_string(json_array_get(classes, i)) && json_array_size(row) == count;
        for (size_t j = 0; good && j < count; j++)
            good = json_is_integer(json_array_get(row, j));
    }
    content->accuracy = report_number(content->metrics, "test_accuracy");
    content->loss = report_number(content->metrics, "test_loss");
    content->tested = json_integer_value(json_object_get(content->metrics, "n"));
    content->classes = (int64_t)count;
    if (!good || !isfinite(content->accuracy) || content->tested <= 0)
        return error_set(err, ERR_FORMAT,
                         "dep 'metrics' lacks test_accuracy, n, classes, confusion or per_class");
    content->reached = !(content->accuracy < content->target);
    return 0;
}

static int64_t support(const json_t *row)
{
    int64_t sum = 0;
    for (size_t j = 0; j < json_array_size(row); j++)
        sum += json_integer_value(json_array_get(row, j));
    return sum;
}

/* Keeps the list sorted: more images first, ties in order of the classes. */
static void insert_confusion(struct report_content *content, struct report_confusion new)
{
    size_t at = content->confused_count;
    while (at > 0 && content->confused[at - 1].count < new.count)
        at--;
    if (at == REPORT_CONFUSED)
        return;
    if (content->confused_count < REPORT_CONFUSED)
        content->confused_count++;
    memmove(&content->confused[at + 1], &content->confused[at],
            (content->confused_count - at - 1) * sizeof(new));
    content->confused[at] = new;
}

static void rank_confusions(struct report_content *content)
{
    const json_t *confusion = json_object_get(content->metrics, "confusion");
    for (int64_t t = 0; t < content->classes; t++) {
        const json_t *row = json_array_get(confusion, (size_t)t);
        int64_t images = support(row);
        for (int64_t p = 0; p < content->classes; p++) {
            int64_t count = json_integer_value(json_array_get(row, (size_t)p));
            if (t == p || count <= 0)
                continue;
            content->mistakes += count;
            insert_confusion(
                content, (struct report_confusion){t, p, count, (double)count / (double)images});
        }
    }
}

/* ---- phases ---- */

static const struct {
    const char *id, *name, *in_text, *history, *preflight;
    int figure;
} known_phases[REPORT_PHASES] = {
    {"pretrain", "Pretraining", "pretraining", "pretrain_history", "pretrain_preflight",
     FIGURE_PRETRAIN},
    {"phase1", "Phase 1", "phase 1", "phase1_history", "phase1_preflight", FIGURE_PHASE1},
    {"phase2", "Phase 2", "phase 2", "phase2_history", "phase2_preflight", FIGURE_PHASE2},
};

static int summarise_phase(struct report_phase *phase, struct error *err)
{
    phase->epochs = json_object_get(phase->history, "epochs");
    phase->epoch_count = (int64_t)json_array_size(phase->epochs);
    phase->best_epoch = json_integer_value(json_object_get(phase->history, "best_epoch"));
    if (phase->epoch_count < 1 || phase->best_epoch < 1 || phase->best_epoch > phase->epoch_count)
        return error_set(err, ERR_FORMAT, "the history of %s has no epochs or no best one",
                         phase->id);
    const json_t *other = json_object_get(phase->history, "kept_epoch");
    phase->kept_epoch = other != NULL ? json_integer_value(other) : phase->best_epoch;
    if (phase->kept_epoch < 1 || phase->kept_epoch > phase->epoch_count)
        return error_set(err, ERR_FORMAT, "the history of %s keeps an epoch that it has not",
                         phase->id);
    const json_t *kept = json_array_get(phase->epochs, (size_t)phase->kept_epoch - 1);
    phase->accuracy = report_number(kept, "accuracy");
    phase->val_accuracy = report_number(kept, "val_accuracy");
    phase->val_loss = report_number(kept, "val_loss");
    const json_t *precision = json_object_get(phase->history, "precision");
    phase->precision = precision == NULL ? "f32" : json_string_value(precision);
    if (phase->precision == NULL)
        return error_set(err, ERR_FORMAT, "the history of '%s' says no precision", phase->id);
    phase->trainable = json_integer_value(json_object_get(phase->history, "trainable_parameters"));
    phase->frozen = json_integer_value(json_object_get(phase->history, "frozen_parameters"));
    return 0;
}

/* The history has the epochs of both stages, and does not say where the second began. */
static void find_further_epochs(const struct report_content *content, struct report_phase *phase)
{
    char name[64];
    snprintf(name, sizeof(name), "%s_continued", phase->id);
    phase->further_epochs =
        json_integer_value(json_at(report_params(content, name), "phase.epochs"));
}

static int read_phases(struct stage *stage, struct report_content *content, struct error *err)
{
    for (int i = 0; i < REPORT_PHASES; i++) {
        struct report_phase *phase = &content->phases[i];
        phase->id = known_phases[i].id;
        phase->name = known_phases[i].name;
        phase->in_text = known_phases[i].in_text;
        phase->figure = known_phases[i].figure;
        if (read_optional(stage, known_phases[i].history, &phase->history, err) < 0 ||
            read_optional(stage, known_phases[i].preflight, &phase->preflight, err) < 0 ||
            (phase->history != NULL && summarise_phase(phase, err) < 0))
            return -1;
        find_further_epochs(content, phase);
    }
    return 0;
}

/* ---- what the figures show, in words ---- */

static void describe_curves(struct report_figure *figure, const struct report_phase *phase)
{
    if (phase->history == NULL)
        return;
    text_addf(&figure->alt,
              "%s: curves of accuracy and loss, training and validation, over %lld epochs",
              phase->name, (long long)phase->epoch_count);
    text_addf(&figure->caption,
              "%s keeps the weights of epoch %lld, with a validation accuracy of ", phase->name,
              (long long)phase->kept_epoch);
    page_percent(&figure->caption, phase->val_accuracy);
    if (phase->kept_epoch != phase->best_epoch)
        text_addf(&figure->caption, "; the least validation loss was that of epoch %lld",
                  (long long)phase->best_epoch);
    text_add(&figure->caption, ".");
}

/* Characters of UTF-8 that fit every figure, whatever the letters. */
enum { ALWAYS_WHOLE = 10 };

static bool has_long_names(const struct report_content *content)
{
    for (int64_t c = 0; c < content->classes; c++)
        if (utf8_count(report_class(content, c)) > ALWAYS_WHOLE)
            return true;
    return false;
}

static void add_names_note(struct text *caption, const struct report_content *content)
{
    if (has_long_names(content))
        text_addf(caption, " Names without room are shortened; %s has them in full.",
                  report_has_many_classes(content) ? "the CSV of all classes"
                                                   : "the table of classes");
}

/* Where the whole matrix is, as the lineage has it. */
static void add_matrix_note(struct text *caption, const struct report_content *content)
{
    size_t i;
    json_t *stage;
    if (report_has_many_classes(content)) {
        text_add(caption, " It shows the most confused of ");
        page_count(caption, content->classes);
        text_add(caption, " classes.");
    }
    json_array_foreach (json_object_get(content->lineage, "stages"), i, stage) {
        const char *path = report_string(stage, "outs.confusion_csv.path");
        if (*path != '\0')
            text_addf(caption, " All its numbers are in artifacts/%s/%s.",
                      report_string(stage, "name"), path);
    }
}

static void describe_confusion(struct report_figure *figure, const struct report_content *content)
{
    text_addf(&figure->alt, "Confusion matrix of %lld classes; its pairs are listed below",
              (long long)content->classes);
    page_percent(&figure->caption, content->accuracy);
    text_add(&figure->caption, " lie on the diagonal");
    if (content->confused_count > 0)
        text_addf(&figure->caption, "; most often %s is taken for %s",
                  report_class(content, content->confused[0].truth),
                  report_class(content, content->confused[0].predicted));
    text_add(&figure->caption, ".");
    add_matrix_note(&figure->caption, content);
    add_names_note(&figure->caption, content);
}

static void describe_gradcam(struct report_figure *figure, const char *which,
                             const struct report_content *content)
{
    bool boxes = json_is_object(json_object_get(content->gradcam, "boxes"));
    text_addf(&figure->alt, "%s, each as picture, heat map and both blended", which);
    text_addf(&figure->caption, "%s.%s", which,
              boxes ? " The frame is the object\xe2\x80\x99s box." : "");
}

static int describe_figures(struct report_content *content, struct error *err)
{
    struct report_figure *figures = content->figures;
    text_addf(&figures[FIGURE_SAMPLE_IMAGES].alt, "A grid of pictures of %lld classes",
              (long long)content->classes);
    text_add(&figures[FIGURE_SAMPLE_IMAGES].caption, "Training images of each class.");
    text_add(&figures[FIGURE_CLASS_DISTRIBUTION].alt, "A bar for each class and part of the data");
    text_add(&figures[FIGURE_CLASS_DISTRIBUTION].caption, "The split keeps the classes' shares.");
    add_names_note(&figures[FIGURE_CLASS_DISTRIBUTION].caption, content);
    text_add(&figures[FIGURE_AUGMENTATION].alt, "Pictures beside altered versions of themselves");
    text_add(&figures[FIGURE_AUGMENTATION].caption,
             "Where a phase augments, each epoch sees its images altered anew.");
    for (int i = 0; i < REPORT_PHASES; i++)
        describe_curves(&figures[content->phases[i].figure], &content->phases[i]);
    describe_confusion(&figures[FIGURE_CONFUSION], content);
    describe_gradcam(&figures[FIGURE_GRADCAM_SAMPLES],
                     "The first three test images recognised and the first three mistaken",
                     content);
    describe_gradcam(&figures[FIGURE_GRADCAM_CONFUSION],
                     "The first two test images of each confused pair", content);
    for (int i = 0; i < REPORT_FIGURES; i++)
        if (text_check(&figures[i].alt, err) < 0 || text_check(&figures[i].caption, err) < 0)
            return -1;
    return 0;
}

/* ---- stages ---- */

static bool names_stage(const char *from, const char *stage)
{
    size_t length = strlen(stage);
    return strncmp(from, stage, length) == 0 && from[length] == '.';
}

/* Whether a stage depends on one that is still waiting. */
static bool must_wait(json_t *stage, const json_t *waiting)
{
    const char *name;
    json_t *dep, *other;
    size_t i;
    json_object_foreach (json_object_get(stage, "deps"), name, dep)
        json_array_foreach (waiting, i, other)
            if (other != stage &&
                names_stage(report_string(dep, "from"), report_string(other, "name")))
                return true;
    return false;
}

/* The lineage lists stages by name; people read them in the order of the work. */
static int order_stages(struct report_content *content, struct error *err)
{
    const json_t *listed = json_object_get(content->lineage, "stages");
    json_t *waiting = json_array();
    if (content->lineage == NULL) {
        json_decref(waiting);
        return 0;
    }
    content->stages = json_array();
    json_array_extend(waiting, (json_t *)listed);
    while (json_array_size(waiting) > 0) {
        size_t next = 0;
        while (next < json_array_size(waiting) && must_wait(json_array_get(waiting, next), waiting))
            next++;
        if (next == json_array_size(waiting))
            next = 0; /* a cycle is not ours to report */
        json_array_append(content->stages, json_array_get(waiting, next));
        json_array_remove(waiting, next);
    }
    bool complete = json_array_size(content->stages) == json_array_size(listed);
    json_decref(waiting);
    return complete ? 0 : error_set(err, ERR_MEMORY, "out of memory for the lineage");
}

/* ---- all of it ---- */

/* Numbers that others reported; any of them may be absent, and so may the map. */
static int check_published(struct stage *stage, struct error *err)
{
    static const char *const accuracies[] = {
        "published.pretrain_val_accuracy", "published.phase1_val_accuracy",
        "published.phase2_val_accuracy", "published.test_accuracy"};
    const char *source;
    double accuracy;
    for (size_t i = 0; i < sizeof(accuracies) / sizeof(accuracies[0]); i++)
        if (stage_real_or_null(stage, accuracies[i], 0, 1, &accuracy, err) < 0)
            return -1;
    return stage_text_or_null(stage, "published.source", &source, err);
}

static int check_datasets(const json_t *datasets, struct error *err)
{
    size_t i;
    json_t *name;
    bool good = datasets == NULL || json_is_array(datasets);
    json_array_foreach (datasets, i, name)
        good &= json_is_string(name);
    return good ? 0
                : error_set(err, ERR_USAGE,
                            "parameter 'card.datasets' must be null or a list of names");
}

static int read_card(struct stage *stage, struct report_card *card, struct error *err)
{
    const json_t *map = NULL;
    if (stage_map_or_null(stage, "card", &map, err) < 0)
        return -1;
    if (map == NULL)
        return 0;
    if (stage_text_or_null(stage, "card.license", &card->license, err) < 0 ||
        stage_text_or_null(stage, "card.intended_use", &card->intended_use, err) < 0 ||
        stage_text_or_null(stage, "card.limitations", &card->limitations, err) < 0 ||
        stage_value_or_null(stage, "card.datasets", &card->datasets, err) < 0 ||
        check_datasets(card->datasets, err) < 0)
        return -1;
    const bool said = card->license != NULL || card->intended_use != NULL ||
                      card->limitations != NULL || card->datasets != NULL;
    if (said && stage_lists_outs(stage) && !stage_has_out(stage, "card"))
        return error_set(err, ERR_USAGE,
                         "parameter 'card' says something, and there is no out 'card' for it");
    return 0;
}

static int read_parameters(struct stage *stage, struct report_content *content, struct error *err)
{
    content->title = "Image classifier by transfer learning";
    content->target = NAN;
    if (stage_real_or_null(stage, "target", 0, 1, &content->target, err) < 0 ||
        stage_text_or_null(stage, "title", &content->title, err) < 0 ||
        stage_map_or_null(stage, "published", &content->published, err) < 0 ||
        (content->published != NULL && check_published(stage, err) < 0) ||
        read_card(stage, &content->card, err) < 0)
        return -1;
    return stage_params_done(stage, err);
}

int report_content_check(struct stage *stage, struct error *err)
{
    struct report_content content = {0};
    return read_parameters(stage, &content, err);
}

/* ---- classes ---- */

struct ranked {
    int64_t class;
    double f1;
};

static int compare_ranked(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    if (a->f1 != b->f1)
        return a->f1 < b->f1 ? -1 : 1;
    return a->class < b->class ? -1 : a->class > b->class;
}

/* What has no F1 is listed as if it had 0. */
static double f1_of(const struct report_content *content, int64_t class)
{
    const json_t *scores = json_object_get(content->metrics, "per_class");
    const double f1 = report_number(json_array_get(scores, (size_t) class), "f1");
    return f1 > 0 ? f1 : 0;
}

bool report_has_many_classes(const struct report_content *content)
{
    return content->listed_count < content->classes;
}

static int list_classes(struct report_content *content, struct error *err)
{
    const int64_t n = content->classes;
    struct ranked *ranked = memory_new((size_t)n, sizeof(*ranked), err);
    content->listed = ranked == NULL ? NULL : memory_new((size_t)n, sizeof(int64_t), err);
    if (content->listed == NULL) {
        free(ranked);
        return -1;
    }
    for (int64_t c = 0; c < n; c++)
        ranked[c] = (struct ranked){c, f1_of(content, c)};
    if (n > REPORT_ALL_CLASSES)
        qsort(ranked, (size_t)n, sizeof(*ranked), compare_ranked);
    content->listed_count = n > REPORT_ALL_CLASSES ? REPORT_WORST : n;
    for (int64_t i = 0; i < content->listed_count; i++)
        content->listed[i] = ranked[i].class;
    free(ranked);
    return 0;
}

/* ---- all ---- */

static int read_all(struct stage *stage, struct report_content *content, struct error *err)
{
    const char *metrics = stage_dep(stage, "metrics", err);
    if (metrics == NULL || read_parameters(stage, content, err) < 0 ||
        json_read(metrics, &content->metrics, err) < 0 || check_metrics(content, err) < 0)
        return -1;
    rank_confusions(content);
    if (list_classes(content, err) < 0)
        return -1;
    if (read_optional(stage, "gradcam", &content->gradcam, err) < 0 ||
        read_optional(stage, "lineage", &content->lineage, err) < 0 ||
        order_stages(content, err) < 0 ||
        report_experiment_read(stage, content->lineage, &content->experiment, err) < 0 ||
        read_from_folder(stage, "dataset", "dataset.json", &content->dataset, err) < 0 ||
        read_from_folder(stage, "splits", "split.json", &content->split, err) < 0 ||
        read_classification(stage, content, err) < 0 || read_phases(stage, content, err) < 0 ||
        report_figures_read(stage, content->figures, err) < 0)
        return -1;
    return describe_figures(content, err);
}

int report_content_read(struct stage *stage, struct report_content *content, struct error *err)
{
    *content = (struct report_content){0};
    if (read_all(stage, content, err) == 0)
        return 0;
    report_content_release(content);
    return -1;
}

void report_content_release(struct report_content *content)
{
    for (int i = 0; i < REPORT_PHASES; i++) {
        json_decref(content->phases[i].history);
        json_decref(content->phases[i].preflight);
    }
    json_decref(content->metrics);
    json_decref(content->gradcam);
    json_decref(content->dataset);
    json_decref(content->split);
    json_decref(content->lineage);
    json_decref(content->stages);
    json_decref(content->experiment);
    free(content->classification);
    free(content->listed);
    report_figures_release(content->figures);
    *content = (struct report_content){0};
}
