#include "runner/job.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "runner/lineage.h"

#include <stdlib.h>
#include <string.h>

static const char *const state_names[] = {
    [JOB_OUTSIDE] = "not asked for", [JOB_WAITING] = "waiting", [JOB_STALE] = "would run",
    [JOB_UNKNOWN] = "may run",       [JOB_RUNNING] = "running", [JOB_CACHED] = "cached",
    [JOB_EXECUTED] = "executed",     [JOB_FAILED] = "failed",   [JOB_SKIPPED] = "skipped",
};

const char *job_state_name(enum job_state state)
{
    return state_names[state];
}

bool job_is_done(const struct job *job)
{
    return job->state == JOB_CACHED || job->state == JOB_EXECUTED;
}

/* Deps come before their stage in the plan, so one pass back marks them all. */
static void mark_upstream(struct jobs *jobs)
{
    for (size_t i = jobs->count; i-- > 0;) {
        const struct job *job = &jobs->list[i];
        if (job->state == JOB_OUTSIDE || job->stage->frozen)
            continue;
        for (size_t d = 0; d < job->stage->dep_count; d++)
            if (job->stage->deps[d].path == NULL)
                jobs->list[job->stage->deps[d].stage].state = JOB_WAITING;
    }
}

int jobs_init(struct project *project, const char *const *words, size_t count, bool force,
              struct jobs *made, struct error *err)
{
    struct plan *plan = project->plan;
    struct jobs jobs = {.project = project, .count = plan->count};
    if ((jobs.list = memory_new(plan->count, sizeof(*jobs.list), err)) == NULL)
        return -1;
    for (size_t i = 0; i < plan->count; i++) {
        struct job *job = &jobs.list[i];
        job->stage = &plan->stages[i];
        job->index = i;
        job->state = count == 0 ? JOB_WAITING : JOB_OUTSIDE;
        job->forced = count == 0 && force;
        job->dep_count = job->stage->dep_count + job->stage->lineage;
        if ((job->deps = memory_new(job->dep_count, sizeof(*job->deps), err)) == NULL)
            goto failed;
    }
    for (size_t i = 0; i < count; i++) {
        size_t index;
        if (plan_find(plan, words[i], &index, err) < 0)
            goto failed;
        jobs.list[index].state = JOB_WAITING;
        jobs.list[index].forced = force;
    }
    mark_upstream(&jobs);
    *made = jobs;
    return 0;
failed:
    jobs_release(&jobs);
    return -1;
}

void jobs_release(struct jobs *jobs)
{
    for (size_t i = 0; i < jobs->count && jobs->list != NULL; i++) {
        struct job *job = &jobs->list[i];
        invocation_release(&job->invocation);
        free(job->deps);
        free(job->lineage);
        text_release(&job->components);
        text_release(&job->reason);
        text_release(&job->failure);
        action_free(job->action);
    }
    free(jobs->list);
    *jobs = (struct jobs){0};
}

/* ---- deps ---- */

static int resolve_path(struct jobs *jobs, const struct plan_dep *dep, struct key_dep *resolved,
                        struct error *err)
{
    const struct plan *plan = jobs->project->plan;
    char *path = dep->path[0] == '/' ? memory_copy_text(dep->path, err)
                                     : file_join(plan->folder, dep->path, err);
    if (path == NULL)
        return -1;
    int result =
        content_hash_dep(jobs->project->store, path, NULL, STORE_BY_STAT, &resolved->content, err);
    free(path);
    if (result < 0)
        return error_prefix(err, "%s:%d:%d: dep '%s': ", plan->file, dep->place.line,
                            dep->place.column, dep->name);
    resolved->known = true;
    return 0;
}

static int resolve_deps(struct jobs *jobs, struct job *job, struct error *err)
{
    const struct plan_stage *stage = job->stage;
    bool all_known = true;
    for (size_t i = 0; i < stage->dep_count; i++) {
        const struct plan_dep *dep = &stage->deps[i];
        job->deps[i] = (struct key_dep){.name = dep->name};
        if (dep->path != NULL) {
            if (resolve_path(jobs, dep, &job->deps[i], err) < 0)
                return -1;
            continue;
        }
        const struct job *upstream = &jobs->list[dep->stage];
        if (!job_is_done(upstream)) {
            all_known = false;
            if (job->reason.size == 0)
                text_addf(&job->reason, "after '%s'", upstream->stage->name);
            continue;
        }
        job->deps[i].content = *action_out(upstream->action, upstream->stage->outs[dep->out].name);
        job->deps[i].known = true;
    }
    if (!stage->lineage)
        return 0;
    struct key_dep *last = &job->deps[stage->dep_count];
    *last = (struct key_dep){.name = "lineage"};
    if (!all_known)
        return 0;
    if ((job->lineage = lineage_text(jobs, job->index, err)) == NULL)
        return -1;
    last->known = true;
    last->content = (struct content){.kind = CONTENT_FILE, .size = (int64_t)strlen(job->lineage)};
    return digest_of_bytes(job->lineage, strlen(job->lineage), &last->content.digest, err);
}

/* ---- results ---- */

static bool action_is_whole(const struct project *project, const struct job *job,
                            const struct action *action, struct text *reason)
{
    const struct plan_stage *stage = job->stage;
    for (size_t i = 0; i < stage->out_count; i++) {
        const struct content *content = action_out(action, stage->outs[i].name);
        if (content == NULL || !content_is_good(project->store, content, STORE_BY_STAT, NULL)) {
            text_addf(reason, "out '%s' is missing or damaged in the cache", stage->outs[i].name);
            return false;
        }
    }
    if (!blob_is_good(project->store, &action->log, STORE_BY_STAT)) {
        text_add(reason, "its log is missing or damaged in the cache");
        return false;
    }
    return true;
}

