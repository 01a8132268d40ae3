#include "runner/lock_update.h"

#include <string.h>

static bool item_equals(const struct lock_item *a, const struct lock_item *b)
{
    return b != NULL && strcmp(a->path, b->path) == 0 && digest_equal(&a->digest, &b->digest) &&
           a->size == b->size && a->folder == b->folder;
}

/* Reals that differ only past what the file shows would be written again each time. */
static bool json_same(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return json_number_value(a) == json_number_value(b);
    return json_equal(a, b);
}

bool lock_params_equal(const json_t *a, const json_t *b)
{
    const char *name;
    json_t *value;
    size_t index;
    if (json_is_object(a) && json_is_object(b)) {
        if (json_object_size(a) != json_object_size(b))
            return false;
        json_object_foreach ((json_t *)a, name, value)
            if (!lock_params_equal(value, json_object_get(b, name)))
                return false;
        return true;
    }
    if (json_is_array(a) && json_is_array(b)) {
        if (json_array_size(a) != json_array_size(b))
            return false;
        json_array_foreach (a, index, value)
            if (!lock_params_equal(value, json_array_get(b, index)))
                return false;
        return true;
    }
    return json_same(a, b);
}

/* By name: an order comes only with writing. */
static bool stages_equal(const struct lock_stage *a, const struct lock_stage *b)
{
    if (!digest_equal(&a->key, &b->key) || a->dep_count != b->dep_count ||
        a->out_count != b->out_count || !lock_params_equal(a->cmd, b->cmd) ||
        !lock_params_equal(a->params, b->params))
        return false;
    for (size_t i = 0; i < a->dep_count; i++)
        if (!item_equals(&a->deps[i], lock_find_dep(b, a->deps[i].name)))
            return false;
    for (size_t i = 0; i < a->out_count; i++)
        if (!item_equals(&a->outs[i], lock_find_out(b, a->outs[i].name)))
            return false;
    return true;
}

static bool locks_equal(const struct lock *a, const struct lock *b)
{
    if (strcmp(a->profile, b->profile) != 0 || !lock_params_equal(a->sets, b->sets) ||
        a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct lock_stage *other = lock_find(b, a->stages[i].name);
        if (other == NULL || !stages_equal(&a->stages[i], other))
            return false;
    }
    return true;
}

static int add_done(const struct jobs *jobs, const struct job *job, struct lock *lock,
                    struct error *err)
{
    const struct plan_stage *stage = job->stage;
    struct lock_stage *entry =
        lock_add_stage(lock, stage->name, stage->argv, stage->params, &job->key, err);
    if (entry == NULL)
        return -1;
    for (size_t i = 0; i < stage->dep_count; i++) {
        char from[512];
        const struct plan_dep *dep = &stage->deps[i];
        const struct content *content = &job->deps[i].content;
        if (dep->path != NULL)
            snprintf(from, sizeof(from), "%s", dep->path);
        else
            snprintf(from, sizeof(from), "%s.%s", jobs->list[dep->stage].stage->name,
                     jobs->list[dep->stage].stage->outs[dep->out].name);
        if (job->deps[i].known &&
            lock_add_dep(entry, dep->name, from, &content->digest, content->size,
                         content->kind == CONTENT_FOLDER, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < stage->out_count; i++) {
        const struct plan_out *out = &stage->outs[i];
        const struct content *content = action_out(job->action, out->name);
        if (lock_add_out(entry, out->name, out->path, &content->digest, content->size,
                         content->kind == CONTENT_FOLDER, err) < 0)
            return -1;
    }
    return 0;
}

/* An entry as it was: cmd is an array of words. */
static int add_kept(const struct lock_stage *kept, struct lock *lock, struct error *err)
{
    char *argv[1] = {NULL};
    struct lock_stage *entry =
        lock_add_stage(lock, kept->name, argv, kept->params, &kept->key, err);
    if (entry == NULL)
        return -1;
    json_decref(entry->cmd);
    entry->cmd = json_incref(kept->cmd);
    for (size_t i = 0; i < kept->dep_count; i++)
        if (lock_add_dep(entry, kept->deps[i].name, kept->deps[i].path, &kept->deps[i].digest,
                         kept->deps[i].size, kept->deps[i].folder, err) < 0)
            return -1;
    for (size_t i = 0; i < kept->out_count; i++)
        if (lock_add_out(entry, kept->outs[i].name, kept->outs[i].path, &kept->outs[i].digest,
                         kept->outs[i].size, kept->outs[i].folder, err) < 0)
            return -1;
    return 0;
}

int lock_update(struct jobs *jobs, struct error *err)
{
    struct project *project = jobs->project;
    const struct plan *plan = project->plan;
    const struct lock *old = project->lock;
    bool same = old != NULL && strcmp(old->profile, plan->profile) == 0 &&
                lock_params_equal(old->sets, plan->sets);
    size_t done = 0;
    struct lock *lock = lock_new(plan->profile, plan->sets, err);
    if (lock == NULL)
        return -1;
    int result = 0;
    for (size_t i = 0; i < jobs->count && result == 0; i++) {
        const struct job *job = &jobs->list[i];
        const struct lock_stage *kept =
            same || (old != NULL && job->stage->frozen) ? lock_find(old, job->stage->name) : NULL;
        if (job_is_done(job) && !job->stage->frozen) {
            result = add_done(jobs, job, lock, err);
            done++;
        } else if (kept != NULL)
            result = add_kept(kept, lock, err);
    }
    /* A run that came to nothing leaves the file of the last one alone. */
    bool write = result == 0 && (done > 0 || same) && (old == NULL || !locks_equal(old, lock));
    if (write)
        result = lockfile_write(project->lock_path, lock, err);
    if (write && result == 0) {
        lock_free(project->lock);
        project->lock = lock;
    } else
        lock_free(lock);
    return result;
}
