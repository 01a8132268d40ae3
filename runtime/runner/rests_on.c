#include "runner/rests_on.h"

#include "base/file.h"
#include "base/memory.h"
#include "runner/answers.h"
#include "runner/deliver.h"
#include "runner/dep_content.h"
#include "runner/executables.h"
#include "runner/own_stage.h"
#include "runner/prepare.h"
#include "runner/publish.h"
#include "store/ignore.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct gathering {
    struct jobs *jobs;
    struct evidence *evidence;
    struct table deps; /* path in the plan -> struct key_dep that a job found there */
    bool failed;
};

/* ---- paths ---- */

/* A file or link that is there, or is not. */
static void add_any(struct evidence *evidence, const char *path)
{
    struct stat st;
    if (lstat(path, &st) < 0) {
        evidence_add(evidence, EVIDENCE_NOTHING, path);
        return;
    }
    evidence_add(evidence, EVIDENCE_ITSELF, path);
    if (S_ISLNK(st.st_mode))
        evidence_add(evidence, stat(path, &st) < 0 ? EVIDENCE_NOTHING : EVIDENCE_TARGET, path);
}

static void add_any_in(struct gathering *gathering, const char *folder, const char *name)
{
    struct error ignored;
    char *path = file_join(folder, name, &ignored);
    if (path == NULL)
        gathering->failed = true;
    else
        add_any(gathering->evidence, path);
    free(path);
}

/* The folders on the way to "folder/name/". */
static void add_way_in(struct gathering *gathering, const char *folder, const char *name)
{
    struct error ignored;
    char *path = file_join(folder, name, &ignored);
    char *inner = path == NULL ? NULL : file_join(path, ".", &ignored);
    if (inner == NULL)
        gathering->failed = true;
    else
        evidence_add_way(gathering->evidence, inner);
    free(inner);
    free(path);
}

/* A folder with all it holds; where `follow`, as deps are: what links lead to counts, and ignored
 * names do not. The run has found no circle in it. */
static void add_all(struct gathering *gathering, const char *path, bool follow)
{
    const struct ignore *ignore = gathering->jobs->project->ignore;
    struct error ignored;
    struct stat st;
    char **names;
    size_t count;
    add_any(gathering->evidence, path);
    if ((follow ? stat(path, &st) : lstat(path, &st)) < 0 || !S_ISDIR(st.st_mode))
        return;
    if (file_list(path, &names, &count, &ignored) < 0) {
        gathering->failed = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        char *inner = file_join(path, names[i], &ignored);
        bool folder = inner != NULL && stat(inner, &st) == 0 && S_ISDIR(st.st_mode);
        if (inner == NULL)
            gathering->failed = true;
        else if (!follow || !ignore_matches(ignore, inner, folder))
            add_all(gathering, inner, follow);
        free(inner);
    }
    file_free_names(names, count);
}

/* ---- deps ---- */

static void add_dep(struct gathering *gathering, const struct plan_dep *dep,
                    const struct key_dep *found)
{
    struct error ignored;
    struct content now;
    size_t length = strlen(dep->path);
    const struct key_dep *first = table_find(&gathering->deps, dep->path, length);
    if (first != NULL) {
        if (!digest_equal(&first->content.digest, &found->content.digest) ||
            first->content.kind != found->content.kind)
            gathering->failed = true;
        return;
    }
    char *path = dep_content_path(gathering->jobs->project, dep, &ignored);
    if (path == NULL ||
        table_set(&gathering->deps, dep->path, length, (void *)found, &ignored) < 0) {
        gathering->failed = true;
        free(path);
        return;
    }
    evidence_add_way(gathering->evidence, path);
    add_all(gathering, path, true);
    free(path);
    /* What was told of the files must be what the key says. */
    if (dep_content_of(gathering->jobs, dep, STORE_BY_MEMO, &now, &ignored) < 0 ||
        !digest_equal(&now.digest, &found->content.digest) || now.kind != found->content.kind)
        gathering->failed = true;
}

/* A folder that a run writes to, if it is there. */
static void add_place(struct gathering *gathering, const char *folder, const char *name)
{
    struct error ignored;
    struct stat st;
    char *path = file_join(folder, name, &ignored);
    if (path == NULL)
        gathering->failed = true;
    else if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
        evidence_add(gathering->evidence, EVIDENCE_PLACE, path);
    else
        add_any(gathering->evidence, path);
    free(path);
}

/* What a frozen stage would read need only be there. */
static void add_frozen_dep(struct gathering *gathering, const struct plan_dep *dep)
{
    struct error ignored;
    char *path = dep_content_path(gathering->jobs->project, dep, &ignored);
    if (path == NULL)
        gathering->failed = true;
    else {
        evidence_add_way(gathering->evidence, path);
        add_any(gathering->evidence, path);
    }
    free(path);
}

