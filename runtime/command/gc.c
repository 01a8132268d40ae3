/* reprise gc [REVISION...]: removes results from the cache. Those that the lock file names are
 * held, under each of its profiles, and those of other lock files beside it and of the lock files
 * of the revisions of git; of the rest those stay that were made or used within --age, the last
 * used first as far as --size reaches. reprise du: what the cache holds, and what of it gc would
 * remove. */
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "command/commands.h"
#include "command/git.h"
#include "command/print.h"
#include "plan/quantity.h"
#include "runner/record.h"
#include "store/collect.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { DAY = 24 * 60 * 60, AGE_DAYS = 30 };

/* ---- who wants what ---- */

static int hold_section(struct collect *collect, const struct lock_section *section,
                        struct error *err)
{
    for (size_t s = 0; s < section->count; s++) {
        const struct lock_stage *entry = section->stages[s];
        collect_hold(collect, &entry->key);
        for (size_t i = 0; i < entry->outs.count; i++)
            if (collect_hold_content(collect, &entry->outs.list[i].content, err) < 0)
                return -1;
    }
    return 0;
}

/* NULL: nothing was run yet. */
static int hold_lock(struct collect *collect, const struct lock *lock, struct error *err)
{
    for (size_t i = 0; lock != NULL && i < lock->count; i++)
        if (hold_section(collect, lock->sections[i], err) < 0)
            return -1;
    return 0;
}

static int hold_revision(struct collect *collect, const struct project *project,
                         const char *revision, struct error *err)
{
    char *path;
    struct lock *lock = NULL;
    if (git_file(revision, "", lock_reader_path(project->lock), &path, err) < 0)
        return -1;
    int result = lockfile_read(path, &lock, NULL, err);
    if (result < 0)
        error_prefix(err, "%s: ", revision);
    if (result == 0)
        result = hold_lock(collect, lock, err);
    lock_free(lock);
    git_file_end(path);
    return result;
}

/* Lock files of other pipelines in the folder, which share its cache. Files that only are called so
 * are another tool's; what one of ours holds that can't be read, nobody knows. */
