/* artifacts/, published copies and the cache against the lock: every byte is
 * read, nothing that the memo remembers is trusted. And what is left over. */
#include "base/file.h"
#include "command/verification.h"
#include "runner/publish.h"
#include "store/materialise.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- artifacts ---- */

/* Where differing files of a folder are reported. */
struct differing {
    struct verification *check;
    const char *stage, *folder;
};

static void report_file(void *arg, const char *path, bool missing)
{
    const struct differing *differing = arg;
    verification_report(differing->check, "artifacts", true, differing->stage, "'%s/%s' %s",
                        differing->folder, path,
                        missing ? "is missing" : "differs from the lock file");
}

/* In a folder, the files that differ; the folder's own tree tells. */
static void report_folder(struct verification *check, const char *stage,
                          const struct lock_item *item, const char *path)
{
    struct differing differing = {check, stage, item->path};
    struct error ignored;
    size_t count;
    if (materialise_compare(check->project->store, &item->content, "", path, STORE_BY_READING,
                            report_file, &differing, &count, &ignored) < 0 ||
        count == 0)
        verification_report(check, "artifacts", true, stage, "'%s' differs from the lock file",
                            item->path);
}

static int check_artifact(struct verification *check, const struct lock_stage *entry,
                          const struct lock_item *item, struct error *err)
{
    struct content there;
    struct error why = {0};
    char *path = project_artifact(check->project, entry->name, item->path, err);
    if (path == NULL)
        return -1;
    check->artifacts++;
    verification_case(check, "artifacts", entry->name, "%s.%s", entry->name, item->name);
    if (!file_exists(path))
        verification_report(check, "artifacts", true, entry->name, "'%s' is missing", item->path);
    else if (content_hash(check->project->store, path, STORE_BY_READING, &there, &why) < 0 ||
             (there.kind == CONTENT_FOLDER) != (item->content.kind == CONTENT_FOLDER) ||
             !digest_equal(&there.digest, &item->content.digest)) {
        if (item->content.kind == CONTENT_FOLDER)
            report_folder(check, entry->name, item, path);
        else
            verification_report(check, "artifacts", true, entry->name,
                                "'%s' differs from the lock file", item->path);
    } else if (there.size != item->content.size)
        verification_report(check, "artifacts", true, entry->name,
                            "'%s' has %lld bytes, the lock file says %lld", item->path,
                            (long long)there.size, (long long)item->content.size);
    else if (!entry->old && there.kind != item->content.kind)
        verification_report(check, "artifacts", true, entry->name,
                            "'%s' is %s, the lock file says %s", item->path,
                            content_kind_name(there.kind), content_kind_name(item->content.kind));
    free(path);
    return 0;
}

/* ---- published ---- */

/* What a run that was killed left beside a copy. */
static void check_beside(struct verification *check, const char *name)
{
    struct text left = {0};
    const char *slash = strrchr(name, '/');
    int folder = slash == NULL ? 0 : (int)(slash - name) + 1;
    text_addf(&left, "%s/%.*s.%s.new", check->project->plan->folder, folder, name, name + folder);
    if (!left.failed && file_exists(left.data))
        verification_note(check, check->left, "left over: %s",
                          left.data + strlen(check->project->plan->folder) + 1);
    text_release(&left);
}

/* A copy as the cache knows it, or, where `entry` is NULL, as the lock lists it. */
static void check_copy(struct verification *check, const char *stage, const char *name,
                       const struct tree_entry *entry, const struct digest *digest)
{
    char path[PATH_MAX];
    struct stat st;
    struct store *store = check->project->store;
    int size = snprintf(path, sizeof(path), "%s/%s", check->project->plan->folder, name);
    check->copies++;
    verification_case(check, "published", stage, "%s", name);
    if (size < 0 || size >= PATH_MAX || lstat(path, &st) < 0)
        verification_report(check, "published", true, stage, "'%s' is missing", name);
    else if (entry != NULL ? !materialise_has_entry(store, entry, path, STORE_BY_READING)
                           : !publish_is_at(store, path, digest, STORE_BY_READING))
        verification_report(check, "published", true, stage, "'%s' differs from the lock file",
                            name);
    check_beside(check, name);
}

