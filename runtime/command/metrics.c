/* reprise metrics: the numbers in the metrics of what is cached; side by side, as a table, CSV or
 * Markdown, of stages (of a matrix) or of runs; one of them as a badge. */
#include "base/json.h"
#include "base/memory.h"
#include "command/commands.h"
#include "command/metrics_badge.h"
#include "command/metrics_table.h"
#include "command/numbers.h"
#include "command/print.h"
#include "page/escape.h"
#include "plan/variant.h"
#include "runner/prepare.h"
#include "runner/record.h"
#include "runner/requirement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool names(const char *word, const char *stage)
{
    const size_t length = strlen(word);
    size_t group;
    return variant_is_pattern(word, length, &group)
               ? variant_matches(word, length, stage)
               : strncmp(word, stage, length) == 0 &&
                     (stage[length] == '\0' || stage[length] == '@');
}

/* Whether the words name the stage, or its group; all where there are none. */
static bool is_asked(const struct options *options, const char *stage)
{
    for (size_t i = 0; i < options->word_count; i++)
        if (names(options->words[i], stage))
            return true;
    return options->word_count == 0;
}

/* Numbers of an object under dotted names; lists are left to the artifact. */
static int print_numbers(const char *prefix, const json_t *object, struct error *err)
{
    const char *name;
    json_t *value, *numbers = numbers_flatten(json_object(), prefix, object, false);
    struct text text = {0};
    json_object_foreach (numbers, name, value) {
        text_addf(&text, "%-*s ", print_width(name, 40), name);
        numbers_show(&text, value);
        text_add(&text, "\n");
    }
    const bool whole = numbers != NULL;
    json_decref(numbers);
    int result = print_text(&text, err);
    return whole ? result : error_set(err, ERR_MEMORY, "out of memory for the metrics");
}

static int take_stage(const struct project *project, const struct job *job, bool print, json_t *all,
                      struct error *err)
{
    for (size_t i = 0; i < job->stage->out_count; i++) {
        const struct plan_out *out = &job->stage->outs[i];
        if (!out->metrics)
            continue;
        struct text name = {0};
        text_addf(&name, "%s.%s", job->stage->name, out->name);
        json_t *metrics =
            requirement_metrics(project->store, action_out(job->action, out->name), err);
        if (metrics == NULL) {
            error_prefix(err, "%s: ", text_string(&name));
            text_release(&name);
            return -1;
        }
        int result = print ? print_numbers(text_string(&name), metrics, err) : 0;
        if (json_object_set_new(all, text_string(&name), metrics) < 0)
            result = error_set(err, ERR_MEMORY, "out of memory for the metrics");
        text_release(&name);
        if (result < 0)
            return -1;
    }
    return 0;
}

static void say_missing(const struct job *job)
{
    struct text line = {0};
    text_addf(&line, "%s has no result yet: %s\n", job->stage->name, text_string(&job->reason));
    print_clean(stderr, text_string(&line));
    text_release(&line);
}

/* ---- side by side ---- */

/* The leaves of parameters under dotted names. */
static json_t *flatten_params(json_t *flat, const char *prefix, const json_t *value)
{
    const char *name;
    json_t *member;
    if (!json_is_object(value) || json_object_size(value) == 0)
        return json_object_with(flat, prefix, json_incref((json_t *)value));
    json_object_foreach ((json_t *)value, name, member) {
        struct text dotted = {0};
        text_addf(&dotted, "%s.%s", prefix, name);
        flat = dotted.failed ? json_object_with(flat, "", NULL)
                             : flatten_params(flat, dotted.data, member);
        text_release(&dotted);
    }
    return flat;
}

/* Those of the stage and of all upstream of it, under the names of the stages without what is
 * behind an @. */
static json_t *with_params(json_t *flat, const struct plan *plan, size_t stage, bool *seen)
{
    const struct plan_stage *own = &plan->stages[stage];
    struct text base = {0};
    if (seen[stage])
        return flat;
    seen[stage] = true;
    text_append(&base, own->name, strcspn(own->name, "@"));
    flat = base.failed                         ? json_object_with(flat, "", NULL)
           : json_object_size(own->params) > 0 ? flatten_params(flat, base.data, own->params)
                                               : flat;
    text_release(&base);
    for (size_t i = 0; i < own->dep_count; i++)
        if (own->deps[i].path == NULL && own->deps[i].member_count == 0)
            flat = with_params(flat, plan, own->deps[i].stage, seen);
    return flat;
}

