#include "runner/deliver.h"

#include "base/file.h"
#include "base/memory.h"
#include "plan/inner_path.h"
#include "runner/aside.h"
#include "runner/in_the_way.h"
#include "runner/ours.h"
#include "runner/publish.h"
#include "store/materialise.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- where things go ---- */

/* Of an artifact; false where it is too long for a path. */
static bool artifact_path(const struct project *project, const struct job *job,
                          const struct plan_out *out, char path[PATH_MAX])
{
    int size =
        snprintf(path, PATH_MAX, "%s/%s/%s", project->artifacts, job->stage->name, out->path);
    return size > 0 && size < PATH_MAX;
}

static bool project_path(const struct project *project, const char *name, char path[PATH_MAX])
{
    int size = snprintf(path, PATH_MAX, "%s/%s", project->plan->folder, name);
    return size > 0 && size < PATH_MAX;
}

static int too_long(const char *name, struct error *err)
{
    return error_set(err, ERR_IO, "'%s' is too long for a path", name);
}

static bool begins_with(const char *path, const char *folder)
{
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* The folder that shall hold `path`, as far as it exists, is of the project and no place of
 * the runner's or git's, whatever links say. */
static int check_parent(const struct project *project, const char *name, struct error *err)
{
    static const char *const refused[] = {".git", "cache", "artifacts", "reports/runs"};
    char path[PATH_MAX], real[PATH_MAX], root[PATH_MAX];
    if (!project_path(project, name, path))
        return too_long(name, err);
    if (inner_path_is_git(name))
        return error_set(err, ERR_USAGE, "cannot publish '%s': that is git's to write", name);
    for (size_t i = 1; i < sizeof(refused) / sizeof(*refused); i++)
        if (begins_with(name, refused[i]))
            return error_set(err, ERR_USAGE, "cannot publish '%s': '%s' is the runner's", name,
                             refused[i]);
    if (realpath(project->plan->folder, root) == NULL)
        return error_errno(err, "cannot read '%s'", project->plan->folder);
    size_t shortest = strlen(project->plan->folder);
    for (;;) {
        char *slash = strrchr(path, '/');
        if (slash == NULL || (size_t)(slash - path) < shortest)
            return 0;
        *slash = '\0';
        struct stat st;
        if (realpath(path, real) != NULL && stat(path, &st) == 0) {
            bool ours;
            if (S_ISDIR(st.st_mode))
                break;
            if (in_the_way_is_ours(project, path + shortest + 1, &ours, err) < 0)
                return -1;
            if (ours)
                continue; /* it makes room when something is brought */
            return error_set(err, ERR_USAGE,
                             "cannot publish '%s': '%s' is in the way, and is no folder: move it "
                             "away, or publish into another folder",
                             name, path + shortest + 1);
        }
        if (errno == ENOTDIR)
            continue; /* further up it will be named */
        if (errno != ENOENT)
            return error_errno(err, "cannot publish '%s'", name);
        if (lstat(path, &st) == 0)
            return error_set(err, ERR_USAGE, "cannot publish '%s': a link on its way leads nowhere",
                             name);
    }
    if (!begins_with(real, root))
        return error_set(err, ERR_USAGE,
                         "cannot publish '%s': a link on its way leads out of the project", name);
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
        if (real[strlen(root)] == '/' && begins_with(real + strlen(root) + 1, refused[i]))
            return error_set(err, ERR_USAGE, "cannot publish '%s': a link on its way leads to '%s'",
                             name, refused[i]);
    return 0;
}

/* ---- looking ---- */

static bool artifact_is_there(const struct project *project, const struct job *job,
                              const struct plan_out *out, const struct content *content)
{
    char path[PATH_MAX];
    return artifact_path(project, job, out, path) &&
           materialise_is_done(project->store, content, path, STORE_BY_STAT);
}

static bool copy_is_there(const struct project *project, const struct tree_entry *entry)
{
    char path[PATH_MAX];
    return project_path(project, entry->path, path) &&
           materialise_has_entry(project->store, entry, path, STORE_BY_STAT);
}

static bool copies_are_there(const struct project *project, const struct tree *tree)
{
    for (size_t i = 0; i < tree->count; i++)
        if (!copy_is_there(project, &tree->entries[i]))
            return false;
    return true;
}

static int tree_of(const struct project *project, const struct job *job, const struct plan_out *out,
                   struct tree *tree, struct error *err)
{
    return out->publish == NULL
               ? 0
               : publish_tree(project->store, out, action_out(job->action, out->name), tree, err);
}

static void describe(const struct job *job, const struct plan_out *out, struct text *who)
{
    text_addf(who, "%s.%s", job->stage->name, out->name);
}

/* Of two outs of one run that publish the same name, one would replace the other for ever. */
static int claim(const struct project *project, const struct job *job, const struct plan_out *out,
                 const struct tree *tree, struct error *err)
{
    struct lock_names names = {0};
    struct text who = {0};
    describe(job, out, &who);
    int result = publish_names(tree, &names, err);
    if (result == 0)
        result = ours_claim(project->ours, text_string(&who), &names, err);
    lock_names_release(&names);
    text_release(&who);
    return result;
}

const struct plan_out *deliver_missing(const struct project *project, const struct job *job)
{
    for (size_t i = 0; i < job->stage->out_count; i++) {
        const struct plan_out *out = &job->stage->outs[i];
        struct tree tree = {0};
        struct error ignored;
        bool there = artifact_is_there(project, job, out, action_out(job->action, out->name)) &&
                     tree_of(project, job, out, &tree, &ignored) == 0 &&
                     (tree.count == 0 || claim(project, job, out, &tree, &ignored) == 0) &&
                     copies_are_there(project, &tree);
        tree_release(&tree);
        if (!there)
            return out;
    }
    return NULL;
}

int deliver_list(const struct project *project, const struct job *job, struct lock_names *names,
                 struct error *err)
{
    int result = 0;
    for (size_t i = 0; i < job->stage->out_count && result == 0; i++) {
        struct tree tree = {0};
        result = tree_of(project, job, &job->stage->outs[i], &tree, err);
        if (result == 0)
            result = publish_names(&tree, names, err);
        tree_release(&tree);
    }
    return result;
}

/* ---- what is in the way ---- */

/* A file that is not ours and has other bytes: it stays. */
static int check_copy(const struct project *project, const char *name, const char *who,
                      enum error_kind kind, struct error *err)
{
    char path[PATH_MAX];
    struct stat st;
    struct digest digest;
    bool ours = false;
    if (!project_path(project, name, path))
        return too_long(name, err);
    if (lstat(path, &st) < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0
                                                   : error_errno(err, "cannot look at '%s'", name);
    int result = S_ISDIR(st.st_mode) ? in_the_way_is_ours(project, name, &ours, err)
                                     : ours_find(project->ours, name, &ours, &digest, err);
    if (result < 0)
        return -1;
    /* A link is ours only as it was made: somebody's own may stand for anything. */
    if (ours && S_ISLNK(st.st_mode))
        ours = publish_is_at(project->store, path, &digest, STORE_BY_STAT);
    return ours ? 0
                : error_set(err, kind,
                            "%s would be published over '%s', which is not of an earlier run: move "
                            "that away, or publish into another folder",
                            who, name);
}

/* What the out was when it was recorded: a folder's names are not known before. */
static int check_out(const struct project *project, const struct job *job,
                     const struct plan_out *out, struct error *err)
{
    const char *slash = strrchr(out->path, '/');
    const struct lock_stage *entry;
    const struct lock_item *item = NULL;
    struct content there;
    struct error ignored;
    struct stat st;
    char path[PATH_MAX];
    char *name = file_join(out->publish, slash != NULL ? slash + 1 : out->path, err);
    int result = name == NULL ? -1 : check_parent(project, name, err);
    if (result == 0)
        result =
            lock_reader_find(project->lock, project->plan->profile, job->stage->name, &entry, err);
    if (result == 0 && entry != NULL)
        item = lock_find_item(&entry->outs, out->name);
    bool folder = item != NULL && item->content.kind == CONTENT_FOLDER;
    if (result == 0 && !folder && project_path(project, name, path) && lstat(path, &st) == 0 &&
        (item != NULL || !S_ISDIR(st.st_mode))) {
        bool same = item != NULL &&
                    content_hash(project->store, path, STORE_BY_STAT, &there, &ignored) == 0 &&
                    digest_equal(&there.digest, &item->content.digest);
        struct text who = {0};
        text_addf(&who, "%s:%d:%d: out '%s'", project->plan->file, out->place.line,
                  out->place.column, out->name);
        if (!same)
            result = check_copy(project, name, text_string(&who), ERR_USAGE, err);
        text_release(&who);
    } else if (result < 0 && err->kind == ERR_USAGE && name != NULL)
        error_prefix(err, "%s:%d:%d: out '%s': ", project->plan->file, out->place.line,
                     out->place.column, out->name);
    free(name);
    return result;
}

int deliver_check(const struct jobs *jobs, struct error *err)
{
    for (size_t i = 0; i < jobs->count; i++) {
        const struct job *job = &jobs->list[i];
        for (size_t o = 0; o < job->stage->out_count && job->state != JOB_OUTSIDE; o++)
            if (job->stage->outs[o].publish != NULL &&
                check_out(jobs->project, job, &job->stage->outs[o], err) < 0)
                return -1;
    }
    return 0;
}

/* ---- bringing ---- */

static int bring_artifact(const struct project *project, struct job *job,
                          const struct plan_out *out, struct error *err)
{
    char path[PATH_MAX];
    bool changed;
    if (!artifact_path(project, job, out, path))
        return too_long(out->path, err);
    if (aside_clear(project, job->stage->name, out->path, &job->notes, err) < 0)
        return -1;
    return materialise(project->store, action_out(job->action, out->name), path, &changed, err);
}

static int bring_copy(const struct project *project, const struct tree_entry *entry,
                      struct error *err)
{
    char path[PATH_MAX];
    if (!project_path(project, entry->path, path))
        return too_long(entry->path, err);
    return in_the_way_remove(project, entry->path, entry->kind == TREE_EMPTY, err) < 0
               ? -1
               : materialise_entry(project->store, entry, path, err);
}

/* All are looked at before the first is written. */
static int bring_copies(const struct project *project, const struct job *job,
                        const struct plan_out *out, const struct tree *tree, struct error *err)
{
    struct lock_names names = {0};
    struct text who = {0};
    int result = 0;
    describe(job, out, &who);
    for (size_t i = 0; i < tree->count && result == 0; i++) {
        const struct tree_entry *entry = &tree->entries[i];
        if (copy_is_there(project, entry))
            continue;
        result = check_parent(project, entry->path, err);
        struct stat st;
        char path[PATH_MAX];
        bool is_there = project_path(project, entry->path, path) && lstat(path, &st) == 0;
        bool takes = entry->kind != TREE_EMPTY || (is_there && !S_ISDIR(st.st_mode));
        if (result == 0 && takes &&
            (result = check_copy(project, entry->path, text_string(&who), ERR_STAGE, err)) == 0)
            result = lock_add_name(&names, entry->path, &entry->digest, err);
    }
    if (result < 0 && err->kind == ERR_USAGE)
        err->kind = ERR_STAGE;
    if (result == 0 && names.count > 0)
        result = ours_add(project->ours, &names, err);
    for (size_t i = 0; i < tree->count && result == 0; i++)
        if (!copy_is_there(project, &tree->entries[i]))
            result = bring_copy(project, &tree->entries[i], err);
    lock_names_release(&names);
    text_release(&who);
    return result;
}

/* Runners that share the project must not build the same temporary names. */
static int bring(const struct project *project, struct job *job, const struct plan_out *out,
                 const struct tree *tree, bool artifact, struct error *err)
{
    struct store_lock *lock;
    if (store_wait_lock(project->store, "artifacts", &lock, err) < 0)
        return -1;
    int result = artifact ? 0 : bring_artifact(project, job, out, err);
    if (result == 0 && tree->count > 0)
        result = bring_copies(project, job, out, tree, err);
    store_unlock(lock);
    return result;
}

static int deliver_out(const struct project *project, struct job *job, const struct plan_out *out,
                       struct error *err)
{
    struct tree tree = {0};
    int result = tree_of(project, job, out, &tree, err);
    if (result == 0 && tree.count > 0)
        result = claim(project, job, out, &tree, err);
    bool artifact = artifact_is_there(project, job, out, action_out(job->action, out->name));
    if (result == 0 && (!artifact || !copies_are_there(project, &tree))) {
        result = bring(project, job, out, &tree, artifact, err);
        job->repaired = true;
    } else if (result < 0 && !artifact && err->kind == ERR_STAGE) {
        /* The copies can't be had, the artifact can. */
        struct error ignored;
        struct tree none = {0};
        bring(project, job, out, &none, false, &ignored);
    }
    tree_release(&tree);
    return result;
}

/* True where the lock claims another result than this one. */
static int differs_from_lock(const struct project *project, const struct job *job, bool *differs,
                             struct error *err)
{
    const struct lock_stage *entry;
    *differs = false;
    if (!project->settings.locked)
        return 0;
    if (lock_reader_find(project->lock, project->plan->profile, job->stage->name, &entry, err) < 0)
        return -1;
    *differs = entry == NULL || entry->adopted != NULL;
    for (size_t i = 0; i < job->stage->out_count && !*differs; i++) {
        const char *name = job->stage->outs[i].name;
        const struct lock_item *item = lock_find_item(&entry->outs, name);
        *differs = item == NULL ||
                   !digest_equal(&item->content.digest, &action_out(job->action, name)->digest);
    }
    return 0;
}

int deliver(const struct project *project, struct job *job, struct error *err)
{
    bool differs;
    if (project_is_passing(project))
        return 0;
    if (differs_from_lock(project, job, &differs, err) < 0)
        return -1;
    int result = 0;
    for (size_t i = 0; i < job->stage->out_count && result == 0 && !differs; i++)
        result = deliver_out(project, job, &job->stage->outs[i], err);
    return result;
}