/* The lock's list of copies, against what the out gives. */
static void check_list(struct verification *check, const struct lock_stage *entry,
                       const struct tree *tree)
{
    for (size_t i = 0; i < tree->count && !entry->old; i++) {
        const struct tree_entry *copy = &tree->entries[i];
        const struct lock_named *named =
            copy->kind == TREE_EMPTY ? NULL : lock_find_name(&entry->published, copy->path);
        if (copy->kind != TREE_EMPTY &&
            (named == NULL || !digest_equal(&named->digest, &copy->digest)))
            verification_report(check, "published", true, entry->name,
                                "'%s' is not in the lock's list as it must be", copy->path);
    }
}

/* Which files a folder has, the cache knows, or else the artifact. */
static int check_published(struct verification *check, const struct plan_stage *stage,
                           const struct lock_stage *entry, struct error *err)
{
    size_t known = 0;
    bool all = true;
    for (size_t i = 0; i < stage->out_count; i++) {
        const struct plan_out *out = &stage->outs[i];
        const struct lock_item *item = lock_find_item(&entry->outs, out->name);
        struct tree tree = {0};
        struct error why = {0};
        if (out->publish == NULL || item == NULL)
            continue;
        if (publish_tree(check->project->store, out, &item->content, &tree, &why) == 0) {
            check_list(check, entry, &tree);
            for (size_t t = 0; t < tree.count; t++)
                if (tree.entries[t].kind != TREE_EMPTY) {
                    check_copy(check, stage->name, tree.entries[t].path, &tree.entries[t], NULL);
                    known++;
                }
        } else
            all = false;
        tree_release(&tree);
        if (why.kind == ERR_MEMORY) {
            *err = why;
            return -1;
        }
    }
    if (all && !entry->old && known != entry->published.count)
        verification_report(check, "published", true, stage->name,
                            "the lock lists %zu copies, its outs give %zu", entry->published.count,
                            known);
    for (size_t i = 0; i < entry->published.count && !all; i++) {
        const struct lock_named *named = &entry->published.list[i];
        check_copy(check, stage->name, named->name, NULL, &named->digest);
    }
    return 0;
}

/* ---- cache ---- */

static void check_blob(struct verification *check, const char *stage, const char *what,
                       const struct digest *digest, bool elsewhere)
{
    char hex[DIGEST_HEX_SIZE], path[STORE_PATH_SIZE];
    check->blobs++;
    if (blob_is_good(check->project->store, digest, STORE_BY_READING))
        return;
    digest_to_hex(digest, hex);
    store_object_path(check->project->store, digest, path);
    /* The cache of a machine that could not make it needn't have it; its artifacts are looked at.
     */
    if (elsewhere && !file_exists(path)) {
        check->blobs--;
        return;
    }
    verification_report(check, "cache", true, stage, "blob %s (%s) is %s", hex, what,
                        file_exists(path) ? "damaged" : "missing");
}

static void check_content(struct verification *check, const char *stage,
                          const struct lock_item *item, bool elsewhere)
{
    struct tree tree = {0};
    struct error ignored;
    check_blob(check, stage, item->path, &item->content.digest, elsewhere);
    if (item->content.kind != CONTENT_FOLDER ||
        content_tree(check->project->store, &item->content, &tree, &ignored) < 0)
        return;
    for (size_t i = 0; i < tree.count; i++)
        if (tree.entries[i].kind == TREE_FILE || tree.entries[i].kind == TREE_EXECUTABLE) {
            struct text what = {0};
            text_addf(&what, "%s/%s", item->path, tree.entries[i].path);
            check_blob(check, stage, text_string(&what), &tree.entries[i].digest, elsewhere);
            text_release(&what);
        }
    tree_release(&tree);
}

/* A frozen stage is held against no pipeline; its action still says what it was made of. */
static int check_frozen(struct verification *check, const struct lock_stage *entry,
                        const struct action *action, struct error *err)
{
    char *differs;
    if (key_check_lock(entry, action->components, &differs, err) < 0)
        return -1;
    if (differs != NULL)
        verification_report(
            check, "cache", true, entry->name,
            "'%s' is not what its action says: the lock was edited; take it from git "
            "again, or thaw the stage and run it",
            differs);
    free(differs);
    return 0;
}

