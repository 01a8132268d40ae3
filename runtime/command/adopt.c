/* reprise adopt STAGE... --reason TEXT: keeps results although files of a stage's
 * cmd changed, as a reworded message does. The results of the last lock are
 * recorded under the new key, marked as adopted; `run -f STAGE` makes them anew
 * and so confirms them. */
#include "base/memory.h"
#include "command/commands.h"
#include "command/print.h"
#include "runner/deliver.h"
#include "runner/lock_entry.h"
#include "runner/lock_update.h"
#include "runner/prepare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What differs though it must not. */
static void differs(void *arg, enum lock_part part, const char *line)
{
    struct text *other = arg;
    if (part != LOCK_FILE && part != LOCK_FINGERPRINT && part != LOCK_LINEAGE)
        text_addf(other, "%s%s", other->size > 0 ? "; " : "", line);
}

static int check_same(const struct jobs *jobs, const struct job *job,
                      const struct lock_stage *entry, struct error *err)
{
    struct text other = {0};
    struct lock_stage *now = lock_entry_make(jobs, job, err);
    if (now == NULL)
        return -1;
    lock_entry_compare(entry, now, differs, &other);
    if (entry->has_lineage && !digest_equal(&entry->lineage, &now->lineage))
        text_addf(&other, "%sits lineage changed", other.size > 0 ? "; " : "");
    lock_stage_free(now);
    int result = text_check(&other, err);
    if (result == 0 && other.size > 0)
        result = error_set(err, ERR_STAGE,
                           "cannot adopt '%s': more than the files of its cmd changed: %s: run it",
                           job->stage->name, other.data);
    text_release(&other);
    return result;
}

/* The lock's outs, as the action of the old key has them; all must be in the store. */
static int check_outs(const struct project *project, const struct job *job,
                      const struct lock_stage *entry, const struct action *old, struct error *err)
{
    for (size_t i = 0; i < job->stage->out_count; i++) {
        const struct plan_out *out = &job->stage->outs[i];
        const struct lock_item *item = lock_find_item(&entry->outs, out->name);
        const struct content *content = action_out(old, out->name);
        if (item == NULL || content == NULL ||
            !digest_equal(&item->content.digest, &content->digest) ||
            !content_is_good(project->store, content, STORE_BY_READING, NULL))
            return error_set(err, ERR_STAGE,
                             "cannot adopt '%s': its out '%s' is not in the cache as the lock has "
                             "it: run it",
                             job->stage->name, out->name);
    }
    return 0;
}

static int copy_outs(const struct action *from, struct action *to, struct error *err)
{
    for (size_t i = 0; i < from->out_count; i++)
        if (action_add_out(to, from->outs[i].name, &from->outs[i].content, err) < 0)
            return -1;
    free(to->host);
    free(to->device);
    free(to->started);
    to->host = memory_copy_text(from->host, err);
    to->device = memory_copy_text(from->device, err);
    to->started = memory_copy_text(from->started, err);
    to->seconds = from->seconds;
    to->threads = from->threads;
    to->log = from->log;
    return to->host == NULL || to->device == NULL || to->started == NULL ? -1 : 0;
}

static int record(const struct project *project, struct job *job, const struct lock_stage *entry,
                  const struct action *old, const char *reason, struct error *err)
{
    struct action *action = action_new(job->stage->name, text_string(&job->components), err);
    if (action == NULL)
        return -1;
    action->adopted_from = entry->key;
    int result = copy_outs(old, action, err);
    if (result == 0 && (action->adopted = memory_copy_text(reason, err)) == NULL)
        result = -1;
    if (result == 0)
        result = action_write(project->store, &job->key, action, err);
    if (result == 0)
        result = store_flush(project->store, err);
    if (result < 0) {
        action_free(action);
        return -1;
    }
    action_free(job->action);
    job->action = action;
    job->state = JOB_CACHED;
    return 0;
}

