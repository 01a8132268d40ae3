#include "runner/lock_update.h"

#include "base/file.h"
#include "base/json.h"
#include "runner/leftover.h"
#include "runner/lock_entry.h"
#include "runner/lock_from.h"
#include "runner/ours.h"

#include <stdlib.h>
#include <string.h>

/* ---- the stamp ---- */

struct stamp {
    struct digest file; /* of the lock's text */
    struct digest
        run; /* of what the run found: keys, outs, and what else an entry has of the plan */
};

enum { STAMP_SIZE = 2 * (DIGEST_HEX_SIZE - 1) + 2 };

static char *stamp_path(const struct project *project, struct error *err)
{
    return file_join(store_folder(project->store), "lock-stamp", err);
}

static bool read_stamp(const struct project *project, struct stamp *stamp)
{
    char *data = NULL;
    size_t size;
    struct error ignored;
    char *path = stamp_path(project, &ignored);
    bool good = path != NULL && file_exists(path) &&
                file_read(path, STAMP_SIZE, &data, &size, &ignored) == 0 && size == STAMP_SIZE &&
                data[64] == '\n' && data[STAMP_SIZE - 1] == '\n';
    if (good) {
        data[64] = data[STAMP_SIZE - 1] = '\0';
        good = digest_from_hex(data, &stamp->file) && digest_from_hex(data + 65, &stamp->run);
    }
    free(data);
    free(path);
    return good;
}

/* Only ever a saving: what can't be written costs time. */
static void write_stamp(const struct project *project, const struct stamp *stamp)
{
    char file[DIGEST_HEX_SIZE], run[DIGEST_HEX_SIZE];
    struct text text = {0};
    struct error ignored;
    char *path = stamp_path(project, &ignored);
    digest_to_hex(&stamp->file, file);
    digest_to_hex(&stamp->run, run);
    text_addf(&text, "%s\n%s\n", file, run);
    if (path != NULL && !text.failed && file_remove_folder(path, &ignored) == 0)
        file_write(path, text.data, text.size, &ignored);
    text_release(&text);
    free(path);
}

static void add_bytes(struct text *text, const char *bytes)
{
    text_append(text, bytes, strlen(bytes) + 1);
}

/* A key stands for cmd, files, params, names of outs, env and fingerprint. */
static int stamp_of_run(const struct jobs *jobs, struct digest *digest, struct error *err)
{
    const struct plan *plan = jobs->project->plan;
    struct text text = {0};
    char *sets = json_to_text(plan->sets, true, err);
    if (sets == NULL)
        return -1;
    add_bytes(&text, plan->profile);
    add_bytes(&text, sets);
    free(sets);
    for (size_t i = 0; i < jobs->count; i++) {
        const struct job *job = &jobs->list[i];
        const struct plan_stage *stage = job->stage;
        add_bytes(&text, stage->name);
        if (!job_is_done(job) || stage->frozen)
            continue;
        text_append(&text, (const char *)job->key.bytes, DIGEST_SIZE);
        for (size_t o = 0; o < job->action->out_count; o++)
            text_append(&text, (const char *)job->action->outs[o].content.digest.bytes,
                        DIGEST_SIZE);
        for (size_t o = 0; o < stage->out_count; o++)
            if (stage->outs[o].publish != NULL)
                add_bytes(&text, stage->outs[o].publish);
        for (size_t d = 0; d < stage->dep_count; d++)
            lock_from_add(plan, &stage->deps[d], &text);
        add_bytes(&text, lock_entry_adopted(job));
    }
    int result = text_check(&text, err);
    if (result == 0)
        result = digest_of_bytes(text.data, text.size, digest, err);
    text_release(&text);
    return result;
}

/* The digest of the lock file, by its stat where that is known; false where it has none. */
static bool file_digest(const struct project *project, struct digest *digest)
{
    int64_t size;
    struct error ignored;
    return blob_hash_file(project->store, lock_reader_path(project->lock), STORE_BY_STAT, digest,
                          &size, &ignored) == 0;
}

static bool is_as_written(const struct project *project, struct stamp *stamp)
{
    struct digest file;
    return read_stamp(project, stamp) && file_digest(project, &file) &&
           digest_equal(&file, &stamp->file);
}

