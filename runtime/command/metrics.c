/* reprise metrics: the numbers in the metrics of what is cached. */
#include "base/number.h"
#include "command/commands.h"
#include "command/print.h"
#include "runner/prepare.h"
#include "runner/requirement.h"

#include <stdio.h>

/* Infinity, which JSON has no number for: json_measured() writes a text. */
static bool is_infinite(const json_t *value)
{
    double ignored;
    return json_is_string(value) && json_measurement(value, &ignored);
}

static void print_infinite(const char *name, const json_t *value)
{
    struct text line = {0};
    text_addf(&line, "%-40s %s\n", name, json_string_value(value));
    print_clean(stdout, text_string(&line));
    text_release(&line);
}

/* Numbers of an object under dotted names; lists are left to the artifact. */
static void print_numbers(const char *prefix, const json_t *object)
{
    const char *name;
    json_t *value;
    struct number number;
    json_object_foreach ((json_t *)object, name, value) {
        struct text dotted = {0};
        text_addf(&dotted, "%s.%s", prefix, name);
        if (number_from_json(value, &number)) {
            struct text line = {0};
            char shown[JSON_NUMBER_SIZE];
            number_show(&number, shown);
            text_addf(&line, "%-40s %s\n", text_string(&dotted), shown);
            print_clean(stdout, text_string(&line));
            text_release(&line);
        } else if (json_is_object(value))
            print_numbers(text_string(&dotted), value);
        else if (is_infinite(value))
            print_infinite(text_string(&dotted), value);
        text_release(&dotted);
    }
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
        if (print)
            print_numbers(text_string(&name), metrics);
        bool kept = json_object_set_new(all, text_string(&name), metrics) == 0;
        text_release(&name);
        if (!kept)
            return error_set(err, ERR_MEMORY, "out of memory for the metrics");
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

int command_metrics(const struct options *options, struct error *err)
{
    struct project project;
    struct jobs jobs = {0};
    size_t failures;
    json_t *all = json_object();
    if (project_open(&options->project, PROJECT_AS_RECORDED, &project, err) < 0) {
        json_decref(all);
        return -1;
    }
    int result = jobs_init(&project, options->words, options->word_count, false, &jobs, err);
    if (result == 0)
        result = prepare_all(&jobs, &failures, err);
    for (size_t i = 0; i < jobs.count && result == 0; i++) {
        const struct job *job = &jobs.list[i];
        if (job->state == JOB_CACHED)
            result = take_stage(&project, job, !options->json, all, err);
        else if (job->state != JOB_OUTSIDE)
            say_missing(job);
    }
    if (result == 0 && options->json)
        result = print_json(all, err);
    json_decref(all);
    jobs_release(&jobs);
    project_close(&project);
    return result;
}
