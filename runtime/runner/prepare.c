#include "runner/prepare.h"

#include "base/memory.h"
#include "base/text.h"
#include "base/url.h"
#include "runner/dep_content.h"
#include "runner/lineage.h"
#include "runner/params_check.h"

#include <stdlib.h>
#include <string.h>

/* ---- before anything runs ---- */

/* The key's text has the values of `env`. */
static int check_env(const struct project *project, const struct plan_stage *stage,
                     struct error *err)
{
    for (size_t i = 0; i < stage->env_count; i++) {
        const char *value = getenv(stage->env[i]);
        if (value != NULL && url_has_secret(value))
            return error_set(err, ERR_USAGE,
                             "%s:%d:%d: stage '%s': the variable '%s' holds a URL with a user, a "
                             "password or a token, which its key would keep: name it under "
                             "'secrets'",
                             project->plan->file, stage->place.line, stage->place.column,
                             stage->name, stage->env[i]);
    }
    return 0;
}

static int invoke(struct jobs *jobs, struct job *job, enum store_depth depth, struct error *err)
{
    if (job->invoked)
        return 0;
    if (check_env(jobs->project, job->stage, err) < 0)
        return -1;
    if (invocation_make(jobs->project, job->stage, depth, &job->invocation, err) < 0)
        return -1;
    job->invoked = true;
    return 0;
}

int prepare_check(struct jobs *jobs, size_t index, enum store_depth depth, struct error *err)
{
    struct job *job = &jobs->list[index];
    char *metrics;
    if (job->stage->frozen)
        return 0;
    for (size_t i = 0; i < job->stage->dep_count; i++)
        if (dep_content_look(jobs, &job->stage->deps[i], err) < 0)
            return -1;
    if (invoke(jobs, job, depth, err) < 0 ||
        params_check(jobs->project, job->stage, &job->invocation, depth, &metrics, err) < 0)
        return -1;
    int result = params_check_requirements(jobs->project, job->stage, metrics, err);
    free(metrics);
    return result;
}

/* ---- deps ---- */

static int resolve_lineage(struct jobs *jobs, struct job *job, struct error *err)
{
    struct key_dep *dep = &job->deps[job->stage->dep_count];
    free(job->lineage);
    if ((job->lineage = lineage_text(jobs, job->index, err)) == NULL)
        return -1;
    dep->known = true;
    dep->content = (struct content){.kind = CONTENT_FILE, .size = (int64_t)strlen(job->lineage)};
    return digest_of_bytes(job->lineage, strlen(job->lineage), &dep->content.digest, err);
}

/* *known: all of them are. */
static int resolve_deps(struct jobs *jobs, struct job *job, enum store_depth depth, bool *known,
                        struct error *err)
{
    const struct plan_stage *stage = job->stage;
    *known = true;
    for (size_t i = 0; i < stage->dep_count; i++) {
        job->deps[i] = (struct key_dep){.name = stage->deps[i].name};
        const struct job *missing = dep_content_waits_for(jobs, &stage->deps[i]);
        if (missing == NULL) {
            if (dep_content_of(jobs, &stage->deps[i], depth, &job->deps[i].content, err) < 0)
                return -1;
            job->deps[i].known = true;
            continue;
        }
        *known = false;
        if (job->reason.size == 0)
            text_addf(&job->reason, "after '%s'", missing->stage->name);
    }
    if (!stage->lineage)
        return 0;
    job->deps[stage->dep_count] = (struct key_dep){.name = "lineage"};
    return *known ? resolve_lineage(jobs, job, err) : 0;
}

/* ---- results ---- */

static bool action_is_whole(const struct project *project, const struct job *job,
                            const struct action *action, enum store_depth depth,
                            struct text *reason)
{
    const struct plan_stage *stage = job->stage;
    for (size_t i = 0; i < stage->out_count; i++) {
        const struct content *content = action_out(action, stage->outs[i].name);
        if (content == NULL || !content_is_good(project->store, content, depth, NULL)) {
            text_addf(reason, "out '%s' is missing or damaged in the cache", stage->outs[i].name);
            return false;
        }
    }
    if (!blob_is_good(project->store, &action->log, depth)) {
        text_add(reason, "its log is missing or damaged in the cache");
        return false;
    }
    return true;
}

