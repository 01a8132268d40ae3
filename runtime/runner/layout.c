#include "runner/layout.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "runner/dep_content.h"
#include "runner/sandbox.h"
#include "runner/scratch.h"
#include "runner/stage_json.h"
#include "store/materialise.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int changed(struct error *err, const char *what, const char *name)
{
    return error_set(err, ERR_CHANGED, "%s '%s' changed since its digest was taken", what, name);
}

static char *below(const struct attempt *attempt, const char *name, struct error *err)
{
    return file_join(attempt->folder, name, err);
}

/* ---- deps ---- */

static int copy_project_dep(const struct attempt *attempt, const struct plan_dep *dep,
                            const struct key_dep *resolved, const char *path, struct error *err)
{
    struct project *project = attempt->jobs->project;
    struct content copied;
    char *source = dep_content_path(project, dep, err);
    if (source == NULL)
        return -1;
    int result = content_copy_dep(project->store, source, project->ignore, path, &copied, err);
    free(source);
    if (result < 0)
        return -1;
    if (copied.kind != resolved->content.kind ||
        !digest_equal(&copied.digest, &resolved->content.digest))
        return changed(err, "dep", dep->name);
    return 0;
}

static int place_dep(const struct attempt *attempt, size_t index, const char *path,
                     struct error *err)
{
    const struct job *job = attempt->job;
    if (index == job->stage->dep_count)
        return file_write_unflushed(path, job->lineage, strlen(job->lineage), err);
    const struct plan_dep *dep = &job->stage->deps[index];
    if (dep->path != NULL)
        return copy_project_dep(attempt, dep, &job->deps[index], path, err);
    return materialise_dep(attempt->jobs->project->lasting, &job->deps[index].content, path,
                           attempt->jobs->project->sandbox != SANDBOX_OFF, err);
}

static int make_deps(const struct attempt *attempt, struct error *err)
{
    const struct job *job = attempt->job;
    for (size_t i = 0; i < job->dep_count; i++) {
        char *inner = stage_json_dep_path(attempt->jobs->project, job->stage, i, err);
        char *path = inner == NULL ? NULL : below(attempt, inner, err);
        int result = path == NULL || file_make_parents(path, err) < 0
                         ? -1
                         : place_dep(attempt, i, path, err);
        free(inner);
        free(path);
        if (result < 0)
            return -1;
    }
    return 0;
}

/* ---- deps at their places in the project ---- */

char *layout_relative(const char *from, const char *to, struct error *err)
{
    struct text text = {0};
    for (; *from != '\0'; from++)
        if (*from == '/')
            text_add(&text, "../");
    text_add(&text, to);
    if (text_check(&text, err) < 0)
        text_release(&text);
    return text.data;
}

/* Names that the layout itself uses. */
static bool is_reserved(const char *path)
{
    static const char *const names[] = {"deps",    "outs",        "home",
                                        "scratch", "scratch_out", "stage.json"};
    size_t length = strcspn(path, "/");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strlen(names[i]) == length && memcmp(names[i], path, length) == 0)
            return true;
    return false;
}

/* True where another dep on the project's files is a folder around this one, and shows it. */
static bool lies_in_another(const struct plan_stage *stage, size_t index)
{
    const char *path = stage->deps[index].path;
    for (size_t i = 0; i < stage->dep_count; i++) {
        const char *other = stage->deps[i].path;
        size_t length = other == NULL ? 0 : strlen(other);
        if (i != index && length > 0 && strncmp(path, other, length) == 0 &&
            (path[length] == '/' || (path[length] == '\0' && i < index)))
            return true;
    }
    return false;
}

static int link_project_dep(const struct attempt *attempt, size_t index, struct error *err)
{
    const struct plan_stage *stage = attempt->job->stage;
    const char *path = stage->deps[index].path;
    if (path == NULL || path[0] == '/' || strcmp(path, ".") == 0 || strncmp(path, "..", 2) == 0 ||
        is_reserved(path) || lies_in_another(stage, index))
        return 0;
    char *inner = stage_json_dep_path(attempt->jobs->project, stage, index, err);
    char *target = inner == NULL ? NULL : layout_relative(path, inner, err);
    char *place = target == NULL ? NULL : below(attempt, path, err);
    int result = place == NULL ? -1 : file_make_parents(place, err);
    if (result == 0 && symlink(target, place) < 0)
        result = error_errno(err, "cannot link '%s'", place);
    free(inner);
    free(target);
    free(place);
    return result;
}

/* ---- files of cmd ---- */

static bool is_what_the_key_names(const char *path, const struct executable *program)
{
    struct digest found;
    struct error ignored;
    return digest_of_file(path, &found, &ignored) == 0 && digest_equal(&found, &program->digest);
}

