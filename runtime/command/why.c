/* reprise why STAGE: the components of its key that differ from those of its
 * entry in the lock file. */
#include "command/commands.h"
#include "command/print.h"
#include "runner/job.h"

#include <stdio.h>
#include <stdlib.h>

static json_t *changes_json(const struct key_change *changes, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s}", "component", changes[i].component,
                                        "before", changes[i].before, "after", changes[i].after));
    return list;
}

static int print_answer(const struct options *options, const struct job *job, const char *recorded,
                        const struct key_change *changes, size_t count, struct error *err)
{
    if (options->json) {
        json_t *json =
            json_pack("{s:s, s:s, s:s, s:s, s:o}", "name", job->stage->name, "state",
                      job_state_name(job->state), "reason", text_string(&job->reason), "components",
                      text_string(&job->components), "changes", changes_json(changes, count));
        int result = print_json(json, err);
        json_decref(json);
        return result;
    }
    printf("%s: %s", job->stage->name, job_state_name(job->state));
    if (job->state != JOB_CACHED && job->reason.size > 0)
        printf(": %s", job->reason.data);
    printf("\n");
    for (size_t i = 0; i < count; i++)
        printf("  %s\n    - %s\n    + %s\n", changes[i].component,
               changes[i].before[0] != '\0' ? changes[i].before : "(absent)",
               changes[i].after[0] != '\0' ? changes[i].after : "(absent)");
    if (recorded == NULL)
        printf("  nothing recorded to compare with; its key is made of:\n%s",
               text_string(&job->components));
    return 0;
}

static int answer(const struct options *options, struct jobs *jobs, struct error *err)
{
    size_t index, count = 0;
    struct key_change *changes = NULL;
    char *recorded = NULL;
    if (plan_find(jobs->project->plan, options->words[0], &index, err) < 0 ||
        jobs_prepare_all(jobs, err) < 0)
        return -1;
    const struct job *job = &jobs->list[index];
    int result = job_recorded_components(jobs->project, job->stage->name, &recorded, err);
    if (result == 0 && recorded != NULL)
        result = key_compare(recorded, text_string(&job->components), &changes, &count, err);
    if (result == 0)
        result = print_answer(options, job, recorded, changes, count, err);
    key_free_changes(changes, count);
    free(recorded);
    return result;
}

int command_why(const struct options *options, struct error *err)
{
    struct project project;
    struct jobs jobs = {0};
    if (project_open(&options->project, PROJECT_AS_ASKED, &project, err) < 0)
        return -1;
    int result = jobs_init(&project, options->words, options->word_count, false, &jobs, err);
    if (result == 0)
        result = answer(options, &jobs, err);
    jobs_release(&jobs);
    project_close(&project);
    return result;
}
