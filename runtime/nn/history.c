#include "nn/history.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int history_add(struct history *history, const struct epoch_record *record, struct error *err)
{
    if (memory_grow(&history->epochs, &history->capacity, history->count + 1,
                    sizeof(history->epochs[0]), err) < 0)
        return -1;
    history->epochs[history->count++] = *record;
    return 0;
}

void history_release(struct history *history)
{
    free(history->epochs);
    *history = (struct history){0};
}

/* The columns, sorted by name. */
static const struct {
    const char *name;
    size_t offset;
} columns[] = {
    {"accuracy", offsetof(struct epoch_record, accuracy)},
    {"learning_rate", offsetof(struct epoch_record, learning_rate)},
    {"loss", offsetof(struct epoch_record, loss)},
    {"val_accuracy", offsetof(struct epoch_record, val_accuracy)},
    {"val_loss", offsetof(struct epoch_record, val_loss)},
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

static double column(const struct epoch_record *record, size_t i)
{
    double value;
    memcpy(&value, (const char *)record + columns[i].offset, sizeof(value));
    return value;
}

/* ---- JSON ---- */

static json_t *epoch_or_null(int64_t epoch)
{
    return epoch >= 0 ? json_integer(epoch + 1) : json_null();
}

static json_t *epochs_to_json(const struct history *history)
{
    json_t *list = json_array();
    for (size_t e = 0; e < history->count; e++) {
        json_t *object = json_pack("{s:I}", "epoch", (json_int_t)e + 1);
        for (size_t i = 0; i < COLUMNS; i++)
            object = json_object_with(object, columns[i].name,
                                      json_measured(column(&history->epochs[e], i)));
        list = json_list_with(list, object);
    }
    return list;
}

int history_write_json(const char *path, const struct history *history,
                       const struct history_summary *summary, struct error *err)
{
    json_t *value = json_pack(
        "{s:i, s:o, s:o, s:o, s:b, s:s, s:I, s:I}", "schema", 1, "epochs", epochs_to_json(history),
        "best_epoch", epoch_or_null(history->best_epoch), "checkpoint_epoch",
        epoch_or_null(history->checkpoint_epoch), "stopped_early", history->stopped_early, "phase",
        summary->phase, "trainable_parameters", (json_int_t)summary->trainable_parameters,
        "frozen_parameters", (json_int_t)summary->frozen_parameters);
    if (history->kept_epoch != history->best_epoch)
        value = json_object_with(value, "kept_epoch", epoch_or_null(history->kept_epoch));
    if (summary->precision != DTYPE_F32)
        value = json_object_with(value, "precision", json_string(dtype_name(summary->precision)));
    if (summary->shard != HISTORY_SHARD)
        value = json_object_with(value, "shard", json_integer(summary->shard));
    if (value == NULL)
        return error_set(err, ERR_MEMORY, "out of memory");
    int result = json_write(path, value, err);
    json_decref(value);
    return result;
}

static int read_record(const char *path, const json_t *object, struct epoch_record *record,
                       struct error *err)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        const json_t *member = json_object_get(object, columns[i].name);
        double value;
        if (!json_measurement(member, &value))
            return error_set(err, ERR_FORMAT, "'%s': an epoch has no '%s'", path, columns[i].name);
        if (fabs(value) > (double)FLT_MAX && !isinf(value))
            return error_set(err, ERR_FORMAT, "'%s': an epoch's '%s' is no f32: %g", path,
                             columns[i].name, value);
        memcpy((char *)record + columns[i].offset, &value, sizeof(value));
    }
    return 0;
}

static int read_epoch(const char *path, const json_t *value, const char *name, size_t count,
                      int64_t *epoch, struct error *err)
{
    const json_t *member = json_object_get(value, name);
    json_int_t number = json_integer_value(member);
    if (json_is_null(member)) {
        *epoch = -1;
        return 0;
    }
    if (!json_is_integer(member) || number < 1 || (size_t)number > count)
        return error_set(err, ERR_FORMAT, "'%s': '%s' is not one of the epochs", path, name);
    *epoch = number - 1;
    return 0;
}

