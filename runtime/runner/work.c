#include "runner/work.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "runner/keeper.h"
#include "runner/layout.h"
#include "runner/metrics_file.h"
#include "runner/own_inputs.h"
#include "runner/scratch.h"
#include "runner/stage_json.h"
#include "runner/stage_log.h"
#include "runner/undeclared.h"
#include "store/beneath.h"
#include "store/materialise.h"
#include "store/mend.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SMALL_BYTES = 256 << 10, SMALL_DEPS = 4 << 20, SMALL_OUTS = 8 };

static char *in_home(const struct attempt *attempt, const char *name, struct error *err)
{
    return file_join(attempt->home, name, err);
}

/* ---- before ---- */

/* What a killed attempt left: its processes, if its keeper was killed too, and its folder. */
static int clear(const struct attempt *attempt, struct error *err)
{
    struct stat st;
    if (lstat(attempt->folder, &st) < 0)
        return 0;
    char *description = file_join(attempt->folder, "stage.json", err);
    if (description == NULL)
        return -1;
    keeper_hunt(description, attempt_mark(attempt));
    free(description);
    return file_remove(attempt->folder, err);
}

/* A folder that an earlier attempt left is the stage's, but for what it was writing as it was
 * killed; what else lies in its place, a link to somewhere say, is none of ours. */
static int make_checkpoint(const struct attempt *attempt, struct error *err)
{
    struct stat st;
    char *path = in_home(attempt, "checkpoint", err);
    if (path == NULL)
        return -1;
    bool there = lstat(path, &st) == 0;
    if (there && S_ISDIR(st.st_mode))
        file_remove_stale(path);
    else if ((there && unlink(path) < 0) || mkdir(path, 0777) < 0) {
        int result = error_errno(err, "cannot make '%s'", path);
        free(path);
        return result;
    }
    free(path);
    return 0;
}