static json_t *params_of(const struct plan *plan, size_t stage, struct error *err)
{
    bool *seen = memory_new(plan->count, sizeof(*seen), err);
    json_t *params = seen == NULL ? NULL : with_params(json_object(), plan, stage, seen);
    free(seen);
    return params;
}

/* A row of a stage whose result is cached; of several outs the numbers have the out's name. */
static int add_stage_row(const struct project *project, const struct job *job, json_t **rows,
                         struct error *err)
{
    json_t *metrics = json_object(), *all = json_object(), *value;
    const char *name;
    int result = take_stage(project, job, false, all, err);
    const bool several = json_object_size(all) > 1;
    json_object_foreach (all, name, value)
        metrics = numbers_flatten(metrics, several ? strrchr(name, '.') + 1 : "", value, false);
    if (result == 0 && json_object_size(all) > 0) {
        json_t *row = json_pack("{s:s, s:s%}", "name", job->stage->name, "stage", job->stage->name,
                                strcspn(job->stage->name, "@"));
        row = json_object_with(row, "params", params_of(project->plan, job->index, err));
        *rows = json_list_with(*rows, json_object_with(row, "metrics", json_incref(metrics)));
    }
    json_decref(metrics);
    json_decref(all);
    return result;
}

/* Each bound as a row of Markdown, and whether it is kept. */
static int add_bounds(const struct project *project, const struct job *job, struct text *bounds,
                      struct error *err)
{
    for (size_t i = 0; i < job->stage->requirement_count; i++) {
        struct requirement_result result;
        struct text name = {0};
        char value[JSON_NUMBER_SIZE] = "-", bound[JSON_NUMBER_SIZE];
        if (requirement_check_job(project, job->stage, i, job->action, &result, err) < 0)
            return -1;
        if (result.known)
            number_show_apart(&result.value, &result.requirement->bound, value, bound);
        text_add(&name, job->stage->name);
        text_add(&name, ".");
        requirement_name(job->stage, i, &name);
        text_add(bounds, bounds->size == 0 ? "\n| bound | value | |\n|---|--:|---|\n| " : "| ");
        escape_markdown(bounds, text_string(&name));
        text_addf(bounds, " | %s | %s |\n", value, result.met ? "met" : "**missed**");
        text_release(&name);
    }
    return 0;
}

static int stage_rows(const struct options *options, struct project *project, json_t **rows,
                      struct text *bounds, struct error *err)
{
    struct jobs jobs = {0};
    size_t failures;
    int result = jobs_init(project, options->words, options->word_count, false, &jobs, err);
    if (result == 0)
        result = prepare_all(&jobs, &failures, err);
    for (size_t i = 0; i < jobs.count && result == 0; i++) {
        const struct job *job = &jobs.list[i];
        if (!is_asked(options, job->stage->name))
            continue;
        if (job->state == JOB_CACHED)
            result = add_stage_row(project, job, rows, err) < 0
                         ? -1
                         : add_bounds(project, job, bounds, err);
        else if (job->state != JOB_OUTSIDE)
            say_missing(job);
    }
    jobs_release(&jobs);
    return result;
}

/* A row of each run; "sets" are its parameters. */
static json_t *run_row(const struct options *options, const json_t *record)
{
    size_t index;
    json_t *stage, *metrics = json_object(), *params = json_object(), *value;
    const char *name;
    params = json_object_with(params, "profile", json_incref(json_object_get(record, "profile")));
    json_object_foreach (json_object_get(record, "sets"), name, value)
        params = json_object_with(params, name, json_incref(value));
    json_array_foreach (json_object_get(record, "stages"), index, stage) {
        const char *own = json_string_value(json_object_get(stage, "name"));
        const bool alone =
            own != NULL && options->word_count == 1 && strcmp(options->words[0], own) == 0;
        if (own != NULL && is_asked(options, own) && json_object_get(stage, "metrics") != NULL)
            metrics = numbers_flatten(metrics, alone ? "" : own, json_object_get(stage, "metrics"),
                                      false);
    }
    json_t *row =
        json_object_with(json_object(), "name", json_incref(json_object_get(record, "id")));
    return json_object_with(json_object_with(row, "params", params), "metrics", metrics);
}

/* What was set in one run and not in another was the file's own value there. */
static json_t *with_unset(json_t *rows)
{
    size_t index, other;
    const char *name;
    json_t *row, *from, *ignored;
    json_array_foreach (rows, other, from)
        json_object_foreach (json_object_get(from, "params"), name, ignored)
            json_array_foreach (rows, index, row) {
                json_t *params = json_object_get(row, "params");
                if (json_object_get(params, name) == NULL &&
                    json_object_set_new(params, name, json_null()) < 0)
                    return json_list_with(rows, NULL);
            }
    return rows;
}