int prepare_look_up(struct jobs *jobs, size_t index, enum store_depth depth, struct error *err)
{
    struct job *job = &jobs->list[index];
    struct action *action;
    if (action_read(jobs->project->store, &job->key, &action, err) < 0)
        return -1;
    text_clear(&job->reason);
    if (action != NULL && action_is_whole(jobs->project, job, action, depth, &job->reason)) {
        action_free(job->action);
        job->action = action;
        job->state = JOB_CACHED;
        return 0;
    }
    bool unknown = action != NULL && depth == STORE_BY_MEMO;
    action_free(action);
    if (unknown)
        return error_set(err, ERR_UNKNOWN, "the result must be read");
    job->state = JOB_STALE;
    return 0;
}

int prepare_recorded_components(const struct project *project, const char *stage, char **components,
                                struct error *err)
{
    struct action *action;
    const struct lock_stage *entry = lock_reader_peek(project->lock, project->plan->profile, stage);
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
    if (prepare_recorded_components(jobs->project, job->stage->name, &recorded, err) < 0)
        return -1;
    if (recorded == NULL) {
        const struct lock_stage *entry =
            lock_reader_peek(jobs->project->lock, jobs->project->plan->profile, job->stage->name);
        text_add(&job->reason, entry != NULL ? "its result is not in the cache" : "never run");
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

/* ---- a job ---- */

/* A frozen stage keeps the result that the lock file names. */
static int use_frozen(struct jobs *jobs, struct job *job, enum store_depth depth, struct error *err)
{
    const struct project *project = jobs->project;
    const struct plan_stage *stage = job->stage;
    const struct lock_stage *entry;
    if (lock_reader_find(project->lock, project->plan->profile, stage->name, &entry, err) < 0)
        return -1;
    if (entry == NULL)
        return error_set(err, ERR_STAGE,
                         "%s:%d:%d: stage '%s' is frozen and has no result in %s: thaw it once",
                         project->plan->file, stage->place.line, stage->place.column, stage->name,
                         lock_reader_path(project->lock));
    struct action *action;
    if (action_read(project->store, &entry->key, &action, err) < 0)
        return -1;
    if (action == NULL || !action_is_whole(project, job, action, depth, &job->reason)) {
        bool unknown = action != NULL && depth == STORE_BY_MEMO;
        action_free(action);
        if (unknown)
            return error_set(err, ERR_UNKNOWN, "the result must be read");
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

static int prepare(struct jobs *jobs, struct job *job, enum store_depth depth, struct error *err)
{
    bool known;
    if (job->stage->frozen)
        return use_frozen(jobs, job, depth, err);
    if (invoke(jobs, job, depth, err) < 0 || resolve_deps(jobs, job, depth, &known, err) < 0 ||
        key_components(jobs->project, job->stage, &job->invocation, job->deps, job->dep_count,
                       depth, NULL, &job->components, err) < 0)
        return -1;
    if (!known) {
        job->state = JOB_UNKNOWN;
        return 0;
    }
    if (digest_of_bytes(job->components.data, job->components.size, &job->key, err) < 0 ||
        prepare_look_up(jobs, job->index, depth, err) < 0)
        return -1;
    if (job->forced) {
        job->state = JOB_STALE;
        text_clear(&job->reason);
        text_add(&job->reason, "forced");
    } else if (job->state == JOB_STALE && job->reason.size == 0)
        return explain(jobs, job, err);
    return 0;
}

int prepare_job(struct jobs *jobs, size_t index, enum store_depth depth, struct error *err)
{
    struct job *job = &jobs->list[index];
    text_clear(&job->components);
    text_clear(&job->reason);
    return prepare(jobs, job, depth, err);
}

int prepare_all(struct jobs *jobs, size_t *failures, struct error *err)
{
    *failures = 0;
    for (size_t i = 0; i < jobs->count; i++) {
        struct job *job = &jobs->list[i];
        struct error why = {0};
        if (job->state != JOB_WAITING)
            continue;
        if (prepare_check(jobs, i, STORE_BY_STAT, &why) == 0 &&
            prepare_job(jobs, i, STORE_BY_STAT, &why) == 0)
            continue;
        if (why.kind == ERR_MEMORY || why.kind == ERR_INTERRUPTED) {
            *err = why;
            return -1;
        }
        job->state = JOB_FAILED;
        text_add(&job->failure, why.message);
        if (++*failures == 1)
            *err = why;
    }
    return 0;
}