/* ---- commands ---- */

static void add_program(void *arg, const char *path, const struct executable *program)
{
    struct gathering *gathering = arg;
    struct stat st;
    struct digest digest;
    if (program == NULL) {
        add_any(gathering->evidence, path);
        return;
    }
    evidence_add_way(gathering->evidence, path);
    add_any(gathering->evidence, path);
    if (program->executable)
        evidence_add(gathering->evidence, EVIDENCE_RUNS, path);
    if (stat(path, &st) < 0 ||
        !memo_find(store_memo(gathering->jobs->project->store), &st, &digest) ||
        !digest_equal(&digest, &program->digest))
        gathering->failed = true;
}

/* True where the first part of a path in the project's folder is not there: it could come only
 * with a change of that folder, which has a line of its own. */
static bool is_far(const char *path, size_t folder)
{
    struct error ignored;
    struct stat st;
    char *first = memory_copy_text(path, &ignored);
    if (first == NULL)
        return false;
    first[folder + 1 + strcspn(path + folder + 1, "/")] = '\0';
    bool far = first[folder + 1] != '\0' && lstat(first, &st) < 0;
    free(first);
    return far;
}

/* Words that are files, or could become some. */
static void add_word(struct gathering *gathering, const char *word)
{
    const char *folder = gathering->jobs->project->plan->folder;
    struct error ignored;
    struct stat st;
    char *path =
        word[0] == '/' ? memory_copy_text(word, &ignored) : file_join(folder, word, &ignored);
    if (path == NULL)
        gathering->failed = true;
    else if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
        evidence_add_way(gathering->evidence, path);
        add_any(gathering->evidence, path);
    } else if (word[0] == '/' || !is_far(path, strlen(folder)))
        evidence_add(gathering->evidence, EVIDENCE_NO_FILE, path);
    free(path);
}

/* Where a stage of the program's own was found, or could come to be. A bare name with words behind
 * it means none. */
static void add_own_stage(struct gathering *gathering, const struct plan_stage *stage)
{
    struct error err = {0};
    char *path;
    if (stage->argc == 0 || (stage->argc > 1 && strchr(stage->argv[0], '/') == NULL))
        return;
    for (size_t i = 0; (path = own_stage_place(stage->argv[0], i, &err)) != NULL; i++) {
        add_any(gathering->evidence, path);
        free(path);
    }
    if (err.kind != ERR_NONE)
        gathering->failed = true;
}

/* ---- results ---- */

static void add_blob(struct gathering *gathering, const struct digest *digest)
{
    char path[STORE_PATH_SIZE];
    store_object_path(gathering->jobs->project->store, digest, path);
    evidence_add(gathering->evidence, EVIDENCE_ITSELF, path);
}

static void add_content(struct gathering *gathering, const struct content *content)
{
    struct tree tree = {0};
    struct error ignored;
    add_blob(gathering, &content->digest);
    if (content->kind != CONTENT_FOLDER)
        return;
    if (content_tree(gathering->jobs->project->store, content, &tree, &ignored) < 0)
        gathering->failed = true;
    for (size_t i = 0; i < tree.count; i++)
        if (tree.entries[i].kind == TREE_FILE || tree.entries[i].kind == TREE_EXECUTABLE)
            add_blob(gathering, &tree.entries[i].digest);
    tree_release(&tree);
}

/* The copies of an out in its publish folder. */
static void add_copies(struct gathering *gathering, const struct plan_out *out,
                       const struct content *content)
{
    const struct project *project = gathering->jobs->project;
    struct tree tree = {0};
    struct error ignored;
    if (publish_tree(project->store, out, content, &tree, &ignored) < 0)
        gathering->failed = true;
    for (size_t i = 0; i < tree.count; i++) {
        char *path = file_join(project->plan->folder, tree.entries[i].path, &ignored);
        bool empty = tree.entries[i].kind == TREE_EMPTY;
        if (path == NULL)
            gathering->failed = true;
        else {
            evidence_add_way(gathering->evidence, path);
            evidence_add(gathering->evidence, empty ? EVIDENCE_PLACE : EVIDENCE_ITSELF, path);
        }
        free(path);
    }
    tree_release(&tree);
}

