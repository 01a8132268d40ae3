#include "plan/file_links.h"

#include "plan/inner_path.h"

#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Folders that belong to the runner. */
static const char *const own_folders[] = {"artifacts", "cache", "reports/runs"};

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* Beside the pipeline file lies its lock: pipeline.yaml has pipeline.lock. */
static bool is_lock(const struct stage_draft *draft, const char *inside)
{
    const char *file = last_part(draft->source->place.file);
    size_t size = strlen(file);
    if (size > 5 && strcmp(file + size - 5, ".yaml") == 0)
        size -= 5;
    return strncmp(inside, file, size) == 0 && strcmp(inside + size, ".lock") == 0;
}

/* `inside` is a path in the project. */
static int refuse_runners(const struct stage_draft *draft, const struct dep_draft *dep,
                          const char *inside, struct error *err)
{
    bool lock = is_lock(draft, inside), own = lock;
    for (size_t i = 0; i < sizeof(own_folders) / sizeof(*own_folders); i++)
        own = own || inner_path_holds(own_folders[i], inside);
    return !own ? 0
                : stage_draft_error(draft, dep->place, err,
                                    "dep '%s': '%s' is the runner's to write; %s", dep->name,
                                    dep->reference,
                                    lock ? "'lineage: true' tells a stage what is upstream"
                                         : "an out is named 'stage.out'");
}

/* `real` is absolute and without links. */
static int refuse_own(const struct file_links *links, const struct stage_draft *draft,
                      const struct dep_draft *dep, const char *real, struct error *err)
{
    size_t size = strlen(links->root);
    if (inner_path_is_git(real))
        return stage_draft_error(draft, dep->place, err, "dep '%s': '%s' is git's to write",
                                 dep->name, dep->reference);
    bool holds = strcmp(real, "/") == 0 || inner_path_holds(real, links->root);
    const char *inside = holds                                  ? NULL
                         : strcmp(links->root, "/") == 0        ? real + 1
                         : !inner_path_holds(links->root, real) ? NULL
                                                                : real + size + 1;
    for (size_t i = 0; inside != NULL && i < sizeof(own_folders) / sizeof(*own_folders); i++)
        holds = holds ||
                (inner_path_holds(inside, own_folders[i]) && strcmp(inside, own_folders[i]) != 0);
    if (holds)
        return stage_draft_error(draft, dep->place, err,
                                 "dep '%s': '%s' holds the runner's own folders; name what is "
                                 "needed inside it ('.' stands for this project's folders)",
                                 dep->name, dep->reference);
    return inside == NULL ? 0 : refuse_runners(draft, dep, inside, err);
}

/* Remembers the folder that holds `path`, which is there. */
static int find_parent(struct file_links *links, const char *path, struct error *err)
{
    size_t size = (size_t)(last_part(path) - path);
    if (links->parent != NULL && strlen(links->parent) == size &&
        memcmp(links->parent, path, size) == 0)
        return 0;
    free(links->parent);
    free(links->real_parent);
    links->real_parent = NULL;
    if ((links->parent = memory_new(size + 1, 1, err)) == NULL)
        return -1;
    memcpy(links->parent, path, size);
    if ((links->real_parent = realpath(links->parent, NULL)) == NULL)
        return error_errno(err, "cannot find '%s'", links->parent);
    return 0;
}

/* What could not be read when its turn comes, after hours of others' work. */
static const char *why_unreadable(const char *path, const struct stat *status)
{
    bool folder = S_ISDIR(status->st_mode);
    if (!folder && !S_ISREG(status->st_mode))
        return "is neither a file nor a folder";
    if ((status->st_mode & 0444) != 0444 && access(path, folder ? R_OK | X_OK : R_OK) < 0)
        return "cannot be read: permission denied";
    return NULL;
}

/* Where a path leads, in fresh memory; *found is NULL where nothing is there. Links that the way
 * has are followed; most files have none, and realpath() is called once for their folder. `why`
 * gets what makes it no dep, or NULL. */