int lock_check_readable(struct project *project, struct error *err)
{
    struct stamp stamp;
    const struct lock *lock;
    return is_as_written(project, &stamp) ? 0 : lock_reader_get(project->lock, &lock, err);
}

/* ---- merging ---- */

static bool is_in_plan(void *arg, const struct lock_stage *stage)
{
    struct error ignored;
    size_t index;
    return plan_find(arg, stage->name, &index, &ignored) == 0;
}

/* Somebody who builds on the old result must hear of it. */
static void tell_changes(const struct lock_stage *was, const struct lock_stage *is,
                         struct text *notes)
{
    if (was == NULL || !digest_equal(&was->key, &is->key))
        return;
    for (size_t i = 0; i < is->outs.count; i++) {
        char old[DIGEST_HEX_SIZE], new[DIGEST_HEX_SIZE];
        const struct lock_item *item = &is->outs.list[i];
        const struct lock_item *before = lock_find_item(&was->outs, item->name);
        if (before == NULL || digest_equal(&before->content.digest, &item->content.digest))
            continue;
        digest_to_hex(&before->content.digest, old);
        digest_to_hex(&item->content.digest, new);
        text_addf(notes,
                  "WARNING: not reproducible: %s: out '%s' was %s and is %s, under the same key\n",
                  is->name, item->name, old, new);
    }
}

static int merge(const struct jobs *jobs, struct lock *lock, struct text *notes, struct error *err)
{
    const struct plan *plan = jobs->project->plan;
    struct lock_section *section = lock_section(lock, plan->profile, err);
    if (section == NULL || lock_set_sets(section, plan->sets, err) < 0 ||
        lock_drop(section, is_in_plan, (void *)plan, err) < 0)
        return -1;
    for (size_t i = 0; i < jobs->count; i++) {
        const struct job *job = &jobs->list[i];
        if (!job_is_done(job) || job->stage->frozen)
            continue;
        struct lock_stage *entry = lock_entry_make(jobs, job, err);
        if (entry == NULL)
            return -1;
        tell_changes(lock_find_stage(section, entry->name), entry, notes);
        if (lock_put(section, entry, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- writing ---- */

static bool came_to_something(const struct jobs *jobs)
{
    for (size_t i = 0; i < jobs->count; i++)
        if (job_is_done(&jobs->list[i]))
            return true;
    return false;
}

/* Under the store's lock "lockfile". `was` is for what went with the last lock; both are the same
 * file, read twice, because merging takes the first apart. */
static int update(struct jobs *jobs, struct stamp *stamp, struct text *notes, struct error *err)
{
    struct project *project = jobs->project;
    const char *path = lock_reader_path(project->lock);
    struct lock *lock = NULL, *was = NULL;
    struct text text = {0};
    struct digest before;
    int result = -1;
    if (lockfile_read(path, &lock, &before, err) < 0 || lockfile_read(path, &was, NULL, err) < 0 ||
        (lock == NULL && (lock = lock_new(err)) == NULL) || merge(jobs, lock, notes, err) < 0 ||
        lockfile_text(lock, &text, err) < 0 ||
        digest_of_bytes(text.data, text.size, &stamp->file, err) < 0)
        goto done;
    if (was == NULL || !digest_equal(&before, &stamp->file)) {
        /* What the lock will claim is on disk before it says so. */
        if (leftover_remove(project, was, lock, notes, err) < 0 ||
            store_flush(project->store, err) < 0 ||
            file_write(path, text.data, text.size, err) < 0 ||
            ours_settle(project->ours, lock, err) < 0)
            goto done;
    }
    result = 0;
    write_stamp(project, stamp);
done:
    text_release(&text);
    lock_free(lock);
    lock_free(was);
    return result;
}

int lock_update(struct jobs *jobs, struct text *notes, struct error *err)
{
    struct project *project = jobs->project;
    struct stamp known, stamp;
    struct store_lock *lock;
    if (stamp_of_run(jobs, &stamp.run, err) < 0)
        return -1;
    if (is_as_written(project, &known) && digest_equal(&known.run, &stamp.run))
        return 0;
    /* A run that came to nothing leaves the file of the last one alone. */
    if (!came_to_something(jobs))
        return 0;
    if (store_wait_lock(project->store, "lockfile", &lock, err) < 0)
        return -1;
    int result = update(jobs, &stamp, notes, err);
    store_unlock(lock);
    return result;
}
