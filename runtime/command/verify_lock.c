/* The lock against the pipeline as it is now: every part of an entry is
 * compared, and its key is made again from the pipeline with the fingerprint
 * that the lock records, so that no part can say something else than the key. */
#include "base/file.h"
#include "base/memory.h"
#include "command/verification.h"
#include "runner/dep_content.h"
#include "runner/fingerprint.h"
#include "runner/lineage.h"
#include "runner/lock_entry.h"
#include "runner/lockfile_parts.h"

#include <stdlib.h>
#include <string.h>

struct comparing {
    struct verification *check;
    const char *stage;
    size_t found;
    bool elsewhere;
};

static void differs(void *arg, enum lock_part part, const char *line)
{
    struct comparing *comparing = arg;
    if (part == LOCK_FINGERPRINT) {
        comparing->elsewhere = true;
        verification_note(comparing->check, comparing->check->elsewhere,
                          "%s: %s: not reproducible here", comparing->stage, line);
        return;
    }
    comparing->found++;
    verification_report(comparing->check, "lock", false, comparing->stage, "%s", line);
}

/* ---- a job as the lock has it ---- */

static int cannot_be_told(struct verification *check, const struct job *job, size_t index,
                          const struct error *why, struct comparing *comparing, struct error *err)
{
    if (why->kind == ERR_MEMORY || why->kind == ERR_INTERRUPTED) {
        *err = *why;
        return -1;
    }
    comparing->found++;
    verification_report(check, "lock", false, job->stage->name, "dep '%s': %s",
                        job->stage->deps[index].name, why->message);
    return 0;
}

/* Data as the lock file has it: where nobody wants it read, or, for the lock file alone, where it
 * is not here. */
static bool take_recorded(struct verification *check, const struct plan_dep *dep,
                          const struct lock_stage *entry, struct key_dep *taken)
{
    const struct lock_item *item = lock_find_item(&entry->deps, dep->name);
    if (dep->path == NULL || item == NULL || strcmp(item->path, dep->path) != 0 ||
        !(check->options->no_data || (check->options->lock_only && !file_exists(dep->path))))
        return false;
    taken->known = true;
    taken->content = item->content;
    check->unread++;
    return true;
}

/* Deps as they are: files of the project now, outs of stages as the lock has them. */
static int resolve_deps(struct verification *check, struct job *job, const struct lock_stage *entry,
                        struct comparing *comparing, struct error *err)
{
    const struct plan_stage *stage = job->stage;
    bool all = true;
    for (size_t i = 0; i < stage->dep_count; i++) {
        const struct plan_dep *dep = &stage->deps[i];
        struct error why = {0};
        job->deps[i] = (struct key_dep){.name = dep->name};
        if (!take_recorded(check, dep, entry, &job->deps[i]) &&
            dep_content_waits_for(&check->jobs, dep) == NULL) {
            job->deps[i].known = dep_content_of(&check->jobs, dep, STORE_BY_READING,
                                                &job->deps[i].content, &why) == 0;
            if (!job->deps[i].known && cannot_be_told(check, job, i, &why, comparing, err) < 0)
                return -1;
        }
        all = all && job->deps[i].known;
    }
    if (!stage->lineage || !all)
        return 0;
    struct key_dep *last = &job->deps[stage->dep_count];
    struct error why = {0};
    *last = (struct key_dep){.name = "lineage"};
    if ((job->lineage = lineage_text(&check->jobs, job->index, &why)) == NULL) {
        if (why.kind == ERR_MEMORY) {
            *err = why;
            return -1;
        }
        verification_report(check, "lock", false, stage->name,
                            "its lineage cannot be made again: %s", why.message);
        comparing->found++;
        return 0;
    }
    last->known = true;
    last->content = (struct content){.kind = CONTENT_FILE, .size = (int64_t)strlen(job->lineage)};
    return digest_of_bytes(job->lineage, strlen(job->lineage), &last->content.digest, err);
}

/* The outs that the lock claims stand for what the stage gave; one that lacks an out stands for
 * nothing, and what depends on it cannot be made again. */