static int follow_path(struct file_links *links, const char *path, char **found, const char **why,
                       struct error *err)
{
    struct stat status, target;
    *found = NULL;
    *why = NULL;
    if (lstat(path, &status) < 0)
        return 0;
    if (!S_ISLNK(status.st_mode))
        *why = why_unreadable(path, &status);
    else if (stat(path, &target) == 0)
        *why = why_unreadable(path, &target);
    if (S_ISLNK(status.st_mode) || strcmp(last_part(path), "..") == 0 || path[1] == '\0') {
        *found = realpath(path, NULL);
        return *found == NULL && errno == ENOMEM ? error_errno(err, "cannot find '%s'", path) : 0;
    }
    if (find_parent(links, path, err) < 0)
        return -1;
    *found = file_join(links->real_parent, last_part(path), err);
    return *found == NULL ? -1 : 0;
}

/* Nothing is at `full`; a link that leads nowhere is told of here. */
static int refuse_broken(const struct stage_draft *draft, const struct dep_draft *dep,
                         const char *full, struct error *err)
{
    char target[256];
    ssize_t size = readlink(full, target, sizeof(target));
    if (size < 0)
        return 0;
    struct stat status;
    bool circle = stat(full, &status) < 0 && errno == ELOOP;
    return stage_draft_error(draft, dep->place, err, "dep '%s': '%s' is a link to '%.*s', which %s",
                             dep->name, dep->reference, (int)size, target,
                             circle ? "leads back to it" : "is not there");
}

static int find_root(struct file_links *links, struct error *err)
{
    if (links->root != NULL || (links->root = realpath(links->folder, NULL)) != NULL)
        return 0;
    return error_errno(err, "cannot find the folder '%s'", links->folder);
}

/* The path in the plan, of what may lie elsewhere. */
static char *normal_path(const struct file_links *links, const struct stage_draft *draft,
                         const struct dep_draft *dep, struct error *err)
{
    struct error why = {0};
    char *path = outer_path(dep->reference, links->root, &why);
    if (path == NULL && why.kind != ERR_USAGE)
        *err = why;
    else if (path == NULL && strstr(dep->reference, "/..") != NULL)
        stage_draft_error(draft, dep->place, err,
                          "dep '%s': in '%s', '..' may stand only at the start", dep->name,
                          dep->reference);
    else if (path == NULL)
        stage_draft_error(draft, dep->place, err, "dep '%s': %s", dep->name, why.message);
    return path;
}

int file_links_find(struct file_links *links, const struct stage_draft *draft,
                    const struct dep_draft *dep, char **path, bool *missing, struct error *err)
{
    if (find_root(links, err) < 0 || (*path = normal_path(links, draft, dep, err)) == NULL)
        return -1;
    if (refuse_runners(draft, dep, *path, err) < 0)
        return -1;
    if (**path == '\0') {
        free(*path);
        *missing = false;
        return (*path = memory_copy_text(".", err)) == NULL ? -1 : 0;
    }
    char *full = **path == '/' ? memory_copy_text(*path, err) : file_join(links->root, *path, err);
    char *real = NULL;
    if (full == NULL)
        return -1;
    const char *why;
    int status = follow_path(links, full, &real, &why, err);
    *missing = status == 0 && real == NULL;
    if (status == 0 && why != NULL)
        status = stage_draft_error(draft, dep->place, err, "dep '%s': '%s' %s", dep->name,
                                   dep->reference, why);
    else if (status == 0)
        status = real == NULL ? refuse_broken(draft, dep, full, err)
                              : refuse_own(links, draft, dep, real, err);
    free(full);
    free(real);
    return status;
}

void file_links_release(struct file_links *links)
{
    free(links->root);
    free(links->parent);
    free(links->real_parent);
    *links = (struct file_links){0};
}
