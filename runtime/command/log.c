/* reprise log: the records in reports/runs, newest last; one of them by its id
 * or "last"; or, by the name of a stage, what its execution printed. */
#include "base/file.h"
#include "base/json.h"
#include "base/number.h"
#include "command/commands.h"
#include "command/print.h"
#include "command/run_line.h"
#include "runner/project.h"
#include "runner/record.h"
#include "store/action.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LOG_LIMIT = 1 << 28 }; /* more than a log may be */

static void add_number(struct text *text, const json_t *value, int digits)
{
    struct number number = {0};
    if (number_from_json(value, &number) && number.is_integer)
        text_addf(text, "%lld", number.integer);
    else
        text_addf(text, "%.*g", digits, number.real);
}

static void add_record(const json_t *record, struct text *text)
{
    size_t index;
    json_t *item, *value;
    const char *name;
    run_line_add(record, text);
    json_array_foreach (json_object_get(record, "stages"), index, item) {
        text_addf(text, "  %-14s %-9s %8.1f s  %.12s", json_text(item, "name"),
                  json_text(item, "state"), json_number_value(json_object_get(item, "seconds")),
                  json_text(item, "key"));
        json_object_foreach (json_object_get(item, "metrics"), name, value) {
            text_addf(text, "  %s ", name);
            add_number(text, value, 4);
        }
        if (json_object_get(item, "failure") != NULL)
            text_addf(text, "  %s", json_text(item, "failure"));
        text_add(text, "\n");
    }
    json_array_foreach (json_object_get(record, "requirements"), index, item) {
        text_addf(text, "  %s: %s.%s %s ",
                  json_is_true(json_object_get(item, "met")) ? "met" : "MISSED",
                  json_text(item, "stage"), json_text(item, "metric"), json_text(item, "relation"));
        add_number(text, json_object_get(item, "bound"), 6);
        text_add(text, "\n");
    }
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
        json_t *json = json_pack("{s:i, s:s, s:b, s:s}", "schema", 1, "stage", stage, "failed",
                                 failed, "log", text_string(&clean));
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

static int print_runs(const json_t *records, struct error *err)
{
    json_t *json = json_pack("{s:i, s:O}", "schema", 1, "runs", records);
    int result = print_json(json, err);
    json_decref(json);
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
            return print_runs(records, err);
        json_array_foreach (records, index, record)
            run_line_add(record, &text);
        return print_text(&text, err);
    }
    const json_t *found;
    if (record_find(records, options->words[0], &found, err) < 0)
        return -1;
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
    json_t *records = record_read_all(&project, err);
    int result = records == NULL ? -1 : answer(options, &project, records, err);
    json_decref(records);
    project_close(&project);
    return result;
}
