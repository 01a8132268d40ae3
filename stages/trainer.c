#include "trainer.h"

#include "augment_params.h"
#include "base/memory.h"
#include "base/text.h"
#include "model_use.h"
#include "nn/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* For features of plain pictures: 1 GiB holds ResNet50's of 130,000 before the head. */
static const size_t remember_bytes = (size_t)1 << 30;

/* ---- data ---- */

int trainer_take_splits(struct trainer *trainer, struct error *err)
{
    const char *folder = stage_dep(trainer->stage, "splits", err);
    if (folder == NULL ||
        splits_open(folder, trainer->dataset.train_images.shape[0], &trainer->splits, err) < 0)
        return -1;
    trainer->train = trainer->splits.train.data;
    trainer->train_count = trainer->splits.train.count;
    trainer->val = trainer->splits.val.data;
    trainer->val_count = trainer->splits.val.count;
    return 0;
}

int trainer_hold_out(struct trainer *trainer, struct error *err)
{
    const int64_t count = trainer->dataset.train_images.shape[0];
    if ((trainer->samples = memory_new((size_t)count, sizeof(int64_t), err)) == NULL)
        return -1;
    for (int64_t i = 0; i < count; i++)
        trainer->samples[i] = i;
    trainer->val_count = count / 10;
    trainer->train_count = count - trainer->val_count;
    trainer->train = trainer->samples;
    trainer->val = trainer->samples + trainer->train_count;
    return 0;
}

/* The path of an out that a profile may leave out. */
static const char *optional_out(const struct stage *stage, const char *name)
{
    struct error ignored;
    return stage_has_out(stage, name) ? stage_out(stage, name, &ignored) : NULL;
}

/* The state to go on from, and the one to leave. */
static int name_states(struct trainer *trainer, struct error *err)
{
    if (stage_has_dep(trainer->stage, "state") &&
        (trainer->options.state = stage_dep(trainer->stage, "state", err)) == NULL)
        return -1;
    trainer->options.state_out = optional_out(trainer->stage, "state");
    return 0;
}

static int open_all(struct trainer *trainer, const struct training *training, struct error *err)
{
    struct stage *stage = trainer->stage;
    const char *folder = stage_dep(stage, "dataset", err);
    if (folder == NULL || name_states(trainer, err) < 0 ||
        dataset_open(folder, &trainer->dataset, err) < 0 ||
        training->take_samples(trainer, err) < 0 ||
        model_use_device(stage, &trainer->device, err) < 0 ||
        model_use_precision(stage, trainer->device, trainer->precision, &trainer->options.dtype,
                            err) < 0)
        return -1;
    if (trainer->options.shard == 0) {
        trainer->options.shard =
            trainer->device->shard > 0 ? trainer->device->shard : trainer->options.batch;
        stage_note(stage, "shard %lld, taken by auto", (long long)trainer->options.shard);
    }
    trainer->architecture.classes = trainer->dataset.class_count;
    trainer->options.checkpoint_folder = stage_checkpoint(stage);
    trainer->options.remember_bytes = remember_bytes;
    if (training->make_model(trainer, err) < 0)
        return -1;
    trainer->model->pictures = (struct model_pictures){
        trainer->dataset.fit, trainer->dataset.height, trainer->dataset.width};
    /* A model that has names is held against the data set's where it is fed. */
    return trainer->model->class_names != NULL
               ? 0
               : model_name_classes(trainer->model, (const char *const *)trainer->dataset.classes,
                                    err);
}

