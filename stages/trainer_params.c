/* Parameters of training; trainer.h lists them. */
#include "trainer.h"

#include "augment_params.h"
#include "base/memory.h"
#include "seed_params.h"

#include <jansson.h>
#include <stdio.h>

int trainer_read_seed(struct trainer *trainer, enum trainer_phase phase, struct error *err)
{
    uint32_t seed;
    if (seed_params_read(trainer->stage, "seed", &seed, err) < 0)
        return -1;
    trainer->seed = seed + (uint32_t)phase * 0x9E3779B9u;
    trainer->options.seed = trainer->seed;
    return 0;
}

/* A list of names, or null. */
static int read_pooled_layers(struct trainer *trainer, struct error *err)
{
    static const char name[] = "model.pooled_layers";
    const json_t *list = NULL;
    if (stage_value_or_null(trainer->stage, name, &list, err) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *layer = json_string_value(json_array_get(list, i));
        if (layer == NULL)
            break;
        if (architecture_pool(&trainer->architecture, layer, err) < 0)
            return error_prefix(err, "parameter 'model': ");
    }
    if (list == NULL ||
        (json_is_array(list) && trainer->architecture.pooled_count == json_array_size(list)))
        return 0;
    return error_set(err, ERR_USAGE, "parameter '%s' must be a list of texts, or null", name);
}

int trainer_read_model(struct trainer *trainer, struct error *err)
{
    static const char *const modes[] = {"caffe", "tf", "torch", "unit", "lite"};
    struct stage *stage = trainer->stage;
    struct architecture *a = &trainer->architecture;
    const char *name;
    int mode;
    double pixel_range = 255;
    a->alpha = 1;
    if (stage_text(stage, "model.architecture", &name, err) < 0 ||
        stage_real_or_null(stage, "model.alpha", 0.01, 4, &a->alpha, err) < 0 ||
        stage_int(stage, "model.image_size", 1, 4096, &a->image_size, err) < 0 ||
        stage_choice(stage, "model.preprocess", modes, 5, &mode, err) < 0 ||
        stage_real_or_null(stage, "model.pixel_range", 1, 255, &pixel_range, err) < 0 ||
        stage_int_or_null(stage, "model.hidden", 0, 65536, &a->hidden, err) < 0 ||
        stage_real_or_null(stage, "model.dropout", 0, 0.99, &a->dropout, err) < 0 ||
        read_pooled_layers(trainer, err) < 0)
        return -1;
    /* A name too long is no known one: graph_build() says so. */
    snprintf(a->name, sizeof(a->name), "%s", name);
    trainer->preprocess.mode = (enum preprocess_mode)mode;
    trainer->preprocess.pixel_range = (float)pixel_range;
    return 0;
}

int trainer_read_augment(struct trainer *trainer, struct error *err)
{
    return augment_params_read(trainer->stage, &trainer->augment, err);
}

static int read_precision(struct trainer *trainer, struct error *err)
{
    static const char *const names[] = {"auto", "f32", "bf16"};
    int which = PRECISION_AUTO;
    if (stage_choice_or_null(trainer->stage, "train.precision", names, 3, &which, err) < 0)
        return -1;
    trainer->precision = (enum precision)which;
    return 0;
}

/* A number, or auto, for which the device stands: 0. */
static int read_shard(struct trainer *trainer, struct error *err)
{
    static const char name[] = "train.shard";
    const json_t *value = NULL;
    if (stage_value_or_null(trainer->stage, name, &value, err) < 0)
        return -1;
    trainer->options.shard = 0;
    if (value == NULL || (json_is_string(value) && strcmp(json_string_value(value), "auto") == 0))
        return 0;
    if (json_is_integer(value))
        return stage_int(trainer->stage, name, 1, 65536, &trainer->options.shard, err);
    return error_set(err, ERR_USAGE, "parameter '%s' must be 'auto' or an integer", name);
}

int trainer_read_batches(struct trainer *trainer, struct error *err)
{
    struct stage *stage = trainer->stage;
    struct fit_options *options = &trainer->options;
    options->batch = 32;
    if (read_precision(trainer, err) < 0 ||
        stage_int_or_null(stage, "train.batch", 1, 65536, &options->batch, err) < 0 ||
        read_shard(trainer, err) < 0)
        return -1;
    if (stage_int_or_null(stage, "train.steps_per_epoch", 1, INT64_C(1) << 40,
                          &options->steps_per_epoch, err) < 0)
        return -1;
    return trainer_read_weighing(trainer, err);
}

int trainer_read_modes(struct trainer *trainer, struct error *err)
{
    static const char *const norms[] = {"inference", "batch"};
    static const char *const modes[] = {"stop", "warn", "off"};
    int norm = 0, mode = PREFLIGHT_STOP;
    if (stage_choice_or_null(trainer->stage, "train.norm", norms, 2, &norm, err) < 0 ||
        stage_choice_or_null(trainer->stage, "train.preflight", modes, 3, &mode, err) < 0)
        return -1;
    trainer->options.norm = norm == 0 ? NORM_INFERENCE : NORM_BATCH;
    trainer->preflight_mode = (enum preflight_mode)mode;
    return 0;
}

/* What has no patience is off where it is no map. A map without its patience is an error. */
static int check_off(struct stage *stage, const char *name, struct error *err)
{
    const json_t *value = NULL;
    if (stage_value_or_null(stage, name, &value, err) < 0)
        return -1;
    if (value != NULL && json_object_get(value, "patience") == NULL)
        return error_set(err, ERR_USAGE, "parameter '%s.patience' is missing: a number, or null",
                         name);
    return 0;
}

