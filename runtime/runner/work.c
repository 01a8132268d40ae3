#include "runner/work.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "runner/launch.h"
#include "store/materialise.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- before ---- */

/* What killed attempts left: the lock of the key is ours, so they are gone. */
static void remove_killed_attempts(const char *work)
{
    char **names;
    size_t count;
    struct error ignored;
    if (file_list(work, &names, &count, &ignored) < 0)
        return;
    for (size_t i = 0; i < count; i++) {
        char *path = file_join(work, names[i], &ignored);
        if (path != NULL && strncmp(names[i], "run-", 4) == 0)
            file_remove(path, &ignored);
        free(path);
    }
    file_free_names(names, count);
}

static int make_folder(struct attempt *attempt, struct error *err)
{
    char path[STORE_PATH_SIZE], folder[STORE_PATH_SIZE + 32];
    store_work_path(attempt->project->store, &attempt->job->key, path);
    if (file_make_folders(path, err) < 0 ||
        (attempt->checkpoint = file_join(path, "checkpoint", err)) == NULL)
        return -1;
    remove_killed_attempts(path);
    if (attempt->project->settings.keep_work) {
        snprintf(folder, sizeof(folder), "%s/kept", path);
        if (file_remove(folder, err) < 0 || file_make_folders(folder, err) < 0)
            return -1;
    } else {
        snprintf(folder, sizeof(folder), "%s/run-XXXXXX", path);
        if (mkdtemp(folder) == NULL)
            return error_errno(err, "cannot make '%s'", folder);
    }
    if ((attempt->folder = memory_copy_text(folder, err)) == NULL ||
        (attempt->log_path = file_join(folder, "log", err)) == NULL)
        return -1;
    return file_make_folders(attempt->checkpoint, err);
}

static char *inside(const struct attempt *attempt, const char *part, const char *name,
                    struct error *err)
{
    struct text text = {0};
    text_addf(&text, "%s/%s/%s", attempt->folder, part, name);
    if (text_check(&text, err) < 0)
        text_release(&text);
    return text.data;
}

/* A file of the project is copied, and must still be what the key says. */
static int copy_project_dep(const struct attempt *attempt, const struct plan_dep *dep,
                            const struct key_dep *resolved, const char *path, struct error *err)
{
    struct store *store = attempt->project->store;
    struct content copied;
    char *source = dep->path[0] == '/' ? memory_copy_text(dep->path, err)
                                       : file_join(attempt->project->plan->folder, dep->path, err);
    if (source == NULL)
        return -1;
    int result = content_copy_dep(store, source, NULL, path, &copied, err);
    free(source);
    if (result < 0)
        return -1;
    if (!digest_equal(&copied.digest, &resolved->content.digest))
        return error_set(err, ERR_STAGE, "dep '%s' changed while the pipeline ran: run again",
                         dep->name);
    return 0;
}

static int make_dep(const struct attempt *attempt, size_t index, const char *path,
                    struct error *err)
{
    const struct job *job = attempt->job;
    const struct key_dep *resolved = &job->deps[index];
    if (index == job->stage->dep_count)
        return file_write(path, job->lineage, strlen(job->lineage), err);
    if (job->stage->deps[index].path != NULL)
        return copy_project_dep(attempt, &job->stage->deps[index], resolved, path, err);
    return materialise_dep(attempt->project->store, &resolved->content, path, err);
}

/* A dep keeps the last part of its own name, so that a stage sees "model.safetensors":
 * deps/<name>/<last part>. */
