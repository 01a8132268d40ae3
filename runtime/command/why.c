/* reprise why STAGE: the components of its key that differ from those of its
 * entry in the lock file. */
#include "base/json.h"
#include "base/memory.h"
#include "command/commands.h"
#include "command/print.h"
#include "runner/lock_update.h"
#include "runner/prepare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Components have texts of any bytes: JSON gets them as a terminal shows them. */
static json_t *clean_json(const char *bytes)
{
    struct text clean = {0};
    for (const char *line = bytes; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        text_add_clean(&clean, line, length);
        text_add(&clean, line[length] == '\n' ? "\n" : "");
        line += length + (line[length] == '\n');
    }
    json_t *json = clean.failed ? NULL : json_string(text_string(&clean));
    text_release(&clean);
    return json;
}

static json_t *changes_json(const struct key_change *changes, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count && list != NULL; i++) {
        json_t *change =
            json_object_with(json_object(), "component", clean_json(changes[i].component));
        change = json_object_with(change, "before", clean_json(changes[i].before));
        list =
            json_list_with(list, json_object_with(change, "after", clean_json(changes[i].after)));
    }
    return list;
}

static json_t *answer_json(const struct job *job, const struct key_change *changes, size_t count)
{
    json_t *json =
        json_pack("{s:s, s:s}", "name", job->stage->name, "state", job_state_name(job->state));
    json = json_object_with(json, "reason", clean_json(text_string(&job->reason)));
    json = json_object_with(json, "components", clean_json(text_string(&job->components)));
    return json_object_with(json, "changes", changes_json(changes, count));
}

static int print_answer(const struct job *job, const char *recorded,
                        const struct key_change *changes, size_t count, struct error *err)
{
    struct text text = {0};
    text_addf(&text, "%s: %s", job->stage->name, job_state_name(job->state));
    if (job->state != JOB_CACHED && job->reason.size > 0)
        text_addf(&text, ": %s", job->reason.data);
    text_add(&text, "\n");
    for (size_t i = 0; i < count; i++)
        text_addf(&text, "  %s\n    - %s\n    + %s\n", changes[i].component,
                  changes[i].before[0] != '\0' ? changes[i].before : "(absent)",
                  changes[i].after[0] != '\0' ? changes[i].after : "(absent)");
    if (recorded == NULL)
        text_addf(&text, "  nothing recorded to compare with; its key is made of:\n%s",
                  text_string(&job->components));
    int result = text_check(&text, err);
    if (result == 0)
        print_bytes(stdout, text.data, text.size);
    text_release(&text);
    return result;
}

/* Keys alone count here: a stage whose parameters are wrong has one, too. Those that cannot be
 * known are left, but for the stages that were asked for. */
static int prepare_up_to(struct jobs *jobs, size_t first, size_t last, const bool *asked,
                         struct error *err)
{
    for (size_t i = first; i <= last; i++) {
        struct job *job = &jobs->list[i];
        struct error why = {0};
        if (job->state == JOB_OUTSIDE || prepare_job(jobs, i, STORE_BY_STAT, &why) == 0)
            continue;
        if (asked[i] || why.kind == ERR_MEMORY || why.kind == ERR_INTERRUPTED) {
            *err = why;
            return -1;
        }
        job->state = JOB_FAILED;
    }
    return 0;
}

/* Prints it, or adds it to the list. */
static int answer_one(const struct jobs *jobs, const struct job *job, json_t **list,
                      struct error *err)
{
    size_t count = 0;
    struct key_change *changes = NULL;
    char *recorded = NULL;
    int result = prepare_recorded_components(jobs->project, job->stage->name, &recorded, err);
    if (result == 0 && recorded != NULL)
        result = key_compare(recorded, text_string(&job->components), &changes, &count, err);
    if (result == 0 && list == NULL)
        result = print_answer(job, recorded, changes, count, err);
    else if (result == 0)
        *list = json_list_with(*list, answer_json(job, changes, count));
    key_free_changes(changes, count);
    free(recorded);
    return result;
}

static int answer(const struct options *options, struct jobs *jobs, struct error *err)
{
    size_t *chosen, count, next = 0;
    if (plan_select(jobs->project->plan, options->words[0], &chosen, &count, err) < 0)
        return -1;
    json_t *list = options->json ? json_array() : NULL;
    bool *asked = memory_new(jobs->count, sizeof(*asked), err);
    int result = asked == NULL ? -1 : 0;
    for (size_t i = 0; i < count && result == 0; i++)
        asked[chosen[i]] = true;
    for (size_t i = 0; i < count && result == 0; i++) {
        result = prepare_up_to(jobs, next, chosen[i], asked, err);
        next = chosen[i] + 1;
        if (result == 0)
            result = answer_one(jobs, &jobs->list[chosen[i]], options->json ? &list : NULL, err);
    }
    if (result == 0 && options->json) {
        json_t *json = json_pack("{s:i, s:O}", "schema", 1, "stages", list);
        result = print_json(json, err);
        json_decref(json);
    }
    json_decref(list);
    free(asked);
    free(chosen);
    return result;
}

int command_why(const struct options *options, struct error *err)
{
    struct project project;
    struct jobs jobs = {0};
    if (project_open(&options->project, PROJECT_AS_ASKED, &project, err) < 0)
        return -1;
    int result = lock_check_readable(&project, err);
    if (result == 0)
        result = jobs_init(&project, options->words, options->word_count, false, &jobs, err);
    if (result == 0)
        result = answer(options, &jobs, err);
    jobs_release(&jobs);
    project_close(&project);
    return result;
}
