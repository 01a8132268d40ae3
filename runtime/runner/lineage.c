#include "runner/lineage.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "runner/lock_entry.h"
#include "runner/lock_from.h"
#include "runner/requirement.h"

#include <stdlib.h>
#include <string.h>

static json_t *digest_json(const struct digest *digest)
{
    char hex[DIGEST_HEX_SIZE];
    digest_to_hex(digest, hex);
    return json_string(hex);
}

static json_t *deps_json(const struct jobs *jobs, const struct job *job)
{
    json_t *deps = json_object();
    for (size_t i = 0; i < job->stage->dep_count && deps != NULL; i++) {
        const struct plan_dep *dep = &job->stage->deps[i];
        struct text from = {0};
        lock_from_add(jobs->project->plan, dep, &from);
        json_t *json = from.failed ? NULL : json_pack("{s:s}", "from", text_string(&from));
        if (job->deps[i].known)
            json = json_object_with(json, "digest", digest_json(&job->deps[i].content.digest));
        deps = json_object_with(deps, dep->name, json);
        text_release(&from);
    }
    return deps;
}

static json_t *outs_json(const struct job *job)
{
    json_t *outs = json_object();
    for (size_t i = 0; i < job->stage->out_count && outs != NULL; i++) {
        const struct plan_out *out = &job->stage->outs[i];
        const struct content *content = action_out(job->action, out->name);
        outs = json_object_with(outs, out->name,
                                json_pack("{s:s, s:o, s:I}", "path", out->path, "digest",
                                          digest_json(&content->digest), "size",
                                          (json_int_t)content->size));
    }
    return outs;
}

static json_t *words_json(const struct plan_stage *stage)
{
    json_t *words = json_array();
    for (size_t i = 0; i < stage->argc && words != NULL; i++)
        words = json_list_with(words, json_string(stage->argv[i]));
    return words;
}

/* What of the machine the key names, line by line. */
static json_t *fingerprint_json(const struct job *job)
{
    struct text lines = {0};
    json_t *list = json_array();
    lock_entry_add_fingerprint(text_string(&job->components), &lines);
    for (const char *line = text_string(&lines); *line != '\0';) {
        const size_t length = strcspn(line, "\n");
        list = json_list_with(list, json_stringn(line, length));
        line += length + (line[length] == '\n');
    }
    if (lines.failed) {
        json_decref(list);
        list = NULL;
    }
    text_release(&lines);
    return list;
}

/* NULL with an error. */
static json_t *requirements_json(const struct jobs *jobs, const struct job *job, struct error *err)
{
    json_t *list = json_array();
    for (size_t i = 0; i < job->stage->requirement_count && list != NULL; i++) {
        struct requirement_result checked;
        if (requirement_check_job(jobs->project, job->stage, i, job->action, &checked, err) < 0) {
            json_decref(list);
            return NULL;
        }
        list = json_list_with(list, requirement_json(job->stage, &checked));
    }
    if (list == NULL)
        error_set(err, ERR_MEMORY, "out of memory for the lineage");
    return list;
}

static json_t *stage_json(const struct jobs *jobs, const struct job *job, struct error *err)
{
    const struct plan_stage *plan = job->stage;
    json_t *requirements = requirements_json(jobs, job, err);
    if (requirements == NULL)
        return NULL;
    json_t *stage =
        json_pack("{s:s, s:s}", "name", plan->name, "desc", plan->desc != NULL ? plan->desc : "");
    stage = json_object_with(stage, "key", digest_json(&job->key));
    stage = json_object_with(stage, "cmd", words_json(plan));
    stage = json_object_with(stage, "fingerprint", fingerprint_json(job));
    stage = json_object_with(stage, "params", json_incref(plan->params));
    stage = json_object_with(stage, "deps", deps_json(jobs, job));
    stage = json_object_with(stage, "outs", outs_json(job));
    stage = json_object_with(stage, "requirements", requirements);
    if (job->action->adopted != NULL)
        stage = json_object_with(stage, "adopted", json_string(job->action->adopted));
    if (stage == NULL)
        error_set(err, ERR_MEMORY, "out of memory for the lineage");
    return stage;
}

static int compare_jobs(const void *a, const void *b)
{
    return strcmp((*(const struct job *const *)a)->stage->name,
                  (*(const struct job *const *)b)->stage->name);
}

static void mark_deps(const struct plan_stage *stage, bool *marked)
{
    for (size_t d = 0; d < stage->dep_count; d++) {
        const struct plan_dep *dep = &stage->deps[d];
        for (size_t m = 0; m < dep->member_count; m++)
            marked[dep->members[m].stage] = true;
        if (dep->path == NULL && dep->member_count == 0)
            marked[dep->stage] = true;
    }
}

/* Marks what is upstream of `index`; deps come before their stage. A frozen
 * stage's own deps don't count: its result does. */
static void mark_upstream(const struct jobs *jobs, size_t index, bool *marked)
{
    marked[index] = true;
    for (size_t i = index + 1; i-- > 0;)
        if (marked[i] && !jobs->list[i].stage->frozen)
            mark_deps(jobs->list[i].stage, marked);
    marked[index] = false;
}

char *lineage_text(const struct jobs *jobs, size_t index, struct error *err)
{
    char *text = NULL;
    size_t count = 0;
    const struct plan *plan = jobs->project->plan;
    json_t *stages = json_array(), *lineage = NULL;
    bool *marked = memory_new(jobs->count, sizeof(*marked), err);
    const struct job **sorted = memory_new(jobs->count, sizeof(const struct job *), err);
    if (marked == NULL || sorted == NULL)
        goto done;
    mark_upstream(jobs, index, marked);
    for (size_t i = 0; i < jobs->count; i++)
        if (marked[i])
            sorted[count++] = &jobs->list[i];
    if (count > 1)
        qsort(sorted, count, sizeof(*sorted), compare_jobs);
    for (size_t i = 0; i < count; i++) {
        if (!job_is_done(sorted[i])) {
            error_set(err, ERR_STAGE, "there is no result of '%s'", sorted[i]->stage->name);
            goto done;
        }
        json_t *stage = stage_json(jobs, sorted[i], err);
        if (stage == NULL)
            goto done;
        stages = json_list_with(stages, stage);
    }
    if (stages != NULL)
        lineage = json_pack("{s:i, s:s, s:O, s:O}", "schema", 1, "profile", plan->profile, "sets",
                            plan->sets, "stages", stages);
    if (lineage == NULL)
        error_set(err, ERR_MEMORY, "out of memory for the lineage");
    else
        text = json_to_text(lineage, false, err);
done:
    json_decref(lineage);
    json_decref(stages);
    free(marked);
    free(sorted);
    return text;
}