static int take_outs(struct verification *check, struct job *job, const struct lock_stage *entry,
                     struct error *err)
{
    for (size_t i = 0; i < job->stage->out_count; i++)
        if (lock_find_item(&entry->outs, job->stage->outs[i].name) == NULL) {
            if (job->stage->frozen)
                verification_report(check, "lock", false, job->stage->name, "has no out '%s'",
                                    job->stage->outs[i].name);
            return 0;
        }
    job->key = entry->key;
    job->state = JOB_CACHED;
    if ((job->action = action_new(job->stage->name, "", err)) == NULL ||
        (entry->adopted != NULL &&
         (job->action->adopted = memory_copy_text(entry->adopted, err)) == NULL))
        return -1;
    for (size_t i = 0; i < entry->outs.count; i++)
        if (action_add_out(job->action, entry->outs.list[i].name, &entry->outs.list[i].content,
                           err) < 0)
            return -1;
    return 0;
}

/* ---- comparing ---- */

/* The job's components get the fingerprint, which stands last, of the machine as it was: its key
 * is made of them, and what its lineage tells those after it. */
static int take_fingerprint(struct job *job, const char *fingerprint, struct error *err)
{
    static const char word[] = "fingerprint ";
    struct text components = {0};
    const char *now = text_string(&job->components);
    const char *end = strncmp(now, word, strlen(word)) == 0 ? now : strstr(now, "\nfingerprint ");
    size_t size = end == NULL ? strlen(now) : (size_t)(end - now) + (*end == '\n');
    text_append(&components, now, size);
    for (const char *line = fingerprint; line != NULL && *line != '\0';) {
        size_t length = strcspn(line, "\n");
        text_add(&components, word);
        text_append(&components, line, length);
        text_add(&components, "\n");
        line += length + (line[length] == '\n');
    }
    text_release(&job->components);
    job->components = components;
    return text_check(&components, err);
}

static int check_key(struct verification *check, const struct job *job,
                     const struct lock_stage *entry, struct error *err)
{
    struct digest key;
    if (digest_of_bytes(job->components.data, job->components.size, &key, err) < 0)
        return -1;
    if (!digest_equal(&key, &entry->key))
        verification_report(check, "lock", true, job->stage->name,
                            "its key is not that of its entry: the lock was edited, or is of "
                            "another version of reprise");
    return 0;
}

/* What the lock can't be held against is said, and the rest goes on. */
static int cannot(struct verification *check, const struct job *job, const struct error *why,
                  struct error *err)
{
    if (why->kind == ERR_MEMORY || why->kind == ERR_INTERRUPTED) {
        *err = *why;
        return -1;
    }
    verification_report(check, "lock", false, job->stage->name, "%s", why->message);
    return 0;
}

/* What the program says of this machine, in fresh memory; nothing, and *told false, where it cannot
 * tell, as without a device that the lock was made on. */
static char *fingerprint_here(struct verification *check, const struct job *job, bool *told,
                              struct error *err)
{
    *told = true;
    char *lines;
    struct error why = {0};
    if (fingerprint_of(check->project, job->stage, &job->invocation, STORE_BY_STAT, &lines, &why) ==
        0)
        return lines;
    if (why.kind == ERR_MEMORY || why.kind == ERR_INTERRUPTED) {
        *err = why;
        return NULL;
    }
    *told = false;
    verification_note(check, check->elsewhere,
                      "%s: its fingerprint here cannot be told: %s: not reproducible here",
                      job->stage->name, why.message);
    return memory_copy_text("", err);
}

/* Its key has those of what is upstream in it only with a lineage; but one rule is enough. */
static bool has_upstream(const struct verification *check, const struct job *job)
{
    for (size_t i = 0; i < job->stage->dep_count; i++) {
        const struct plan_dep *dep = &job->stage->deps[i];
        for (size_t m = 0; m < dep->member_count; m++)
            if (check->made_elsewhere[dep->members[m].stage])
                return true;
        if (dep->path == NULL && dep->member_count == 0 && check->made_elsewhere[dep->stage])
            return true;
    }
    return false;
}

/* Deps that cannot be told have been named, or what they wait for has: nothing more is said of
 * them. */
static int take_unknown_deps(const struct job *job, const struct lock_stage *entry,
                             struct lock_stage *now, struct error *err)
{
    for (size_t i = 0; i < job->stage->dep_count; i++) {
        const char *name = job->stage->deps[i].name;
        const struct lock_item *was = lock_find_item(&entry->deps, name);
        if (!job->deps[i].known && was != NULL &&
            lock_add_item(&now->deps, name, was->path, &was->content, err) < 0)
            return -1;
    }
    return 0;
}