/* What is monitored says which way is better; `mode` can but confirm it. */
static int read_monitor(struct stage *stage, const char *map, enum monitor_mode *mode,
                        struct error *err)
{
    static const char *const monitors[] = {"val_loss", "val_accuracy"};
    static const char *const modes[] = {"min", "max", "auto"};
    char monitor[96], name[96];
    int monitored = 0, said = 2;
    snprintf(monitor, sizeof(monitor), "%s.monitor", map);
    snprintf(name, sizeof(name), "%s.mode", map);
    if (stage_choice_or_null(stage, monitor, monitors, 2, &monitored, err) < 0 ||
        stage_choice_or_null(stage, name, modes, 3, &said, err) < 0)
        return -1;
    if (said != 2 && said != monitored)
        return error_set(err, ERR_USAGE, "parameter '%s' is '%s', but %s is better the %s: '%s'",
                         name, modes[said], monitors[monitored], monitored ? "greater" : "less",
                         modes[monitored]);
    *mode = monitored == 0 ? MONITOR_MIN : MONITOR_MAX;
    return 0;
}

static int read_early_stopping(struct trainer *trainer, const char *prefix, struct error *err)
{
    struct early_stopping *options = &trainer->options.early_stopping;
    char map[64], name[96], delta[96];
    *options = (struct early_stopping){.patience = -1, .mode = MONITOR_MIN};
    snprintf(map, sizeof(map), "%s.early_stopping", prefix);
    snprintf(name, sizeof(name), "%s.patience", map);
    snprintf(delta, sizeof(delta), "%s.min_delta", map);
    if (stage_int_or_null(trainer->stage, name, 0, 1 << 20, &options->patience, err) < 0)
        return -1;
    if (options->patience < 0)
        return check_off(trainer->stage, map, err);
    if (stage_real_or_null(trainer->stage, delta, 0, 1e6, &options->min_delta, err) < 0)
        return -1;
    return read_monitor(trainer->stage, map, &options->mode, err);
}

static int read_reduce(struct trainer *trainer, const char *prefix, struct error *err)
{
    struct reduce_on_plateau *options = &trainer->options.reduce;
    struct stage *stage = trainer->stage;
    char map[64], patience[96], factor[96], minimum[96], delta[96], cooldown[96];
    *options = (struct reduce_on_plateau){.patience = -1, .factor = 0.1, .min_delta = 1e-4};
    snprintf(map, sizeof(map), "%s.reduce_learning_rate", prefix);
    snprintf(patience, sizeof(patience), "%s.patience", map);
    snprintf(factor, sizeof(factor), "%s.factor", map);
    snprintf(minimum, sizeof(minimum), "%s.minimum", map);
    snprintf(delta, sizeof(delta), "%s.min_delta", map);
    snprintf(cooldown, sizeof(cooldown), "%s.cooldown", map);
    if (stage_int_or_null(stage, patience, 0, 1 << 20, &options->patience, err) < 0)
        return -1;
    if (options->patience < 0)
        return check_off(stage, map, err);
    if (stage_real_or_null(stage, factor, 0, 0.999999, &options->factor, err) < 0 ||
        stage_real_or_null(stage, minimum, 0, 1, &options->minimum, err) < 0 ||
        stage_real_or_null(stage, delta, 0, 1e6, &options->min_delta, err) < 0)
        return -1;
    return stage_int_or_null(stage, cooldown, 0, REDUCE_COOLDOWN_MAX, &options->cooldown, err);
}

int trainer_read_schedule(struct trainer *trainer, const char *prefix, struct error *err)
{
    struct fit_options *options = &trainer->options;
    char augment[64], epochs[64], rate[64];
    snprintf(augment, sizeof(augment), "%s.augment", prefix);
    snprintf(epochs, sizeof(epochs), "%s.epochs", prefix);
    snprintf(rate, sizeof(rate), "%s.learning_rate", prefix);
    trainer->augments = true;
    if (stage_bool_or_null(trainer->stage, augment, &trainer->augments, err) < 0 ||
        stage_int(trainer->stage, epochs, 1, 100000, &options->epochs, err) < 0 ||
        stage_real(trainer->stage, rate, 0, 1000, &options->learning_rate, err) < 0 ||
        read_early_stopping(trainer, prefix, err) < 0)
        return -1;
    return read_reduce(trainer, prefix, err) < 0 ? -1
                                                 : trainer_read_cosine_decay(trainer, prefix, err);
}

int trainer_read_trainable(struct trainer *trainer, struct error *err)
{
    const json_t *list = NULL;
    if (stage_value_or_null(trainer->stage, "phase.trainable", &list, err) < 0)
        return -1;
    const size_t count = json_array_size(list);
    if (list != NULL && !json_is_array(list))
        return error_set(err, ERR_USAGE, "parameter 'phase.trainable' must be a list of texts");
    if ((trainer->patterns = memory_new(count, sizeof(char *), err)) == NULL)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const json_t *pattern = json_array_get(list, i);
        if (!json_is_string(pattern))
            return error_set(err, ERR_USAGE, "parameter 'phase.trainable' must be a list of texts");
        trainer->patterns[i] = json_string_value(pattern);
    }
    trainer->pattern_count = count;
    return 0;
}

int trainer_check_model(const struct trainer *trainer, struct error *err)
{
    struct architecture architecture = trainer->architecture;
    struct model *model = NULL;
    architecture.classes = 2; /* the data says how many; no rule depends on it */
    if (model_new_blank(&architecture, &trainer->preprocess, &model, err) < 0)
        return error_prefix(err, "parameter 'model': ");
    int result = model_set_trainable(model, trainer->patterns, trainer->pattern_count, err);
    model_free(model);
    return result == 0 ? 0 : error_prefix(err, "parameter 'phase.trainable': ");
}