static void release(struct trainer *trainer)
{
    history_release(&trainer->history);
    model_free(trainer->model);
    device_close(trainer->device);
    free(trainer->samples);
    splits_release(&trainer->splits);
    dataset_release(&trainer->dataset);
    free(trainer->patterns);
    free(trainer->class_weights);
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

/* Whatever training computes in, in f32. */
static const struct network_options preflight_options = {.norm = NORM_INFERENCE};

/* Before training; its network goes before fit makes its own. */
static int look(struct trainer *trainer, const struct feed *feed, struct error *err)
{
    const int64_t count =
        trainer->train_count < PREFLIGHT_IMAGES ? trainer->train_count : PREFLIGHT_IMAGES;
    struct preflight *preflight = &trainer->preflight;
    struct network *network = NULL;
    if (trainer->preflight_mode == PREFLIGHT_OFF) {
        preflight_skip(preflight, "preflight is off");
        return 0;
    }
    stage_progress(trainer->stage, "preflight", 0, count, "image");
    int result = network_new(trainer->model, trainer->device, &preflight_options, &network, err);
    if (result == 0)
        result =
            preflight_check(network, trainer->model, feed, trainer->train, count, preflight, err);
    network_free(network);
    if (result < 0 || preflight->verdict == PREFLIGHT_SKIPPED)
        return result;
    if (preflight->verdict == PREFLIGHT_DEFECT && trainer->preflight_mode == PREFLIGHT_STOP)
        return error_set(err, ERR_STAGE, "preflight: %s (train.preflight: warn trains anyway)",
                         preflight->message);
    stage_note(trainer->stage, "preflight: %s", preflight->message);
    return 0;
}

/* How the training pictures and those that validate are shown. */
static int feed(struct trainer *trainer, struct feed *train, struct feed *val, struct error *err)
{
    if (model_use_feed(trainer->model, &trainer->dataset, TRAIN_HALF, val, err) < 0 ||
        (trainer->augments &&
         augment_params_fit(&trainer->augment, val->height, val->width, err) < 0))
        return -1;
    *train = *val;
    train->seed = trainer->seed;
    train->augment = trainer->augments ? &trainer->augment : NULL;
    train->partners = trainer->train;
    train->partner_count = trainer->train_count;
    if (trainer_weigh(trainer, train, err) < 0)
        return -1;
    val->label_smoothing = train->label_smoothing; /* Keras' validation has the same loss */
    return 0;
}

/* What a batch of half as many pictures, or a half of those, would need to fit. */
static int name_ways(const struct trainer *trainer, const struct fit_data *data, size_t limit,
                     char *ways, size_t size, struct error *err)
{
    struct fit_options options = trainer->options;
    options.remember_bytes = 0;
    while (options.batch > 1) {
        struct footprint footprint;
        options.batch /= 2;
        if (fit_foresee(trainer->model, trainer->device, data, &options, &footprint, err) < 0)
            return -1;
        if (footprint_total(&footprint) > limit)
            continue;
        snprintf(ways, size, "train.batch: %lld needs %zu, fewer layers to train need less",
                 (long long)options.batch, footprint_mebibytes(footprint_total(&footprint)));
        return 0;
    }
    snprintf(ways, size, "no train.batch is small enough, fewer layers to train need less");
    return 0;
}

/* What preflight takes; nothing where it is off. */
static int foresee_look(struct trainer *trainer, const struct fit_data *data,
                        struct footprint *footprint, struct error *err)
{
    const struct network_use use = {.feed = data->val, .observed = true};
    *footprint = (struct footprint){0};
    if (trainer->preflight_mode == PREFLIGHT_OFF)
        return 0;
    if (network_foresee(trainer->model, trainer->device, &preflight_options, &use, footprint, err) <
        0)
        return -1;
    footprint_add_process(footprint, 0);
    return 0;
}

/* What is more than the training will state. */
static int state_look(const struct trainer *trainer, const struct footprint *footprint,
                      struct error *err)
{
    struct text words = {0};
    const int result = footprint_state(footprint, &words, err);
    if (result == 0)
        stage_note(trainer->stage, "preflight takes more than training: %s", text_string(&words));
    text_release(&words);
    return result;
}

/* Held against resources.memory before anything is computed: what the frozen layers make of
 * pictures is forgotten first. */
static int keep_memory(struct trainer *trainer, const struct fit_data *data, struct error *err)
{
    struct fit_options *options = &trainer->options;
    const size_t limit = stage_memory(trainer->stage);
    struct footprint footprint, look;
    char ways[128] = "";
    if (!network_measures(trainer->device))
        return 0;
    if (foresee_look(trainer, data, &look, err) < 0 ||
        fit_foresee(trainer->model, trainer->device, data, options, &footprint, err) < 0)
        return -1;
    if (!footprint_fits(&look, footprint_total(&footprint)) && state_look(trainer, &look, err) < 0)
        return -1;
    if (footprint_total(&look) >
            footprint_total(&footprint) - footprint.bytes[FOOTPRINT_FEATURES] &&
        model_use_keep_memory(trainer->stage, &look, "train.preflight: off needs less", err) < 0)
        return -1;
    if (limit == 0 || footprint_total(&footprint) <= limit)
        return 0;
    options->remember_bytes = fit_remember_within(data, &footprint, limit);
    if (options->remember_bytes > 0) {
        stage_note(trainer->stage,
                   "remembers %zu MiB of what the frozen layers make of pictures, "
                   "as 'resources' gives no more memory",
                   options->remember_bytes >> 20);
        return 0;
    }
    footprint.bytes[FOOTPRINT_FEATURES] = 0;
    if (!footprint_fits(&footprint, limit) &&
        name_ways(trainer, data, limit, ways, sizeof(ways), err) < 0)
        return -1;
    return model_use_keep_memory(trainer->stage, &footprint, ways, err);
}

/* *epochs is those of the state that training goes on from, 0 without. Asked before preflight, so
 * that a state of another training costs nothing. */
static int look_at_state(struct trainer *trainer, const struct fit_data *data, int64_t *epochs,
                         struct error *err)
{
    *epochs = 0;
    if (trainer->options.state == NULL ||
        fit_check_state(trainer->model, data, &trainer->options, epochs, err) == 0)
        return 0;
    return error_prefix(err, "dep 'state': ");
}

static int train(struct trainer *trainer, struct error *err)
{
    const struct fit_options *options = &trainer->options;
    struct watch watch = {trainer->stage, options->epochs, trainer->train_count};
    const struct fit_observer observer = {&watch, on_step, on_validation, on_epoch, on_note};
    struct feed val_feed, train_feed;
    const struct fit_data data = {.train = &train_feed,
                                  .val = &val_feed,
                                  .train_samples = trainer->train,
                                  .val_samples = trainer->val,
                                  .train_count = trainer->train_count,
                                  .val_count = trainer->val_count};
    int64_t epochs;
    if (feed(trainer, &train_feed, &val_feed, err) < 0 ||
        look_at_state(trainer, &data, &epochs, err) < 0 || keep_memory(trainer, &data, err) < 0)
        return -1;
    watch.epochs += epochs;
    if (options->steps_per_epoch > 0 &&
        options->steps_per_epoch < trainer->train_count / options->batch)
        watch.images = options->steps_per_epoch * options->batch;
    if (look(trainer, &val_feed, err) < 0)
        return -1;
    tell(&watch, epochs, ", preparing", 0, watch.images);
    return fit(trainer->model, trainer->device, &data, options, &observer, &trainer->history, err);
}

/* ---- results ---- */

static int write_results(struct trainer *trainer, const struct training *training,
                         struct error *err)
{
    const char *json = stage_out(trainer->stage, "history", err);
    const char *csv = optional_out(trainer->stage, "history_csv");
    const char *preflight = optional_out(trainer->stage, "preflight");
    struct history_summary summary = {0};
    snprintf(summary.phase, sizeof(summary.phase), "%s", training->phase);
    summary.precision = trainer->options.dtype;
    summary.shard = trainer->options.shard;
    model_count(trainer->model, &summary.trainable_parameters, &summary.frozen_parameters);
    if (json == NULL || history_write_json(json, &trainer->history, &summary, err) < 0 ||
        (csv != NULL && history_write_csv(csv, &trainer->history, err) < 0))
        return -1;
    return preflight != NULL ? preflight_write(preflight, &trainer->preflight, err) : 0;
}

static int read_params(struct trainer *trainer, const struct training *training, struct error *err)
{
    if (training->read_params(trainer, err) < 0 ||
        model_use_check(trainer->stage, &trainer->weight_check, err) < 0)
        return -1;
    return stage_params_done(trainer->stage, err);
}

/* So that a machine that cannot compute in bf16 is told before anything runs. A device that is not
 * there is told by the stage. */
static int try_precision(struct trainer *trainer, struct error *err)
{
    struct error ignored;
    enum dtype dtype;
    if (device_open(stage_device(trainer->stage), 1, &trainer->device, &ignored) < 0 ||
        device_precision(trainer->device, trainer->precision, &dtype, err) == 0)
        return 0;
    err->kind = ERR_USAGE;
    return error_prefix(err, "parameter 'train.precision': ");
}

int trainer_fingerprint(const char *name, struct error *err)
{
    enum dtype dtype;
    if (model_use_fingerprint(name, err) < 0 || device_prefers(name, &dtype, err) < 0)
        return -1;
    printf("auto_precision %s\n", dtype_name(dtype));
    return 0;
}

int trainer_check(struct stage *stage, struct error *err)
{
    const struct training *training = stage_own(stage);
    struct trainer trainer = {.stage = stage};
    int result = read_params(&trainer, training, err);
    if (result == 0 && trainer.precision == PRECISION_BF16)
        result = try_precision(&trainer, err);
    release(&trainer);
    return result;
}

int trainer_print_program(struct stage *stage, struct error *err)
{
    const struct training *training = stage_own(stage);
    struct trainer trainer = {.stage = stage};
    struct program program = {0};
    int result = -1;
    if (read_params(&trainer, training, err) == 0 && open_all(&trainer, training, err) == 0 &&
        program_init(&program, trainer.model, true, trainer.options.norm, trainer.options.dtype,
                     err) == 0)
        result = program_print(&program, stdout, err);
    program_release(&program);
    release(&trainer);
    return result;
}

enum { PROFILED_STEPS = 3 };

/* Steps of the first batch, over and over: the first makes what is made once. */
static int profile_steps(struct trainer *trainer, struct network *network, const struct feed *feed,
                         struct text *words, struct error *err)
{
    const int64_t n = trainer->options.batch < trainer->train_count ? trainer->options.batch
                                                                    : trainer->train_count;
    struct batch_result result;
    int status = 0;
    for (int64_t i = 0; i <= PROFILED_STEPS && status == 0; i++) {
        if (i == 1 && network_profile_start(network, err) < 0)
            return -1;
        status = network_train(network, feed, trainer->train, n, 0, i,
                               (float)trainer->options.learning_rate, &result, err);
    }
    text_addf(words, "%d steps of %lld pictures in shards of %lld, %s, %s\n", PROFILED_STEPS,
              (long long)n, (long long)trainer->options.shard, dtype_name(trainer->options.dtype),
              trainer->device->description);
    return status < 0 ? -1 : network_profile_tell(network, PROFILED_STEPS, words, err);
}

int trainer_profile(struct stage *stage, struct error *err)
{
    const struct training *training = stage_own(stage);
    struct trainer trainer = {.stage = stage};
    const struct fit_options *o = &trainer.options;
    struct feed train, val;
    struct network *network = NULL;
    struct text words = {0};
    int result = -1;
    if (read_params(&trainer, training, err) == 0 && open_all(&trainer, training, err) == 0 &&
        feed(&trainer, &train, &val, err) == 0) {
        const struct network_options options = {.batch = o->batch,
                                                .shard = o->shard,
                                                .norm = o->norm,
                                                .seed = o->seed,
                                                .dtype = o->dtype};
        if (network_new(trainer.model, trainer.device, &options, &network, err) == 0 &&
            network_set_optimizer(network, &o->optimizer, err) == 0 &&
            profile_steps(&trainer, network, &train, &words, err) == 0) {
            fputs(text_string(&words), stdout);
            result = 0;
        }
    }
    text_release(&words);
    network_free(network);
    release(&trainer);
    return result;
}

int trainer_run(struct stage *stage, struct error *err)
{
    const struct training *training = stage_own(stage);
    struct trainer trainer = {.stage = stage};
    const char *out = stage_out(stage, training->out, err);
    int result = -1;
    if (out != NULL && read_params(&trainer, training, err) == 0 &&
        open_all(&trainer, training, err) == 0 && train(&trainer, err) == 0 &&
        training->write_model(trainer.model, out, err) == 0)
        result = write_results(&trainer, training, err);
    release(&trainer);
    return result;
}
