#include "runner/record.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "runner/limits.h"
#include "runner/machine.h"
#include "runner/requirement.h"
#include "runner/sandbox.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static json_t *digest_json(const struct digest *digest)
{
    char hex[DIGEST_HEX_SIZE];
    digest_to_hex(digest, hex);
    return json_string(hex);
}

/* Only plain numbers at the top: confusion matrices stay in the artifact. */
static json_t *with_metrics(const struct jobs *jobs, const struct job *job, json_t *stage)
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
                numbers = json_object_with(numbers, name, json_incref(value));
        json_decref(metrics);
    }
    if (numbers != NULL && json_object_size(numbers) == 0) {
        json_decref(numbers);
        return stage;
    }
    return json_object_with(stage, "metrics", numbers);
}

static json_t *with_action(const struct jobs *jobs, const struct job *job, json_t *stage)
{
    const struct action *action = job->action;
    stage = json_object_with(stage, "seconds", json_real(action->seconds));
    stage = json_object_with(stage, "started", json_clean(action->started));
    stage = json_object_with(stage, "host", json_clean(action->host));
    stage = json_object_with(stage, "device", json_clean(action->device));
    stage = json_object_with(stage, "threads", json_integer(action->threads));
    stage = json_object_with(stage, "log", digest_json(&action->log));
    if (action->adopted != NULL)
        stage = json_object_with(stage, "adopted", json_clean(action->adopted));
    return with_metrics(jobs, job, stage);
}

/* NULL where memory is out. */
static json_t *stage_json(const struct jobs *jobs, const struct job *job,
                          const struct record_run *run)
{
    json_t *stage =
        json_pack("{s:s, s:s}", "name", job->stage->name, "state", job_state_name(job->state));
    if (job_is_done(job) || job->state == JOB_FAILED)
        stage = json_object_with(stage, "key", digest_json(&job->key));
    if (job_is_done(job))
        stage = with_action(jobs, job, stage);
    else if (job->state == JOB_FAILED)
        stage = json_object_with(stage, "seconds", json_real(job->seconds));
    if (job->began > 0.0)
        stage = json_object_with(stage, "began", json_real(job->began - run->start));
    if (job->repaired)
        stage = json_object_with(stage, "delivered", json_true());
    if (job->state != JOB_CACHED && job->reason.size > 0)
        stage = json_object_with(stage, "reason", json_clean(job->reason.data));
    if (job->trace != NULL)
        stage = json_object_with(stage, "trace", json_incref(job->trace));
    if (job->failure.size > 0)
        stage = json_object_with(stage, "failure", json_clean(job->failure.data));
    return stage;
}

