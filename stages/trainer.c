#include "trainer.h"

#include "base/memory.h"
#include "figure/canvas.h"
#include "figure/plot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* For features of plain pictures: 1 GiB holds ResNet50's of 130,000 before the head. */
static const size_t remember_bytes = (size_t)1 << 30;

int trainer_open(struct trainer *trainer, struct error *err)
{
    struct stage *stage = trainer->stage;
    const char *folder = stage_dep(stage, "dataset", err);
    if (folder == NULL || dataset_open(folder, &trainer->dataset, err) < 0 ||
        backend_open(stage_device(stage), stage_threads(stage), &trainer->backend, err) < 0)
        return -1;
    stage_note(stage, "device %s", trainer->backend->description);
    trainer->architecture.classes = trainer->dataset.class_count;
    trainer->options.checkpoint_folder = stage_checkpoint(stage);
    trainer->options.remember_bytes = remember_bytes;
    return 0;
}

void trainer_release(struct trainer *trainer)
{
    history_release(&trainer->history);
    model_free(trainer->model);
    backend_close(trainer->backend);
    dataset_release(&trainer->dataset);
    free(trainer->patterns);
}

int trainer_fingerprint(const char *device, struct error *err)
{
    if (backend_fingerprint(device, stdout, err) < 0)
        return -1;
    return figure_fingerprint(stdout, err);
}

/* ---- progress ---- */

/* Who watches one call of fit. */
struct watch {
    struct stage *stage;
    int64_t epochs, images; /* images of an epoch */
};

static void tell(const struct watch *watch, int64_t epoch, const char *more, int64_t done,
                 int64_t total)
{
    char what[64];
    snprintf(what, sizeof(what), "epoch %lld/%lld%s", (long long)epoch + 1,
             (long long)watch->epochs, more);
    stage_progress(watch->stage, what, done, total, "image");
}

static bool on_step(void *arg, int64_t epoch, int64_t done, int64_t total,
                    const struct batch_result *so_far, int64_t images)
{
    const struct watch *watch = arg;
    (void)done, (void)total, (void)so_far;
    tell(watch, epoch, "", images, watch->images);
    return !stage_stop_requested();
}

static bool on_validation(void *arg, int64_t epoch, int64_t done, int64_t total)
{
    tell(arg, epoch, ", validation", done, total);
    return !stage_stop_requested();
}

static void on_epoch(void *arg, int64_t epoch, const struct epoch_record *record)
{
    const struct watch *watch = arg;
    stage_metric(watch->stage, "loss", record->loss, epoch + 1);
    stage_metric(watch->stage, "accuracy", record->accuracy, epoch + 1);
    stage_metric(watch->stage, "val_loss", record->val_loss, epoch + 1);
    stage_metric(watch->stage, "val_accuracy", record->val_accuracy, epoch + 1);
    stage_metric(watch->stage, "learning_rate", record->learning_rate, epoch + 1);
}

static void on_note(void *arg, const char *text)
{
    const struct watch *watch = arg;
    stage_note(watch->stage, "%s", text);
}

/* ---- training ---- */

static struct feed make_feed(const struct trainer *trainer)
{
    const struct dataset *dataset = &trainer->dataset;
    return (struct feed){.images = dataset->train_images.data,
                         .labels = dataset->train_labels.data,
                         .count = dataset->train_images.shape[0],
                         .height = dataset->height,
                         .width = dataset->width,
                         .classes = dataset->class_count,
                         .image_size = trainer->model->architecture.image_size,
                         .preprocess = trainer->model->preprocess,
                         .seed = trainer->seed};
}

/* Before training; its network goes before fit makes its own. */
static int look(struct trainer *trainer, const struct feed *feed, const int64_t *samples,
                int64_t count, struct error *err)
{
    const struct network_options options = {0, trainer->options.shard, NORM_INFERENCE, 0};
    struct preflight *preflight = &trainer->preflight;
    struct network *network = NULL;
    if (trainer->preflight_mode == PREFLIGHT_OFF) {
        preflight_skip(preflight, "preflight is off");
        return 0;
    }
    int result = network_new(trainer->model, trainer->backend, &options, &network, err);
    if (result == 0)
        result =
            preflight_check(network, trainer->model, feed, samples,
                            count < PREFLIGHT_IMAGES ? count : PREFLIGHT_IMAGES, preflight, err);
    network_free(network);
    if (result < 0 || preflight->verdict == PREFLIGHT_SKIPPED)
        return result;
    if (preflight->verdict == PREFLIGHT_DEFECT && trainer->preflight_mode == PREFLIGHT_STOP)
        return error_set(err, ERR_STAGE, "preflight: %s (train.preflight: warn trains anyway)",
                         preflight->message);
    stage_note(trainer->stage, "preflight: %s", preflight->message);
    return 0;
}

