#include "runner/deliver.h"

#include "base/file.h"
#include "store/materialise.h"

#include <stdlib.h>
#include <string.h>

/* Where an out goes. */
struct destination {
    char *artifact, *folder; /* folder: NULL where it is not published */
    const char *name;        /* in that folder */
};

static int find_destination(const struct project *project, const struct job *job,
                            const struct plan_out *out, struct destination *to, struct error *err)
{
    const char *slash = strrchr(out->path, '/');
    *to = (struct destination){.name = slash != NULL ? slash + 1 : out->path};
    if ((to->artifact = project_artifact(project, job->stage->name, out->path, err)) == NULL)
        return -1;
    if (out->publish == NULL ||
        (to->folder = file_join(project->plan->folder, out->publish, err)) != NULL)
        return 0;
    free(to->artifact);
    return -1;
}

static void release(struct destination *to)
{
    free(to->artifact);
    free(to->folder);
}

static bool is_there(const struct project *project, const struct content *content,
                     const struct destination *to)
{
    size_t different;
    struct error ignored;
    if (!materialise_is_done(project->store, content, to->artifact, STORE_BY_STAT))
        return false;
    return to->folder == NULL ||
           (materialise_compare(project->store, content, to->name, to->folder, STORE_BY_STAT, NULL,
                                NULL, &different, &ignored) == 0 &&
            different == 0);
}

const struct plan_out *deliver_missing(const struct project *project, const struct job *job)
{
    struct error ignored;
    for (size_t i = 0; i < job->stage->out_count; i++) {
        const struct plan_out *out = &job->stage->outs[i];
        struct destination to;
        if (find_destination(project, job, out, &to, &ignored) < 0)
            return out;
        bool there = is_there(project, action_out(job->action, out->name), &to);
        release(&to);
        if (!there)
            return out;
    }
    return NULL;
}

/* Runners that share the project must not build the same temporary names. */
static int bring(const struct project *project, const struct content *content,
                 const struct destination *to, struct error *err)
{
    struct store_lock *lock;
    bool changed;
    if (store_wait_lock(project->store, "artifacts", &lock, err) < 0)
        return -1;
    int result = materialise(project->store, content, to->artifact, &changed, err);
    if (result == 0 && to->folder != NULL)
        result = materialise_into(project->store, content, to->name, to->folder, err);
    store_unlock(lock);
    return result;
}

int deliver(const struct project *project, struct job *job, struct error *err)
{
    int result = 0;
    for (size_t i = 0; i < job->stage->out_count && result == 0; i++) {
        const struct plan_out *out = &job->stage->outs[i];
        const struct content *content = action_out(job->action, out->name);
        struct destination to;
        if (find_destination(project, job, out, &to, err) < 0)
            return -1;
        if (!is_there(project, content, &to)) {
            result = bring(project, content, &to, err);
            job->repaired = true;
        }
        release(&to);
    }
    return result;
}