static int adopt(struct jobs *jobs, struct job *job, const char *reason, struct error *err)
{
    const struct project *project = jobs->project;
    const struct lock_stage *entry;
    struct action *old = NULL;
    const char *name = job->stage->name;
    if (lock_reader_find(project->lock, project->plan->profile, name, &entry, err) < 0)
        return -1;
    if (entry == NULL || entry->old)
        return error_set(err, ERR_STAGE, "cannot adopt '%s': the lock has no %s: run it", name,
                         entry == NULL ? "result of it" : "files of its cmd");
    if (job->state == JOB_CACHED)
        return error_set(err, ERR_STAGE, "'%s' is cached: there is nothing to adopt", name);
    if (job->state != JOB_STALE)
        return error_set(err, ERR_STAGE, "cannot adopt '%s': %s first", name,
                         job->reason.size > 0 ? job->reason.data : "what is upstream must run");
    if (check_same(jobs, job, entry, err) < 0 ||
        action_read(project->store, &entry->key, &old, err) < 0)
        return -1;
    if (old == NULL)
        return error_set(err, ERR_STAGE,
                         "cannot adopt '%s': its result is not in the cache: run it", name);
    int result = check_outs(project, job, entry, old, err);
    if (result == 0)
        result = record(project, job, entry, old, reason, err);
    action_free(old);
    return result;
}

/* Marks the stages that the words name. */
static int mark(const struct options *options, const struct plan *plan, bool *asked,
                struct error *err)
{
    for (size_t i = 0; i < options->word_count; i++) {
        size_t *chosen, count;
        if (plan_select(plan, options->words[i], &chosen, &count, err) < 0)
            return -1;
        for (size_t c = 0; c < count; c++)
            asked[chosen[c]] = true;
        free(chosen);
    }
    return 0;
}

/* In the order of the plan, so that a stage that depends on an adopted one is known in its turn. */
static int adopt_all(const struct options *options, struct jobs *jobs, const bool *asked,
                     struct error *err)
{
    for (size_t i = 0; i < jobs->count; i++) {
        struct job *job = &jobs->list[i];
        if (job->state == JOB_OUTSIDE)
            continue;
        if (prepare_job(jobs, i, STORE_BY_STAT, err) < 0)
            return -1;
        if (!asked[i])
            continue;
        if (adopt(jobs, job, options->reason, err) < 0 || deliver(jobs->project, job, err) < 0)
            return -1;
        if (!options->quiet)
            fprintf(stderr, "%s: adopted; reprise run -f %s confirms it\n", job->stage->name,
                    job->stage->name);
    }
    return 0;
}

static int adopt_in(const struct options *options, struct project *project, struct error *err)
{
    struct jobs jobs = {0};
    struct text notes = {0};
    bool *asked = memory_new(project->plan->count, sizeof(*asked), err);
    int result = asked == NULL ? -1 : lock_check_readable(project, err);
    if (result == 0)
        result = mark(options, project->plan, asked, err);
    if (result == 0)
        result = jobs_init(project, options->words, options->word_count, false, &jobs, err);
    if (result == 0)
        result = adopt_all(options, &jobs, asked, err);
    if (result == 0)
        result = lock_update(&jobs, &notes, err);
    if (result == 0)
        print_clean(stderr, text_string(&notes));
    text_release(&notes);
    jobs_release(&jobs);
    free(asked);
    return result;
}

int command_adopt(const struct options *options, struct error *err)
{
    struct project project;
    if (options->reason == NULL || strspn(options->reason, " \t\r\n") == strlen(options->reason))
        return error_set(
            err, ERR_USAGE,
            "adopt needs --reason: why may the results stay although the stage changed?");
    if (project_open(&options->project, PROJECT_AS_ASKED, &project, err) < 0)
        return -1;
    int result = adopt_in(options, &project, err);
    project_close(&project);
    return result;
}
