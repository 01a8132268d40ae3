/* reprise verify: reads every byte; what the memo remembers is not trusted.
 * Levels, each a function that reports what it finds wrong:
 *   lock        the lock file against the pipeline file and the project's files
 *   artifacts   artifacts/ against the lock file
 *   published   copies in folders that outs are published to, likewise
 *   cache       actions and blobs against the lock file, where there is a cache
 *   require     metrics against their bounds
 * A digest that does not match outweighs a lock that is merely stale.
 */
#include "base/file.h"
#include "base/memory.h"
#include "command/commands.h"
#include "command/print.h"
#include "runner/job.h"
#include "runner/lock_update.h"
#include "runner/requirement.h"
#include "store/materialise.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct verification {
    const struct options *options;
    struct project *project;
    json_t *problems; /* [{"level", "subject", "problem"}] */
    size_t stale, mismatches;
    size_t artifacts, blobs, requirements; /* checked */
    bool no_cache;
};

static void report(struct verification *check, const char *level, bool mismatch,
                   const char *subject, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

static void report(struct verification *check, const char *level, bool mismatch,
                   const char *subject, const char *format, ...)
{
    char problem[512];
    va_list args;
    va_start(args, format);
    vsnprintf(problem, sizeof(problem), format, args);
    va_end(args);
    if (mismatch)
        check->mismatches++;
    else
        check->stale++;
    json_array_append_new(check->problems, json_pack("{s:s, s:s, s:s}", "level", level, "subject",
                                                     subject, "problem", problem));
    if (!check->options->json)
        printf("%s: %s: %s\n", level, subject, problem);
}

/* ---- lock ---- */

static bool same_words(const struct plan_stage *stage, const json_t *cmd)
{
    if (json_array_size(cmd) != stage->argc)
        return false;
    for (size_t i = 0; i < stage->argc; i++) {
        const char *word = json_string_value(json_array_get(cmd, i));
        if (word == NULL || strcmp(word, stage->argv[i]) != 0)
            return false;
    }
    return true;
}

static int check_project_file(struct verification *check, const struct plan_stage *stage,
                              const struct plan_dep *dep, const struct lock_item *item,
                              struct error *err)
{
    struct content content;
    struct error why;
    char *path = dep->path[0] == '/' ? memory_copy_text(dep->path, err)
                                     : file_join(check->project->plan->folder, dep->path, err);
    if (path == NULL)
        return -1;
    if (content_hash_dep(check->project->store, path, NULL, STORE_BY_READING, &content, &why) < 0)
        report(check, "lock", false, stage->name, "dep '%s': %s", dep->name, why.message);
    else if (!digest_equal(&content.digest, &item->digest))
        report(check, "lock", false, stage->name, "dep '%s' (%s) changed", dep->name, dep->path);
    free(path);
    return 0;
}

static int check_deps(struct verification *check, const struct plan_stage *stage,
                      const struct lock_stage *entry, struct error *err)
{
    const struct project *project = check->project;
    if (stage->dep_count != entry->dep_count)
        report(check, "lock", false, stage->name, "its deps changed");
    for (size_t i = 0; i < stage->dep_count; i++) {
        const struct plan_dep *dep = &stage->deps[i];
        const struct lock_item *item = lock_find_dep(entry, dep->name);
        if (item == NULL) {
            report(check, "lock", false, stage->name, "dep '%s' is new", dep->name);
            continue;
        }
        if (dep->path != NULL) {
            if (check_project_file(check, stage, dep, item, err) < 0)
                return -1;
            continue;
        }
        const struct plan_stage *upstream = &project->plan->stages[dep->stage];
        const struct lock_stage *made = lock_find(project->lock, upstream->name);
        const struct lock_item *out =
            made == NULL ? NULL : lock_find_out(made, upstream->outs[dep->out].name);
        if (out == NULL || !digest_equal(&out->digest, &item->digest))
            report(check, "lock", false, stage->name, "dep '%s' is not what '%s' made", dep->name,
                   upstream->name);
    }
    return 0;
}

static int check_lock(struct verification *check, struct error *err)
{
    const struct project *project = check->project;
    size_t index;
    struct error ignored;
    for (size_t i = 0; i < project->lock->count; i++)
        if (plan_find(project->plan, project->lock->stages[i].name, &index, &ignored) < 0)
            report(check, "lock", false, project->lock->stages[i].name,
                   "is not in the pipeline any more");
    for (size_t i = 0; i < project->plan->count; i++) {
        const struct plan_stage *stage = &project->plan->stages[i];
        const struct lock_stage *entry = lock_find(project->lock, stage->name);
        if (entry == NULL) {
            report(check, "lock", false, stage->name, "has no entry: run it");
            continue;
        }
        if (!same_words(stage, entry->cmd))
            report(check, "lock", false, stage->name, "its cmd changed");
        if (!lock_params_equal(stage->params, entry->params))
            report(check, "lock", false, stage->name, "its params changed");
        if (check_deps(check, stage, entry, err) < 0)
            return -1;
        for (size_t o = 0; o < stage->out_count; o++) {
            const struct lock_item *item = lock_find_out(entry, stage->outs[o].name);
            if (item == NULL || strcmp(item->path, stage->outs[o].path) != 0)
                report(check, "lock", false, stage->name, "out '%s' changed", stage->outs[o].name);
        }
    }
    return 0;
}

/* ---- artifacts ---- */

/* Where differing files of a folder are reported. */
struct differing {
    struct verification *check;
    const char *level, *stage, *folder;
};

static void report_file(void *arg, const char *path, bool missing)
{
    const struct differing *differing = arg;
    report(differing->check, differing->level, true, differing->stage, "'%s/%s' %s",
           differing->folder, path, missing ? "is missing" : "differs from the lock file");
}

/* In a folder, the files that differ; the folder's own tree tells. */
static void report_folder(struct verification *check, const char *stage,
                          const struct lock_item *item, const char *path)
{
    const struct content content = {.kind = CONTENT_FOLDER, .digest = item->digest};
    struct differing differing = {check, "artifacts", stage, item->path};
    struct error ignored;
    size_t count;
    if (materialise_compare(check->project->store, &content, "", path, STORE_BY_READING,
                            report_file, &differing, &count, &ignored) < 0 ||
        count == 0)
        report(check, "artifacts", true, stage, "'%s' differs from the lock file", item->path);
}

/* Copies of an out in the folder that it is published to. Which files a folder
 * has, only the cache knows. */
static int check_published(struct verification *check, const char *stage,
                           const struct plan_out *out, const struct content *content,
                           struct error *err)
{
    const struct project *project = check->project;
    struct differing differing = {check, "published", stage, out->publish};
    struct error ignored;
    size_t count;
    const char *slash = strrchr(out->path, '/');
    char *folder = file_join(project->plan->folder, out->publish, err);
    if (folder == NULL)
        return -1;
    materialise_compare(project->store, content, slash != NULL ? slash + 1 : out->path, folder,
                        STORE_BY_READING, report_file, &differing, &count, &ignored);
    free(folder);
    return 0;
}

static const struct plan_out *find_out(const struct project *project, const char *stage,
                                       const char *name)
{
    struct error ignored;
    size_t index;
    if (plan_find(project->plan, stage, &index, &ignored) < 0)
        return NULL;
    const struct plan_stage *found = &project->plan->stages[index];
    for (size_t i = 0; i < found->out_count; i++)
        if (strcmp(found->outs[i].name, name) == 0)
            return &found->outs[i];
    return NULL;
}

static int check_artifact(struct verification *check, const char *stage,
                          const struct lock_item *item, struct error *err)
{
    struct content content = {.kind = item->folder ? CONTENT_FOLDER : CONTENT_FILE};
    struct error ignored;
    char *path = project_artifact(check->project, stage, item->path, err);
    if (path == NULL)
        return -1;
    check->artifacts++;
    if (!file_exists(path))
        report(check, "artifacts", true, stage, "'%s' is missing", item->path);
    else if (content_hash(check->project->store, path, STORE_BY_READING, &content, &ignored) < 0 ||
             (content.kind == CONTENT_FOLDER) != item->folder ||
             !digest_equal(&content.digest, &item->digest)) {
        if (item->folder)
            report_folder(check, stage, item, path);
        else
            report(check, "artifacts", true, stage, "'%s' differs from the lock file", item->path);
    }
    free(path);
    const struct plan_out *out = find_out(check->project, stage, item->name);
    if (out == NULL || out->publish == NULL)
        return 0;
    /* The lock does not tell an executable from another file; the artifact does. */
    if ((content.kind == CONTENT_FOLDER) != item->folder)
        content.kind = item->folder ? CONTENT_FOLDER : CONTENT_FILE;
    content.digest = item->digest;
    return check_published(check, stage, out, &content, err);
}

static int check_artifacts(struct verification *check, const struct lock_stage *entry,
                           struct error *err)
{
    for (size_t i = 0; i < entry->out_count; i++)
        if (check_artifact(check, entry->name, &entry->outs[i], err) < 0)
            return -1;
    return 0;
}

/* ---- cache ---- */

static void check_blob(struct verification *check, const char *stage, const char *what,
                       const struct digest *digest)
{
    char hex[DIGEST_HEX_SIZE], path[STORE_PATH_SIZE];
    check->blobs++;
    if (blob_is_good(check->project->store, digest, STORE_BY_READING))
        return;
    digest_to_hex(digest, hex);
    store_object_path(check->project->store, digest, path);
    report(check, "cache", true, stage, "blob %s (%s) is %s", hex, what,
           file_exists(path) ? "damaged" : "missing");
}

static void check_content(struct verification *check, const char *stage,
                          const struct lock_item *item)
{
    struct content content = {.kind = CONTENT_FOLDER, .digest = item->digest};
    struct tree tree = {0};
    struct error ignored;
    check_blob(check, stage, item->path, &item->digest);
    if (!item->folder || content_tree(check->project->store, &content, &tree, &ignored) < 0)
        return;
    for (size_t i = 0; i < tree.count; i++)
        if (tree.entries[i].kind != TREE_EMPTY) {
            struct text what = {0};
            text_addf(&what, "%s/%s", item->path, tree.entries[i].path);
            check_blob(check, stage, text_string(&what), &tree.entries[i].digest);
            text_release(&what);
        }
    tree_release(&tree);
}

static int check_cache(struct verification *check, const struct lock_stage *entry,
                       struct error *err)
{
    struct action *action;
    char hex[DIGEST_HEX_SIZE], path[STORE_PATH_SIZE];
    for (size_t i = 0; i < entry->out_count; i++)
        check_content(check, entry->name, &entry->outs[i]);
    if (action_read(check->project->store, &entry->key, &action, err) < 0)
        return -1;
    if (action == NULL) {
        digest_to_hex(&entry->key, hex);
        store_action_path(check->project->store, &entry->key, path);
        report(check, "cache", true, entry->name, "action %s is %s", hex,
               file_exists(path) ? "damaged" : "missing");
        return 0;
    }
    check_blob(check, entry->name, "log", &action->log);
    for (size_t i = 0; i < entry->out_count; i++) {
        const struct content *content = action_out(action, entry->outs[i].name);
        if (content == NULL || !digest_equal(&content->digest, &entry->outs[i].digest))
            report(check, "cache", true, entry->name, "the action's out '%s' is not the lock's",
                   entry->outs[i].name);
    }
    action_free(action);
    return 0;
}

/* ---- require ---- */

/* From the artifacts, so that it works without a cache. */
static int check_requirements(struct verification *check, const struct plan_stage *stage,
                              struct error *err)
{
    for (size_t i = 0; i < stage->requirement_count; i++) {
        struct requirement_result result;
        struct text line = {0};
        struct error why;
        const struct plan_out *out = &stage->outs[stage->requirements[i].out];
        char *path = project_artifact(check->project, stage->name, out->path, err);
        if (path == NULL)
            return -1;
        check->requirements++;
        if (requirement_check_file(stage, i, path, &result, &why) < 0)
            report(check, "require", false, stage->name, "%s", why.message);
        else if (!result.met) {
            requirement_describe(stage, &result, &line);
            report(check, "require", false, stage->name, "missed: %s", text_string(&line));
        }
        text_release(&line);
        free(path);
    }
    return 0;
}

/* ---- all ---- */

static bool has_cache(const struct project *project)
{
    char path[STORE_PATH_SIZE];
    snprintf(path, sizeof(path), "%s/objects", store_folder(project->store));
    return file_exists(path);
}

static int check_all(struct verification *check, struct error *err)
{
    const struct project *project = check->project;
    check->no_cache = !has_cache(project);
    if (check_lock(check, err) < 0)
        return -1;
    for (size_t i = 0; i < project->lock->count; i++) {
        if (check_artifacts(check, &project->lock->stages[i], err) < 0 ||
            (!check->no_cache && check_cache(check, &project->lock->stages[i], err) < 0))
            return -1;
    }
    for (size_t i = 0; i < project->plan->count; i++)
        if (check_requirements(check, &project->plan->stages[i], err) < 0)
            return -1;
    return 0;
}

static int print_result(const struct verification *check, struct error *err)
{
    const struct project *project = check->project;
    bool good = check->mismatches == 0 && check->stale == 0;
    if (check->options->json) {
        json_t *json =
            json_pack("{s:b, s:O, s:I, s:I, s:I, s:I, s:b}", "verified", good, "problems",
                      check->problems, "stages", (json_int_t)project->lock->count, "artifacts",
                      (json_int_t)check->artifacts, "blobs", (json_int_t)check->blobs,
                      "requirements", (json_int_t)check->requirements, "cache", !check->no_cache);
        int result = print_json(json, err);
        json_decref(json);
        if (result < 0)
            return -1;
    } else if (good && !check->options->quiet)
        printf("verified: %zu stages, %zu artifacts, %zu blobs, %zu requirements%s\n",
               project->lock->count, check->artifacts, check->blobs, check->requirements,
               check->no_cache ? " (no cache here: artifacts only)" : "");
    if (check->mismatches > 0)
        return error_set(err, ERR_MISMATCH, "%zu digest%s match: reprise run repairs it",
                         check->mismatches, check->mismatches == 1 ? " does not" : "s do not");
    return good ? 0
                : error_set(err, ERR_STAGE,
                            "not verified, %zu problem%s: see above, or reprise status",
                            check->stale, check->stale == 1 ? "" : "s");
}

int command_verify(const struct options *options, struct error *err)
{
    struct project project;
    if (project_open(&options->project, true, &project, err) < 0)
        return -1;
    struct verification check = {.options = options, .project = &project, .problems = json_array()};
    int result = project.lock == NULL
                     ? error_set(err, ERR_STAGE, "'%s' does not exist: run the pipeline first",
                                 project.lock_path)
                     : check_all(&check, err);
    if (result == 0)
        result = print_result(&check, err);
    json_decref(check.problems);
    project_close(&project);
    return result;
}
