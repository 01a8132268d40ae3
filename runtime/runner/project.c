#include "runner/project.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The lock lies beside the pipeline file: pipeline.yaml has pipeline.lock. */
static char *lock_path_of(const char *file, struct error *err)
{
    struct text path = {0};
    size_t length = strlen(file);
    if (length > 5 && strcmp(file + length - 5, ".yaml") == 0)
        length -= 5;
    text_append(&path, file, length);
    text_add(&path, ".lock");
    if (text_check(&path, err) < 0)
        text_release(&path);
    return path.data;
}

/* The texts "a.b=value" that give the recorded object again. */
static int sets_of_lock(const json_t *sets, char ***texts, size_t *count, struct error *err)
{
    const char *name;
    json_t *value;
    char **list = memory_new(json_object_size(sets), sizeof(*list), err);
    if (list == NULL)
        return -1;
    size_t used = 0;
    json_object_foreach ((json_t *)sets, name, value) {
        struct text text = {0};
        char *json = json_to_text(value, true, err);
        if (json != NULL)
            text_addf(&text, "%s=%s", name, json);
        free(json);
        if (json == NULL || text_check(&text, err) < 0) {
            text_release(&text);
            file_free_names(list, used);
            return -1;
        }
        list[used++] = text.data;
    }
    *texts = list;
    *count = used;
    return 0;
}

static int read_lock(struct project *project, struct error *err)
{
    if (!file_exists(project->lock_path))
        return 0;
    return lockfile_read(project->lock_path, &project->lock, err);
}

static int read_plan(struct project *project, bool recorded, struct error *err)
{
    const struct project_settings *settings = &project->settings;
    char **sets;
    size_t count;
    if (!recorded || project->lock == NULL || settings->profile != NULL || settings->set_count > 0)
        return plan_read(settings->file, settings->profile, settings->sets, settings->set_count,
                         &project->plan, err);
    const char *profile = project->lock->profile;
    if (sets_of_lock(project->lock->sets, &sets, &count, err) < 0)
        return -1;
    int result = plan_read(settings->file, profile[0] != '\0' ? profile : NULL,
                           (const char *const *)sets, count, &project->plan, err);
    file_free_names(sets, count);
    return result;
}

int project_open(const struct project_settings *settings, bool recorded, struct project *opened,
                 struct error *err)
{
    struct project project = {.settings = *settings};
    char *cache = NULL;
    int result = -1;
    if (settings->folder != NULL && chdir(settings->folder) < 0)
        return error_set(err, ERR_USAGE, "cannot work in '%s'", settings->folder);
    if ((project.lock_path = lock_path_of(settings->file, err)) == NULL)
        return -1;
    /* A lock file that cannot be read matters only to those who need it; a run writes a new one. */
    if (read_lock(&project, err) < 0 && recorded)
        goto done;
    if (read_plan(&project, recorded, err) < 0)
        goto done;
    if ((cache = file_join(project.plan->folder, "cache", err)) == NULL ||
        (project.artifacts = file_join(project.plan->folder, "artifacts", err)) == NULL ||
        (project.runs = file_join(project.plan->folder, "reports/runs", err)) == NULL ||
        store_open(cache, &project.store, err) < 0 ||
        fingerprints_open(project.store, settings->device, &project.fingerprints, err) < 0)
        goto done;
    result = 0;
done:
    free(cache);
    if (result < 0)
        project_close(&project);
    else
        *opened = project;
    return result;
}

void project_close(struct project *project)
{
    fingerprints_close(project->fingerprints);
    store_close(project->store);
    lock_free(project->lock);
    plan_free(project->plan);
    free(project->lock_path);
    free(project->artifacts);
    free(project->runs);
    *project = (struct project){0};
}

char *project_artifact(const struct project *project, const char *stage, const char *path,
                       struct error *err)
{
    struct text text = {0};
    text_addf(&text, "%s/%s/%s", project->artifacts, stage, path);
    if (text_check(&text, err) < 0)
        text_release(&text);
    return text.data;
}
