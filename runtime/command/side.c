#include "command/side.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "command/git.h"
#include "runner/key.h"
#include "runner/record.h"
#include "runner/requirement.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- what the cache has ---- */

static bool is_metrics(const struct project *project, const char *stage, const char *out)
{
    struct error ignored;
    size_t at;
    if (plan_find(project->plan, stage, &at, &ignored) < 0)
        return false;
    for (size_t i = 0; i < project->plan->stages[at].out_count; i++)
        if (strcmp(project->plan->stages[at].outs[i].name, out) == 0)
            return project->plan->stages[at].outs[i].metrics;
    return false;
}

/* The metrics that can be read; others are not there, which the comparison shows. */
static json_t *read_metrics(const struct project *project, const struct side_stage *stage)
{
    json_t *all = json_object();
    for (size_t i = 0; i < stage->out_count; i++) {
        const struct action_out *out = &stage->outs[i];
        struct error ignored;
        json_t *metrics = is_metrics(project, stage->name, out->name)
                              ? requirement_metrics(project->store, &out->content, &ignored)
                              : NULL;
        if (metrics != NULL)
            all = json_object_with(all, out->name, metrics);
    }
    return all;
}

/* Takes what the cache has of the stage's key. */
static int take_action(const struct project *project, struct side_stage *stage, struct error *err)
{
    if (action_read(project->store, &stage->key, &stage->action, err) < 0)
        return -1;
    if (stage->action == NULL)
        return 0;
    stage->outs = stage->action->outs;
    stage->out_count = stage->action->out_count;
    stage->components = memory_copy_text(stage->action->components, err);
    return stage->components == NULL ? -1 : 0;
}

static struct side_stage *add_stage(struct side *side, const char *name, struct error *err)
{
    if (memory_grow(&side->stages, &side->capacity, side->count + 1, sizeof(*side->stages), err) <
        0)
        return NULL;
    struct side_stage *stage = &side->stages[side->count++];
    *stage = (struct side_stage){0};
    stage->name = memory_copy_text(name, err);
    return stage->name == NULL ? NULL : stage;
}

/* ---- a lock file ---- */

static int take_lock_outs(const struct lock_stage *entry, struct side_stage *stage,
                          struct error *err)
{
    if ((stage->outs = memory_new(entry->outs.count, sizeof(*stage->outs), err)) == NULL)
        return -1;
    for (size_t i = 0; i < entry->outs.count; i++) {
        const struct lock_item *item = &entry->outs.list[i];
        struct action_out *out = &stage->outs[stage->out_count++];
        out->content = item->content;
        if ((out->name = memory_copy_text(item->name, err)) == NULL)
            return -1;
    }
    return 0;
}

static int take_entry(const struct project *project, const struct lock_stage *entry,
                      struct side *side, struct error *err)
{
    struct text text = {0};
    struct side_stage *stage = add_stage(side, entry->name, err);
    if (stage == NULL)
        return -1;
    stage->key = entry->key;
    int result = key_of_lock(entry, &text, err);
    if (result == 0 && (stage->from_lock = memory_copy_text(text_string(&text), err)) == NULL)
        result = -1;
    text_release(&text);
    if (result < 0 || take_action(project, stage, err) < 0 ||
        (stage->action == NULL && take_lock_outs(entry, stage, err) < 0))
        return -1;
    stage->metrics = read_metrics(project, stage);
    return stage->metrics == NULL ? error_set(err, ERR_MEMORY, "out of memory for metrics") : 0;
}

static int take_section(const struct project *project, const struct lock *lock, const char *profile,
                        const char *where, struct side *side, struct error *err)
{
    const struct lock_section *section = lock == NULL ? NULL : lock_find_section(lock, profile);
    if (lock == NULL)
        return error_set(err, ERR_USAGE, "%s: there is no such file: run the pipeline first",
                         where);
    if (section == NULL)
        return error_set(err, ERR_USAGE,
                         "%s has nothing of profile '%s': name another by --profile", where,
                         profile[0] != '\0' ? profile : "(none)");
    if ((side->profile = memory_copy_text(profile, err)) == NULL)
        return -1;
    side->sets = json_incref(section->sets);
    for (size_t i = 0; i < section->count; i++)
        if (take_entry(project, section->stages[i], side, err) < 0)
            return -1;
    return 0;
}

static int take_lock_file(const struct project *project, const char *path, const char *where,
                          struct side *side, struct error *err)
{
    struct lock *lock = NULL;
    if (lockfile_read(path, &lock, NULL, err) < 0)
        return strcmp(path, where) == 0 ? -1 : error_prefix(err, "%s: ", where);
    int result = take_section(project, lock, project->plan->profile, where, side, err);
    lock_free(lock);
    return result;
}

/* ---- a run ---- */

/* Whether the cache has another result under the run's key than it had: one that was made again,
 * and did not come out the same. A number may be of an out that the plan calls metrics no more. */
static bool contradicts(const json_t *metrics, json_t *kept)
{
    const char *name, *out;
    json_t *value, *numbers;
    json_object_foreach (kept, name, value) {
        bool differs = false, equal = false;
        json_object_foreach ((json_t *)metrics, out, numbers) {
            const json_t *now = json_object_get(numbers, name);
            equal = equal || json_equal(now, value);
            differs = differs || (json_is_number(now) && !json_equal(now, value));
        }
        if (differs && !equal)
            return true;
    }
    return false;
}

static void forget_action(struct side_stage *stage)
{
    action_free(stage->action);
    stage->action = NULL;
    stage->outs = NULL;
    stage->out_count = 0;
    json_object_clear(stage->metrics);
}