int trainer_run(struct trainer *trainer, const int64_t *train, int64_t train_count,
                const int64_t *val, int64_t val_count, struct error *err)
{
    const struct fit_options *options = &trainer->options;
    struct feed train_feed = make_feed(trainer);
    const struct feed val_feed = train_feed;
    struct watch watch = {trainer->stage, options->epochs, train_count};
    const struct fit_observer observer = {&watch, on_step, on_validation, on_epoch, on_note};
    if (trainer->model->architecture.classes != trainer->dataset.class_count)
        return error_set(err, ERR_STAGE, "the model tells %lld classes apart, the dataset has %lld",
                         (long long)trainer->model->architecture.classes,
                         (long long)trainer->dataset.class_count);
    if (options->steps_per_epoch > 0 && options->steps_per_epoch < train_count / options->batch)
        watch.images = options->steps_per_epoch * options->batch;
    if (look(trainer, &train_feed, train, train_count, err) < 0)
        return -1;
    if (trainer->augments)
        train_feed.augment = &trainer->augment;
    train_feed.partners = train;
    train_feed.partner_count = train_count;
    return fit(trainer->model, trainer->backend, &train_feed, train, train_count, &val_feed, val,
               val_count, options, &observer, &trainer->history, err);
}

/* ---- results ---- */

static void fill_panel(struct curves_panel *panel, struct curves_series series[2],
                       const struct history *history, double *values, size_t train, size_t val)
{
    const size_t n = history->count;
    for (size_t i = 0; i < n; i++) {
        memcpy(&values[i], (const char *)&history->epochs[i] + train, sizeof(double));
        memcpy(&values[n + i], (const char *)&history->epochs[i] + val, sizeof(double));
    }
    series[0] = (struct curves_series){"training", values, n, colormap_deep(0), true};
    series[1] = (struct curves_series){"validation", values + n, n, colormap_deep(1), false};
    panel->series = series;
    panel->count = 2;
    panel->best_epoch = (size_t)(history->best_epoch + 1);
    panel->best_series = 1;
}

static int draw_curves(const char *path, const char *title, const struct history *history,
                       struct error *err)
{
    struct curves_series series[4];
    struct curves_panel panels[2] = {{.title = "Accuracy", .unit_range = true}, {.title = "Loss"}};
    double *values = memory_new(4 * history->count, sizeof(double), err);
    if (values == NULL)
        return -1;
    fill_panel(&panels[0], series, history, values, offsetof(struct epoch_record, accuracy),
               offsetof(struct epoch_record, val_accuracy));
    fill_panel(&panels[1], series + 2, history, values + 2 * history->count,
               offsetof(struct epoch_record, loss), offsetof(struct epoch_record, val_loss));
    int result = figure_training_curves(path, title, panels, 2, err);
    free(values);
    return result;
}

/* The path of an out that a profile may leave out. */
static const char *optional_out(const struct stage *stage, const char *name)
{
    struct error ignored;
    return stage_has_out(stage, name) ? stage_out(stage, name, &ignored) : NULL;
}

int trainer_write_results(struct trainer *trainer, const char *phase, const char *title,
                          struct error *err)
{
    const char *json = stage_out(trainer->stage, "history", err);
    const char *csv = optional_out(trainer->stage, "history_csv");
    const char *preflight = optional_out(trainer->stage, "preflight");
    const char *curves = optional_out(trainer->stage, "curves");
    struct history_summary summary = {0};
    snprintf(summary.phase, sizeof(summary.phase), "%s", phase);
    model_count(trainer->model, &summary.trainable_parameters, &summary.frozen_parameters);
    if (json == NULL || history_write_json(json, &trainer->history, &summary, err) < 0 ||
        (csv != NULL && history_write_csv(csv, &trainer->history, err) < 0) ||
        (preflight != NULL && preflight_write(preflight, &trainer->preflight, err) < 0))
        return -1;
    return curves != NULL ? draw_curves(curves, title, &trainer->history, err) : 0;
}