static int make_folder(struct attempt *attempt, struct error *err)
{
    char home[STORE_PATH_SIZE];
    store_work_path(attempt->jobs->project->store, &attempt->job->key, home);
    if ((attempt->home = memory_copy_text(home, err)) == NULL ||
        (attempt->folder = in_home(attempt, "run", err)) == NULL)
        return -1;
    mend_way(store_folder(attempt->jobs->project->store), home, S_IFDIR);
    if (clear(attempt, err) < 0 || file_make_folders(attempt->folder, err) < 0)
        return -1;
    attempt->folder_made = true;
    attempt->folder_fd = open(attempt->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (attempt->folder_fd < 0)
        return error_errno(err, "cannot open '%s'", attempt->folder);
    return make_checkpoint(attempt, err);
}

static int open_log(struct attempt *attempt, struct error *err)
{
    char *path = in_home(attempt, "log", err), *told = in_home(attempt, "told", err);
    int result = path == NULL || told == NULL ? -1 : file_remove(path, err);
    if (result == 0 && (attempt->log_fd = stage_log_open(path, err)) < 0)
        result = -1;
    if (result == 0)
        told_open(&attempt->told, told);
    free(told);
    free(path);
    return result;
}

/* A mark beside a folder that --keep-work asks for. */
static int mark_kept(const struct attempt *attempt, struct error *err)
{
    if (!attempt->jobs->project->settings.keep_work)
        return 0;
    char *path = in_home(attempt, "kept", err);
    if (path != NULL)
        mend_way(store_folder(attempt->jobs->project->store), path, S_IFREG);
    int result = path == NULL ? -1 : file_write_unflushed(path, "", 0, err);
    free(path);
    return result;
}

int work_make(struct attempt *attempt, struct error *err)
{
    if (make_folder(attempt, err) < 0 || layout_make(attempt, err) < 0 ||
        mark_kept(attempt, err) < 0)
        return -1;
    return open_log(attempt, err);
}

/* ---- after ---- */

typedef int dep_fn(struct store *store, const struct content *content, const char *path,
                   struct error *err);

/* False where the stage put a link in the way: what lies behind it is none of ours. Nothing of the
 * stage lives that could do so now. */
static bool is_in_folder(const struct attempt *attempt, const char *inner)
{
    const char *name;
    int parent =
        attempt->folder_fd < 0 ? -1 : beneath_open_parent(attempt->folder_fd, inner, &name);
    if (parent < 0)
        return errno != ELOOP && errno != ENOTDIR && errno != EXDEV;
    close(parent);
    return true;
}

/* Calls `visit` for each dep that the store laid out, where it still lies. */
static int each_dep(const struct attempt *attempt, dep_fn *visit, struct error *err)
{
    const struct job *job = attempt->job;
    struct project *project = attempt->jobs->project;
    for (size_t i = 0; i < job->stage->dep_count; i++) {
        if (job->stage->deps[i].path != NULL || !job->deps[i].known)
            continue;
        char *inner = stage_json_dep_path(project, job->stage, i, err);
        char *path = inner == NULL ? NULL : file_join(attempt->folder, inner, err);
        int result = path == NULL ? -1 : 0;
        if (result == 0 && is_in_folder(attempt, inner))
            result = visit(project->lasting, &job->deps[i].content, path, err);
        free(inner);
        free(path);
        if (result < 0)
            return error_prefix(err, "dep '%s': ", job->deps[i].name);
    }
    return 0;
}

static int not_written(const struct attempt *attempt, const struct plan_out *out, struct error *err)
{
    struct stat st;
    if (strncmp(out->path, "outs/", 5) == 0 &&
        fstatat(attempt->folder_fd, out->path, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return error_set(
            err, ERR_STAGE,
            "out '%s' is written to '%s', and its path is one inside outs/: declare it "
            "as '%s'",
            out->name, out->path, out->path + 5);
    if (fstatat(attempt->folder_fd, out->path, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return error_set(
            err, ERR_STAGE,
            "out '%s' was not written to outs/%s; there is a '%s' one folder too high: "
            "write to outs/%s, or give the program ${outs.%s}",
            out->name, out->path, out->path, out->path, out->name);
    return error_set(err, ERR_STAGE, "out '%s' (outs/%s) was not written", out->name, out->path);
}

static int store_out(const struct attempt *attempt, const struct plan_out *out,
                     struct action *action, struct error *err)
{
    struct content content;
    struct text path = {0};
    struct stat st;
    bool take = !attempt->jobs->project->settings.keep_work;
    text_addf(&path, "outs/%s", out->path);
    int result = text_check(&path, err);
    if (result == 0 && fstatat(attempt->folder_fd, path.data, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
        (errno == ENOENT || errno == ENOTDIR))
        result = not_written(attempt, out, err);
    else if (result == 0 && out->metrics)
        result = metrics_file_check(attempt->folder_fd, path.data, out, err);
    if (result == 0)
        result = content_put(attempt->jobs->project->store, attempt->folder_fd, path.data, take,
                             &content, err);
    if (result == 0)
        result = action_add_out(action, out->name, &content, err);
    text_release(&path);
    return result;
}

static int refused_path(const struct attempt *attempt, struct text *path, struct error *err)
{
    text_addf(path, "%s/refused/%s", store_folder(attempt->jobs->project->lasting),
              attempt->job->stage->name);
    return text_check(path, err);
}

/* What an earlier attempt left there has been made good. */
static void forget_refused(const struct attempt *attempt)
{
    struct text path = {0};
    struct error ignored;
    if (refused_path(attempt, &path, &ignored) == 0 && access(path.data, F_OK) == 0 &&
        file_remove(path.data, &ignored) == 0) {
        path.data[path.size - strlen(attempt->job->stage->name) - 1] = '\0';
        rmdir(path.data); /* if empty */
    }
    text_release(&path);
}

/* Those that could not be stored are kept for a look. */
static void keep_refused(struct attempt *attempt, struct error *err)
{
    struct error ignored;
    struct text path = {0};
    /* Removed where it is empty. */
    bool empty = unlinkat(attempt->folder_fd, "outs", AT_REMOVEDIR) == 0;
    if (empty || refused_path(attempt, &path, &ignored) < 0 ||
        file_make_parents(path.data, &ignored) < 0 || file_remove(path.data, &ignored) < 0 ||
        renameat(attempt->folder_fd, "outs", AT_FDCWD, path.data) < 0) {
        text_release(&path);
        return;
    }
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof(err->message) - used, "; what it wrote is in %s",
             path.data);
    text_release(&path);
}

/* A stage may have shut its own folders; nothing of it lives now. A failure is
 * told where outs are stored. */
static void open_folders(const struct attempt *attempt)
{
    struct stat st;
    if (fstat(attempt->folder_fd, &st) == 0 && (st.st_mode & 0700) != 0700)
        fchmod(attempt->folder_fd, 0755);
    if (fstatat(attempt->folder_fd, "outs", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) &&
        (st.st_mode & 0700) != 0700)
        (void)!fchmodat(attempt->folder_fd, "outs", 0755, 0);
}

static int store_outs(struct attempt *attempt, struct action *action, struct error *err)
{
    const struct plan_stage *stage = attempt->job->stage;
    for (size_t i = 0; i < stage->out_count; i++)
        if (store_out(attempt, &stage->outs[i], action, err) < 0) {
            if (err->kind != ERR_INTERRUPTED)
                keep_refused(attempt, err);
            return -1;
        }
    return 0;
}

static int store_log(const struct attempt *attempt, struct action *action, struct error *err)
{
    struct text text = {0};
    int result =
        stage_log_read(attempt->log_fd, &attempt->progress, attempt->job->stage, &text, err);
    if (result == 0)
        result = blob_put_bytes(attempt->jobs->project->store, text_string(&text), text.size,
                                &action->log, err);
    text_release(&text);
    return result;
}

static int describe_attempt(const struct attempt *attempt, struct action *action, struct error *err)
{
    char host[256] = "";
    gethostname(host, sizeof(host) - 1);
    free(action->host);
    free(action->device);
    free(action->started);
    action->host = memory_copy_text(host, err);
    action->device = memory_copy_text(attempt->jobs->project->settings.device, err);
    action->started = memory_copy_text(attempt->started, err);
    action->seconds = attempt->job->seconds;
    action->threads = attempt->threads;
    action->has_scratch = attempt->has_scratch;
    action->scratch = attempt->scratch;
    return action->host == NULL || action->device == NULL || action->started == NULL ? -1 : 0;
}

bool work_deps_are_small(const struct job *job)
{
    const struct invocation *invocation = &job->invocation;
    int64_t bytes = 0;
    for (size_t i = 0; i < job->dep_count; i++) {
        if (job->deps[i].content.kind == CONTENT_FOLDER)
            return false;
        bytes += job->deps[i].content.size;
    }
    for (size_t i = 0; i < invocation->file_count; i++) {
        struct stat st;
        if (invocation->files[i].inner != NULL &&
            stat(invocation->files[i].program->path, &st) == 0)
            bytes += st.st_size;
    }
    return bytes <= SMALL_DEPS;
}

bool work_is_small(const struct attempt *attempt)
{
    const struct plan_stage *stage = attempt->job->stage;
    struct stat st;
    int64_t bytes = 0;
    if (fstat(attempt->log_fd, &st) < 0 || st.st_size > SMALL_BYTES ||
        stage->out_count > SMALL_OUTS)
        return false;
    for (size_t i = 0; i < stage->out_count; i++) {
        struct text path = {0};
        text_addf(&path, "outs/%s", stage->outs[i].path);
        /* What is not there or is no file is found out soon enough. */
        bool known =
            !path.failed && fstatat(attempt->folder_fd, path.data, &st, AT_SYMLINK_NOFOLLOW) == 0;
        text_release(&path);
        if (known && S_ISDIR(st.st_mode))
            return false;
        bytes += known ? st.st_size : 0;
    }
    return bytes <= SMALL_BYTES;
}

int work_store(struct attempt *attempt, struct error *err)
{
    struct job *job = attempt->job;
    struct action *action = action_new(job->stage->name, text_string(&job->components), err);
    if (action == NULL)
        return -1;
    open_folders(attempt);
    if (layout_check_programs(attempt, err) < 0 ||
        each_dep(attempt, materialise_dep_check, err) < 0 || store_outs(attempt, action, err) < 0 ||
        scratch_keep(attempt, err) < 0 || store_log(attempt, action, err) < 0 ||
        describe_attempt(attempt, action, err) < 0) {
        action_free(action);
        /* What its key names is not what ran, and no new attempt would make that good. */
        if (err->kind == ERR_CHANGED) {
            size_t used = strlen(err->message);
            err->kind = ERR_STAGE;
            snprintf(err->message + used, sizeof(err->message) - used,
                     ": if the stage writes there itself, let it write to outs/ instead");
        }
        return -1;
    }
    action_free(job->action);
    job->action = action;
    forget_refused(attempt);
    own_inputs_note(attempt);
    return 0;
}

void work_forget_checkpoint(struct attempt *attempt)
{
    struct error ignored;
    char *path = in_home(attempt, "checkpoint", &ignored);
    /* Left behind, it costs space and nothing else. */
    if (path != NULL && rmdir(path) < 0 && errno != ENOENT)
        file_remove(path, &ignored);
    if (path != NULL && attempt->jobs->project->settings.keep_work)
        file_make_folders(path, &ignored); /* for running it by hand */
    free(path);
}

void work_keep_log(struct attempt *attempt)
{
    struct error ignored;
    struct text path = {0}, text = {0};
    if (attempt->log_fd < 0)
        return;
    const char *cache = store_folder(attempt->jobs->project->lasting);
    text_addf(&path, "%s/logs/%s.log", cache, attempt->job->stage->name);
    if (!path.failed)
        mend_way(cache, path.data, S_IFREG);
    if (text_check(&path, &ignored) == 0 &&
        stage_log_read(attempt->log_fd, &attempt->progress, attempt->job->stage, &text, &ignored) ==
            0 &&
        file_make_parents(path.data, &ignored) == 0 &&
        file_write_unflushed(path.data, text_string(&text), text.size, &ignored) == 0)
        attempt->log_path = path.data;
    else
        text_release(&path);
    if (attempt->trespasses.size == 0)
        attempt->undeclared = undeclared_find(attempt, &text);
    text_release(&text);
}

void work_remove(struct attempt *attempt)
{
    struct error ignored;
    bool gone = true;
    if (attempt->home == NULL)
        return;
    if (!attempt->jobs->project->settings.keep_work) {
        if (attempt->folder != NULL && attempt->folder_made) {
            each_dep(attempt, materialise_dep_remove, &ignored);
            gone = file_remove(attempt->folder, &ignored) == 0;
        }
        char *checkpoint = in_home(attempt, "checkpoint", &ignored);
        if (checkpoint != NULL)
            rmdir(checkpoint); /* if empty */
        free(checkpoint);
    }
    static const char *const logs[] = {"log", "told"};
    for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
        char *log = in_home(attempt, logs[i], &ignored);
        if (log != NULL && unlink(log) < 0 && errno != ENOENT)
            gone = false;
        free(log);
    }
    /* A checkpoint stays where the stage did not succeed. */
    bool empty = rmdir(attempt->home) == 0 || errno == ENOENT;
    if (!gone || (!empty && attempt->job->state == JOB_EXECUTED))
        atomic_store(&attempt->jobs->project->untidy, 1);
}
