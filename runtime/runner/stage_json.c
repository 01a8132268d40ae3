#include "runner/stage_json.h"

#include "base/memory.h"
#include "base/text.h"
#include "runner/launch.h"

#include <stdlib.h>
#include <string.h>

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

char *stage_json_dep_path(const struct project *project, const struct plan_stage *stage,
                          size_t index, struct error *err)
{
    struct text path = {0};
    if (index == stage->dep_count)
        return memory_copy_text("deps/lineage/lineage.json", err);
    const struct plan_dep *dep = &stage->deps[index];
    const char *file = dep->path != NULL ? dep->path
                       : dep->member_count == 0
                           ? project->plan->stages[dep->stage].outs[dep->out].path
                           : ".";
    text_addf(&path, "deps/%s", dep->name);
    if (strcmp(file, ".") != 0)
        text_addf(&path, "/%s", last_part(file));
    if (text_check(&path, err) < 0)
        text_release(&path);
    return path.data;
}

/* Deps by name; a job's lineage is one more. */
static json_t *deps_json(const struct project *project, const struct plan_stage *stage,
                         struct error *err)
{
    json_t *deps = json_object();
    for (size_t i = 0; i < stage->dep_count + stage->lineage; i++) {
        const char *name = i < stage->dep_count ? stage->deps[i].name : "lineage";
        char *path = stage_json_dep_path(project, stage, i, err);
        int result = path == NULL ? -1 : json_object_set_new(deps, name, json_string(path));
        free(path);
        if (result < 0) {
            json_decref(deps);
            return NULL;
        }
    }
    return deps;
}

static json_t *outs_json(const struct plan_stage *stage)
{
    json_t *outs = json_object();
    for (size_t i = 0; i < stage->out_count; i++) {
        struct text path = {0};
        text_addf(&path, "outs/%s", stage->outs[i].path);
        int result = path.failed
                         ? -1
                         : json_object_set_new(outs, stage->outs[i].name, json_string(path.data));
        text_release(&path);
        if (result < 0) {
            json_decref(outs);
            return NULL;
        }
    }
    return outs;
}

static json_t *finished(json_t *object, bool good, struct error *err)
{
    if (object != NULL && good)
        return object;
    json_decref(object);
    if (err->kind != ERR_MEMORY)
        error_set(err, ERR_MEMORY, "out of memory for stage.json");
    return NULL;
}

static json_t *common(const struct project *project, const struct plan_stage *stage,
                      struct error *err)
{
    json_t *deps = deps_json(project, stage, err);
    json_t *outs = outs_json(stage);
    if (deps == NULL || outs == NULL) {
        json_decref(deps);
        json_decref(outs);
        return finished(NULL, false, err);
    }
    return finished(json_pack("{s:i, s:s, s:O, s:o, s:o, s:s}", "schema", STAGE_JSON_SCHEMA,
                              "stage", stage->name, "params", stage->params, "deps", deps, "outs",
                              outs, "device", project->settings.device),
                    true, err);
}

json_t *stage_json_for_check(const struct project *project, const struct plan_stage *stage,
                             struct error *err)
{
    return common(project, stage, err);
}

/* What the key says was taken: a stage that cannot take it any more fails, and computes on no
 * other. */
static bool is_on_a_card(const struct job *job)
{
    return strstr(text_string(&job->components), "\nfingerprint device cuda\n") != NULL;
}

json_t *stage_json_for_run(const struct project *project, const struct job *job,
                           const struct stage_json_run *run, struct error *err)
{
    char key[DIGEST_HEX_SIZE];
    json_t *object = common(project, job->stage, err);
    if (object == NULL)
        return NULL;
    digest_to_hex(&job->key, key);
    json_t *more =
        json_pack("{s:s, s:s, s:{s:i}, s:i}", "key", key, "checkpoint", "../checkpoint",
                  "resources", "threads", run->threads, "progress_fd", LAUNCH_PROGRESS_FD);
    const int64_t memory = job->stage->resources.memory_bytes;
    if (memory > 0 && json_object_set_new(json_object_get(more, "resources"), "memory",
                                          json_integer(memory)) < 0) {
        json_decref(more);
        more = NULL;
    }
    bool good = more != NULL && json_object_update(object, more) == 0;
    json_decref(more);
    if (is_on_a_card(job))
        good = good && json_object_set_new(object, "device", json_string("cuda")) == 0;
    if (job->invocation.by_path)
        good = good && json_object_set_new(object, "scratch_out", json_string("scratch_out")) == 0;
    if (run->scratch != NULL)
        good = good && json_object_set_new(object, "scratch", json_string(run->scratch)) == 0;
    if (run->project != NULL)
        good = good && json_object_set_new(object, "project", json_string(run->project)) == 0;
    return finished(object, good, err);
}
