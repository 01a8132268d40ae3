#include "report/report_experiment.h"

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* ---- results ---- */

/* The only file of the item in a dep that is a group's out; NULL without the dep. */
static int read_item(struct stage *stage, const char *dep, const char *item, json_t **value,
                     struct error *err)
{
    char **names = NULL;
    size_t count = 0;
    if (!stage_has_dep(stage, dep))
        return 0;
    const char *group = stage_dep(stage, dep, err);
    char *folder = group != NULL ? file_join(group, item, err) : NULL;
    int result = folder != NULL ? file_list(folder, &names, &count, err) : -1;
    if (result == 0 && count != 1)
        result = error_set(err, ERR_FORMAT, "dep '%s' has %zu files of '%s', expected one", dep,
                           count, item);
    char *path = result == 0 ? file_join(folder, names[0], err) : NULL;
    result = path != NULL ? json_read(path, value, err) : -1;
    free(path);
    file_free_names(names, count);
    free(folder);
    return result;
}

/* Validation accuracy of the epoch whose weights the phase kept. */
static int add_history(struct stage *stage, const char *dep, const char *item, json_t *row,
                       const char *member, struct error *err)
{
    json_t *history = NULL;
    if (read_item(stage, dep, item, &history, err) < 0)
        return -1;
    const json_t *kept = json_object_get(history, "kept_epoch");
    const json_int_t epoch =
        json_integer_value(kept != NULL ? kept : json_object_get(history, "best_epoch"));
    const json_t *epochs = json_object_get(history, "epochs");
    int result = 0;
    if (history != NULL && (epoch < 1 || (size_t)epoch > json_array_size(epochs)))
        result = error_set(err, ERR_FORMAT, "dep '%s': the history of '%s' has no best epoch", dep,
                           item);
    else if (history != NULL)
        json_object_set(row, member,
                        json_object_get(json_array_get(epochs, (size_t)epoch - 1), "val_accuracy"));
    json_decref(history);
    return result;
}

static int add_results(struct stage *stage, const char *item, json_t *row, struct error *err)
{
    json_t *metrics = NULL;
    if (add_history(stage, "experiment_phase1_history", item, row, "phase1_val_accuracy", err) <
            0 ||
        add_history(stage, "experiment_phase2_history", item, row, "phase2_val_accuracy", err) <
            0 ||
        read_item(stage, "experiment_metrics", item, &metrics, err) < 0)
        return -1;
    json_object_set(row, "test_accuracy", json_object_get(metrics, "test_accuracy"));
    json_object_set(row, "n", json_object_get(metrics, "n"));
    json_decref(metrics);
    return 0;
}

/* ---- settings ---- */

/* Adds the leaves of a map by their dotted names. */
static void add_leaves(json_t *settings, const char *prefix, const json_t *map)
{
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)map, name, value) {
        struct text path = {0};
        text_addf(&path, "%s%s%s", prefix, *prefix != '\0' ? "." : "", name);
        if (json_is_object(value))
            add_leaves(settings, text_string(&path), value);
        else if (json_object_get(settings, text_string(&path)) == NULL)
            json_object_set(settings, text_string(&path), value);
        text_release(&path);
    }
}

static bool is_of_item(const char *stage, const char *item)
{
    const char *at = strchr(stage, '@');
    return at != NULL && strcmp(at + 1, item) == 0;
}

static void add_settings(const json_t *lineage, const char *item, json_t *settings)
{
    size_t i;
    json_t *stage;
    json_array_foreach (json_object_get(lineage, "stages"), i, stage) {
        const char *name = json_string_value(json_object_get(stage, "name"));
        if (name != NULL && is_of_item(name, item))
            add_leaves(settings, "", json_object_get(stage, "params"));
    }
}

static bool is_same_for_all(const json_t *rows, const char *setting)
{
    size_t i;
    json_t *row;
    const json_t *first =
        json_object_get(json_object_get(json_array_get(rows, 0), "settings"), setting);
    json_array_foreach ((json_t *)rows, i, row) {
        const json_t *value = json_object_get(json_object_get(row, "settings"), setting);
        if ((value == NULL) != (first == NULL) || (value != NULL && !json_equal(value, first)))
            return false;
    }
    return true;
}

/* Leaves in each row what sets it apart. */
static void drop_common(json_t *rows)
{
    size_t i;
    json_t *row, *value;
    const char *name;
    json_t *first = json_deep_copy(json_object_get(json_array_get(rows, 0), "settings"));
    json_object_foreach (first, name, value)
        if (is_same_for_all(rows, name))
            json_array_foreach (rows, i, row)
                json_object_del(json_object_get(row, "settings"), name);
    json_decref(first);
}

void report_experiment_setting(const json_t *row, const char *name, struct text *value)
{
    const json_t *setting = json_object_get(json_object_get(row, "settings"), name);
    struct error ignored;
    if (json_is_string(setting)) {
        text_add(value, json_string_value(setting));
    } else if (setting != NULL) {
        char *text = json_to_text(setting, true, &ignored);
        text_add(value, text != NULL ? text : "?");
        free(text);
    }
}

/* ---- both ---- */

static int read_rows(struct stage *stage, const json_t *lineage, char **items, size_t count,
                     json_t *rows, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        json_t *settings = json_object();
        json_t *row =
            json_pack("{s:s, s:o, s:n, s:n, s:n, s:n}", "name", items[i], "settings", settings,
                      "phase1_val_accuracy", "phase2_val_accuracy", "test_accuracy", "n");
        if (row == NULL || json_array_append_new(rows, row) < 0)
            return error_set(err, ERR_MEMORY, "out of memory for the experiment");
        add_settings(lineage, items[i], settings);
        if (add_results(stage, items[i], row, err) < 0)
            return -1;
    }
    drop_common(rows);
    return 0;
}

int report_experiment_read(struct stage *stage, const json_t *lineage, json_t **experiment,
                           struct error *err)
{
    char **items = NULL;
    size_t count = 0;
    if (!stage_has_dep(stage, "experiment_metrics"))
        return 0;
    const char *folder = stage_dep(stage, "experiment_metrics", err);
    if (folder == NULL || file_list(folder, &items, &count, err) < 0)
        return -1;
    json_t *rows = json_array();
    int result = read_rows(stage, lineage, items, count, rows, err);
    file_free_names(items, count);
    if (result < 0)
        json_decref(rows);
    else
        *experiment = rows;
    return result;
}
