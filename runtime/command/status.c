/* reprise status: what is cached, what would run and why, and whether the
 * artifacts are as the cache has them. Executes no stage. */
#include "command/commands.h"
#include "command/print.h"
#include "runner/deliver.h"

#include <stdio.h>

static json_t *describe(const struct project *project, const struct job *job)
{
    char key[DIGEST_HEX_SIZE] = "";
    struct text reason = {0};
    const char *state = job_state_name(job->state);
    if (job->state != JOB_UNKNOWN)
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
    } else
        text_add(&reason, text_string(&job->reason));
    json_t *json = json_pack("{s:s, s:s, s:s, s:s}", "name", job->stage->name, "state", state,
                             "reason", text_string(&reason), "key", key);
    text_release(&reason);
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
        const char *reason = json_string_value(json_object_get(stage, "reason"));
        printf("%-*s  %s%s%s\n", width, json_string_value(json_object_get(stage, "name")),
               json_string_value(json_object_get(stage, "state")), *reason != '\0' ? ": " : "",
               reason);
    }
}

int command_status(const struct options *options, struct error *err)
{
    struct project project;
    struct jobs jobs = {0};
    json_t *stages = json_array();
    if (project_open(&options->project, false, &project, err) < 0) {
        json_decref(stages);
        return -1;
    }
    int result = jobs_init(&project, options->words, options->word_count, false, &jobs, err);
    if (result == 0)
        result = jobs_prepare_all(&jobs, err);
    for (size_t i = 0; i < jobs.count && result == 0; i++)
        if (jobs.list[i].state != JOB_OUTSIDE)
            json_array_append_new(stages, describe(&project, &jobs.list[i]));
    if (result == 0 && options->json) {
        json_t *object =
            json_pack("{s:s, s:O}", "profile", project.plan->profile, "stages", stages);
        result = print_json(object, err);
        json_decref(object);
    } else if (result == 0 && !options->quiet)
        print_lines(stages);
    json_decref(stages);
    jobs_release(&jobs);
    project_close(&project);
    return result;
}
