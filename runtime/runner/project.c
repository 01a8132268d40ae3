#include "runner/project.h"

#include "plan/plan_read.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "plan/plan_read.h"
#include "runner/answers.h"
#include "runner/executables.h"
#include "runner/launcher.h"
#include "runner/memory_group.h"
#include "store/ignore.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { IGNORE_LIMIT = 1 << 20 };

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

/* The profile whose result lies in artifacts/, as far as anything tells: fresh memory or NULL. */
static int recorded_profile(const struct project *project, const char *cache, char **profile,
                            struct error *err)
{
    const struct lock *lock;
    if (ours_read_delivered(cache, profile, err) < 0)
        return -1;
    if (*profile != NULL)
        return 0;
    if (lock_reader_get(project->lock, &lock, err) < 0)
        return -1;
    /* A fresh clone: its lock tells where it is of one profile. */
    if (lock != NULL && lock->count == 1 &&
        (*profile = memory_copy_text(lock->sections[0]->profile, err)) == NULL)
        return -1;
    return 0;
}

static int read_file(struct project *project, const char *profile, const char *const *sets,
                     size_t count, struct error *err)
{
    const struct project_settings *settings = &project->settings;
    return (settings->without_data ? plan_read_without_data : plan_read)(
        settings->file, profile, sets, count, &project->plan, err);
}

/* The plan under a profile, and under the sets of its section. Where the file takes these no more,
 * as a variable was renamed since, it is looked at without them: nobody asked for them now. */
static int read_recorded(struct project *project, const char *profile, enum project_view view,
                         struct error *err)
{
    const bool with_sets = view != PROJECT_DELIVERED;
    const struct lock *lock = NULL;
    char **sets = NULL;
    size_t count = 0;
    if (with_sets && lock_reader_get(project->lock, &lock, err) < 0)
        return -1;
    const struct lock_section *section = lock_find_section(lock, profile);
    if (section != NULL && sets_of_lock(section->sets, &sets, &count, err) < 0)
        return -1;
    int result = read_file(project, profile[0] != '\0' ? profile : NULL, (const char *const *)sets,
                           count, err);
    file_free_names(sets, count);
    if (result == 0 || count == 0 || err->kind != ERR_USAGE)
        return result;
    if (view == PROJECT_EXACTLY_AS_RECORDED)
        return error_prefix(err, "as the lock file records it: ");
    *err = (struct error){0};
    return read_file(project, profile[0] != '\0' ? profile : NULL, NULL, 0, err);
}

/* Says so where the profile of the last run is gone from the file: nobody asked for it now. */
static void explain_gone(const struct project *project, const char *profile, struct error *err)
{
    struct plan *plan;
    struct error ignored;
    const char *file = project->settings.file;
    if (err->kind != ERR_USAGE || profile[0] == '\0' ||
        plan_read(file, NULL, NULL, 0, &plan, &ignored) < 0)
        return;
    if (!plan_has_profile(plan, profile))
        error_set(err, ERR_USAGE,
                  "the last run was of profile '%s', which '%s' does not have any more: run "
                  "another, or name one with --profile",
                  profile, file);
    plan_free(plan);
}

static int read_plan(struct project *project, enum project_view view, struct error *err)
{
    const struct project_settings *settings = &project->settings;
    char *profile = NULL;
    if (view == PROJECT_AS_ASKED || settings->set_count > 0 ||
        (view == PROJECT_DELIVERED && settings->profile != NULL))
        return read_file(project, settings->profile, settings->sets, settings->set_count, err);
    if (settings->profile != NULL)
        return read_recorded(project, settings->profile, view, err);
    const char *slash = strrchr(settings->file, '/');
    struct text folder = {0};
    text_append(&folder, settings->file, slash == NULL ? 0 : (size_t)(slash - settings->file) + 1);
    text_add(&folder, "cache");
    int result = text_check(&folder, err);
    if (result == 0)
        result = recorded_profile(project, folder.data, &profile, err);
    if (result == 0)
        result = profile == NULL ? read_file(project, NULL, NULL, 0, err)
                                 : read_recorded(project, profile, view, err);
    if (result < 0 && profile != NULL)
        explain_gone(project, profile, err);
    text_release(&folder);
    free(profile);
    return result;
}

/* What the project says of names that do not count. */
static int read_ignore(struct project *project, struct error *err)
{
    char *data = NULL;
    size_t size;
    char *path = file_join(project->plan->folder, ".reprise-ignore", err);
    if (path == NULL)
        return -1;
    int result = file_exists(path) ? file_read(path, IGNORE_LIMIT, &data, &size, err) : 0;
    if (result == 0)
        result = ignore_parse(project->plan->folder, data, &project->ignore, err);
    free(data);
    free(path);
    return result;
}

