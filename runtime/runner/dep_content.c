#include "runner/dep_content.h"

#include "base/file.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

const struct job *dep_content_waits_for(const struct jobs *jobs, const struct plan_dep *dep)
{
    if (dep->path != NULL)
        return NULL;
    for (size_t i = 0; i < dep->member_count; i++)
        if (!job_is_done(&jobs->list[dep->members[i].stage]))
            return &jobs->list[dep->members[i].stage];
    if (dep->member_count > 0 || job_is_done(&jobs->list[dep->stage]))
        return NULL;
    return &jobs->list[dep->stage];
}

char *dep_content_path(const struct project *project, const struct plan_dep *dep, struct error *err)
{
    return dep->path[0] == '/'           ? memory_copy_text(dep->path, err)
           : strcmp(dep->path, ".") == 0 ? memory_copy_text(project->plan->folder, err)
                                         : file_join(project->plan->folder, dep->path, err);
}

static const struct content *out_of(const struct jobs *jobs, size_t stage, size_t out)
{
    const struct job *job = &jobs->list[stage];
    return action_out(job->action, job->stage->outs[out].name);
}

const struct content *dep_content_member(const struct jobs *jobs, const struct plan_member *member)
{
    return out_of(jobs, member->stage, member->out);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* Each member as "<name>/<last part of its path>". */
static int group_content(const struct jobs *jobs, const struct plan_dep *dep,
                         struct content *content, struct error *err)
{
    size_t used = 0;
    int result = 0;
    struct content_member *members = memory_new(dep->member_count, sizeof(*members), err);
    if (members == NULL)
        return -1;
    for (; used < dep->member_count && result == 0; used++) {
        const struct plan_member *member = &dep->members[used];
        const struct plan_out *out = &jobs->list[member->stage].stage->outs[member->out];
        members[used].path = file_join(member->name, last_part(out->path), err);
        members[used].content = *dep_content_member(jobs, member);
        result = members[used].path == NULL ? -1 : 0;
    }
    if (result == 0)
        result = content_gather(jobs->project->lasting, members, used, content, err);
    for (size_t i = 0; i < used; i++)
        free((char *)members[i].path);
    free(members);
    return result;
}

static int prefix_place(const struct project *project, const struct plan_dep *dep,
                        struct error *err)
{
    return error_prefix(err, "%s:%d:%d: dep '%s': ", project->plan->file, dep->place.line,
                        dep->place.column, dep->name);
}

int dep_content_look(struct jobs *jobs, const struct plan_dep *dep, struct error *err)
{
    size_t length = dep->path == NULL ? 0 : strlen(dep->path);
    if (dep->path == NULL || table_find(&jobs->looked_at, dep->path, length) != NULL)
        return 0;
    char *path = dep_content_path(jobs->project, dep, err);
    int result = path == NULL ? -1 : content_check_dep(path, jobs->project->ignore, err);
    free(path);
    if (result < 0 && err->kind != ERR_MEMORY) {
        err->kind = ERR_USAGE;
        return prefix_place(jobs->project, dep, err);
    }
    return result < 0 ? -1 : table_set(&jobs->looked_at, dep->path, length, dep->path, err);
}

static int path_content(const struct jobs *jobs, const struct plan_dep *dep, enum store_depth depth,
                        struct content *content, struct error *err)
{
    const struct project *project = jobs->project;
    char *path = dep_content_path(project, dep, err);
    if (path == NULL)
        return -1;
    int result = content_hash_dep(project->store, path, project->ignore, depth, content, err);
    free(path);
    if (result < 0 && err->kind != ERR_UNKNOWN && err->kind != ERR_INTERRUPTED)
        return prefix_place(project, dep, err);
    return result;
}

int dep_content_of(const struct jobs *jobs, const struct plan_dep *dep, enum store_depth depth,
                   struct content *content, struct error *err)
{
    if (dep->path != NULL)
        return path_content(jobs, dep, depth, content, err);
    if (dep->member_count > 0)
        return group_content(jobs, dep, content, err);
    *content = *out_of(jobs, dep->stage, dep->out);
    return 0;
}