/* Stages that the pipeline has no more may be asked for. */
static int check_words(const struct options *options, const json_t *records, struct error *err)
{
    for (size_t i = 0; i < options->word_count; i++) {
        size_t index, at;
        json_t *record, *stage;
        bool found = json_array_size(records) == 0;
        json_array_foreach ((json_t *)records, index, record)
            json_array_foreach (json_object_get(record, "stages"), at, stage)
                found = found || names(options->words[i], json_text(stage, "name"));
        if (!found)
            return error_set(err, ERR_USAGE, "no run had a stage '%s'", options->words[i]);
    }
    return 0;
}

static int run_rows(const struct options *options, const struct project *project, json_t **rows,
                    struct error *err)
{
    size_t index;
    json_t *record, *records = record_read_all(project, err);
    if (records == NULL || check_words(options, records, err) < 0) {
        json_decref(records);
        return -1;
    }
    json_array_foreach (records, index, record) {
        json_t *row = run_row(options, record);
        if (row != NULL && json_object_size(json_object_get(row, "metrics")) == 0)
            json_decref(row); /* it came to no result */
        else
            *rows = json_list_with(*rows, row);
    }
    json_decref(records);
    *rows = with_unset(*rows);
    return 0;
}

static int find_form(const struct options *options, enum metrics_form *form, struct error *err)
{
    static const char *const names[] = {"table", "csv", "markdown"};
    *form = METRICS_TABLE;
    for (size_t i = 0; options->format != NULL && i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(options->format, names[i]) == 0) {
            *form = (enum metrics_form)i;
            return 0;
        }
    return options->format == NULL
               ? 0
               : error_set(err, ERR_USAGE, "--format '%s': expected table, csv or markdown",
                           options->format);
}

static int print_table(const struct options *options, struct project *project,
                       enum metrics_form form, struct error *err)
{
    json_t *rows = json_array();
    struct text text = {0}, bounds = {0};
    if ((options->runs ? run_rows(options, project, &rows, err)
                       : stage_rows(options, project, &rows, &bounds, err)) < 0) {
        text_release(&bounds);
        json_decref(rows);
        return -1;
    }
    json_t *table = rows == NULL ? NULL : metrics_table_make(rows, options->sort, err);
    if (rows == NULL)
        error_set(err, ERR_MEMORY, "out of memory for the metrics");
    int result = table == NULL ? -1 : 0;
    if (result == 0 && options->json)
        result = print_json(table, err);
    else if (result == 0) {
        metrics_table_text(table, form, &text);
        if (form == METRICS_MARKDOWN)
            text_add(&text, text_string(&bounds));
        if (form != METRICS_CSV)
            result = print_text(&text, err);
        else if ((result = text_check(&text, err)) == 0)
            print_bytes(stdout, text.data, text.size);
    }
    text_release(&bounds);
    text_release(&text);
    json_decref(table);
    return result;
}

int command_metrics(const struct options *options, struct error *err)
{
    struct project project;
    struct jobs jobs = {0};
    size_t failures;
    enum metrics_form form;
    const bool table = options->runs || options->format != NULL || options->sort != NULL;
    if (options->badge != NULL && (table || options->json))
        return error_set(err, ERR_USAGE,
                         "--badge is of one metric of the results: it goes without "
                         "--runs, --format, --sort and --json");
    if (find_form(options, &form, err) < 0 ||
        project_open(&options->project, PROJECT_AS_RECORDED, &project, err) < 0)
        return -1;
    if (table) {
        int printed = print_table(options, &project, form, err);
        project_close(&project);
        return printed;
    }
    json_t *all = json_pack("{s:i}", "schema", 1);
    int result = jobs_init(&project, options->words, options->word_count, false, &jobs, err);
    if (result == 0)
        result = prepare_all(&jobs, &failures, err);
    for (size_t i = 0; i < jobs.count && result == 0; i++) {
        const struct job *job = &jobs.list[i];
        if (!is_asked(options, job->stage->name))
            continue;
        if (job->state == JOB_CACHED)
            result = take_stage(&project, job, !options->json && options->badge == NULL, all, err);
        else if (job->state != JOB_OUTSIDE)
            say_missing(job);
    }
    if (result == 0 && options->badge != NULL)
        result = metrics_badge(&jobs, all, options->badge, err);
    else if (result == 0 && options->json)
        result = print_json(all, err);
    json_decref(all);
    jobs_release(&jobs);
    project_close(&project);
    return result;
}
