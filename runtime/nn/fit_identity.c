#include "nn/fit_identity.h"

#include "base/digest.h"
#include "base/json.h"
#include "nn/fit_weights.h"

#include <string.h>

/* ---- words ---- */

static void add_count(struct text *words, const char *name, int64_t value)
{
    text_addf(words, "%s: %lld\n", name, (long long)value);
}

/* In the fewest digits that read back; options are finite. */
static void add_number(struct text *words, double value)
{
    char number[JSON_NUMBER_SIZE];
    text_add(words, json_number_text(value, number) ? number : "not finite");
}

static void add_real(struct text *words, const char *name, double value)
{
    text_addf(words, "%s: ", name);
    add_number(words, value);
    text_add(words, "\n");
}

static void add_architecture(struct text *words, const struct model *model)
{
    const struct architecture *a = &model->architecture;
    text_addf(words, "model.architecture: %s\n", a->name);
    add_real(words, "model.alpha", a->alpha);
    add_count(words, "model.image_size", a->image_size);
    add_count(words, "number of classes", a->classes);
    text_add(words, "names of classes: ");
    for (int64_t c = 0; model->class_names != NULL && c < a->classes; c++)
        text_addf(words, "%s%s", c > 0 ? ", " : "", model->class_names[c]);
    text_addf(words, "\nmodel.preprocess: %s\n", preprocess_name(model->preprocess.mode));
    add_real(words, "model.pixel_range", (double)model->preprocess.pixel_range);
    add_count(words, "model.hidden", a->hidden);
    add_real(words, "model.dropout", a->dropout);
    text_add(words, "model.pooled_layers: ");
    for (size_t i = 0; i < a->pooled_count; i++)
        text_addf(words, "%s%s", i > 0 ? ", " : "", a->pooled_layers[i]);
    text_add(words, "\n");
}

static void add_optimizer(struct text *words, const struct optimizer *o)
{
    text_addf(words, "train.optimizer: %s", o->kind == OPTIMIZER_SGD ? "sgd" : "adam");
    if (o->kind == OPTIMIZER_SGD) {
        text_add(words, ", momentum ");
        add_number(words, o->momentum);
        text_add(words, o->nesterov ? ", nesterov" : "");
    }
    text_add(words, ", weight_decay ");
    add_number(words, o->weight_decay);
    if (o->weight_decay > 0 && o->undecayed != 0) {
        static const struct {
            enum parameter_role role;
            const char *name;
        } roles[] = {{PARAMETER_KERNEL, " kernel"},
                     {PARAMETER_BIAS, " bias"},
                     {PARAMETER_GAMMA, " gamma"},
                     {PARAMETER_BETA, " beta"}};
        text_add(words, " but for");
        for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
            text_add(words, o->undecayed >> roles[i].role & 1 ? roles[i].name : "");
    }
    if (o->averages) {
        text_add(words, ", use_ema with ema_momentum ");
        add_number(words, o->ema_momentum);
    }
    text_add(words, "\n");
}

static void add_stopping(struct text *words, const struct early_stopping *stopping)
{
    if (stopping->patience < 0) {
        text_add(words, "early_stopping: none\n");
        return;
    }
    text_addf(words, "early_stopping: of %s with min_delta ",
              stopping->mode == MONITOR_MIN ? "val_loss" : "val_accuracy");
    add_number(words, stopping->min_delta);
    text_add(words, "\n");
}

static void add_options(struct text *words, const struct fit_identity *identity)
{
    add_count(words, "train.batch", identity->batch);
    add_count(words, "train.shard", identity->shard);
    add_count(words, "steps of an epoch", identity->steps);
    text_addf(words, "train.norm: %s\n", identity->norm == NORM_BATCH ? "batch" : "inference");
    text_addf(words, "train.precision: %s\n", dtype_name(identity->dtype));
    add_optimizer(words, &identity->optimizer);
    add_real(words, "train.label_smoothing", (double)identity->train->label_smoothing);
    add_stopping(words, &identity->early_stopping);
}

/* ---- digests ---- */

/* Enough to tell two apart; a person can do no more with the rest. */
enum { SHOWN_DIGITS = 16 };

static int add_digest(struct text *words, struct hasher *hasher, struct error *err)
{
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    if (hasher_finish(hasher, &digest, err) < 0)
        return -1;
    digest_to_hex(&digest, hex);
    text_addf(words, "%.*s", SHOWN_DIGITS, hex);
    return 0;
}

static int add_layers(struct text *words, struct hasher *hasher, const struct model *model,
                      struct error *err)
{
    int64_t tensors = 0, values = 0;
    if (hasher_start(hasher, err) < 0)
        return -1;
    for (size_t i = 0; i < model->count; i++) {
        const struct parameter *parameter = &model->parameters[i];
        if (!parameter->trainable)
            continue;
        tensors++;
        values += parameter->count;
        if (hasher_add(hasher, parameter->name, strlen(parameter->name) + 1, err) < 0)
            return -1;
    }
    text_addf(words, "weights that train: %lld in %lld tensors, of the names ", (long long)values,
              (long long)tensors);
    if (add_digest(words, hasher, err) < 0)
        return -1;
    text_add(words, "\n");
    return 0;
}

