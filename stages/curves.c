/* The figures of training and evaluation, drawn from what those stages recorded: a changed word,
 * font or library draws anew and trains nothing.
 *
 * deps pretrain_history, phase1_history, phase2_history (history.json) and metrics (of evaluate);
 * outs pretrain, phase1, phase2 (curves of accuracy and loss), confusion_matrix, of many classes
 * the most confused ones, confusion_csv, which has them all (csv.h), and drawings, a folder of the
 * same figures as SVG. Each out that is declared needs its dep; there are no parameters.
 */
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/stage.h"
#include "base/text.h"
#include "csv.h"
#include "drawing.h"
#include "figure/plot.h"
#include "nn/history.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const struct phase {
    const char *out, *dep, *name, *title;
} phases[] = {
    {"pretrain", "pretrain_history", "pretrain_training_curves", "Pretraining of the base"},
    {"phase1", "phase1_history", "phase1_training_curves", "Phase 1: the head on the base"},
    {"phase2", "phase2_history", "phase2_training_curves", "Phase 2: fine-tuning"},
};

/* ---- curves ---- */

/* Values are f32, which the digits of the file give back. */
static double value_of(const struct epoch_record *record, size_t offset)
{
    double value;
    memcpy(&value, (const char *)record + offset, sizeof(value));
    return (double)(float)value;
}

static void fill_panel(struct curves_panel *panel, struct curves_series series[2],
                       const struct history *history, double *values, size_t train, size_t val)
{
    const size_t n = history->count;
    for (size_t i = 0; i < n; i++) {
        values[i] = value_of(&history->epochs[i], train);
        values[n + i] = value_of(&history->epochs[i], val);
    }
    series[0] = (struct curves_series){"training", values, n, colormap_deep(0), true};
    series[1] = (struct curves_series){"validation", values + n, n, colormap_deep(1), false};
    panel->series = series;
    panel->count = 2;
    panel->best_epoch = (size_t)(history->best_epoch + 1);
    panel->best_series = 1;
}

struct trained {
    const char *title;
    const struct history *history;
};

static int draw_history(const char *path, const void *what, struct error *err)
{
    const struct trained *trained = what;
    const struct history *history = trained->history;
    struct curves_series series[4];
    struct curves_panel panels[2] = {{.title = "Accuracy", .unit_range = true}, {.title = "Loss"}};
    double *values = memory_new(4 * history->count, sizeof(double), err);
    if (values == NULL)
        return -1;
    fill_panel(&panels[0], series, history, values, offsetof(struct epoch_record, accuracy),
               offsetof(struct epoch_record, val_accuracy));
    fill_panel(&panels[1], series + 2, history, values + 2 * history->count,
               offsetof(struct epoch_record, loss), offsetof(struct epoch_record, val_loss));
    int result = figure_training_curves(path, trained->title, panels, 2, err);
    free(values);
    return result;
}

static int draw_phase(struct stage *stage, const struct phase *phase, struct error *err)
{
    struct history history = {0};
    const char *dep = stage_dep(stage, phase->dep, err);
    if (dep == NULL || history_read_json(dep, &history, NULL, err) < 0)
        return -1;
    const struct trained trained = {phase->title, &history};
    int result = history.count > 0
                     ? drawing_make(stage, phase->out, phase->name, draw_history, &trained, err)
                     : error_set(err, ERR_FORMAT, "'%s' has no epochs", phase->dep);
    history_release(&history);
    return result;
}

/* ---- confusion matrix ---- */

struct matrix {
    size_t classes;
    const char **names; /* borrowed from the metrics; the array is owned */
    int64_t *counts;    /* [classes,classes] */
};

static int take_matrix(const json_t *metrics, struct matrix *matrix, struct error *err)
{
    const json_t *names = json_object_get(metrics, "classes");
    const json_t *rows = json_object_get(metrics, "confusion");
    const size_t n = json_array_size(names);
    if ((matrix->names = memory_new(n, sizeof(char *), err)) == NULL ||
        (matrix->counts = memory_new(n * n, sizeof(int64_t), err)) == NULL)
        return -1;
    bool good = n > 0 && json_array_size(rows) == n;
    for (size_t i = 0; good && i < n; i++) {
        const json_t *row = json_array_get(rows, i);
        matrix->names[i] = json_string_value(json_array_get(names, i));
        good = matrix->names[i] != NULL && json_array_size(row) == n;
        for (size_t j = 0; good && j < n; j++) {
            matrix->counts[i * n + j] = json_integer_value(json_array_get(row, j));
            good = json_is_integer(json_array_get(row, j)) && matrix->counts[i * n + j] >= 0;
        }
    }
    matrix->classes = n;
    return good ? 0
                : error_set(err, ERR_FORMAT, "dep 'metrics' lacks classes, or confusion of them");
}

static int draw_matrix(const char *path, const void *what, struct error *err)
{
    const struct matrix *matrix = what;
    return figure_confusion_matrix(path, "Confusion matrix of the test images", matrix->counts,
                                   matrix->names, (int64_t)matrix->classes, err);
}

static int show_matrix(struct stage *stage, const struct matrix *matrix, struct error *err)
{
    if (drawing_note_names(stage, matrix->names, matrix->classes, err) < 0)
        return -1;
    return drawing_make(stage, "confusion_matrix", "confusion_matrix", draw_matrix, matrix, err);
}

static int write_csv(struct stage *stage, const struct matrix *matrix, struct error *err)
{
    struct text text = {0};
    const char *out = stage_out(stage, "confusion_csv", err);
    csv_confusion(&text, matrix->names, matrix->counts, matrix->classes);
    int result = out == NULL || text_check(&text, err) < 0
                     ? -1
                     : file_write(out, text_string(&text), text.size, err);
    text_release(&text);
    return result;
}

static int show_confusion(struct stage *stage, struct error *err)
{
    struct matrix matrix = {0};
    json_t *metrics = NULL;
    const char *dep = stage_dep(stage, "metrics", err);
    int result =
        dep != NULL && json_read(dep, &metrics, err) == 0 ? take_matrix(metrics, &matrix, err) : -1;
    if (result == 0 && stage_has_out(stage, "confusion_matrix"))
        result = show_matrix(stage, &matrix, err);
    if (result == 0 && stage_has_out(stage, "confusion_csv"))
        result = write_csv(stage, &matrix, err);
    free(matrix.counts);
    free(matrix.names);
    json_decref(metrics);
    return result;
}

/* ---- stage ---- */

static int run(struct stage *stage, struct error *err)
{
    if (stage_params_done(stage, err) < 0)
        return -1;
    for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
        if (stage_has_out(stage, phases[i].out) && draw_phase(stage, &phases[i], err) < 0)
            return -1;
    bool wanted = stage_has_out(stage, "confusion_matrix") || stage_has_out(stage, "confusion_csv");
    return wanted ? show_confusion(stage, err) : 0;
}

int main(int argc, char **argv)
{
    static const struct stage_kind kind = {
        .name = "curves",
        .summary = "draw the curves of training and the confusion matrix",
        .run = run,
        .check = stage_params_done,
        .fingerprint = drawing_fingerprint,
        .deps = "pretrain_history? phase1_history? phase2_history? metrics?",
        .outs = "pretrain? phase1? phase2? confusion_matrix? confusion_csv? drawings?",
    };
    return stage_main(argc, argv, &kind);
}
