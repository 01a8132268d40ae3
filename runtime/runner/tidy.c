#include "runner/tidy.h"

#include "base/file.h"
#include "base/text.h"
#include "runner/keeper.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { DEPTH_LIMIT = 64 };

/* ".NAME.new", as artifacts are called before they are whole. */
static bool is_unfinished(const char *name)
{
    size_t length = strlen(name);
    return length > 5 && name[0] == '.' && strcmp(name + length - 4, ".new") == 0;
}

/* In a folder and all below it, links not followed. */
static void tidy_below(const char *folder, bool ours, int depth)
{
    struct error ignored;
    char **names;
    size_t count;
    file_remove_stale(folder);
    if (depth == DEPTH_LIMIT || file_list(folder, &names, &count, &ignored) < 0)
        return;
    for (size_t i = 0; i < count; i++) {
        struct stat st;
        char *path = file_join(folder, names[i], &ignored);
        if (path != NULL && ours && is_unfinished(names[i]))
            file_remove(path, &ignored);
        else if (path != NULL && lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
            tidy_below(path, ours, depth + 1);
        free(path);
    }
    file_free_names(names, count);
}

static void tidy_published(const struct project *project)
{
    struct error ignored;
    for (size_t i = 0; i < project->plan->count; i++)
        for (size_t o = 0; o < project->plan->stages[i].out_count; o++) {
            const char *publish = project->plan->stages[i].outs[o].publish;
            char *path =
                publish == NULL ? NULL : file_join(project->plan->folder, publish, &ignored);
            if (path != NULL)
                tidy_below(path, false, 0);
            free(path);
        }
}

void tidy_after_kill(const struct project *project)
{
    struct text work = {0};
    text_addf(&work, "%s/work/", store_folder(project->store));
    if (!work.failed)
        keeper_hunt(work.data, keeper_mark(store_folder(project->store), NULL));
    text_release(&work);
    store_remove_stale(project->store);
    file_remove_stale(project->plan->folder);
    file_remove_stale(project->runs);
    tidy_below(project->artifacts, true, 0);
    tidy_published(project);
}
