#include "runner/lock_entry.h"

#include "base/json.h"
#include "base/memory.h"
#include "runner/deliver.h"
#include "runner/lock_from.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- making ---- */

static json_t *words_of(const struct plan_stage *stage, struct error *err)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < stage->argc; i++)
        if (json_array_append_new(list, json_string(stage->argv[i])) < 0) {
            json_decref(list);
            list = NULL;
        }
    if (list == NULL)
        error_set(err, ERR_MEMORY, "out of memory for a command");
    return list;
}

static int add_deps(const struct jobs *jobs, const struct job *job, struct lock_stage *entry,
                    struct error *err)
{
    const struct plan_stage *stage = job->stage;
    for (size_t i = 0; i < stage->dep_count; i++) {
        struct text from = {0};
        if (!job->deps[i].known)
            continue;
        lock_from_add(jobs->project->plan, &stage->deps[i], &from);
        int result = text_check(&from, err);
        if (result == 0)
            result = lock_add_item(&entry->deps, stage->deps[i].name, text_string(&from),
                                   &job->deps[i].content, err);
        text_release(&from);
        if (result < 0)
            return -1;
    }
    entry->has_lineage = stage->lineage && job->deps[stage->dep_count].known;
    if (entry->has_lineage)
        entry->lineage = job->deps[stage->dep_count].content.digest;
    return 0;
}

static int add_files(const struct job *job, struct lock_stage *entry, struct error *err)
{
    for (size_t i = 0; i < job->invocation.file_count; i++) {
        const struct invocation_file *file = &job->invocation.files[i];
        if (lock_find_name(&entry->files, file->name) == NULL &&
            lock_add_name(&entry->files, file->name, &file->program->digest, err) < 0)
            return -1;
    }
    return 0;
}

static int add_env(const struct job *job, struct lock_stage *entry, struct error *err)
{
    for (size_t i = 0; i < job->stage->env_count; i++) {
        const char *name = job->stage->env[i], *value = getenv(name);
        struct digest digest;
        if (value != NULL && digest_of_bytes(value, strlen(value), &digest, err) < 0)
            return -1;
        if (lock_add_name(&entry->env, name, value != NULL ? &digest : NULL, err) < 0)
            return -1;
    }
    return 0;
}

void lock_entry_add_fingerprint(const char *components, struct text *lines)
{
    static const char word[] = "fingerprint ";
    for (const char *line = components; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        length += line[length] == '\n';
        if (strncmp(line, word, strlen(word)) == 0)
            text_append(lines, line + strlen(word), length - strlen(word));
        line += length;
    }
}

static int add_outs(const struct jobs *jobs, const struct job *job, struct lock_stage *entry,
                    struct error *err)
{
    for (size_t i = 0; i < job->stage->out_count; i++) {
        const struct plan_out *out = &job->stage->outs[i];
        struct content none = {.kind = CONTENT_FILE};
        const struct content *content =
            job_is_done(job) ? action_out(job->action, out->name) : &none;
        if (lock_add_item(&entry->outs, out->name, out->path, content, err) < 0)
            return -1;
    }
    return job_is_done(job) ? deliver_list(jobs->project, job, &entry->published, err) : 0;
}

const char *lock_entry_adopted(const struct job *job)
{
    return job->action->adopted != NULL ? job->action->adopted : "";
}

struct lock_stage *lock_entry_make(const struct jobs *jobs, const struct job *job,
                                   struct error *err)
{
    struct text lines = {0};
    struct lock_stage *entry = NULL;
    json_t *words = words_of(job->stage, err);
    if (words != NULL)
        entry = lock_stage_new(job->stage->name, words, job->stage->params, &job->key, err);
    json_decref(words);
    if (entry == NULL)
        return NULL;
    lock_entry_add_fingerprint(text_string(&job->components), &lines);
    if (text_check(&lines, err) < 0 ||
        (entry->fingerprint = memory_copy_text(text_string(&lines), err)) == NULL ||
        add_files(job, entry, err) < 0 || add_deps(jobs, job, entry, err) < 0 ||
        add_env(job, entry, err) < 0 || add_outs(jobs, job, entry, err) < 0)
        goto failed;
    if (job_is_done(job) && job->action->adopted != NULL &&
        (entry->adopted = memory_copy_text(job->action->adopted, err)) == NULL)
        goto failed;
    text_release(&lines);
    return entry;
failed:
    text_release(&lines);
    lock_stage_free(entry);
    return NULL;
}

/* ---- comparing ---- */

void lock_add_sets(const json_t *sets, struct text *text)
{
    const char *name;
    json_t *value;
    if (json_object_size(sets) == 0)
        text_add(text, " no sets");
    json_object_foreach ((json_t *)sets, name, value) {
        struct error ignored;
        char *json = json_to_text(value, true, &ignored);
        text_addf(text, " --set %s=%s", name, json != NULL ? json : "?");
        free(json);
    }
}

struct differing {
    lock_differs_fn *tell;
    void *arg;
};

static void tell(const struct differing *differing, enum lock_part part, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void tell(const struct differing *differing, enum lock_part part, const char *format, ...)
{
    char *line = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&line, format, args);
    va_end(args);
    differing->tell(differing->arg, part, length < 0 ? "differs" : line);
    if (length >= 0)
        free(line);
}

