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
#include <sys/stat.h>

enum { LOG_LIMIT = 1 << 28 }; /* more than a log may be */

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

static void add_line(const json_t *record, struct text *text)
{
    text_addf(text, "%s  %s  %-11s  %-12s  %zu executed, %zu cached, %.1f s  %s\n",
              text_of(record, "id"), text_of(record, "started"), text_of(record, "outcome"),
              text_of(record, "profile"), count_state(record, "executed"),
              count_state(record, "cached"), json_number_value(json_object_get(record, "seconds")),
              text_of(record, "host"));
}

static void add_record(const json_t *record, struct text *text)
{
    size_t index;
    json_t *item, *value;
    const char *name;
    add_line(record, text);
    json_array_foreach (json_object_get(record, "stages"), index, item) {
        text_addf(text, "  %-14s %-9s %8.1f s  %.12s", text_of(item, "name"),
                  text_of(item, "state"), json_number_value(json_object_get(item, "seconds")),
                  text_of(item, "key"));
        json_object_foreach (json_object_get(item, "metrics"), name, value)
            text_addf(text, "  %s %.4g", name, json_number_value(value));
        if (json_object_get(item, "failure") != NULL)
            text_addf(text, "  %s", text_of(item, "failure"));
        text_add(text, "\n");
    }
    json_array_foreach (json_object_get(record, "requirements"), index, item)
        text_addf(text, "  %s: %s.%s %s %.6g\n",
                  json_is_true(json_object_get(item, "met")) ? "met" : "MISSED",
                  text_of(item, "stage"), text_of(item, "metric"), text_of(item, "relation"),
                  json_number_value(json_object_get(item, "bound")));
}

static int print_text(struct text *text, struct error *err)
{
    int result = text_check(text, err);
    if (result == 0)
        print_clean(stdout, text_string(text));
    text_release(text);
    return result;
}

/* All records in order of time, which their names give. */
static json_t *read_records(const struct project *project)
{
    char **names;
    size_t count;
    struct error ignored;
    json_t *records = json_array(), *record;
    if (records == NULL)
        return NULL;
    if (file_list(project->runs, &names, &count, &ignored) < 0)
        return records;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(names[i]);
        char *path = file_join(project->runs, names[i], &ignored);
        bool failed = path == NULL;
        if (path != NULL && length > 5 && strcmp(names[i] + length - 5, ".json") == 0 &&
            json_read(path, &record, &ignored) == 0)
            failed = json_array_append_new(records, record) < 0;
        free(path);
        if (failed) {
            json_decref(records);
            records = NULL;
            break;
        }
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

/* What the last attempt printed, where it failed after the result that is recorded was made. */
static bool failed_since(const struct project *project, const char *stage,
                         const struct lock_stage *entry, char path[STORE_PATH_SIZE])
{
    char action[STORE_PATH_SIZE];
    struct stat failed, made;
    int size =
        snprintf(path, STORE_PATH_SIZE, "%s/logs/%s.log", store_folder(project->store), stage);
    if (size >= STORE_PATH_SIZE || lstat(path, &failed) < 0 || !S_ISREG(failed.st_mode))
        return false;
    if (entry == NULL)
        return true;
    store_action_path(project->store, &entry->key, action);
    if (stat(action, &made) < 0)
        return true;
    return failed.st_mtim.tv_sec != made.st_mtim.tv_sec
               ? failed.st_mtim.tv_sec > made.st_mtim.tv_sec
               : failed.st_mtim.tv_nsec > made.st_mtim.tv_nsec;
}

static int no_such(const struct plan *plan, const char *word, struct error *err)
{
    size_t length = strcspn(word, "@*");
    for (size_t i = 0; i < plan->count; i++) {
        const char *name = plan->stages[i].name;
        if (length > 0 && strncmp(name, word, length) == 0 && name[length] == '@')
            return error_set(err, ERR_USAGE, "'%s' is a group: name one of its stages, as '%s'",
                             word, name);
    }
    return error_set(err, ERR_USAGE, "'%s' is no run, see reprise log, and no stage", word);
}

/* A log may have any bytes; JSON has it as a terminal shows it, line breaks kept. */
static int print_log_json(const char *path, const char *stage, bool failed, struct digest *digest,
                          struct error *err)
{
    char *data;
    size_t size;
    struct text clean = {0};
    if (file_read(path, LOG_LIMIT, &data, &size, err) < 0)
        return -1;
    int result = digest_of_bytes(data, size, digest, err);
    for (size_t at = 0; at < size;) {
        const char *end = memchr(data + at, '\n', size - at);
        size_t length = end == NULL ? size - at : (size_t)(end - data) - at;
        text_add_clean(&clean, data + at, length);
        at += length + (end != NULL);
        if (end != NULL)
            text_add(&clean, "\n");
    }
    free(data);
    if (result == 0 && (result = text_check(&clean, err)) == 0) {
        json_t *json = json_pack("{s:s, s:b, s:s}", "stage", stage, "failed", failed, "log",
                                 text_string(&clean));
        result = print_json(json, err);
        json_decref(json);
    }
    text_release(&clean);
    return result;
}

static int print_log(const char *path, const char *stage, bool failed, bool json,
                     struct digest *digest, struct error *err)
{
    if (json)
        return print_log_json(path, stage, failed, digest, err);
    if (failed)
        fprintf(stderr, "of the last attempt, which failed:\n");
    return print_file(stdout, path, digest, err);
}

static int print_stage(const struct project *project, const char *stage, bool json,
                       struct error *err)
{
    size_t index;
    char path[STORE_PATH_SIZE];
    struct action *action = NULL;
    struct digest digest;
    const struct lock_stage *entry;
    if (plan_find(project->plan, stage, &index, err) < 0)
        return no_such(project->plan, stage, err);
    if (lock_reader_find(project->lock, project->plan->profile, stage, &entry, err) < 0)
        return -1;
    if (failed_since(project, stage, entry, path))
        return print_log(path, stage, true, json, &digest, err);
    if (entry != NULL && action_read(project->store, &entry->key, &action, err) < 0)
        return -1;
    if (action == NULL)
        return error_set(err, ERR_STAGE, "stage '%s' has no result in the cache", stage);
    store_object_path(project->store, &action->log, path);
    int result = print_log(path, stage, false, json, &digest, err);
    if (result == 0 && !digest_equal(&digest, &action->log))
        result = error_set(err, ERR_MISMATCH, "the log of '%s' is damaged: '%s'", stage, path);
    action_free(action);
    return result;
}

static int answer(const struct options *options, const struct project *project,
                  const json_t *records, struct error *err)
{
    size_t index;
    json_t *record;
    struct text text = {0};
    if (options->word_count == 0) {
        if (options->json)
            return print_json(records, err);
        json_array_foreach (records, index, record)
            add_line(record, &text);
        return print_text(&text, err);
    }
    const json_t *found = find_record(records, options->words[0]);
    if (found == NULL)
        return print_stage(project, options->words[0], options->json, err);
    if (options->json)
        return print_json(found, err);
    add_record(found, &text);
    return print_text(&text, err);
}

int command_log(const struct options *options, struct error *err)
{
    struct project project;
    if (project_open(&options->project, PROJECT_AS_RECORDED, &project, err) < 0)
        return -1;
    json_t *records = read_records(&project);
    int result = records == NULL ? error_set(err, ERR_MEMORY, "out of memory for the records")
                                 : answer(options, &project, records, err);
    json_decref(records);
    project_close(&project);
    return result;
}
