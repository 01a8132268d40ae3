/* reprise status: what is cached, what would run and why, and whether the
 * artifacts are as the cache has them. Executes no stage. A stage that is wrong
 * is shown so, and the others too. Exit 1 where a run would do anything. */
#include "base/file.h"
#include "base/json.h"
#include "command/commands.h"
#include "command/print.h"
#include "runner/deliver.h"
#include "runner/fingerprint.h"
#include "runner/limits.h"
#include "runner/lock_update.h"
#include "runner/prepare.h"
#include "runner/sandbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* When something in the folder was last written; 0 where it holds nothing. */
static time_t last_change(const char *folder)
{
    char **names;
    size_t count;
    time_t last = 0;
    struct error ignored;
    if (file_list(folder, &names, &count, &ignored) < 0)
        return 0;
    for (size_t i = 0; i < count; i++) {
        struct stat st;
        char *path = file_join(folder, names[i], &ignored);
        if (path != NULL && lstat(path, &st) == 0 && st.st_mtime > last)
            last = st.st_mtime;
        free(path);
    }
    file_free_names(names, count);
    return last;
}

/* Of a stage that was interrupted under this key: that it goes on, and from when. */
static void add_checkpoint(const struct project *project, const struct job *job,
                           struct text *reason)
{
    char work[STORE_PATH_SIZE];
    struct error ignored;
    store_work_path(project->store, &job->key, work);
    char *folder = file_join(work, "checkpoint", &ignored);
    time_t last = folder == NULL ? 0 : last_change(folder);
    free(folder);
    if (last == 0)
        return;
    long long age = (long long)(time(NULL) - last);
    age = age < 0 ? 0 : age;
    text_addf(reason, "%sresumes from its checkpoint of %lld %s ago", reason->size > 0 ? "; " : "",
              age < 120      ? age
              : age < 7200   ? age / 60
              : age < 172800 ? age / 3600
                             : age / 86400,
              age < 120      ? "seconds"
              : age < 7200   ? "minutes"
              : age < 172800 ? "hours"
                             : "days");
}

/* On which device a stage that would run would compute: the line `device NAME` of its fingerprint.
 */
static void add_device(const struct project *project, const struct job *job, struct text *reason)
{
    static const char name[] = "device ";
    struct error ignored;
    char *lines = NULL;
    if (!job->invoked ||
        fingerprint_of(project, job->stage, &job->invocation, STORE_BY_STAT, &lines, &ignored) < 0)
        return;
    for (const char *line = lines; line != NULL && *line != '\0';) {
        const char *end = strchr(line, '\n');
        const int length = (int)(end != NULL ? (size_t)(end - line) : strlen(line));
        if (strncmp(line, name, sizeof(name) - 1) == 0)
            text_addf(reason, "%s%.*s", reason->size > 0 ? "; " : "", length, line);
        line = end != NULL ? end + 1 : NULL;
    }
    free(lines);
}

/* NULL where memory is out. *stale: a run would do something. */
static json_t *describe(const struct project *project, const struct job *job, bool *stale)
{
    char key[DIGEST_HEX_SIZE] = "";
    struct text reason = {0}, clean = {0};
    const char *state = job_state_name(job->state);
    if (job->state == JOB_CACHED || job->state == JOB_STALE)
        digest_to_hex(&job->key, key);
    if (job->state == JOB_CACHED) {
        const struct plan_out *out = deliver_missing(project, job);
        if (out != NULL) {
            state = "modified";
            text_addf(&reason, "%s '%s' is missing or differs: run brings it back",
                      out->publish != NULL ? "artifact or published copy of" : "artifact",
                      out->path);
        } else if (job->stage->frozen)
            text_add(&reason, "frozen");
        *stale |= out != NULL;
        if (job->action->adopted != NULL)
            text_addf(&reason, "%sadopted: %s", reason.size > 0 ? "; " : "", job->action->adopted);
    } else {
        text_add(&reason, text_string(job->state == JOB_FAILED ? &job->failure : &job->reason));
        *stale = true;
    }
    if (job->state == JOB_STALE)
        add_checkpoint(project, job, &reason);
    if (job->state == JOB_STALE || job->state == JOB_UNKNOWN)
        add_device(project, job, &reason);
    text_add_clean(&clean, text_string(&reason), reason.size);
    json_t *json = reason.failed || clean.failed
                       ? NULL
                       : json_pack("{s:s, s:s, s:s, s:s}", "name", job->stage->name, "state", state,
                                   "reason", text_string(&clean), "key", key);
    text_release(&reason);
    text_release(&clean);
    return json;
}

