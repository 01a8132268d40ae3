#include "runner/claims.h"

#include "base/memory.h"
#include "runner/lock_entry.h"

#include <stdlib.h>
#include <string.h>

int claims_check_before(const struct jobs *jobs, struct error *err)
{
    const struct project *project = jobs->project;
    const struct lock *lock;
    if (lock_reader_get(project->lock, &lock, err) < 0)
        return -1;
    if (lock == NULL)
        return error_set(err, ERR_STAGE, "'%s' does not exist: run once without --locked",
                         lock_reader_path(project->lock));
    for (size_t i = 0; i < jobs->count; i++) {
        const char *name = jobs->list[i].stage->name;
        const struct lock_stage *entry = lock_find(lock, project->plan->profile, name);
        if (jobs->list[i].state != JOB_OUTSIDE && entry != NULL && entry->adopted != NULL)
            return error_set(err, ERR_STAGE,
                             "the result of '%s' was adopted and not made (%s): confirm it by "
                             "reprise run -f %s",
                             name, entry->adopted, name);
    }
    return 0;
}

struct claims {
    const struct jobs *jobs;
    const struct lock *lock;
    struct text *lines;
    bool *good; /* by job: its outs are those of the lock */
    size_t mismatches, stale, elsewhere;
    size_t behind; /* with nothing of their own that differs: what is upstream tells */
};

/* What differs in one stage. */
struct differences {
    struct claims *claims;
    const char *stage;
    struct text deps; /* told where the digests of the deps are those of the lock */
    bool here, elsewhere, lineage;
};

static void differs(void *arg, enum lock_part part, const char *line)
{
    struct differences *differences = arg;
    switch (part) {
    case LOCK_DEP: /* see check_deps */
        text_addf(&differences->deps, "%s: the lock is not of this pipeline: %s\n",
                  differences->stage, line);
        return;
    case LOCK_LINEAGE: differences->lineage = true; return; /* what is upstream tells */
    case LOCK_FILE:
        differences->elsewhere = true;
        text_addf(differences->claims->lines, "%s: another build: %s\n", differences->stage, line);
        return;
    case LOCK_FINGERPRINT:
        differences->elsewhere = true;
        text_addf(differences->claims->lines, "%s: %s: not reproducible here\n", differences->stage,
                  line);
        return;
    case LOCK_CMD:
    case LOCK_PARAMS:
    case LOCK_ENV:
    case LOCK_OUT:
        differences->here = true;
        text_addf(differences->claims->lines, "%s: the lock is not of this pipeline: %s\n",
                  differences->stage, line);
    }
}

/* All stages that a dep is from gave what the lock says. */
static bool is_good_upstream(const struct claims *claims, const struct plan_dep *dep)
{
    for (size_t i = 0; i < dep->member_count; i++)
        if (!claims->good[dep->members[i].stage])
            return false;
    return dep->path == NULL && (dep->member_count > 0 || claims->good[dep->stage]);
}

/* What comes from a stage upstream that differs is no fault of this one; where upstream is as the
 * lock says, the lock contradicts itself. */
static bool check_deps(struct differences *found, const struct job *job,
                       const struct lock_stage *entry, bool *contradicts)
{
    struct claims *claims = found->claims;
    bool all = true;
    for (size_t i = 0; i < job->stage->dep_count; i++) {
        const struct plan_dep *dep = &job->stage->deps[i];
        const struct lock_item *item = lock_find_item(&entry->deps, dep->name);
        if (item != NULL && digest_equal(&item->content.digest, &job->deps[i].content.digest))
            continue;
        all = false;
        if (item != NULL && is_good_upstream(claims, dep)) {
            *contradicts = true;
            text_addf(claims->lines, "%s: dep '%s' of the lock is not what its '%s' made\n",
                      job->stage->name, dep->name, item->path);
        } else if (item == NULL || dep->path != NULL) {
            found->here = true;
            text_addf(claims->lines, "%s: the lock is not of this pipeline: dep '%s' %s\n",
                      job->stage->name, dep->name, item == NULL ? "is new" : "changed");
        }
    }
    return all;
}

static bool check_outs(struct claims *claims, const struct job *job, const struct lock_stage *entry)
{
    bool good = true;
    for (size_t i = 0; i < job->stage->out_count; i++) {
        const struct plan_out *out = &job->stage->outs[i];
        const struct content *made = action_out(job->action, out->name);
        const struct lock_item *item = lock_find_item(&entry->outs, out->name);
        char is[DIGEST_HEX_SIZE], was[DIGEST_HEX_SIZE];
        if (item == NULL || (digest_equal(&item->content.digest, &made->digest) &&
                             item->content.size == made->size))
            continue;
        digest_to_hex(&made->digest, is);
        digest_to_hex(&item->content.digest, was);
        text_addf(claims->lines,
                  "%s: out '%s' (%s) differs from the lock: %s of %lld bytes, the lock says %s of "
                  "%lld\n",
                  job->stage->name, out->name, out->path, is, (long long)made->size, was,
                  (long long)item->content.size);
        good = false;
    }
    return good;
}