int project_enter(struct project_settings *settings, char **found_file, struct error *err)
{
    *found_file = NULL;
    if (settings->folder != NULL && chdir(settings->folder) < 0)
        return error_set(err, ERR_USAGE, "cannot work in '%s'", settings->folder);
    settings->folder = NULL;
    /* The usual file may lie further up; one that is named lies where it is said. */
    if (settings->file == NULL) {
        if ((*found_file = plan_find_file("pipeline.yaml", err)) == NULL)
            return -1;
        settings->file = *found_file;
    }
    return 0;
}

/* One of the command's choices. */
static enum sandbox_mode sandbox_mode_of(const char *name)
{
    return name == NULL || strcmp(name, "off") == 0 ? SANDBOX_OFF
           : strcmp(name, "auto") == 0              ? SANDBOX_AUTO
           : strcmp(name, "trace") == 0             ? SANDBOX_TRACE
                                                    : SANDBOX_REQUIRE;
}

/* Where a stage asks for one of its own. */
static void try_network(struct project *project)
{
    bool asked = false;
    for (size_t i = 0; i < project->plan->count; i++)
        asked |= project->plan->stages[i].loopback;
    if (asked)
        namespaces_try_network(&project->namespaces);
}

int project_open(const struct project_settings *settings, enum project_view view,
                 struct project *opened, struct error *err)
{
    struct project project = {.settings = *settings, .memory_groups = -1};
    char *cache = NULL, *lock_path = NULL;
    int result = -1;
    project.sandbox = sandbox_mode_of(settings->sandbox);
    const bool confines = project.sandbox == SANDBOX_AUTO || project.sandbox == SANDBOX_REQUIRE;
    if (confines)
        project.namespaces = namespaces_here();
    if (project_enter(&project.settings, &project.found_file, err) < 0)
        return -1;
    if ((lock_path = lock_path_of(project.settings.file, err)) == NULL ||
        (project.lock = lock_reader_new(lock_path, err)) == NULL ||
        read_plan(&project, view, err) < 0)
        goto done;
    if (confines)
        try_network(&project);
    if ((cache = file_join(project.plan->folder, "cache", err)) == NULL ||
        (project.artifacts = file_join(project.plan->folder, "artifacts", err)) == NULL ||
        (project.runs = file_join(project.plan->folder, "reports/runs", err)) == NULL ||
        store_open(cache, &project.store, err) < 0 || read_ignore(&project, err) < 0 ||
        (project.ours = ours_new(project.plan, project.store, project.lock, err)) == NULL ||
        executables_new(project.store, &project.programs, err) < 0 ||
        answers_open(project.store, &project.answers, err) < 0)
        goto done;
    result = 0;
done:
    free(lock_path);
    free(cache);
    if (result < 0)
        project_close(&project);
    else {
        project.lasting = project.store;
        *opened = project;
        store_set_stop(opened->store, &opened->stop);
    }
    return result;
}

int project_check_places(const struct project *project, struct error *err)
{
    static const char *const places[] = {"artifacts", "reports", "reports/runs"};
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        struct stat st;
        char *path = file_join(project->plan->folder, places[i], err);
        int result = path == NULL ? -1 : 0;
        bool there = result == 0 && lstat(path, &st) == 0;
        if (there && (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)))
            result = error_set(
                err, ERR_USAGE,
                "'%s' is in the way of the folder that a run writes to: move it away", places[i]);
        else if (there && access(path, W_OK | X_OK) < 0)
            result = error_set(err, ERR_USAGE, "cannot write in the folder '%s': %s", places[i],
                               strerror(errno));
        free(path);
        if (result < 0)
            return -1;
    }
    return 0;
}

bool project_limits_memory(const struct project *project)
{
    for (size_t i = 0; i < project->plan->count; i++)
        if (project->plan->stages[i].resources.memory_bytes > 0)
            return true;
    return false;
}

void project_use_launcher(struct project *project, struct launcher *launcher)
{
    project->launcher = launcher;
    if (launcher != NULL && project_limits_memory(project))
        project->memory_groups = memory_groups_open(launcher_pid(launcher));
}

bool project_limits_memory_of_all(const struct project *project)
{
    return project->memory_groups >= 0 || memory_groups_are_here(launcher_pid(project->launcher));
}

void project_close(struct project *project)
{
    memory_groups_close(project->memory_groups);
    answers_close(project->answers);
    executables_free(project->programs);
    ignore_free(project->ignore);
    ours_free(project->ours);
    store_close(project->store);
    lock_reader_free(project->lock);
    plan_free(project->plan);
    free(project->found_file);
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