static void print_lines(const json_t *stages)
{
    size_t index;
    json_t *stage;
    int width = 5;
    json_array_foreach (stages, index, stage) {
        int length = (int)json_string_length(json_object_get(stage, "name"));
        width = length > width ? length : width;
    }
    json_array_foreach (stages, index, stage) {
        struct text line = {0};
        const char *reason = json_string_value(json_object_get(stage, "reason"));
        text_addf(&line, "%-*s  %s%s%s\n", width, json_string_value(json_object_get(stage, "name")),
                  json_string_value(json_object_get(stage, "state")), *reason != '\0' ? ": " : "",
                  reason);
        print_clean(stdout, text_string(&line));
        text_release(&line);
    }
}

/* What would confine the stages of a run; NULL where memory is out. */
static json_t *sandbox_json(const struct project *project)
{
    struct text in_force = {0}, missing = {0};
    sandbox_in_force(project, &in_force);
    sandbox_missing(project, &missing);
    json_t *json = in_force.failed || missing.failed
                       ? NULL
                       : json_pack("{s:s, s:s}", "in_force", text_string(&in_force), "missing",
                                   text_string(&missing));
    text_release(&in_force);
    text_release(&missing);
    return json;
}

static void print_sandbox(const json_t *sandbox)
{
    const char *missing = json_string_value(json_object_get(sandbox, "missing"));
    printf("sandbox: %s%s%s\n", json_string_value(json_object_get(sandbox, "in_force")),
           *missing != '\0' ? "; missing here: " : "", missing);
}

static int show(const struct options *options, struct jobs *jobs, bool *stale, struct error *err)
{
    const struct project *project = jobs->project;
    const bool confined = sandbox_confines(project);
    json_t *stages = json_array(), *sandbox = confined ? sandbox_json(project) : NULL;
    size_t failures;
    struct error first = {0};
    int result = prepare_all(jobs, &failures, &first);
    if (result < 0)
        *err = first;
    for (size_t i = 0; i < jobs->count && result == 0 && stages != NULL; i++)
        if (jobs->list[i].state != JOB_OUTSIDE)
            stages = json_list_with(stages, describe(project, &jobs->list[i], stale));
    if (result == 0 && (stages == NULL || (confined && sandbox == NULL)))
        result = error_set(err, ERR_MEMORY, "out of memory for the status");
    if (result == 0 && options->json) {
        json_t *object = json_pack("{s:i, s:s, s:O, s:O*}", "schema", 1, "profile",
                                   project->plan->profile, "stages", stages, "sandbox", sandbox);
        result = print_json(object, err);
        json_decref(object);
    } else if (result == 0 && !options->quiet) {
        print_lines(stages);
        if (confined)
            print_sandbox(sandbox);
        else if (project_limits_memory(project))
            printf("limits: memory of %s\n",
                   limits_memory_whose(project_limits_memory_of_all(project)));
    }
    json_decref(stages);
    json_decref(sandbox);
    return result;
}

int command_status(const struct options *options, struct error *err)
{
    struct project project;
    struct jobs jobs = {0};
    bool stale = false;
    if (project_open(&options->project, PROJECT_AS_ASKED, &project, err) < 0)
        return -1;
    int result = jobs_init(&project, options->words, options->word_count, false, &jobs, err);
    if (result == 0)
        result = show(options, &jobs, &stale, err);
    /* Whatever is said of the stages: a run would stop here. */
    if (result == 0)
        result = lock_check_readable(&project, err);
    if (result == 0 && stale)
        result = error_set(err, ERR_STAGE, "not all is up to date: see reprise run -n");
    jobs_release(&jobs);
    project_close(&project);
    return result;
}
