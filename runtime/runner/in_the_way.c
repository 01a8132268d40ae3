#include "runner/in_the_way.h"

#include "base/file.h"
#include "base/memory.h"
#include "runner/ours.h"
#include "runner/publish.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int look(const struct project *project, const char *name, int depth, bool *is_ours,
                struct error *err);

static int look_inside(const struct project *project, const char *name, const char *path, int depth,
                       bool *is_ours, struct error *err)
{
    enum { DEPTH_LIMIT = 100 };
    struct error ignored;
    char **names;
    size_t count;
    *is_ours = false;
    if (depth == DEPTH_LIMIT || file_list(path, &names, &count, &ignored) < 0)
        return 0;
    *is_ours = count > 0;
    int result = 0;
    for (size_t i = 0; i < count && *is_ours && result == 0; i++) {
        char *inner = file_join(name, names[i], err);
        result = inner == NULL ? -1 : look(project, inner, depth + 1, is_ours, err);
        free(inner);
    }
    file_free_names(names, count);
    return result;
}

static int look(const struct project *project, const char *name, int depth, bool *is_ours,
                struct error *err)
{
    struct stat st;
    struct digest digest;
    char *path = file_join(project->plan->folder, name, err);
    int result = path == NULL ? -1 : 0;
    *is_ours = false;
    if (result == 0 && lstat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            result = look_inside(project, name, path, depth, is_ours, err);
        else if ((result = ours_find(project->ours, name, is_ours, &digest, err)) == 0 && *is_ours)
            *is_ours = publish_is_at(project->store, path, &digest, STORE_BY_STAT);
    }
    free(path);
    return result;
}

int in_the_way_is_ours(const struct project *project, const char *name, bool *is_ours,
                       struct error *err)
{
    return look(project, name, 0, is_ours, err);
}

int in_the_way_remove(const struct project *project, const char *name, bool folder,
                      struct error *err)
{
    struct stat st;
    size_t shortest = strlen(project->plan->folder) + 1;
    char *path = file_join(project->plan->folder, name, err);
    int result = path == NULL ? -1 : 0;
    for (char *slash = path == NULL ? NULL : path + shortest;
         result == 0 && (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
            result = file_remove(path, err);
        *slash = '/';
    }
    if (result == 0 && lstat(path, &st) == 0 && S_ISDIR(st.st_mode) != folder)
        result = file_remove(path, err);
    free(path);
    return result;
}