/* The lock's list of published copies, of outs that are as it says. */
static void check_copies(const struct lock_stage *entry, const struct lock_stage *now,
                         struct differences *found)
{
    bool same = entry->published.count == now->published.count;
    for (size_t i = 0; i < now->published.count && same; i++) {
        const struct lock_named *is = &now->published.list[i];
        const struct lock_named *was = lock_find_name(&entry->published, is->name);
        same = was != NULL && digest_equal(&was->digest, &is->digest);
    }
    if (!same && !entry->old)
        differs(found, LOCK_OUT, "its list of published copies differs");
}

/* What an entry has under the key that the stage has, too, and still isn't of this pipeline. */
static void check_edited(const struct lock_stage *entry, const struct lock_stage *now, bool deps,
                         struct differences *found)
{
    struct claims *claims = found->claims;
    if (deps && found->deps.size > 0) {
        text_append(claims->lines, found->deps.data, found->deps.size);
        found->here = true;
    }
    if (found->lineage && digest_equal(&entry->key, &now->key))
        differs(found, LOCK_OUT, "its lineage was edited");
}

static int check_job(struct claims *claims, const struct job *job, struct error *err)
{
    const struct lock_stage *entry =
        lock_find(claims->lock, claims->jobs->project->plan->profile, job->stage->name);
    struct differences found = {.claims = claims, .stage = job->stage->name};
    bool contradicts = false, deps = true;
    if (entry == NULL) {
        text_addf(claims->lines, "%s: has no entry in the lock\n", job->stage->name);
        claims->stale++;
        return 0;
    }
    if (job->action->adopted != NULL) {
        text_addf(claims->lines, "%s: its result was adopted and not made\n", job->stage->name);
        claims->stale++;
    }
    bool good = claims->good[job->index] = check_outs(claims, job, entry);
    if (!job->stage->frozen) {
        struct lock_stage *now = lock_entry_make(claims->jobs, job, err);
        if (now == NULL)
            return -1;
        lock_entry_compare(entry, now, differs, &found);
        if (good)
            check_copies(entry, now, &found);
        deps = check_deps(&found, job, entry, &contradicts);
        check_edited(entry, now, deps, &found);
        text_release(&found.deps);
        lock_stage_free(now);
    }
    bool same_key = digest_equal(&entry->key, &job->key);
    if (contradicts || (!good && (same_key || (!found.here && !found.elsewhere && deps))))
        claims->mismatches++;
    else if (found.here)
        claims->stale++;
    else if (found.elsewhere)
        claims->elsewhere++;
    else if (!same_key && deps && !job->stage->lineage && !entry->old) {
        text_addf(claims->lines, "%s: the lock's key is not that of its entry\n", job->stage->name);
        claims->mismatches++;
    } else if (!same_key || !deps)
        claims->behind++;
    return 0;
}

/* What the lock has and the pipeline, as it is run, has not: other --set, stages that are gone. */
static void check_section(struct claims *claims)
{
    const struct plan *plan = claims->jobs->project->plan;
    const struct lock_section *section = lock_find_section(claims->lock, plan->profile);
    if (section == NULL)
        return;
    if (!json_equal(section->sets, plan->sets)) {
        text_add(claims->lines, "the lock is of other --set:");
        lock_add_sets(section->sets, claims->lines);
        text_add(claims->lines, "\n");
        claims->stale++;
    }
    for (size_t i = 0; i < section->count; i++) {
        struct error ignored;
        size_t index;
        if (plan_find(plan, section->stages[i]->name, &index, &ignored) == 0)
            continue;
        text_addf(claims->lines, "%s: is in the lock, and not in the pipeline any more\n",
                  section->stages[i]->name);
        claims->stale++;
    }
}

int claims_check(const struct jobs *jobs, struct text *lines, struct error *err)
{
    struct claims claims = {.jobs = jobs, .lines = lines};
    int result = -1;
    if (lock_reader_get(jobs->project->lock, &claims.lock, err) < 0 ||
        (claims.good = memory_new(jobs->count, sizeof(*claims.good), err)) == NULL)
        return -1;
    for (size_t i = 0; i < jobs->count; i++)
        if (job_is_done(&jobs->list[i]) && check_job(&claims, &jobs->list[i], err) < 0)
            goto done;
    check_section(&claims);
    if (claims.mismatches > 0)
        error_set(err, ERR_MISMATCH, "%zu stage%s not give what the lock claims: see above",
                  claims.mismatches, claims.mismatches == 1 ? " does" : "s do");
    else if (claims.stale == 0 && claims.elsewhere > 0)
        error_set(err, ERR_NOT_REPRODUCIBLE,
                  "the lock was made elsewhere, and cannot be tested here: %zu stage%s of another "
                  "build or machine",
                  claims.elsewhere, claims.elsewhere == 1 ? "" : "s");
    else if (claims.stale + claims.behind > 0)
        error_set(err, ERR_STAGE, "the lock is stale: run without --locked, and commit it");
    else
        result = 0;
done:
    free(claims.good);
    return result;
}