static int take_record_stage(const struct project *project, const json_t *entry, struct side *side,
                             struct error *err)
{
    const char *name = json_string_value(json_object_get(entry, "name"));
    const char *key = json_string_value(json_object_get(entry, "key"));
    const char *state = json_string_value(json_object_get(entry, "state"));
    struct digest digest;
    if (name == NULL || key == NULL || !digest_from_hex(key, &digest))
        return 0; /* it had not begun */
    struct side_stage *stage = add_stage(side, name, err);
    if (stage == NULL)
        return -1;
    stage->key = digest;
    stage->cached = state != NULL && strcmp(state, "cached") == 0;
    if (take_action(project, stage, err) < 0)
        return -1;
    stage->metrics = read_metrics(project, stage);
    json_t *kept = json_object_get(entry, "metrics");
    if (contradicts(stage->metrics, kept))
        forget_action(stage);
    if (stage->metrics != NULL && json_object_size(stage->metrics) == 0 && json_is_object(kept))
        stage->metrics = json_object_with(stage->metrics, "", json_incref(kept));
    return stage->metrics == NULL ? error_set(err, ERR_MEMORY, "out of memory for metrics") : 0;
}

static int take_record(const struct project *project, const json_t *record, struct side *side,
                       struct error *err)
{
    size_t index;
    json_t *entry;
    struct text name = {0};
    const char *id = json_string_value(json_object_get(record, "id"));
    const char *started = json_string_value(json_object_get(record, "started"));
    const char *profile = json_string_value(json_object_get(record, "profile"));
    const char *outcome = json_string_value(json_object_get(record, "outcome"));
    text_addf(&name, "run %s", id != NULL ? id : "");
    if (outcome != NULL && strcmp(outcome, "done") != 0)
        text_addf(&name, " (%s)", outcome);
    side->name = text_check(&name, err) < 0 ? NULL : memory_copy_text(name.data, err);
    text_release(&name);
    side->started = memory_copy_text(started != NULL ? started : "", err);
    side->profile = memory_copy_text(profile != NULL ? profile : "", err);
    side->sets = json_incref(json_object_get(record, "sets"));
    if (side->name == NULL || side->started == NULL || side->profile == NULL)
        return -1;
    json_array_foreach (json_object_get(record, "stages"), index, entry)
        if (take_record_stage(project, entry, side, err) < 0)
            return -1;
    return 0;
}

/* ---- any of them ---- */

static int take_revision(const struct project *project, const char *word, struct side *side,
                         struct error *err)
{
    char *path;
    struct text where = {0};
    const char *lock = lock_reader_path(project->lock);
    if (git_file(word, "no run (see reprise log), no profile, no lock file and ", lock, &path,
                 err) < 0)
        return -1;
    text_addf(&where, "%s of %s", lock, word);
    int result = text_check(&where, err);
    if (result == 0)
        result = take_lock_file(project, path, where.data, side, err);
    text_release(&where);
    git_file_end(path);
    return result;
}

static bool is_file(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

static int open_word(const struct project *project, const json_t *records, const char *word,
                     struct side *side, struct error *err)
{
    const struct lock *lock;
    const json_t *record;
    if (record_find(records, word, &record, err) < 0)
        return -1;
    if (record != NULL)
        return take_record(project, record, side, err);
    /* As of a variable of a script that is not set. */
    if (word[0] == '\0')
        return error_set(err, ERR_USAGE, "an empty word is no run, no profile and no revision");
    const char *profile = strcmp(word, "(none)") == 0 ? "" : word; /* as a lock file calls it */
    side->name = memory_copy_text(word, err);
    side->started = memory_copy_text("", err);
    if (side->name == NULL || side->started == NULL)
        return -1;
    if (plan_has_profile(project->plan, profile))
        return lock_reader_get(project->lock, &lock, err) < 0
                   ? -1
                   : take_section(project, lock, profile, lock_reader_path(project->lock), side,
                                  err);
    if (is_file(word))
        return take_lock_file(project, word, word, side, err);
    return take_revision(project, word, side, err);
}

int side_open(const struct project *project, const json_t *records, const char *word,
              struct side *side, struct error *err)
{
    *side = (struct side){0};
    if (open_word(project, records, word, side, err) == 0)
        return 0;
    side_release(side);
    return -1;
}

static void release_stage(struct side_stage *stage)
{
    for (size_t i = 0; stage->action == NULL && i < stage->out_count; i++)
        free(stage->outs[i].name);
    if (stage->action == NULL)
        free(stage->outs);
    action_free(stage->action);
    free(stage->name);
    free(stage->components);
    free(stage->from_lock);
    json_decref(stage->metrics);
}

void side_release(struct side *side)
{
    for (size_t i = 0; i < side->count; i++)
        release_stage(&side->stages[i]);
    free(side->stages);
    free(side->name);
    free(side->started);
    free(side->profile);
    json_decref(side->sets);
    *side = (struct side){0};
}

const struct side_stage *side_find(const struct side *side, const char *name)
{
    for (size_t i = 0; i < side->count; i++)
        if (strcmp(side->stages[i].name, name) == 0)
            return &side->stages[i];
    return NULL;
}

const struct content *side_out(const struct side_stage *stage, const char *name)
{
    for (size_t i = 0; stage != NULL && i < stage->out_count; i++)
        if (strcmp(stage->outs[i].name, name) == 0)
            return &stage->outs[i].content;
    return NULL;
}
