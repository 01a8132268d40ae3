/* Parameters of what a step does with its images: the optimizer, and how the loss weighs them. */
#include "trainer.h"

#include "base/memory.h"

#include <float.h>
#include <jansson.h>
#include <string.h>

/* Parts of names that weight decay leaves out, as Keras' exclude_from_weight_decay(var_names). */
static int read_undecayed(struct stage *stage, unsigned *undecayed, struct error *err)
{
    static const char name[] = "train.optimizer.exclude_from_weight_decay";
    static const struct {
        const char *name;
        enum parameter_role role;
    } variables[] = {{"kernel", PARAMETER_KERNEL},
                     {"bias", PARAMETER_BIAS},
                     {"gamma", PARAMETER_GAMMA},
                     {"beta", PARAMETER_BETA}};
    const json_t *list = NULL;
    if (stage_value_or_null(stage, name, &list, err) < 0)
        return -1;
    if (list == NULL)
        return 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        size_t v = 0;
        while (text != NULL && v < 4 && strcmp(text, variables[v].name) != 0)
            v++;
        if (text == NULL || v == 4)
            break;
        *undecayed |= 1u << variables[v].role;
        if (i + 1 == json_array_size(list))
            return 0;
    }
    if (json_is_array(list) && json_array_size(list) == 0)
        return 0;
    return error_set(err, ERR_USAGE,
                     "parameter '%s' must be a list of 'kernel', 'bias', 'gamma', 'beta'", name);
}

static int read_decay(struct stage *stage, bool decays, struct optimizer *optimizer,
                      struct error *err)
{
    optimizer->weight_decay = decays ? 0.004 : 0; /* Keras' own default */
    if (stage_real_or_null(stage, "train.optimizer.weight_decay", 0, 1000, &optimizer->weight_decay,
                           err) < 0)
        return -1;
    return read_undecayed(stage, &optimizer->undecayed, err);
}

static int read_momentum(struct stage *stage, struct optimizer *optimizer, struct error *err)
{
    if (stage_real_or_null(stage, "train.optimizer.momentum", 0, 0.999999, &optimizer->momentum,
                           err) < 0)
        return -1;
    return stage_bool_or_null(stage, "train.optimizer.nesterov", &optimizer->nesterov, err);
}

static int read_optimizer(struct trainer *trainer, struct error *err)
{
    static const char *const names[] = {"adam", "adamw", "sgd"};
    struct stage *stage = trainer->stage;
    struct optimizer *optimizer = &trainer->options.optimizer;
    const json_t *map = NULL;
    int name = 0;
    if (stage_map_or_null(stage, "train.optimizer", &map, err) < 0)
        return -1;
    if (map == NULL)
        return 0;
    if (stage_choice(stage, "train.optimizer.name", names, 3, &name, err) < 0 ||
        read_decay(stage, name == 1, optimizer, err) < 0)
        return -1;
    optimizer->kind = name == 2 ? OPTIMIZER_SGD : OPTIMIZER_ADAM;
    if (name == 2 && read_momentum(stage, optimizer, err) < 0)
        return -1;
    if (optimizer->nesterov && optimizer->momentum <= 0)
        return error_set(err, ERR_USAGE,
                         "parameter 'train.optimizer.nesterov' needs a momentum above 0");
    optimizer->ema_momentum = 0.99;
    if (stage_bool_or_null(stage, "train.optimizer.use_ema", &optimizer->averages, err) < 0)
        return -1;
    return stage_real_or_null(stage, "train.optimizer.ema_momentum", 0, 1, &optimizer->ema_momentum,
                              err);
}

/* null, 'balanced', or a number for each class. */
static int read_class_weight(struct trainer *trainer, struct error *err)
{
    static const char name[] = "train.class_weight";
    const json_t *value = NULL;
    if (stage_value_or_null(trainer->stage, name, &value, err) < 0)
        return -1;
    bool good = value == NULL || json_is_array(value) ||
                (json_is_string(value) && strcmp(json_string_value(value), "balanced") == 0);
    bool counts = !json_is_array(value);
    for (size_t i = 0; good && i < json_array_size(value); i++) {
        const double weight = json_number_value(json_array_get(value, i));
        good = json_is_number(json_array_get(value, i)) && weight >= 0 && weight <= 1e6;
        counts = counts || weight >= (double)FLT_MIN;
    }
    if (!good || !counts)
        return error_set(err, ERR_USAGE,
                         "parameter '%s' must be null, 'balanced', or a list of a number from 0 to "
                         "1e6 for each class, not all of them 0",
                         name);
    trainer->class_weight = value;
    return 0;
}

int trainer_read_weighing(struct trainer *trainer, struct error *err)
{
    static const char *const samplings[] = {"shuffle", "balanced"};
    int sampling = 0;
    if (read_optimizer(trainer, err) < 0 ||
        stage_real_or_null(trainer->stage, "train.label_smoothing", 0, 0.999999,
                           &trainer->label_smoothing, err) < 0 ||
        stage_choice_or_null(trainer->stage, "train.sampling", samplings, 2, &sampling, err) < 0)
        return -1;
    trainer->options.balanced = sampling == 1;
    return read_class_weight(trainer, err);
}

int trainer_weigh(struct trainer *trainer, struct feed *feed, struct error *err)
{
    const json_t *value = trainer->class_weight;
    feed->label_smoothing = (float)trainer->label_smoothing;
    if (value == NULL)
        return 0;
    if (json_is_array(value) && json_array_size(value) != (size_t)feed->classes)
        return error_set(err, ERR_USAGE,
                         "parameter 'train.class_weight' has %zu numbers, the dataset %lld classes",
                         json_array_size(value), (long long)feed->classes);
    float *weights = memory_new((size_t)feed->classes, sizeof(*weights), err);
    if (weights == NULL)
        return -1;
    for (size_t c = 0; c < json_array_size(value); c++)
        weights[c] = (float)json_number_value(json_array_get(value, c));
    if (!json_is_array(value))
        fit_balance_weights(feed, trainer->train, trainer->train_count, weights);
    feed->class_weights = trainer->class_weights = weights;
    return 0;
}