static int check_cache(struct verification *check, const struct plan_stage *stage,
                       const struct lock_stage *entry, bool elsewhere, struct error *err)
{
    struct action *action;
    char hex[DIGEST_HEX_SIZE], path[STORE_PATH_SIZE];
    verification_case(check, "cache", entry->name, "%s", entry->name);
    for (size_t i = 0; i < entry->outs.count; i++)
        check_content(check, entry->name, &entry->outs.list[i], elsewhere);
    if (action_read(check->project->store, &entry->key, &action, err) < 0)
        return -1;
    if (action == NULL) {
        digest_to_hex(&entry->key, hex);
        store_action_path(check->project->store, &entry->key, path);
        if (elsewhere && !file_exists(path))
            return 0;
        verification_report(check, "cache", true, entry->name, "action %s is %s", hex,
                            file_exists(path) ? "damaged" : "missing");
        return 0;
    }
    check_blob(check, entry->name, "log", &action->log, elsewhere);
    for (size_t i = 0; i < entry->outs.count; i++) {
        const struct content *content = action_out(action, entry->outs.list[i].name);
        if (content == NULL || !digest_equal(&content->digest, &entry->outs.list[i].content.digest))
            verification_report(check, "cache", true, entry->name,
                                "the action's out '%s' is not the lock's",
                                entry->outs.list[i].name);
    }
    if ((action->adopted == NULL) != (entry->adopted == NULL))
        verification_report(check, "cache", true, entry->name, "its action was %sadopted",
                            action->adopted == NULL ? "not " : "");
    int result = stage->frozen && !entry->old ? check_frozen(check, entry, action, err) : 0;
    action_free(action);
    return result;
}

/* ---- left over ---- */

static bool is_known(const struct verification *check, const char *stage, const char *path)
{
    for (size_t i = 0; i < check->lock->count; i++) {
        const struct lock_stage *entry = lock_find_stage(check->lock->sections[i], stage);
        for (size_t o = 0; entry != NULL && o < entry->outs.count; o++) {
            const char *out = entry->outs.list[o].path;
            size_t length = strlen(path);
            if (strcmp(out, path) == 0 || (strncmp(out, path, length) == 0 && out[length] == '/'))
                return true;
        }
    }
    return false;
}

static bool has_stage(const struct verification *check, const char *stage)
{
    for (size_t i = 0; i < check->lock->count; i++)
        if (lock_find_stage(check->lock->sections[i], stage) != NULL)
            return true;
    return false;
}

static void check_folder(struct verification *check, const char *stage)
{
    char path[PATH_MAX];
    char **names;
    size_t count;
    struct stat st;
    struct error ignored;
    snprintf(path, sizeof(path), "%s/%s", check->project->artifacts, stage);
    if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode))
        return;
    if (!has_stage(check, stage)) {
        verification_note(check, check->left, "left over: artifacts/%s", stage);
        return;
    }
    if (file_list(path, &names, &count, &ignored) < 0)
        return;
    for (size_t i = 0; i < count; i++)
        if (!is_known(check, stage, names[i]))
            verification_note(check, check->left, "left over: artifacts/%s/%s", stage, names[i]);
    file_free_names(names, count);
}

static void check_left(struct verification *check)
{
    char **names;
    size_t count;
    struct error ignored;
    if (file_list(check->project->artifacts, &names, &count, &ignored) < 0)
        return;
    for (size_t i = 0; i < count; i++)
        check_folder(check, names[i]);
    file_free_names(names, count);
}

/* ---- all ---- */

/* Of an entry whose outs lie where the plan says: a path from the lock alone is followed nowhere.
 */
static int check_outs(struct verification *check, const struct plan_stage *stage,
                      const struct lock_stage *entry, struct error *err)
{
    for (size_t i = 0; i < stage->out_count; i++) {
        const struct lock_item *item = lock_find_item(&entry->outs, stage->outs[i].name);
        if (item != NULL && strcmp(item->path, stage->outs[i].path) == 0 &&
            check_artifact(check, entry, item, err) < 0)
            return -1;
    }
    return 0;
}

int verify_bytes(struct verification *check, struct error *err)
{
    for (size_t i = 0; i < check->project->plan->count; i++) {
        const struct plan_stage *stage = &check->project->plan->stages[i];
        const struct lock_stage *entry = lock_find_stage(check->section, stage->name);
        if (entry == NULL)
            continue;
        if (check_outs(check, stage, entry, err) < 0 ||
            check_published(check, stage, entry, err) < 0 ||
            (!check->no_cache &&
             check_cache(check, stage, entry, check->made_elsewhere[i], err) < 0))
            return -1;
    }
    check_left(check);
    return 0;
}