/* Copies a file, which must be what the key names. */
static int duplicate(const struct attempt *attempt, const struct invocation_file *file,
                     const char *path, struct error *err)
{
    struct digest digest;
    int64_t size;
    int from = open(file->program->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (from < 0)
        return error_errno(err, "cannot read '%s'", file->program->path);
    int result = file_make_parents(path, err);
    if (result == 0)
        result = blob_duplicate(attempt->jobs->project->store, from, file->program->path, path,
                                &digest, &size, err);
    close(from);
    if (result == 0 && !digest_equal(&digest, &file->program->digest))
        return changed(err, "file", file->name);
    return result;
}

static int copy_program(struct attempt *attempt, const struct invocation_file *file,
                        struct error *err)
{
    struct attempt_copy *copy = &attempt->copies[attempt->copy_count];
    struct stat st;
    char *path = below(attempt, file->inner, err);
    if (path == NULL)
        return -1;
    int result;
    /* A dep may show it at its place. */
    if (lstat(path, &st) < 0)
        result = duplicate(attempt, file, path, err);
    else
        result = is_what_the_key_names(path, file->program) ? 0 : changed(err, "file", file->name);
    if (result == 0 && stat(path, &copy->st) < 0)
        result = error_errno(err, "cannot read '%s'", path);
    if (result < 0) {
        free(path);
        return -1;
    }
    copy->name = file->name;
    copy->path = path;
    attempt->copy_count++;
    return 0;
}

static int make_programs(struct attempt *attempt, struct error *err)
{
    const struct invocation *invocation = &attempt->job->invocation;
    attempt->copies = memory_new(invocation->file_count, sizeof(*attempt->copies), err);
    if (attempt->copies == NULL)
        return -1;
    for (size_t i = 0; i < invocation->file_count; i++)
        if (invocation->files[i].inner != NULL &&
            copy_program(attempt, &invocation->files[i], err) < 0)
            return -1;
    return 0;
}

static int check_in_place(const struct attempt *attempt, const struct invocation_file *file,
                          struct error *err)
{
    struct digest digest;
    int64_t size;
    if (blob_hash_file(attempt->jobs->project->store, file->program->path, STORE_BY_STAT, &digest,
                       &size, err) < 0)
        return -1;
    return digest_equal(&digest, &file->program->digest) ? 0 : changed(err, "file", file->name);
}

int layout_check_programs(const struct attempt *attempt, struct error *err)
{
    const struct invocation *invocation = &attempt->job->invocation;
    for (size_t i = 0; i < invocation->file_count; i++)
        if (invocation->files[i].inner == NULL &&
            check_in_place(attempt, &invocation->files[i], err) < 0)
            return -1;
    for (size_t i = 0; i < attempt->copy_count; i++) {
        const struct attempt_copy *copy = &attempt->copies[i];
        struct stat st;
        if (stat(copy->path, &st) < 0 || st.st_ino != copy->st.st_ino ||
            st.st_size != copy->st.st_size ||
            memcmp(&st.st_mtim, &copy->st.st_mtim, sizeof(st.st_mtim)) != 0)
            return error_set(err, ERR_STAGE, "it changed its own file '%s'", copy->name);
    }
    return 0;
}

/* ---- all ---- */

static int make_outs(const struct attempt *attempt, struct error *err)
{
    const struct plan_stage *stage = attempt->job->stage;
    char *outs = below(attempt, "outs", err);
    int result = outs == NULL ? -1 : file_make_folders(outs, err);
    for (size_t i = 0; i < stage->out_count && result == 0; i++) {
        if (strchr(stage->outs[i].path, '/') == NULL)
            continue;
        char *path = file_join(outs, stage->outs[i].path, err);
        result = path == NULL ? -1 : file_make_parents(path, err);
        free(path);
    }
    free(outs);
    return result;
}

/* The project's folder from the work folder, cache/work/<key>/run, unless the cache lies elsewhere;
 * only stages that use the network may look there, for file: URLs. One that is confined could not:
 * it has what it declares, at the same places in the work folder. */
static const char *project_folder(const struct attempt *attempt)
{
    const struct project *project = attempt->jobs->project;
    const char *folder = project->plan->folder, *cache = store_folder(project->store);
    size_t length = strlen(folder);
    if (!attempt->job->stage->network || sandbox_confines(project))
        return NULL;
    bool inside = strncmp(cache, folder, length) == 0 && strcmp(cache + length, "/cache") == 0;
    return inside ? "../../../.." : folder;
}

static int write_stage_json(struct attempt *attempt, struct error *err)
{
    const struct project *project = attempt->jobs->project;
    bool has_scratch = false;
    if (attempt->job->invocation.by_path && scratch_show(attempt, &has_scratch, err) < 0)
        return -1;
    const struct stage_json_run run = {.threads = attempt->threads,
                                       .scratch = has_scratch ? "scratch" : NULL,
                                       .project = project_folder(attempt)};
    json_t *object = stage_json_for_run(project, attempt->job, &run, err);
    char *text = object == NULL ? NULL : json_to_text(object, false, err);
    char *path = text == NULL ? NULL : below(attempt, "stage.json", err);
    int result = path == NULL ? -1 : 0;
    if (result == 0) {
        FILE *stream = fopen(path, "wxe");
        bool written = stream != NULL && fputs(text, stream) >= 0 && fputc('\n', stream) != EOF;
        written = stream != NULL && fclose(stream) == 0 && written;
        if (!written)
            result = error_errno(err, "cannot write '%s'", path);
    }
    json_decref(object);
    free(text);
    free(path);
    return result;
}

static int make_folders(const struct attempt *attempt, struct error *err)
{
    static const char *const parts[] = {"home", "scratch_out"};
    size_t count = sizeof(parts) / sizeof(parts[0]) - !attempt->job->invocation.by_path;
    for (size_t i = 0; i < count; i++)
        if (mkdirat(attempt->folder_fd, parts[i], 0755) < 0)
            return error_errno(err, "cannot make '%s/%s'", attempt->folder, parts[i]);
    return 0;
}

int layout_make(struct attempt *attempt, struct error *err)
{
    if (make_folders(attempt, err) < 0 || make_deps(attempt, err) < 0 ||
        make_outs(attempt, err) < 0)
        return -1;
    for (size_t i = 0; i < attempt->job->stage->dep_count; i++)
        if (link_project_dep(attempt, i, err) < 0)
            return -1;
    if (make_programs(attempt, err) < 0 || layout_check_programs(attempt, err) < 0)
        return -1;
    return write_stage_json(attempt, err);
}
