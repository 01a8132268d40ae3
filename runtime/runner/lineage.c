#include "runner/lineage.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
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
    for (size_t i = 0; i < job->stage->dep_count; i++) {
        const struct plan_dep *dep = &job->stage->deps[i];
        struct text from = {0};
        if (dep->path != NULL)
            text_add(&from, dep->path);
        else
            text_addf(&from, "%s.%s", jobs->list[dep->stage].stage->name,
                      jobs->list[dep->stage].stage->outs[dep->out].name);
        json_t *json = json_pack("{s:s}", "from", text_string(&from));
        if (job->deps[i].known)
            json_object_set_new(json, "digest", digest_json(&job->deps[i].content.digest));
        json_object_set_new(deps, dep->name, json);
        text_release(&from);
    }
    return deps;
}

static json_t *outs_json(const struct job *job)
{
    json_t *outs = json_object();
    for (size_t i = 0; i < job->stage->out_count; i++) {
        const struct plan_out *out = &job->stage->outs[i];
        const struct content *content = action_out(job->action, out->name);
        json_object_set_new(outs, out->name,
                            json_pack("{s:s, s:o, s:I}", "path", out->path, "digest",
                                      digest_json(&content->digest), "size",
                                      (json_int_t)content->size));
    }
    return outs;
}

static int add_stage(const struct jobs *jobs, const struct job *job, json_t *stages,
                     struct error *err)
{
    json_t *words = json_array(), *requirements = json_array();
    int result = 0;
    for (size_t i = 0; i < job->stage->argc; i++)
        json_array_append_new(words, json_string(job->stage->argv[i]));
    for (size_t i = 0; i < job->stage->requirement_count && result == 0; i++) {
        struct requirement_result checked;
        result = requirement_check(jobs->project->store, job->stage, i, job->action, &checked, err);
        if (result == 0)
            json_array_append_new(requirements, requirement_json(job->stage, &checked));
    }
    json_t *stage =
        json_pack("{s:s, s:s, s:o, s:o, s:O, s:o, s:o, s:o}", "name", job->stage->name, "desc",
                  job->stage->desc != NULL ? job->stage->desc : "", "key", digest_json(&job->key),
                  "cmd", words, "params", job->stage->params, "deps", deps_json(jobs, job), "outs",
                  outs_json(job), "requirements", requirements);
    if (result == 0 && json_array_append_new(stages, stage) < 0)
        return error_set(err, ERR_MEMORY, "out of memory for the lineage");
    if (result < 0)
        json_decref(stage);
    return result;
}

static int compare_jobs(const void *a, const void *b)
{
    return strcmp((*(const struct job *const *)a)->stage->name,
                  (*(const struct job *const *)b)->stage->name);
}

/* Marks what is upstream of `index`; deps come before their stage. A frozen
 * stage's own deps don't count: its result does. */
static void mark_upstream(const struct jobs *jobs, size_t index, bool *marked)
{
    marked[index] = true;
    for (size_t i = index + 1; i-- > 0;)
        for (size_t d = 0; d < jobs->list[i].stage->dep_count; d++)
            if (marked[i] && !jobs->list[i].stage->frozen &&
                jobs->list[i].stage->deps[d].path == NULL)
                marked[jobs->list[i].stage->deps[d].stage] = true;
    marked[index] = false;
}

char *lineage_text(const struct jobs *jobs, size_t index, struct error *err)
{
    char *text = NULL;
    size_t count = 0;
    json_t *stages = json_array(), *lineage = NULL;
    bool *marked = memory_new(jobs->count, sizeof(*marked), err);
    const struct job **sorted = memory_new(jobs->count, sizeof(const struct job *), err);
    if (marked == NULL || sorted == NULL)
        goto done;
    mark_upstream(jobs, index, marked);
    for (size_t i = 0; i < jobs->count; i++)
        if (marked[i])
            sorted[count++] = &jobs->list[i];
    qsort(sorted, count, sizeof(*sorted), compare_jobs);
    for (size_t i = 0; i < count; i++)
        if (add_stage(jobs, sorted[i], stages, err) < 0)
            goto done;
    lineage = json_pack("{s:s, s:O}", "profile", jobs->project->plan->profile, "stages", stages);
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