static int add_frozen(struct text *words, struct hasher *hasher, const struct model *model,
                      struct error *err)
{
    if (hasher_start(hasher, err) < 0)
        return -1;
    for (size_t i = 0; i < model->count; i++)
        if (!fit_weights_change(model, &model->parameters[i]) &&
            hasher_add(hasher, model->parameters[i].value,
                       (size_t)model->parameters[i].count * sizeof(float), err) < 0)
            return -1;
    text_add(words, "frozen weights, digest: ");
    if (add_digest(words, hasher, err) < 0)
        return -1;
    text_add(words, "\n");
    return 0;
}

static int hash_samples(struct hasher *hasher, const struct feed *feed, const int64_t *samples,
                        int64_t count, struct error *err)
{
    /* Little-endian: the bytes of sets that need one byte a label stay what they were. */
    const size_t picture = (size_t)(feed->height * feed->width * 3),
                 label = feed->classes > 256 ? sizeof(*feed->labels) : 1;
    for (int64_t i = 0; i < count; i++)
        if (hasher_add(hasher, feed->images + (size_t)samples[i] * picture, picture, err) < 0 ||
            hasher_add(hasher, feed->labels + samples[i], label, err) < 0)
            return -1;
    return 0;
}

/* Pictures and labels in the order in which they are shuffled. */
static int add_data(struct text *words, struct hasher *hasher, const struct fit_identity *identity,
                    struct error *err)
{
    const struct feed *train = identity->train, *val = identity->val;
    add_count(words, "training pictures", identity->train_count);
    add_count(words, "validation pictures", identity->val_count);
    text_addf(words, "size of pictures: %lld x %lld\n", (long long)train->width,
              (long long)train->height);
    if (hasher_start(hasher, err) < 0 ||
        hash_samples(hasher, train, identity->train_samples, identity->train_count, err) < 0 ||
        hash_samples(hasher, val, identity->val_samples, identity->val_count, err) < 0)
        return -1;
    text_add(words, "pictures and labels, digest: ");
    if (add_digest(words, hasher, err) < 0)
        return -1;
    text_add(words, "\n");
    return 0;
}

int fit_identity_describe(const struct fit_identity *identity, struct text *words,
                          struct error *err)
{
    struct hasher *hasher = hasher_new(err);
    int result = -1;
    text_clear(words);
    add_architecture(words, identity->model);
    add_options(words, identity);
    if (hasher != NULL && add_data(words, hasher, identity, err) == 0 &&
        add_layers(words, hasher, identity->model, err) == 0 &&
        add_frozen(words, hasher, identity->model, err) == 0) {
        text_addf(words, "seed of this phase: %lu\n", (unsigned long)identity->seed);
        result = text_check(words, err);
    }
    hasher_free(hasher);
    return result;
}

/* ---- comparing ---- */

/* The line at *at, which moves on, parted at its first ": ". False at the end, and where it is no
 * such line. */
static bool take_line(const char **at, const char **name, int *name_size, const char **value,
                      int *value_size)
{
    const char *end = strchr(*at, '\n'), *colon = strstr(*at, ": ");
    if (end == NULL || colon == NULL || colon > end)
        return false;
    *name = *at;
    *name_size = (int)(colon - *at);
    *value = colon + 2;
    *value_size = (int)(end - *value);
    *at = end + 1;
    return true;
}

/* Names of classes may be many. */
static void add_value(struct text *text, const char *value, int size)
{
    enum { SHOWN = 200 };
    if (size == 0)
        text_add(text, "none");
    text_append(text, value, (size_t)(size < SHOWN ? size : SHOWN));
    text_add(text, size > SHOWN ? "..." : "");
}

int fit_identity_compare(const char *theirs, const char *ours, struct error *err)
{
    const char *name, *other, *value, *other_value;
    int size, other_size, value_size, other_value_size;
    while (take_line(&ours, &name, &size, &value, &value_size)) {
        if (!take_line(&theirs, &other, &other_size, &other_value, &other_value_size) ||
            size != other_size || memcmp(name, other, (size_t)size) != 0)
            return error_set(err, ERR_FORMAT, "it is of another version: it does not say '%.*s'",
                             size, name);
        if (value_size == other_value_size && memcmp(value, other_value, (size_t)value_size) == 0)
            continue;
        struct text difference = {0};
        add_value(&difference, other_value, other_value_size);
        text_add(&difference, " there, ");
        add_value(&difference, value, value_size);
        error_set(err, ERR_FORMAT, "it is of another training: %.*s: %s here", size, name,
                  text_string(&difference));
        text_release(&difference);
        return -1;
    }
    if (*theirs != '\0')
        return error_set(err, ERR_FORMAT, "it is of another version: it says more than is known");
    return 0;
}
