#include "curves/curves_tensorboard.h"

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "data/event_file.h"

#include <stdlib.h>
#include <string.h>

static int write_run(const char *folder, const char *run, const struct text *events,
                     struct error *err)
{
    if (text_check(events, err) < 0)
        return -1;
    char *place = file_join(folder, run, err);
    char *path = place != NULL ? file_join(place, EVENT_FILE_NAME, err) : NULL;
    int result = path == NULL || file_make_folders(place, err) < 0
                     ? -1
                     : file_write(path, events->data, events->size, err);
    free(path);
    free(place);
    return result;
}

/* ---- phases ---- */

struct scalar {
    const char *tag;
    size_t offset; /* of the value in struct epoch_record */
};

static const struct run {
    const char *name;
    struct scalar scalars[3];
} runs[] = {
    {"train",
     {{"epoch_accuracy", offsetof(struct epoch_record, accuracy)},
      {"epoch_loss", offsetof(struct epoch_record, loss)},
      {"epoch_learning_rate", offsetof(struct epoch_record, learning_rate)}}},
    {"validation",
     {{"epoch_accuracy", offsetof(struct epoch_record, val_accuracy)},
      {"epoch_loss", offsetof(struct epoch_record, val_loss)}}},
};

static void add_epoch(struct text *events, const struct run *run, int64_t epoch,
                      const struct epoch_record *record)
{
    for (size_t i = 0; i < 3 && run->scalars[i].tag != NULL; i++) {
        double value;
        memcpy(&value, (const char *)record + run->scalars[i].offset, sizeof(value));
        event_file_scalar(events, run->scalars[i].tag, epoch, (float)value);
    }
}

static int write_phase(const char *folder, const struct curves_phase *phase, const struct run *run,
                       struct error *err)
{
    struct text events = {0}, name = {0};
    text_addf(&name, "%s/%s", phase->id, run->name);
    event_file_begin(&events);
    for (size_t e = 0; e < phase->history.count; e++)
        add_epoch(&events, run, (int64_t)e + 1, &phase->history.epochs[e]);
    int result = text_check(&name, err);
    if (result == 0)
        result = write_run(folder, text_string(&name), &events, err);
    text_release(&name);
    text_release(&events);
    return result;
}

/* ---- test ---- */

static json_t *flatten(json_t *flat, const char *prefix, const json_t *map)
{
    struct error ignored;
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)map, name, value) {
        struct text dotted = {0};
        text_addf(&dotted, "%s%s%s", prefix, *prefix != '\0' ? "." : "", name);
        if (json_is_object(value)) {
            flat = flatten(flat, text_string(&dotted), value);
        } else if (json_is_array(value)) {
            char *list = json_to_text(value, true, &ignored);
            flat = json_object_with(flat, text_string(&dotted),
                                    list != NULL ? json_string(list) : NULL);
            free(list);
        } else {
            flat = json_object_with(flat, text_string(&dotted), json_incref(value));
        }
        text_release(&dotted);
    }
    return flat;
}

static void add_metric(struct text *events, const json_t *metrics, const char *name)
{
    double value;
    if (json_measurement(json_object_get(metrics, name), &value))
        event_file_scalar(events, name, 0, (float)value);
}

static int write_test(const char *folder, const json_t *metrics, const json_t *hyperparameters,
                      struct error *err)
{
    struct text events = {0};
    event_file_begin(&events);
    if (hyperparameters != NULL) {
        json_t *flat = flatten(json_object(), "", hyperparameters);
        event_file_hyperparameters(&events, flat);
        events.failed |= flat == NULL;
        json_decref(flat);
    }
    add_metric(&events, metrics, "test_accuracy");
    add_metric(&events, metrics, "test_loss");
    int result = write_run(folder, "test", &events, err);
    text_release(&events);
    return result;
}

int curves_tensorboard(const char *folder, const struct curves_content *content,
                       const json_t *hyperparameters, struct error *err)
{
    for (size_t i = 0; i < CURVES_PHASES; i++)
        for (size_t j = 0; content->phases[i].history.count > 0 && j < 2; j++)
            if (write_phase(folder, &content->phases[i], &runs[j], err) < 0)
                return -1;
    if (content->metrics == NULL && hyperparameters == NULL)
        return 0;
    return write_test(folder, content->metrics, hyperparameters, err);
}