static void compare_deps(const struct lock_stage *recorded, const struct lock_stage *now,
                         const struct differing *differing)
{
    for (size_t i = 0; i < now->deps.count; i++) {
        const struct lock_item *is = &now->deps.list[i];
        const struct lock_item *was = lock_find_item(&recorded->deps, is->name);
        if (was == NULL)
            tell(differing, LOCK_DEP, "dep '%s' is new", is->name);
        else if (strcmp(was->path, is->path) != 0)
            tell(differing, LOCK_DEP, "dep '%s' is from '%s', recorded from '%s'", is->name,
                 is->path, was->path);
        else if (!digest_equal(&was->content.digest, &is->content.digest) ||
                 (was->content.kind == CONTENT_FOLDER) != (is->content.kind == CONTENT_FOLDER))
            tell(differing, LOCK_DEP, "dep '%s' (%s) changed", is->name, is->path);
        else if (!recorded->old && was->content.kind != is->content.kind)
            tell(differing, LOCK_DEP, "dep '%s' (%s) changed: recorded as %s, now %s", is->name,
                 is->path, content_kind_name(was->content.kind),
                 content_kind_name(is->content.kind));
        else if (was->content.size != is->content.size)
            tell(differing, LOCK_DEP, "dep '%s' (%s) has %lld bytes, recorded %lld", is->name,
                 is->path, (long long)is->content.size, (long long)was->content.size);
    }
    for (size_t i = 0; i < recorded->deps.count; i++)
        if (lock_find_item(&now->deps, recorded->deps.list[i].name) == NULL)
            tell(differing, LOCK_DEP, "dep '%s' is gone", recorded->deps.list[i].name);
}

static void compare_names(const struct lock_names *recorded, const struct lock_names *now,
                          enum lock_part part, const struct differing *differing)
{
    const char *kind = part == LOCK_ENV ? "variable " : "";
    for (size_t i = 0; i < now->count; i++) {
        const struct lock_named *is = &now->list[i], *was = lock_find_name(recorded, is->name);
        if (was == NULL)
            tell(differing, part, "%s'%s' is new", kind, is->name);
        else if (was->absent != is->absent ||
                 (!is->absent && !digest_equal(&was->digest, &is->digest)))
            tell(differing, part, "%s'%s' changed%s", kind, is->name,
                 is->absent    ? ": it is not set"
                 : was->absent ? ": it was not set"
                               : "");
    }
    for (size_t i = 0; i < recorded->count; i++)
        if (lock_find_name(now, recorded->list[i].name) == NULL)
            tell(differing, part, "%s'%s' is gone", kind, recorded->list[i].name);
}

static void compare_outs(const struct lock_stage *recorded, const struct lock_stage *now,
                         const struct differing *differing)
{
    for (size_t i = 0; i < now->outs.count; i++) {
        const struct lock_item *is = &now->outs.list[i];
        const struct lock_item *was = lock_find_item(&recorded->outs, is->name);
        if (was == NULL)
            tell(differing, LOCK_OUT, "out '%s' is new", is->name);
        else if (strcmp(was->path, is->path) != 0)
            tell(differing, LOCK_OUT, "out '%s' is at '%s', recorded at '%s'", is->name, is->path,
                 was->path);
    }
    for (size_t i = 0; i < recorded->outs.count; i++)
        if (lock_find_item(&now->outs, recorded->outs.list[i].name) == NULL)
            tell(differing, LOCK_OUT, "out '%s' is gone", recorded->outs.list[i].name);
}

/* The first line that differs, without its line break. */
static void compare_fingerprints(const char *was, const char *is, const struct differing *differing)
{
    while (*was != '\0' && *is != '\0') {
        size_t a = strcspn(was, "\n"), b = strcspn(is, "\n");
        if (a != b || memcmp(was, is, a) != 0)
            break;
        was += a + (was[a] == '\n');
        is += b + (is[b] == '\n');
    }
    if (*was != '\0' || *is != '\0')
        tell(differing, LOCK_FINGERPRINT, "made on '%.*s', here is '%.*s'", (int)strcspn(was, "\n"),
             was, (int)strcspn(is, "\n"), is);
}

void lock_entry_compare(const struct lock_stage *recorded, const struct lock_stage *now,
                        lock_differs_fn *differs, void *arg)
{
    const struct differing differing = {differs, arg};
    if (!json_equal(recorded->cmd, now->cmd))
        tell(&differing, LOCK_CMD, "its cmd changed");
    if (!recorded->old)
        compare_names(&recorded->files, &now->files, LOCK_FILE, &differing);
    compare_deps(recorded, now, &differing);
    if (!recorded->old && (recorded->has_lineage != now->has_lineage ||
                           !digest_equal(&recorded->lineage, &now->lineage)))
        tell(&differing, LOCK_LINEAGE, "its lineage changed: keys, digests or bounds upstream");
    if (!json_equal(recorded->params, now->params))
        tell(&differing, LOCK_PARAMS, "its params changed");
    if (!recorded->old)
        compare_names(&recorded->env, &now->env, LOCK_ENV, &differing);
    if (recorded->fingerprint != NULL && now->fingerprint != NULL)
        compare_fingerprints(recorded->fingerprint, now->fingerprint, &differing);
    compare_outs(recorded, now, &differing);
}