static int read_summary(const char *path, const json_t *value, struct history_summary *summary,
                        struct error *err)
{
    const char *phase = json_string_value(json_object_get(value, "phase"));
    const json_t *trainable = json_object_get(value, "trainable_parameters");
    const json_t *frozen = json_object_get(value, "frozen_parameters");
    if (phase == NULL || strlen(phase) >= sizeof(summary->phase) || !json_is_integer(trainable) ||
        !json_is_integer(frozen))
        return error_set(err, ERR_FORMAT, "'%s': no phase or no count of parameters", path);
    const json_t *precision = json_object_get(value, "precision");
    const char *name = precision != NULL ? json_string_value(precision) : "f32";
    summary->precision = DTYPE_F32;
    if (name != NULL && strcmp(name, dtype_name(DTYPE_BF16)) == 0)
        summary->precision = DTYPE_BF16;
    else if (name == NULL || strcmp(name, dtype_name(DTYPE_F32)) != 0)
        return error_set(err, ERR_FORMAT, "'%s': 'precision' is neither 'f32' nor 'bf16'", path);
    const json_t *shard = json_object_get(value, "shard");
    summary->shard = shard != NULL ? json_integer_value(shard) : HISTORY_SHARD;
    if (summary->shard < 1)
        return error_set(err, ERR_FORMAT, "'%s': 'shard' is no number of images", path);
    memcpy(summary->phase, phase, strlen(phase) + 1);
    summary->trainable_parameters = json_integer_value(trainable);
    summary->frozen_parameters = json_integer_value(frozen);
    return 0;
}

static int parse(const char *path, const json_t *value, struct history *history, struct error *err)
{
    const json_t *epochs = json_object_get(value, "epochs");
    if (!json_is_array(epochs))
        return error_set(err, ERR_FORMAT, "'%s': no list of epochs", path);
    for (size_t i = 0; i < json_array_size(epochs); i++) {
        struct epoch_record record;
        if (read_record(path, json_array_get(epochs, i), &record, err) < 0 ||
            history_add(history, &record, err) < 0)
            return -1;
    }
    history->stopped_early = json_is_true(json_object_get(value, "stopped_early"));
    if (read_epoch(path, value, "best_epoch", history->count, &history->best_epoch, err) < 0)
        return -1;
    history->kept_epoch = history->best_epoch;
    if (json_object_get(value, "kept_epoch") != NULL &&
        read_epoch(path, value, "kept_epoch", history->count, &history->kept_epoch, err) < 0)
        return -1;
    return read_epoch(path, value, "checkpoint_epoch", history->count, &history->checkpoint_epoch,
                      err);
}

int history_read_json(const char *path, struct history *history, struct history_summary *summary,
                      struct error *err)
{
    struct history read = {0};
    struct history_summary said = {0};
    json_t *value = NULL;
    int result = -1;
    if (json_read(path, &value, err) < 0)
        return -1;
    if (parse(path, value, &read, err) == 0 && read_summary(path, value, &said, err) == 0) {
        *history = read;
        if (summary != NULL)
            *summary = said;
        result = 0;
    } else {
        history_release(&read);
    }
    json_decref(value);
    return result;
}

/* ---- CSV ---- */

/* As Python prints a float. */
static void add_number(struct text *text, double value)
{
    char digits[32];
    double back;
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof(digits), "%.*g", precision, value);
        if (isnan(value) || (text_to_double(digits, &back) && back == value))
            break;
    }
    const bool whole = isfinite(value) && strpbrk(digits, ".e") == NULL;
    text_addf(text, ",%s%s", isnan(value) ? "nan" : digits, whole ? ".0" : "");
}

int history_write_csv(const char *path, const struct history *history, struct error *err)
{
    struct text text = {0};
    text_add(&text, "epoch");
    for (size_t i = 0; i < COLUMNS; i++)
        text_addf(&text, ",%s", columns[i].name);
    for (size_t e = 0; e < history->count; e++) {
        text_addf(&text, "\n%zu", e + 1);
        for (size_t i = 0; i < COLUMNS; i++)
            add_number(&text, column(&history->epochs[e], i));
    }
    text_add(&text, "\n");
    int result = text_check(&text, err);
    if (result == 0)
        result = file_write(path, text.data, text.size, err);
    text_release(&text);
    return result;
}
