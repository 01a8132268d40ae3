/* reprise log: the records in reports/runs, newest last; one of them by its id
 * or "last"; or, by the name of a stage, what its execution printed. */
#include "base/file.h"
#include "base/json.h"
#include "command/commands.h"
#include "command/print.h"
#include "runner/project.h"
#include "store/action.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PRINTED_LIMIT = 256 << 20 };

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

static size_t count_state(const json_t *record, const char *state)
{
    size_t count = 0, index;
    json_t *stage;
    json_array_foreach (json_object_get(record, "stages"), index, stage)
        count += strcmp(text_of(stage, "state"), state) == 0;
    return count;
}

static void print_line(const json_t *record)
{
    printf("%s  %s  %-11s  %-12s  %zu executed, %zu cached, %.1f s  %s\n", text_of(record, "id"),
           text_of(record, "started"), text_of(record, "outcome"), text_of(record, "profile"),
           count_state(record, "executed"), count_state(record, "cached"),
           json_number_value(json_object_get(record, "seconds")), text_of(record, "host"));
}

static void print_record(const json_t *record)
{
    size_t index;
    json_t *item, *value;
    const char *name;
    print_line(record);
    json_array_foreach (json_object_get(record, "stages"), index, item) {
        printf("  %-14s %-9s %8.1f s  %.12s", text_of(item, "name"), text_of(item, "state"),
               json_number_value(json_object_get(item, "seconds")), text_of(item, "key"));
        json_object_foreach (json_object_get(item, "metrics"), name, value)
            printf("  %s %.4g", name, json_number_value(value));
        if (json_object_get(item, "failure") != NULL)
            printf("  %s", text_of(item, "failure"));
        printf("\n");
    }
    json_array_foreach (json_object_get(record, "requirements"), index, item)
        printf("  %s: %s.%s %s %.6g\n",
               json_is_true(json_object_get(item, "met")) ? "met" : "MISSED",
               text_of(item, "stage"), text_of(item, "metric"), text_of(item, "relation"),
               json_number_value(json_object_get(item, "bound")));
}

/* All records in order of time, which their names give. */
static json_t *read_records(const struct project *project)
{
    char **names;
    size_t count;
    struct error ignored;
    json_t *records = json_array(), *record;
    if (file_list(project->runs, &names, &count, &ignored) < 0)
        return records;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(names[i]);
        char *path = file_join(project->runs, names[i], &ignored);
        if (path != NULL && length > 5 && strcmp(names[i] + length - 5, ".json") == 0 &&
            json_read(path, &record, &ignored) == 0)
            json_array_append_new(records, record);
        free(path);
    }
    file_free_names(names, count);
    return records;
}

static const json_t *find_record(const json_t *records, const char *word)
{
    size_t index, length = strlen(word);
    json_t *record;
    if (strcmp(word, "last") == 0)
        return json_array_get(records, json_array_size(records) - 1);
    json_array_foreach (records, index, record)
        if (length >= 4 && strncmp(text_of(record, "id"), word, length) == 0)
            return record;
    return NULL;
}

static int print_stage(const struct project *project, const char *stage, struct error *err)
{
    size_t index, size;
    char *data;
    struct action *action = NULL;
    if (plan_find(project->plan, stage, &index, err) < 0)
        return error_set(err, ERR_USAGE, "'%s' is no run, see reprise log, and no stage", stage);
    const struct lock_stage *entry = project->lock != NULL ? lock_find(project->lock, stage) : NULL;
    if (entry != NULL && action_read(project->store, &entry->key, &action, err) < 0)
        return -1;
    if (action == NULL)
        return error_set(err, ERR_STAGE, "stage '%s' has no result in the cache", stage);
    int result = blob_read(project->store, &action->log, PRINTED_LIMIT, &data, &size, err);
    if (result == 0) {
        fwrite(data, 1, size, stdout);
        free(data);
    }
    action_free(action);
    return result;
}

static int answer(const struct options *options, const struct project *project,
                  const json_t *records, struct error *err)
{
    size_t index;
    json_t *record;
    if (options->word_count == 0) {
        if (options->json)
            return print_json(records, err);
        json_array_foreach (records, index, record)
            print_line(record);
        return 0;
    }
    const json_t *found = find_record(records, options->words[0]);
    if (found == NULL)
        return print_stage(project, options->words[0], err);
    if (options->json)
        return print_json(found, err);
    print_record(found);
    return 0;
}

int command_log(const struct options *options, struct error *err)
{
    struct project project;
    if (project_open(&options->project, true, &project, err) < 0)
        return -1;
    json_t *records = read_records(&project);
    int result = answer(options, &project, records, err);
    json_decref(records);
    project_close(&project);
    return result;
}