int job_look_up(struct jobs *jobs, size_t index, struct error *err)
{
    struct job *job = &jobs->list[index];
    struct action *action;
    if (action_read(jobs->project->store, &job->key, &action, err) < 0)
        return -1;
    text_clear(&job->reason);
    if (action != NULL && action_is_whole(jobs->project, job, action, &job->reason)) {
        action_free(job->action);
        job->action = action;
        job->state = JOB_CACHED;
        return 0;
    }
    action_free(action);
    job->state = JOB_STALE;
    return 0;
}

int job_recorded_components(const struct project *project, const char *stage, char **components,
                            struct error *err)
{
    struct action *action;
    const struct lock_stage *entry = project->lock != NULL ? lock_find(project->lock, stage) : NULL;
    *components = NULL;
    if (entry == NULL)
        return 0;
    if (action_read(project->store, &entry->key, &action, err) < 0)
        return -1;
    if (action == NULL)
        return 0;
    *components = memory_copy_text(action->components, err);
    action_free(action);
    return *components == NULL ? -1 : 0;
}

static bool is_digest(const char *value)
{
    struct digest ignored;
    const char *blank = strrchr(value, ' ');
    return digest_from_hex(blank != NULL ? blank + 1 : value, &ignored);
}

static int explain(const struct jobs *jobs, struct job *job, struct error *err)
{
    char *recorded;
    struct key_change *changes = NULL;
    size_t count = 0;
    if (job_recorded_components(jobs->project, job->stage->name, &recorded, err) < 0)
        return -1;
    if (recorded == NULL) {
        bool known =
            jobs->project->lock != NULL && lock_find(jobs->project->lock, job->stage->name) != NULL;
        text_add(&job->reason, known ? "its result is not in the cache" : "never run");
        return 0;
    }
    int result = key_compare(recorded, text_string(&job->components), &changes, &count, err);
    free(recorded);
    if (result < 0)
        return -1;
    if (count == 0)
        text_add(&job->reason, "its result is not in the cache");
    else if (is_digest(changes[0].before) || is_digest(changes[0].after))
        text_addf(&job->reason, "%s changed", changes[0].component);
    else
        text_addf(&job->reason, "%s: %s -> %s", changes[0].component,
                  changes[0].before[0] != '\0' ? changes[0].before : "(absent)",
                  changes[0].after[0] != '\0' ? changes[0].after : "(absent)");
    if (count > 1)
        text_addf(&job->reason, ", and %zu more", count - 1);
    key_free_changes(changes, count);
    return 0;
}

/* A frozen stage keeps the result that the lock file names. */
static int use_frozen(struct jobs *jobs, struct job *job, struct error *err)
{
    const struct project *project = jobs->project;
    const struct plan_stage *stage = job->stage;
    const struct lock_stage *entry =
        project->lock != NULL ? lock_find(project->lock, stage->name) : NULL;
    if (entry == NULL)
        return error_set(err, ERR_STAGE,
                         "%s:%d:%d: stage '%s' is frozen and has no result in %s: thaw it once",
                         project->plan->file, stage->place.line, stage->place.column, stage->name,
                         project->lock_path);
    struct action *action;
    if (action_read(project->store, &entry->key, &action, err) < 0)
        return -1;
    if (action == NULL || !action_is_whole(project, job, action, &job->reason)) {
        action_free(action);
        return error_set(err, ERR_STAGE,
                         "%s:%d:%d: stage '%s' is frozen and its result is not in the cache: "
                         "thaw it once",
                         project->plan->file, stage->place.line, stage->place.column, stage->name);
    }
    job->key = entry->key;
    job->action = action;
    job->state = JOB_CACHED;
    text_add(&job->components, action->components);
    return text_check(&job->components, err);
}

int job_prepare(struct jobs *jobs, size_t index, struct error *err)
{
    struct job *job = &jobs->list[index];
    bool known = true;
    if (job->stage->frozen)
        return use_frozen(jobs, job, err);
    if (resolve_deps(jobs, job, err) < 0 ||
        invocation_make(jobs->project, job->stage, &job->invocation, err) < 0 ||
        key_components(jobs->project, job->stage, &job->invocation, job->deps, job->dep_count,
                       &job->components, err) < 0)
        return -1;
    for (size_t i = 0; i < job->dep_count; i++)
        known = known && job->deps[i].known;
    if (!known) {
        job->state = JOB_UNKNOWN;
        return 0;
    }
    if (digest_of_bytes(job->components.data, job->components.size, &job->key, err) < 0 ||
        job_look_up(jobs, index, err) < 0)
        return -1;
    if (job->forced) {
        job->state = JOB_STALE;
        text_clear(&job->reason);
        text_add(&job->reason, "forced");
    } else if (job->state == JOB_STALE && job->reason.size == 0)
        return explain(jobs, job, err);
    return 0;
}

int jobs_prepare_all(struct jobs *jobs, struct error *err)
{
    for (size_t i = 0; i < jobs->count; i++)
        if (jobs->list[i].state == JOB_WAITING && job_prepare(jobs, i, err) < 0)
            return -1;
    return 0;
}
