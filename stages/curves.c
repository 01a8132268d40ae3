/* The figures of training and evaluation, made of what those stages recorded: a changed word,
 * font or library draws anew and trains nothing.
 *
 * deps pretrain_history, phase1_history, phase2_history (history.json) and metrics (of evaluate);
 * outs pretrain, phase1, phase2 (curves of accuracy and loss), confusion_matrix, of many classes
 * the most confused ones, confusion_csv, which has them all (csv.h), drawings, a folder of the same
 * figures as SVG, and two folders for other programs of what the deps hold: tensorboard
 * (curves_tensorboard.h) and vega (curves_vega.h). Each out that is declared needs its dep. The
 * only parameter is hyperparameters, a map that tensorboard shows beside the test's numbers.
 */
#include "base/file.h"
#include "base/memory.h"
#include "base/stage.h"
#include "base/text.h"
#include "csv.h"
#include "curves/curves_content.h"
#include "curves/curves_tensorboard.h"
#include "curves/curves_vega.h"
#include "drawing.h"
#include "figure/plot.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static int draw_history(const char *path, const void *what, struct error *err)
{
    const struct curves_phase *phase = what;
    const struct history *history = &phase->history;
    struct curves_series series[4];
    struct curves_panel panels[2] = {{.title = "Accuracy", .unit_range = true}, {.title = "Loss"}};
    double *values = memory_new(4 * history->count, sizeof(double), err);
    if (values == NULL)
        return -1;
    fill_panel(&panels[0], series, history, values, offsetof(struct epoch_record, accuracy),
               offsetof(struct epoch_record, val_accuracy));
    fill_panel(&panels[1], series + 2, history, values + 2 * history->count,
               offsetof(struct epoch_record, loss), offsetof(struct epoch_record, val_loss));
    int result = figure_training_curves(path, phase->title, panels, 2, err);
    free(values);
    return result;
}

/* An out that is declared needs its dep. */
static int draw_phase(struct stage *stage, const struct curves_phase *phase, struct error *err)
{
    char dep[32], name[48];
    snprintf(dep, sizeof(dep), "%s_history", phase->id);
    snprintf(name, sizeof(name), "%s_training_curves", phase->id);
    if (stage_dep(stage, dep, err) == NULL)
        return -1;
    return drawing_make(stage, phase->id, name, draw_history, phase, err);
}

/* ---- confusion matrix ---- */

static int draw_matrix(const char *path, const void *what, struct error *err)
{
    const struct curves_content *content = what;
    return figure_confusion_matrix(path, "Confusion matrix of the test images", content->counts,
                                   content->names, (int64_t)content->classes, err);
}

static int show_matrix(struct stage *stage, const struct curves_content *content, struct error *err)
{
    if (stage_dep(stage, "metrics", err) == NULL ||
        drawing_note_names(stage, content->names, content->classes, err) < 0)
        return -1;
    return drawing_make(stage, "confusion_matrix", "confusion_matrix", draw_matrix, content, err);
}

static int write_csv(struct stage *stage, const struct curves_content *content, struct error *err)
{
    struct text text = {0};
    const char *out = stage_out(stage, "confusion_csv", err);
    if (out == NULL || stage_dep(stage, "metrics", err) == NULL)
        return -1;
    csv_confusion(&text, content->names, content->counts, content->classes);
    int result =
        text_check(&text, err) < 0 ? -1 : file_write(out, text_string(&text), text.size, err);
    text_release(&text);
    return result;
}

/* ---- for other programs ---- */

static int read_parameters(struct stage *stage, const json_t **hyperparameters, struct error *err)
{
    if (stage_value_or_null(stage, "hyperparameters", hyperparameters, err) < 0)
        return -1;
    if (*hyperparameters != NULL && !json_is_object(*hyperparameters))
        return error_set(err, ERR_USAGE, "parameter 'hyperparameters' must be a map or null");
    if (*hyperparameters != NULL && stage_lists_outs(stage) && !stage_has_out(stage, "tensorboard"))
        return error_set(err, ERR_USAGE,
                         "parameter 'hyperparameters' is set, and there is no out 'tensorboard' "
                         "for it");
    return stage_params_done(stage, err);
}

static int check(struct stage *stage, struct error *err)
{
    const json_t *hyperparameters = NULL;
    return read_parameters(stage, &hyperparameters, err);
}

static bool has_anything(const struct curves_content *content)
{
    bool anything = content->metrics != NULL;
    for (size_t i = 0; i < CURVES_PHASES; i++)
        anything |= content->phases[i].history.count > 0;
    return anything;
}

static int write_folders(struct stage *stage, const struct curves_content *content,
                         const json_t *hyperparameters, struct error *err)
{
    const char *board =
        stage_has_out(stage, "tensorboard") ? stage_out(stage, "tensorboard", err) : NULL;
    const char *vega = stage_has_out(stage, "vega") ? stage_out(stage, "vega", err) : NULL;
    if ((board != NULL || vega != NULL) && !has_anything(content))
        return error_set(err, ERR_USAGE, "out '%s' needs a history or metrics among the deps",
                         board != NULL ? "tensorboard" : "vega");
    if (board != NULL && curves_tensorboard(board, content, hyperparameters, err) < 0)
        return -1;
    return vega != NULL ? curves_vega(vega, content, err) : 0;
}

/* ---- stage ---- */

static int write_outs(struct stage *stage, const struct curves_content *content,
                      const json_t *hyperparameters, struct error *err)
{
    for (size_t i = 0; i < CURVES_PHASES; i++)
        if (stage_has_out(stage, content->phases[i].id) &&
            draw_phase(stage, &content->phases[i], err) < 0)
            return -1;
    if (stage_has_out(stage, "confusion_matrix") && show_matrix(stage, content, err) < 0)
        return -1;
    if (stage_has_out(stage, "confusion_csv") && write_csv(stage, content, err) < 0)
        return -1;
    return write_folders(stage, content, hyperparameters, err);
}

static int run(struct stage *stage, struct error *err)
{
    struct curves_content content;
    const json_t *hyperparameters = NULL;
    if (read_parameters(stage, &hyperparameters, err) < 0 ||
        curves_content_read(stage, &content, err) < 0)
        return -1;
    int result = write_outs(stage, &content, hyperparameters, err);
    curves_content_release(&content);
    return result;
}

int main(int argc, char **argv)
{
    static const struct stage_kind kind = {
        .name = "curves",
        .summary = "draw the curves of training and the confusion matrix, or write them for other "
                   "programs",
        .run = run,
        .check = check,
        .fingerprint = drawing_fingerprint,
        .deps = "pretrain_history? phase1_history? phase2_history? metrics?",
        .outs = "pretrain? phase1? phase2? confusion_matrix? confusion_csv? drawings? tensorboard? "
                "vega?",
    };
    return stage_main(argc, argv, &kind);
}
