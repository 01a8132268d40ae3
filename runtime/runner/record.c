#include "runner/record.h"

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "runner/requirement.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Only plain numbers at the top: confusion matrices stay in the artifact. */
static void add_metrics(const struct jobs *jobs, const struct job *job, json_t *stage)
{
    struct error ignored;
    json_t *numbers = json_object(), *value;
    const char *name;
    for (size_t i = 0; i < job->stage->out_count; i++) {
        const struct plan_out *out = &job->stage->outs[i];
        json_t *metrics = !out->metrics
                              ? NULL
                              : requirement_metrics(jobs->project->store,
                                                    action_out(job->action, out->name), &ignored);
        json_object_foreach (metrics, name, value)
            if (json_is_number(value))
                json_object_set(numbers, name, value);
        json_decref(metrics);
    }
    if (json_object_size(numbers) > 0)
        json_object_set(stage, "metrics", numbers);
    json_decref(numbers);
}

static void add_action(const struct jobs *jobs, const struct job *job, json_t *stage)
{
    char hex[DIGEST_HEX_SIZE];
    const struct action *action = job->action;
    digest_to_hex(&action->log, hex);
    json_object_set_new(stage, "seconds", json_real(action->seconds));
    json_object_set_new(stage, "started", json_string(action->started));
    json_object_set_new(stage, "host", json_string(action->host));
    json_object_set_new(stage, "device", json_string(action->device));
    json_object_set_new(stage, "threads", json_integer(action->threads));
    json_object_set_new(stage, "log", json_string(hex));
    add_metrics(jobs, job, stage);
}

static json_t *stage_json(const struct jobs *jobs, const struct job *job)
{
    char hex[DIGEST_HEX_SIZE];
    json_t *stage =
        json_pack("{s:s, s:s}", "name", job->stage->name, "state", job_state_name(job->state));
    if (job_is_done(job) || job->state == JOB_FAILED) {
        digest_to_hex(&job->key, hex);
        json_object_set_new(stage, "key", json_string(hex));
    }
    if (job_is_done(job))
        add_action(jobs, job, stage);
    else if (job->state == JOB_FAILED)
        json_object_set_new(stage, "seconds", json_real(job->seconds));
    if (job->repaired)
        json_object_set_new(stage, "delivered", json_true());
    if (job->state != JOB_CACHED && job->reason.size > 0)
        json_object_set_new(stage, "reason", json_string(job->reason.data));
    if (job->failure.size > 0)
        json_object_set_new(stage, "failure", json_string(job->failure.data));
    return stage;
}

static int add_requirements(const struct jobs *jobs, const struct job *job, json_t *list,
                            struct error *err)
{
    for (size_t i = 0; i < job->stage->requirement_count && job_is_done(job); i++) {
        struct requirement_result result;
        if (requirement_check(jobs->project->store, job->stage, i, job->action, &result, err) < 0)
            return -1;
        json_t *json = requirement_json(job->stage, &result);
        json_object_set_new(json, "stage", json_string(job->stage->name));
        json_array_append_new(list, json);
    }
    return 0;
}

static const char *outcome_name(const struct error *outcome)
{
    switch (outcome->kind) {
    case ERR_NONE: return "done";
    case ERR_INTERRUPTED: return "interrupted";
    default: return "failed";
    }
}

/* Eight digits that no two runs share. */
static void make_id(const struct record_run *run, const char *host, char id[9])
{
    char text[512], hex[DIGEST_HEX_SIZE] = "00000000";
    struct digest digest;
    struct error ignored;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(text, sizeof(text), "%s %ld %lld %ld", host, (long)getpid(), (long long)run->started,
             now.tv_nsec);
    if (digest_of_bytes(text, strlen(text), &digest, &ignored) == 0)
        digest_to_hex(&digest, hex);
    snprintf(id, 9, "%.8s", hex);
}

json_t *record_make(const struct jobs *jobs, const struct record_run *run, struct error *err)
{
    const struct project *project = jobs->project;
    char host[256] = "", started[32], id[9];
    struct tm utc;
    json_t *stages = json_array(), *requirements = json_array(), *record = NULL;
    for (size_t i = 0; i < jobs->count; i++) {
        const struct job *job = &jobs->list[i];
        if (job->state == JOB_OUTSIDE)
            continue;
        json_array_append_new(stages, stage_json(jobs, job));
        if (add_requirements(jobs, job, requirements, err) < 0)
            goto done;
    }
    gethostname(host, sizeof(host) - 1);
    strftime(started, sizeof(started), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&run->started, &utc));
    make_id(run, host, id);
    record =
        json_pack("{s:s, s:s, s:f, s:s, s:s, s:O, s:s, s:s, s:i, s:O, s:O}", "id", id, "started",
                  started, "seconds", run->seconds, "outcome", outcome_name(run->outcome),
                  "profile", project->plan->profile, "sets", project->plan->sets, "host", host,
                  "device", project->settings.device, "jobs", project->settings.jobs, "stages",
                  stages, "requirements", requirements);
    if (record == NULL)
        error_set(err, ERR_MEMORY, "out of memory for the record of the run");
done:
    json_decref(stages);
    json_decref(requirements);
    return record;
}

bool record_is_worth(const struct jobs *jobs)
{
    for (size_t i = 0; i < jobs->count; i++) {
        const struct job *job = &jobs->list[i];
        if (job->state == JOB_EXECUTED || job->state == JOB_FAILED || job->state == JOB_SKIPPED ||
            job->repaired)
            return true;
    }
    return false;
}

int record_write(const struct project *project, const json_t *record, struct error *err)
{
    struct text name = {0};
    const char *started = json_string_value(json_object_get(record, "started"));
    text_addf(&name, "%s/", project->runs);
    /* Colons are no good in file names elsewhere. */
    for (; *started != '\0'; started++)
        if (*started != ':' && *started != '-')
            text_append(&name, started, 1);
    text_addf(&name, "-%s.json", json_string_value(json_object_get(record, "id")));
    int result = text_check(&name, err);
    if (result == 0)
        result = file_make_folders(project->runs, err);
    if (result == 0)
        result = json_write(name.data, record, err);
    text_release(&name);
    return result;
}