static void add_outs(struct gathering *gathering, const struct job *job)
{
    const struct project *project = gathering->jobs->project;
    struct error ignored;
    for (size_t i = 0; i < job->stage->out_count; i++) {
        const struct plan_out *out = &job->stage->outs[i];
        const struct content *content = action_out(job->action, out->name);
        char *path = project_artifact(project, job->stage->name, out->path, &ignored);
        if (path == NULL || content == NULL) {
            gathering->failed = true;
            free(path);
            return;
        }
        add_content(gathering, content);
        add_all(gathering, path, false);
        free(path);
        if (out->publish != NULL) {
            add_way_in(gathering, project->plan->folder, out->publish);
            add_copies(gathering, out, content);
        }
    }
}

/* Last, since it takes the action anew. */
static void look_once_more(struct gathering *gathering, struct job *job)
{
    struct error ignored;
    if (prepare_look_up(gathering->jobs, job->index, STORE_BY_MEMO, &ignored) < 0 ||
        job->state != JOB_CACHED || deliver_missing(gathering->jobs->project, job) != NULL)
        gathering->failed = true;
}

static void add_job(struct gathering *gathering, struct job *job)
{
    const struct plan_stage *stage = job->stage;
    char path[STORE_PATH_SIZE];
    for (size_t i = 0; i < stage->dep_count; i++) {
        if (stage->deps[i].path == NULL && stage->frozen)
            continue;
        if (stage->frozen)
            add_frozen_dep(gathering, &stage->deps[i]);
        else if (stage->deps[i].path != NULL)
            add_dep(gathering, &stage->deps[i], &job->deps[i]);
        else if (stage->deps[i].member_count > 0)
            add_blob(gathering, &job->deps[i].content.digest);
    }
    store_action_path(gathering->jobs->project->store, &job->key, path);
    evidence_add(gathering->evidence, EVIDENCE_ITSELF, path);
    add_blob(gathering, &job->action->log);
    add_outs(gathering, job);
    look_once_more(gathering, job);
}

/* ---- the project ---- */

static void add_use(void *arg, const char *path)
{
    struct gathering *gathering = arg;
    if (path[0] != '/')
        gathering->failed = true;
    else
        add_any(gathering->evidence, path);
}

/* Of the links in the project's folder those that lead nowhere: what they name may come to be, and
 * would then be a file where there was none. */
static void add_dangling(struct gathering *gathering, const char *folder)
{
    struct error ignored;
    struct stat st;
    char **names;
    size_t count;
    if (file_list(folder, &names, &count, &ignored) < 0) {
        gathering->failed = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        char *path = file_join(folder, names[i], &ignored);
        if (path == NULL)
            gathering->failed = true;
        else if (stat(path, &st) < 0)
            add_any(gathering->evidence, path);
        free(path);
    }
    file_free_names(names, count);
}

static void add_project(struct gathering *gathering)
{
    /* The folders: what a power loss left there is to be removed. */
    static const char *const of_the_cache[] = {"delivered.json", "answers.json", "lock-stamp",
                                               "published",      "tmp",          "work"};
    static const char *const places[] = {"artifacts", "reports", "reports/runs"};
    const struct project *project = gathering->jobs->project;
    const char *folder = project->plan->folder, *file = project->settings.file;
    const char *slash = strrchr(file, '/');
    const char *lock = strrchr(lock_reader_path(project->lock), '/');
    /* Whatever comes into the folder may be what a dep or a word names. */
    evidence_add(gathering->evidence, EVIDENCE_ITSELF, folder);
    add_dangling(gathering, folder);
    add_any_in(gathering, folder, slash != NULL ? slash + 1 : file);
    add_any_in(gathering, folder, lock != NULL ? lock + 1 : lock_reader_path(project->lock));
    add_any_in(gathering, folder, ".reprise-ignore");
    for (size_t i = 0; i < sizeof(of_the_cache) / sizeof(of_the_cache[0]); i++)
        add_any_in(gathering, store_folder(project->store), of_the_cache[i]);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        add_place(gathering, folder, places[i]);
}

bool rests_on(struct jobs *jobs, struct evidence *evidence)
{
    struct gathering gathering = {.jobs = jobs, .evidence = evidence};
    struct project *project = jobs->project;
    add_project(&gathering);
    executables_each(project->programs, add_program, &gathering);
    answers_each_use(project->answers, add_use, &gathering);
    for (size_t i = 0; i < jobs->count && !gathering.failed; i++) {
        struct job *job = &jobs->list[i];
        /* The whole file was checked, whatever is asked for. */
        for (size_t w = 0; w < job->stage->argc; w++)
            add_word(&gathering, job->stage->argv[w]);
        add_own_stage(&gathering, job->stage);
        if (job->state == JOB_CACHED)
            add_job(&gathering, job);
        else if (job->state != JOB_OUTSIDE)
            gathering.failed = true;
    }
    table_release(&gathering.deps);
    return !gathering.failed;
}