static int compare(struct verification *check, struct job *job, const struct lock_stage *entry,
                   struct error *err)
{
    struct comparing comparing = {check, job->stage->name, 0, false};
    struct error why = {0};
    bool all = true, told;
    if (resolve_deps(check, job, entry, &comparing, err) < 0)
        return -1;
    if (invocation_make(check->project, job->stage, STORE_BY_READING, &job->invocation, &why) < 0)
        return cannot(check, job, &why, err);
    char *here = fingerprint_here(check, job, &told, err);
    if (here == NULL)
        return -1;
    int result = key_components(check->project, job->stage, &job->invocation, job->deps,
                                job->dep_count, STORE_BY_READING, here, &job->components, &why);
    free(here);
    if (result < 0)
        return cannot(check, job, &why, err);
    struct lock_stage *now = lock_entry_make(&check->jobs, job, err);
    if (now == NULL || take_unknown_deps(job, entry, now, err) < 0) {
        lock_stage_free(now);
        return -1;
    }
    if (job->stage->lineage && !job->deps[job->stage->dep_count].known) { /* that is said */
        now->has_lineage = entry->has_lineage;
        now->lineage = entry->lineage;
    }
    if (!told) { /* that, too */
        free(now->fingerprint);
        now->fingerprint = NULL;
    }
    lock_entry_compare(entry, now, differs, &comparing);
    lock_stage_free(now);
    if (take_fingerprint(job, entry->fingerprint, err) < 0)
        return -1;
    check->another_machine[job->index] = comparing.elsewhere || !told;
    check->made_elsewhere[job->index] =
        check->another_machine[job->index] || has_upstream(check, job);
    for (size_t i = 0; i < job->dep_count; i++)
        all = all && job->deps[i].known;
    if (entry->old && comparing.found == 0)
        verification_report(check, "lock", false, job->stage->name,
                            "recorded by an earlier version of reprise: run it");
    return entry->old || comparing.found > 0 || !all ? 0 : check_key(check, job, entry, err);
}

static int check_stage(struct verification *check, struct job *job, struct error *err)
{
    const struct lock_stage *entry = lock_find_stage(check->section, job->stage->name);
    verification_case(check, "lock", job->stage->name, "%s", job->stage->name);
    if (entry == NULL) {
        verification_report(check, "lock", false, job->stage->name, "has no entry: run it");
        return 0;
    }
    if (entry->adopted != NULL)
        verification_note(check, check->adopted, "%s: its result was adopted, not made: %s",
                          job->stage->name, entry->adopted);
    if (!job->stage->frozen && compare(check, job, entry, err) < 0)
        return -1;
    return take_outs(check, job, entry, err);
}

/* Nothing checks what a section says whose profile is gone. */
static void name_dead_sections(struct verification *check)
{
    const struct plan *plan = check->project->plan;
    for (size_t i = 0; i < check->lock->count; i++) {
        const char *profile = check->lock->sections[i]->profile;
        if (plan_has_profile(plan, profile))
            continue;
        verification_note(check, check->left,
                          profile[0] != '\0'
                              ? "left over: the section '%s' of %s, a profile that %s does not "
                                "have: not checked; remove it there"
                              : "left over: the section '%s' of %s, of runs without a profile, "
                                "while %s has a default one: not checked; remove it there",
                          profile[0] != '\0' ? profile : LOCKFILE_NO_PROFILE,
                          lock_reader_path(check->project->lock), plan->file);
    }
}

int verify_lock(struct verification *check, struct error *err)
{
    const struct project *project = check->project;
    name_dead_sections(check);
    if (!json_equal(check->section->sets, project->plan->sets)) {
        struct text sets = {0};
        lock_add_sets(check->section->sets, &sets);
        verification_report(check, "lock", false, "sets",
                            "it is of other --set: it says%s, which --as-recorded takes",
                            text_string(&sets));
        text_release(&sets);
    }
    for (size_t i = 0; i < check->section->count; i++) {
        struct error ignored;
        size_t index;
        const char *name = check->section->stages[i]->name;
        if (plan_find(project->plan, name, &index, &ignored) < 0)
            verification_report(check, "lock", false, name, "is not in the pipeline any more");
    }
    for (size_t i = 0; i < check->jobs.count; i++)
        if (check_stage(check, &check->jobs.list[i], err) < 0)
            return -1;
    return 0;
}
