#include "runner/deliver.h"

#include "base/file.h"
#include "store/materialise.h"

#include <stdlib.h>
#include <string.h>

static int publish(const struct project *project, const struct plan_out *out,
                   const struct content *content, struct error *err)
{
    const char *slash = strrchr(out->path, '/');
    char *folder = file_join(project->plan->folder, out->publish, err);
    if (folder == NULL)
        return -1;
    int result = materialise_into(project->store, content, slash != NULL ? slash + 1 : out->path,
                                  folder, err);
    free(folder);
    return result;
}

static int deliver_out(const struct project *project, struct job *job, const struct plan_out *out,
                       struct error *err)
{
    const struct content *content = action_out(job->action, out->name);
    bool changed = false;
    char *path = project_artifact(project, job->stage->name, out->path, err);
    if (path == NULL)
        return -1;
    int result = materialise(project->store, content, path, &changed, err);
    free(path);
    job->repaired = job->repaired || changed;
    if (result == 0 && out->publish != NULL)
        result = publish(project, out, content, err);
    return result;
}

/* Runners that share the project must not build the same temporary names. The
 * lock is taken only where something differs. */
int deliver(const struct project *project, struct job *job, struct error *err)
{
    struct store_lock *lock = NULL;
    int result = 0;
    bool all_there = true;
    for (size_t i = 0; i < job->stage->out_count && all_there; i++) {
        const struct plan_out *out = &job->stage->outs[i];
        char *path = project_artifact(project, job->stage->name, out->path, err);
        if (path == NULL)
            return -1;
        all_there =
            out->publish == NULL &&
            content_is_at(project->store, action_out(job->action, out->name), path, STORE_BY_STAT);
        free(path);
    }
    if (all_there)
        return 0;
    if (store_wait_lock(project->store, "artifacts", &lock, err) < 0)
        return -1;
    for (size_t i = 0; i < job->stage->out_count && result == 0; i++)
        result = deliver_out(project, job, &job->stage->outs[i], err);
    store_unlock(lock);
    return result < 0 ? error_prefix(err, "stage '%s': ", job->stage->name) : 0;
}
