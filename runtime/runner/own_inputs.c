#include "runner/own_inputs.h"

#include "base/file.h"
#include "runner/dep_content.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void note(struct job *job, const char *what, const char *name, const char *how)
{
    text_addf(&job->notes,
              "%s: %s '%s' %s while it ran, so it runs again next time: if it writes there itself, "
              "let it write to outs/ instead\n",
              job->stage->name, what, name, how);
}

static bool file_changed(struct store *store, const struct executable *program)
{
    struct digest digest;
    struct error ignored;
    int64_t size;
    return blob_hash_file(store, program->path, STORE_BY_STAT, &digest, &size, &ignored) < 0 ||
           !digest_equal(&digest, &program->digest);
}

static bool dep_changed(const struct jobs *jobs, const struct plan_dep *dep,
                        const struct content *was)
{
    struct content now;
    struct error why;
    if (dep_content_of(jobs, dep, STORE_BY_STAT, &now, &why) < 0)
        return why.kind != ERR_INTERRUPTED && why.kind != ERR_MEMORY;
    return now.kind != was->kind || !digest_equal(&now.digest, &was->digest);
}

/* A word of cmd that was none is a file now. */
static bool word_appeared(const struct attempt *attempt, const char *word)
{
    const struct invocation *invocation = &attempt->job->invocation;
    struct error ignored;
    struct stat st;
    for (size_t i = 0; i < invocation->file_count; i++)
        if (strcmp(invocation->files[i].name, word) == 0)
            return false;
    char *path = word[0] == '/' || word[0] == '\0'
                     ? NULL
                     : file_join(attempt->jobs->project->plan->folder, word, &ignored);
    bool there = stat(path != NULL ? path : word, &st) == 0 && S_ISREG(st.st_mode);
    free(path);
    return there;
}

void own_inputs_note(struct attempt *attempt)
{
    struct job *job = attempt->job;
    struct store *store = attempt->jobs->project->store;
    for (size_t i = 0; i < job->invocation.file_count; i++) {
        const struct invocation_file *file = &job->invocation.files[i];
        if (!file->interpreter && file_changed(store, file->program))
            note(job, "the file of its cmd", file->name, "changed");
    }
    for (size_t i = 1; i < job->stage->argc; i++)
        if (word_appeared(attempt, job->stage->argv[i]))
            note(job, "the file of its cmd", job->stage->argv[i], "appeared");
    for (size_t i = 0; i < job->stage->dep_count; i++) {
        const struct plan_dep *dep = &job->stage->deps[i];
        if (dep->path != NULL && dep_changed(attempt->jobs, dep, &job->deps[i].content))
            note(job, "its dep", dep->path, "changed");
    }
}
