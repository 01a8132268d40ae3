#include "runner/leftover.h"

#include "base/file.h"
#include "plan/inner_path.h"
#include "runner/publish.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_inner(const char *name)
{
    struct error ignored;
    char *inner = inner_path(name, &ignored);
    bool same = inner != NULL && strcmp(inner, name) == 0 && name[0] != '\0';
    free(inner);
    return same;
}

/* A lock that came with a merge may list anything: what the pipeline itself is made of is
 * never a copy. */
static bool is_source(const struct project *project, const char *name)
{
    static const char *const kept[] = {".git", "cache", "artifacts", "reports/runs"};
    const struct plan *plan = project->plan;
    const char *slash = strrchr(plan->file, '/');
    if (strcmp(name, slash != NULL ? slash + 1 : plan->file) == 0)
        return true;
    for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
        if (inner_path_overlaps(kept[i], name))
            return true;
    for (size_t i = 0; i < plan->count; i++) {
        const struct plan_stage *stage = &plan->stages[i];
        for (size_t w = 0; w < stage->argc; w++)
            if (strcmp(stage->argv[w], name) == 0)
                return true;
        for (size_t d = 0; d < stage->dep_count; d++)
            if (stage->deps[d].path != NULL && inner_path_overlaps(stage->deps[d].path, name))
                return true;
    }
    return false;
}

/* No link on the way: what lies behind it is somebody else's. */
static bool leads_there(const char *root, const char *path)
{
    char copy[PATH_MAX];
    struct stat st;
    snprintf(copy, sizeof(copy), "%s", path);
    for (char *slash = copy + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        if (lstat(copy, &st) < 0 || !S_ISDIR(st.st_mode))
            return false;
        *slash = '/';
    }
    return true;
}

/* Folders of which nothing is left, down to `least` bytes of the path. */
static void remove_empty_parents(char path[PATH_MAX], size_t least)
{
    for (char *slash; (slash = strrchr(path, '/')) != NULL && (size_t)(slash - path) > least;) {
        *slash = '\0';
        if (rmdir(path) < 0)
            return;
    }
}

/* `name` below `root`, if it still has that digest. */
static int remove_one(const struct project *project, const char *root, const char *name,
                      const struct digest *digest, struct text *notes, struct error *err)
{
    char path[PATH_MAX];
    struct stat st;
    int size = snprintf(path, sizeof(path), "%s/%s", root, name);
    if (size < 0 || size >= PATH_MAX || !is_inner(name) || lstat(path, &st) < 0 ||
        !leads_there(root, path))
        return 0;
    if (!publish_is_at(project->store, path, digest, STORE_BY_STAT)) {
        text_addf(notes,
                  "'%s' is of an earlier run, has changed since, and stays: remove it if it is of "
                  "no use\n",
                  path + strlen(project->plan->folder) + 1);
        return 0;
    }
    if (file_remove(path, err) < 0)
        return -1;
    /* A folder at the top of the project may have been a person's before. */
    bool artifact = strcmp(root, project->artifacts) == 0;
    remove_empty_parents(path, strlen(root) + (artifact ? 0 : 1 + strcspn(name, "/")));
    return 0;
}

struct removing {
    const struct project *project;
    struct text *notes;
    struct table known;   /* names that the new lock lists */
    struct table folders; /* that hold them */
};

static int add_name(struct removing *removing, const char *name, struct error *err)
{
    for (const char *slash = name; (slash = strchr(slash, '/')) != NULL; slash++)
        if (table_set(&removing->folders, name, (size_t)(slash - name), (void *)name, err) < 0)
            return -1;
    return table_set(&removing->known, name, strlen(name), (void *)name, err);
}

/* It has this name still, or one like a folder's, which others lie in now. */
static bool is_known(const struct removing *removing, const char *name)
{
    return table_find(&removing->known, name, strlen(name)) != NULL ||
           table_find(&removing->folders, name, strlen(name)) != NULL;
}

static int remove_copies(struct removing *removing, const struct lock *was, const struct lock *now,
                         struct error *err)
{
    const struct project *project = removing->project;
    for (size_t i = 0; i < now->count; i++)
        for (size_t s = 0; s < now->sections[i]->count; s++) {
            const struct lock_names *names = &now->sections[i]->stages[s]->published;
            for (size_t n = 0; n < names->count; n++)
                if (add_name(removing, names->list[n].name, err) < 0)
                    return -1;
        }
    for (size_t i = 0; i < was->count; i++)
        for (size_t s = 0; s < was->sections[i]->count; s++) {
            const struct lock_names *names = &was->sections[i]->stages[s]->published;
            for (size_t n = 0; n < names->count; n++) {
                const struct lock_named *named = &names->list[n];
                if (!is_known(removing, named->name) && !is_source(project, named->name) &&
                    remove_one(project, project->plan->folder, named->name, &named->digest,
                               removing->notes, err) < 0)
                    return -1;
            }
        }
    return 0;
}

/* Some section still has an artifact there, or one that overlaps. */
static bool artifact_is_known(const struct lock *now, const char *stage, const char *path)
{
    for (size_t i = 0; i < now->count; i++) {
        const struct lock_stage *entry = lock_find_stage(now->sections[i], stage);
        for (size_t o = 0; entry != NULL && o < entry->outs.count; o++)
            if (inner_path_overlaps(entry->outs.list[o].path, path))
                return true;
    }
    return false;
}

static int remove_artifacts(const struct removing *removing, const struct lock *was,
                            const struct lock *now, struct error *err)
{
    for (size_t i = 0; i < was->count; i++)
        for (size_t s = 0; s < was->sections[i]->count; s++) {
            const struct lock_stage *entry = was->sections[i]->stages[s];
            for (size_t o = 0; o < entry->outs.count; o++) {
                const struct lock_item *item = &entry->outs.list[o];
                struct text name = {0};
                if (artifact_is_known(now, entry->name, item->path))
                    continue;
                text_addf(&name, "%s/%s", entry->name, item->path);
                int result = text_check(&name, err);
                if (result == 0)
                    result = remove_one(removing->project, removing->project->artifacts, name.data,
                                        &item->content.digest, removing->notes, err);
                text_release(&name);
                if (result < 0)
                    return -1;
            }
        }
    return 0;
}

int leftover_remove(const struct project *project, const struct lock *was, const struct lock *now,
                    struct text *notes, struct error *err)
{
    struct removing removing = {.project = project, .notes = notes};
    if (was == NULL)
        return 0;
    int result = remove_copies(&removing, was, now, err);
    if (result == 0)
        result = remove_artifacts(&removing, was, now, err);
    table_release(&removing.known);
    table_release(&removing.folders);
    return result;
}