static int hold_others(struct collect *collect, const struct project *project, struct error *err)
{
    char **names;
    size_t count;
    int result = 0;
    if (file_list(project->plan->folder, &names, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count && result == 0; i++) {
        const size_t length = strlen(names[i]);
        struct lock *lock = NULL;
        struct error why;
        const bool own = strcmp(names[i], lock_reader_path(project->lock)) == 0;
        char *path = !own && length > 5 && strcmp(names[i] + length - 5, ".lock") == 0
                         ? file_join(project->plan->folder, names[i], err)
                         : NULL;
        if (path != NULL && lockfile_read(path, &lock, NULL, &why) == 0)
            result = hold_lock(collect, lock, err);
        else if (path != NULL && lockfile_is_ours(path)) {
            *err = why;
            result = -1;
        }
        lock_free(lock);
        free(path);
    }
    file_free_names(names, count);
    return result;
}

static time_t time_of(const json_t *record)
{
    struct tm utc = {0};
    const char *started = json_string_value(json_object_get(record, "started"));
    const char *end = started != NULL ? strptime(started, "%Y-%m-%dT%H:%M:%SZ", &utc) : NULL;
    return end != NULL && *end == '\0' ? timegm(&utc) : 0;
}

static int use_records(struct collect *collect, const struct project *project, struct error *err)
{
    size_t index, at;
    json_t *record, *stage, *records = record_read_all(project, err);
    if (records == NULL)
        return -1;
    json_array_foreach (records, index, record)
        json_array_foreach (json_object_get(record, "stages"), at, stage) {
            const char *hex = json_string_value(json_object_get(stage, "key"));
            struct digest key;
            if (hex != NULL && digest_from_hex(hex, &key))
                collect_use(collect, &key, time_of(record));
        }
    json_decref(records);
    return 0;
}

/* "30", by which somebody means days: as seconds it would have all go. */
static bool is_bare(const char *time)
{
    return time[strspn(time, "0123456789")] == '\0';
}

static int choose(const struct options *options, struct collect *collect, struct error *err)
{
    int64_t age = (int64_t)AGE_DAYS * DAY * 1000, most = INT64_MAX;
    if (options->age != NULL &&
        (!quantity_time(options->age, &age) || (age > 0 && is_bare(options->age))))
        return error_set(err, ERR_USAGE, "--age '%s': expected a time, as 12h or 30d",
                         options->age);
    if (options->size != NULL && !quantity_memory(options->size, &most))
        return error_set(err, ERR_USAGE, "--size '%s': expected bytes, as 500M or 20G",
                         options->size);
    return collect_choose(collect, time(NULL) - (time_t)(age / 1000), most, err);
}

/* What lies in the cache, chosen. */
static int open_chosen(const struct options *options, const struct project *project,
                       struct collect **collect, struct error *err)
{
    const struct lock *lock;
    if (lock_reader_get(project->lock, &lock, err) < 0 ||
        collect_open(project->store, collect, err) < 0)
        return -1;
    int result = hold_lock(*collect, lock, err);
    if (result == 0)
        result = hold_others(*collect, project, err);
    for (size_t i = 0; i < options->word_count && result == 0; i++)
        result = hold_revision(*collect, project, options->words[i], err);
    if (result == 0)
        result = use_records(*collect, project, err);
    if (result == 0)
        result = choose(options, *collect, err);
    if (result < 0)
        collect_close(*collect);
    return result;
}

/* ---- saying it ---- */

/* In powers of 1024, as --size counts. */
static void add_bytes(struct text *text, int64_t bytes)
{
    static const char units[] = " KMGT";
    double value = (double)bytes;
    size_t unit = 0;
    for (; value >= 999.5 && unit + 1 < sizeof(units) - 1; unit++)
        value /= 1024;
    text_addf(text, unit > 0 && value < 9.995 ? "%.1f" : "%.0f", value);
    if (unit > 0)
        text_addf(text, "%ciB", units[unit]);
    else
        text_add(text, " bytes");
}

static void add_cell(struct text *text, int64_t bytes)
{
    struct text cell = {0};
    add_bytes(&cell, bytes);
    text_addf(text, " %10s", text_string(&cell));
    text_release(&cell);
}

static json_t *result_json(const struct collect_result *result)
{
    char hex[DIGEST_HEX_SIZE], used[32];
    struct tm utc;
    digest_to_hex(&result->key, hex);
    strftime(used, sizeof(used), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&result->used, &utc));
    return json_pack("{s:s, s:s, s:s, s:b, s:b, s:I}", "stage", result->stage, "key", hex, "used",
                     used, "held", result->held, "kept", result->kept, "bytes",
                     (json_int_t)result->bytes);
}

static int print_as_json(const struct collect *collect, struct error *err)
{
    const struct collect_sizes sizes = collect_sizes(collect);
    size_t count;
    const struct collect_result *results = collect_results(collect, &count);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        list = json_list_with(list, result_json(&results[i]));
    json_t *json =
        json_pack("{s:i, s:I, s:I, s:I, s:I, s:I, s:o}", "schema", 1, "bytes",
                  (json_int_t)sizes.bytes, "held_bytes", (json_int_t)sizes.held_bytes, "kept_bytes",
                  (json_int_t)sizes.kept_bytes, "blobs", (json_int_t)sizes.blobs, "kept_blobs",
                  (json_int_t)sizes.kept_blobs, "results", list);
    int result = print_json(json, err);
    json_decref(json);
    return result;
}

