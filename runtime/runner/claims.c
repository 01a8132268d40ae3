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
    size_t mismatches, elsewhere, stale;
};

/* What differs in one stage. */
struct differences {
    struct claims *claims;
    const char *stage;
    bool here, elsewhere;
};

static void differs(void *arg, enum lock_part part, const char *line)
{
    struct differences *differences = arg;
    switch (part) {
    case LOCK_DEP: return;     /* see check_deps */
    case LOCK_LINEAGE: return; /* what is upstream tells */
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
static bool check_deps(struct claims *claims, const struct job *job, const struct lock_stage *entry,
                       bool *contradicts)
{
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
        } else if (item == NULL || dep->path != NULL)
            text_addf(claims->lines, "%s: the lock is not of this pipeline: dep '%s' %s\n",
                      job->stage->name, dep->name, item == NULL ? "is new" : "changed");
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

static int check_job(struct claims *claims, const struct job *job, struct error *err)
{
    const struct lock_stage *entry =
        lock_find(claims->lock, claims->jobs->project->plan->profile, job->stage->name);
    struct differences found = {claims, job->stage->name, false, false};
    bool contradicts = false;
    if (entry == NULL) {
        text_addf(claims->lines, "%s: has no entry in the lock\n", job->stage->name);
        claims->stale++;
        return 0;
    }
    if (job->action->adopted != NULL) {
        text_addf(claims->lines, "%s: its result was adopted and not made\n", job->stage->name);
        claims->stale++;
    }
    if (!job->stage->frozen) {
        struct lock_stage *now = lock_entry_make(claims->jobs, job, err);
        if (now == NULL)
            return -1;
        lock_entry_compare(entry, now, differs, &found);
        lock_stage_free(now);
    }
    bool deps = job->stage->frozen || check_deps(claims, job, entry, &contradicts);
    claims->good[job->index] = check_outs(claims, job, entry);
    bool same_key = digest_equal(&entry->key, &job->key);
    if (contradicts || (!claims->good[job->index] && same_key) ||
        (!found.here && !found.elsewhere && deps && !claims->good[job->index]))
        claims->mismatches++;
    else if (found.elsewhere)
        claims->elsewhere++;
    else if (!same_key && deps && !found.here && !job->stage->lineage && !entry->old) {
        text_addf(claims->lines, "%s: the lock's key is not that of its entry\n", job->stage->name);
        claims->mismatches++;
    } else if (!same_key)
        claims->stale++;
    return 0;
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
    if (claims.mismatches > 0)
        error_set(err, ERR_MISMATCH, "%zu stage%s not give what the lock claims: see above",
                  claims.mismatches, claims.mismatches == 1 ? " does" : "s do");
    else if (claims.elsewhere > 0)
        error_set(err, ERR_NOT_REPRODUCIBLE,
                  "the lock was made elsewhere, and cannot be tested here: %zu stage%s of another "
                  "build or machine",
                  claims.elsewhere, claims.elsewhere == 1 ? "" : "s");
    else if (claims.stale > 0)
        error_set(err, ERR_STAGE, "the lock is stale: run without --locked, and commit it");
    else
        result = 0;
done:
    free(claims.good);
    return result;
}