static const char *last_part(const struct attempt *attempt, size_t index)
{
    const struct job *job = attempt->job;
    if (index == job->stage->dep_count)
        return "lineage.json";
    const struct plan_dep *dep = &job->stage->deps[index];
    const char *path = dep->path != NULL
                           ? dep->path
                           : attempt->project->plan->stages[dep->stage].outs[dep->out].path;
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

static json_t *make_deps(const struct attempt *attempt, struct error *err)
{
    const struct job *job = attempt->job;
    json_t *deps = json_object();
    for (size_t i = 0; i < job->dep_count; i++) {
        char *folder = inside(attempt, "deps", job->deps[i].name, err);
        char *path = folder == NULL ? NULL : file_join(folder, last_part(attempt, i), err);
        bool made = path != NULL && file_make_folders(folder, err) == 0 &&
                    make_dep(attempt, i, path, err) == 0;
        if (made)
            json_object_set_new(deps, job->deps[i].name, json_string(path));
        free(folder);
        free(path);
        if (!made) {
            json_decref(deps);
            return NULL;
        }
    }
    return deps;
}

static json_t *make_outs(const struct attempt *attempt, struct error *err)
{
    const struct plan_stage *stage = attempt->job->stage;
    json_t *outs = json_object();
    for (size_t i = 0; i < stage->out_count; i++) {
        char *path = inside(attempt, "outs", stage->outs[i].path, err);
        bool made = path != NULL && file_make_parents(path, err) == 0;
        if (made)
            json_object_set_new(outs, stage->outs[i].name, json_string(path));
        free(path);
        if (!made) {
            json_decref(outs);
            return NULL;
        }
    }
    return outs;
}

int work_make(struct attempt *attempt, struct error *err)
{
    const struct job *job = attempt->job;
    char key[DIGEST_HEX_SIZE];
    json_t *deps = NULL, *outs = NULL, *description = NULL;
    char *path = NULL;
    int result = -1;
    if (make_folder(attempt, err) < 0 || (deps = make_deps(attempt, err)) == NULL ||
        (outs = make_outs(attempt, err)) == NULL)
        goto done;
    digest_to_hex(&job->key, key);
    description =
        json_pack("{s:s, s:s, s:O, s:O, s:O, s:s, s:{s:i}, s:s, s:s, s:i}", "stage",
                  job->stage->name, "key", key, "params", job->stage->params, "deps", deps, "outs",
                  outs, "checkpoint", attempt->checkpoint, "resources", "threads", attempt->threads,
                  "device", attempt->project->settings.device, "project",
                  attempt->project->plan->folder, "progress_fd", LAUNCH_PROGRESS_FD);
    if (description == NULL) {
        error_set(err, ERR_MEMORY, "out of memory for stage.json");
        goto done;
    }
    if ((path = file_join(attempt->folder, "stage.json", err)) != NULL)
        result = json_write(path, description, err);
done:
    json_decref(description);
    json_decref(deps);
    json_decref(outs);
    free(path);
    return result;
}

/* ---- after ---- */

static char *dep_place(const struct attempt *attempt, size_t index)
{
    struct error ignored;
    char *folder = inside(attempt, "deps", attempt->job->deps[index].name, &ignored);
    char *path = folder == NULL ? NULL : file_join(folder, last_part(attempt, index), &ignored);
    free(folder);
    return path;
}

static bool dep_is_unchanged(const struct attempt *attempt, size_t index)
{
    struct error ignored;
    const struct job *job = attempt->job;
    char *path = dep_place(attempt, index);
    bool unchanged =
        path != NULL && materialise_dep_check(attempt->project->store, &job->deps[index].content,
                                              path, &ignored) == 0;
    free(path);
    return unchanged;
}

/* A stage that writes to a dep would change the store behind everyone's back. */
static int check_deps(const struct attempt *attempt, struct error *err)
{
    const struct job *job = attempt->job;
    for (size_t i = 0; i < job->stage->dep_count; i++)
        if (job->stage->deps[i].path == NULL && !dep_is_unchanged(attempt, i))
            return error_set(err, ERR_STAGE, "it changed its dep '%s'", job->deps[i].name);
    return 0;
}

static int store_outs(const struct attempt *attempt, struct action *action, struct error *err)
{
    const struct plan_stage *stage = attempt->job->stage;
    bool take = !attempt->project->settings.keep_work;
    for (size_t i = 0; i < stage->out_count; i++) {
        struct content content;
        char *path = inside(attempt, "outs", stage->outs[i].path, err);
        if (path == NULL)
            return -1;
        struct stat st;
        int result =
            lstat(path, &st) < 0
                ? error_set(err, ERR_STAGE, "out '%s' (%s) was not written", stage->outs[i].name,
                            stage->outs[i].path)
                : content_put(attempt->project->store, AT_FDCWD, path, take, &content, err);
        free(path);
        if (result < 0)
            return -1;
        if (action_add_out(action, stage->outs[i].name, &content, err) < 0)
            return -1;
    }
    return 0;
}

static int describe_attempt(const struct attempt *attempt, struct action *action, struct error *err)
{
    char host[256] = "";
    gethostname(host, sizeof(host) - 1);
    free(action->host);
    free(action->device);
    free(action->started);
    action->host = memory_copy_text(host, err);
    action->device = memory_copy_text(attempt->project->settings.device, err);
    action->started = memory_copy_text(attempt->started, err);
    action->seconds = attempt->job->seconds;
    action->threads = attempt->threads;
    return action->host == NULL || action->device == NULL || action->started == NULL ? -1 : 0;
}

/* What the stage said on its progress descriptor belongs to its log, below what it printed. */
static int log_progress(struct attempt *attempt, struct error *err)
{
    const char *line = text_string(&attempt->progress.lines);
    FILE *log = fopen(attempt->log_path, "ae");
    if (log == NULL)
        return error_errno(err, "cannot write '%s'", attempt->log_path);
    while (*line != '\0') {
        size_t length = strcspn(line, "\n") + 1;
        bool result = *line == PROGRESS_RESULT;
        fwrite(line + result, 1, length - result, log);
        line += length;
    }
    bool failed = ferror(log) != 0;
    if (fclose(log) != 0 || failed)
        return error_errno(err, "cannot write '%s'", attempt->log_path);
    return 0;
}

int work_store(struct attempt *attempt, struct error *err)
{
    struct job *job = attempt->job;
    struct store *store = attempt->project->store;
    struct error ignored;
    int64_t size;
    bool take = !attempt->project->settings.keep_work;
    struct action *action = action_new(job->stage->name, text_string(&job->components), err);
    if (action == NULL)
        return -1;
    if (check_deps(attempt, err) < 0 || store_outs(attempt, action, err) < 0 ||
        log_progress(attempt, err) < 0 ||
        blob_put_file(store, AT_FDCWD, attempt->log_path, take, &action->log, &size, err) < 0 ||
        describe_attempt(attempt, action, err) < 0 || store_flush(store, err) < 0 ||
        action_write(store, &job->key, action, err) < 0 || store_flush(store, err) < 0) {
        action_free(action);
        return -1;
    }
    action_free(job->action);
    job->action = action;
    /* Left behind, it costs space and nothing else. */
    file_remove(attempt->checkpoint, &ignored);
    if (attempt->project->settings.keep_work)
        file_make_folders(attempt->checkpoint, &ignored); /* for running it by hand */
    return 0;
}

void work_keep_log(struct attempt *attempt)
{
    struct error ignored;
    struct text path = {0};
    text_addf(&path, "%s/logs/%s.log", store_folder(attempt->project->store),
              attempt->job->stage->name);
    if (text_check(&path, &ignored) == 0 && file_make_parents(path.data, &ignored) == 0 &&
        rename(attempt->log_path, path.data) == 0) {
        free(attempt->log_path);
        attempt->log_path = path.data;
    } else
        text_release(&path);
}

void work_remove(struct attempt *attempt)
{
    struct error ignored;
    char path[STORE_PATH_SIZE];
    if (attempt->project->settings.keep_work)
        return;
    for (size_t i = 0; attempt->folder != NULL && i < attempt->job->stage->dep_count; i++)
        if (attempt->job->stage->deps[i].path == NULL) {
            char *dep = dep_place(attempt, i);
            if (dep != NULL)
                materialise_dep_remove(attempt->project->store, &attempt->job->deps[i].content, dep,
                                       &ignored);
            free(dep);
        }
    if (attempt->folder != NULL)
        file_remove(attempt->folder, &ignored);
    if (attempt->checkpoint != NULL)
        rmdir(attempt->checkpoint); /* if empty */
    store_work_path(attempt->project->store, &attempt->job->key, path);
    rmdir(path);
}