static int print_removal(const struct collect *collect, bool dry, struct error *err)
{
    const struct collect_sizes sizes = collect_sizes(collect);
    struct text text = {0};
    const size_t results = sizes.results - sizes.kept_results;
    const size_t blobs = sizes.blobs - sizes.kept_blobs;
    text_addf(&text, "%s %zu of %zu results and %zu of %zu files, ",
              dry ? "would remove" : "removed", results, sizes.results, blobs, sizes.blobs);
    add_bytes(&text, sizes.bytes - sizes.kept_bytes);
    text_add(&text, " of ");
    add_bytes(&text, sizes.bytes);
    text_add(&text, "\n");
    return print_text(&text, err);
}

/* ---- gc ---- */

static int remove_chosen(const struct options *options, const struct project *project,
                         struct error *err)
{
    struct collect *collect;
    if ((!options->dry_run && store_use_alone(project->store, err) < 0) ||
        open_chosen(options, project, &collect, err) < 0)
        return -1;
    int result = options->dry_run ? 0 : collect_remove(collect, err);
    if (result == 0 && options->json)
        result = print_as_json(collect, err);
    else if (result == 0 && !options->quiet)
        result = print_removal(collect, options->dry_run, err);
    collect_close(collect);
    return result;
}

int command_gc(const struct options *options, struct error *err)
{
    struct project project;
    if (project_open(&options->project, PROJECT_AS_RECORDED, &project, err) < 0)
        return -1;
    int result = remove_chosen(options, &project, err);
    project_close(&project);
    return result;
}

/* ---- du ---- */

struct stage_size {
    const char *stage;
    size_t results;
    int64_t bytes, held, removable;
};

static int by_bytes(const void *left, const void *right)
{
    const struct stage_size *a = left, *b = right;
    return a->bytes != b->bytes ? (a->bytes > b->bytes ? -1 : 1) : strcmp(a->stage, b->stage);
}

static struct stage_size *size_of(struct stage_size *sizes, size_t *count, const char *stage)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp(sizes[i].stage, stage) == 0)
            return &sizes[i];
    sizes[*count] = (struct stage_size){.stage = stage};
    return &sizes[(*count)++];
}

static int print_stages(const struct collect *collect, struct error *err)
{
    size_t count, stages = 0;
    struct text text = {0};
    const struct collect_sizes all = collect_sizes(collect);
    const struct collect_result *results = collect_results(collect, &count);
    struct stage_size *sizes = memory_new(count, sizeof(*sizes), err);
    if (sizes == NULL)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct stage_size *size = size_of(sizes, &stages, results[i].stage);
        size->results++;
        size->bytes += results[i].bytes;
        *(results[i].held   ? &size->held
          : results[i].kept ? &(int64_t){0}
                            : &size->removable) += results[i].bytes;
    }
    if (stages > 0)
        qsort(sizes, stages, sizeof(*sizes), by_bytes);
    text_addf(&text, "%-24s %8s %10s %10s %10s\n", "stage", "results", "bytes", "held", "for gc");
    for (size_t i = 0; i < stages; i++) {
        text_addf(&text, "%-24s %8zu", sizes[i].stage[0] != '\0' ? sizes[i].stage : "(damaged)",
                  sizes[i].results);
        add_cell(&text, sizes[i].bytes);
        add_cell(&text, sizes[i].held);
        add_cell(&text, sizes[i].removable);
        text_add(&text, "\n");
    }
    text_addf(&text, "%-24s %8zu", "all", all.results);
    add_cell(&text, all.bytes);
    add_cell(&text, all.held_bytes);
    add_cell(&text, all.bytes - all.kept_bytes);
    text_add(&text, "\n");
    free(sizes);
    return print_text(&text, err);
}

int command_du(const struct options *options, struct error *err)
{
    struct project project;
    struct collect *collect;
    if (project_open(&options->project, PROJECT_AS_RECORDED, &project, err) < 0)
        return -1;
    int result = open_chosen(options, &project, &collect, err);
    if (result == 0) {
        result = options->json ? print_as_json(collect, err) : print_stages(collect, err);
        collect_close(collect);
    }
    project_close(&project);
    return result;
}