/* The list with those of a job; NULL, with an error, where the list is gone. */
static json_t *with_requirements(const struct jobs *jobs, const struct job *job, json_t *list,
                                 struct error *err)
{
    for (size_t i = 0; i < job->stage->requirement_count && job_is_done(job); i++) {
        struct requirement_result result;
        if (requirement_check(jobs->project->store, job->stage, i, job->action, &result, err) < 0) {
            json_decref(list);
            return NULL;
        }
        list = json_list_with(list, json_object_with(requirement_json(job->stage, &result), "stage",
                                                     json_string(job->stage->name)));
    }
    if (list == NULL)
        error_set(err, ERR_MEMORY, "out of memory for the record of the run");
    return list;
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

static json_t *sandbox_json(const struct project *project)
{
    struct text words = {0};
    if (sandbox_confines(project))
        sandbox_in_force(project, &words);
    else {
        text_add(&words, project->sandbox == SANDBOX_OFF ? "off" : "trace: nothing was refused");
        if (project_limits_memory(project))
            text_addf(&words, ", limits on memory of %s",
                      limits_memory_whose(project_limits_memory_of_all(project)));
    }
    json_t *json = words.failed ? NULL : json_string(text_string(&words));
    text_release(&words);
    return json;
}

json_t *record_make(const struct jobs *jobs, const struct record_run *run, struct error *err)
{
    const struct project *project = jobs->project;
    char host[256] = "", started[32], id[9];
    struct tm utc;
    json_t *stages = json_array(), *requirements = json_array(), *record = NULL;
    for (size_t i = 0; i < jobs->count && stages != NULL; i++) {
        const struct job *job = &jobs->list[i];
        if (job->state == JOB_OUTSIDE)
            continue;
        stages = json_list_with(stages, stage_json(jobs, job, run));
        if ((requirements = with_requirements(jobs, job, requirements, err)) == NULL)
            goto done;
    }
    gethostname(host, sizeof(host) - 1);
    strftime(started, sizeof(started), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&run->started, &utc));
    make_id(run, host, id);
    if (stages != NULL && requirements != NULL)
        record =
            json_pack("{s:i, s:s, s:s, s:f, s:s, s:s, s:O, s:s, s:s, s:i, s:o, s:o, s:O, s:O}",
                      "schema", 1, "id", id, "started", started, "seconds", run->seconds, "outcome",
                      outcome_name(run->outcome), "profile", project->plan->profile, "sets",
                      project->plan->sets, "host", host, "device", project->settings.device, "jobs",
                      project->settings.jobs, "machine", machine_json(), "sandbox",
                      sandbox_json(project), "stages", stages, "requirements", requirements);
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

static bool has_suffix(const char *name, const char *suffix)
{
    const size_t length = strlen(name), tail = strlen(suffix);
    return length > tail && strcmp(name + length - tail, suffix) == 0;
}

struct found_record {
    const char *started;
    struct timespec written;
    json_t *record;
};

/* By their begin in seconds, then by the time at which they were written, that is the end. */
static int compare_records(const void *left, const void *right)
{
    const struct found_record *a = left, *b = right;
    const int order = strcmp(a->started, b->started);
    if (order != 0 || a->written.tv_sec != b->written.tv_sec)
        return order != 0 ? order : a->written.tv_sec < b->written.tv_sec ? -1 : 1;
    return a->written.tv_nsec < b->written.tv_nsec ? -1 : a->written.tv_nsec > b->written.tv_nsec;
}

static int read_record(const char *path, struct found_record *found, struct error *err)
{
    struct stat status;
    if (stat(path, &status) < 0 || json_read(path, &found->record, err) < 0)
        return -1;
    found->written = status.st_mtim;
    found->started = json_string_value(json_object_get(found->record, "started"));
    const bool ours = found->started != NULL && json_text(found->record, "id")[0] != '\0' &&
                      json_is_string(json_object_get(found->record, "profile"));
    /* The first ones did not say so. */
    if (json_object_get(found->record, "schema") == NULL)
        json_object_set_new(found->record, "schema", json_integer(1));
    if (ours)
        return 0;
    json_decref(found->record);
    return -1;
}

/* Names begin with the time. */
json_t *record_read_latest(const struct project *project, size_t most, struct error *err)
{
    char **names = NULL;
    size_t count = 0, used = 0;
    struct error ignored;
    json_t *records = json_array();
    file_list(project->runs, &names, &count, &ignored);
    struct found_record *found = memory_new(count, sizeof(*found), err);
    for (size_t i = count; i-- > 0 && used < most && found != NULL;) {
        char *path =
            has_suffix(names[i], ".json") ? file_join(project->runs, names[i], &ignored) : NULL;
        used += path != NULL && read_record(path, &found[used], &ignored) == 0;
        free(path);
    }
    if (used > 0)
        qsort(found, used, sizeof(*found), compare_records);
    for (size_t i = 0; i < used; i++)
        records = json_list_with(records, found[i].record);
    file_free_names(names, count);
    if (records == NULL)
        error_set(err, ERR_MEMORY, "out of memory for the records");
    else if (found == NULL) {
        json_decref(records);
        records = NULL;
    }
    free(found);
    return records;
}

json_t *record_read_all(const struct project *project, struct error *err)
{
    return record_read_latest(project, SIZE_MAX, err);
}

const json_t *record_find_done(const json_t *records, const char *profile, const char *but)
{
    for (size_t i = json_array_size(records); i-- > 0;) {
        const json_t *record = json_array_get(records, i);
        if ((but == NULL || strcmp(json_text(record, "id"), but) != 0) &&
            strcmp(json_text(record, "profile"), profile) == 0 &&
            strcmp(json_text(record, "outcome"), "done") == 0)
            return record;
    }
    return NULL;
}

/* "last" is 0, "last~2" 2; -1 for another word. */
static long long runs_back(const char *word)
{
    long long back = -1;
    if (strcmp(word, "last") == 0)
        return 0;
    if (strncmp(word, "last~", 5) != 0 || !text_to_int64(word + 5, &back) || back < 0)
        return -1;
    return back;
}

static int find_back(const json_t *records, const char *word, long long back, const json_t **record,
                     struct error *err)
{
    const size_t count = json_array_size(records);
    if (count == 0)
        return error_set(err, ERR_USAGE, "'%s': there was no run yet", word);
    if (back >= (long long)count)
        return error_set(err, ERR_USAGE, "'%s': of the runs there are %zu", word, count);
    *record = json_array_get(records, count - 1 - (size_t)back);
    return 0;
}

int record_find(const json_t *records, const char *word, const json_t **record, struct error *err)
{
    enum { LEAST = 4 };
    const size_t length = strlen(word);
    size_t index;
    json_t *other;
    const long long back = runs_back(word);
    *record = NULL;
    if (back >= 0)
        return find_back(records, word, back, record, err);
    if (length < LEAST)
        return 0;
    json_array_foreach ((json_t *)records, index, other) {
        const char *id = json_text(other, "id");
        if (strncmp(id, word, length) != 0)
            continue;
        if (*record != NULL && strcmp(json_text(*record, "id"), id) != 0)
            return error_set(err, ERR_USAGE, "'%s' is the beginning of several runs, as %s and %s",
                             word, json_text(*record, "id"), id);
        *record = other;
    }
    return 0;
}

void record_path(const struct project *project, const json_t *record, const char *ending,
                 struct text *path)
{
    text_addf(path, "%s/", project->runs);
    /* Colons are no good in file names elsewhere. */
    for (const char *at = json_text(record, "started"); *at != '\0'; at++)
        if (*at != ':' && *at != '-')
            text_append(path, at, 1);
    text_addf(path, "-%s%s", json_text(record, "id"), ending);
}

int record_write(const struct project *project, const json_t *record, struct error *err)
{
    struct text path = {0};
    record_path(project, record, ".json", &path);
    int result = text_check(&path, err);
    if (result == 0)
        result = file_make_folders(project->runs, err);
    if (result == 0)
        result = json_write(path.data, record, err);
    text_release(&path);
    return result;
}
