#include "runner/invocation.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "store/blob.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What every stage sees, whoever starts the runner; `env` in the pipeline file
 * lets more through, and then it is part of the key. */
static const struct {
    const char *name, *value;
} fixed_variables[] = {
    {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
    {"LANG", "C.UTF-8"},
    {"LC_ALL", "C.UTF-8"},
    {"TZ", "UTC"},
    {"PYTHONHASHSEED", "0"},
};

/* Let through and not in the key: they choose the way and not the result. A
 * download is pinned by its digest; which device it is, the fingerprint says. */
static const char *const passed_always[] = {"CUDA_VISIBLE_DEVICES"};
static const char *const passed_to_network[] = {
    "http_proxy", "https_proxy", "all_proxy",     "no_proxy",     "HTTP_PROXY",     "HTTPS_PROXY",
    "ALL_PROXY",  "NO_PROXY",    "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_declared(const struct plan_stage *stage, const char *name)
{
    for (size_t i = 0; i < stage->env_count; i++)
        if (strcmp(stage->env[i], name) == 0)
            return true;
    return false;
}

/* Its value for a stage: as declared by `env`, or a fixed one; NULL where it is not set. */
static const char *variable_of(const struct plan_stage *stage, const char *name)
{
    if (is_declared(stage, name))
        return getenv(name);
    for (size_t i = 0; i < COUNT(fixed_variables); i++)
        if (strcmp(fixed_variables[i].name, name) == 0)
            return fixed_variables[i].value;
    return NULL;
}

static bool is_regular(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* The first executable of that name in the stage's PATH, or NULL. */
static char *find_in_path(const struct plan_stage *stage, const char *word, struct error *err)
{
    const char *path = variable_of(stage, "PATH");
    while (path != NULL && *path != '\0') {
        struct text candidate = {0};
        size_t length = strcspn(path, ":");
        text_addf(&candidate, "%.*s/%s", (int)length, path, word);
        if (text_check(&candidate, err) < 0) {
            text_release(&candidate);
            return NULL;
        }
        if (is_regular(candidate.data) && access(candidate.data, X_OK) == 0)
            return candidate.data;
        text_release(&candidate);
        path += length + (path[length] == ':');
    }
    return NULL;
}

static int not_executable(const struct project *project, const struct plan_stage *stage,
                          struct error *err)
{
    const char *word = stage->argv[0];
    return error_set(err, ERR_STAGE, "%s:%d:%d: stage '%s': '%s' is not an executable file%s",
                     project->plan->file, stage->place.line, stage->place.column, stage->name, word,
                     strchr(word, '/') == NULL         ? " in PATH"
                     : strncmp(word, "build/", 6) == 0 ? ": run make first"
                                                       : "");
}

static int add_file(const struct project *project, const char *word, const char *path,
                    struct invocation *invocation, struct error *err)
{
    char real[PATH_MAX];
    int64_t size;
    struct invocation_file *file = &invocation->files[invocation->file_count];
    file->word = word;
    /* /bin/sh may be a link: the bytes behind it count. */
    if (realpath(path, real) == NULL)
        return error_errno(err, "cannot read '%s'", path);
    if (blob_hash_file(project->store, real, STORE_BY_STAT, &file->digest, &size, err) < 0)
        return -1;
    invocation->file_count++;
    return 0;
}

static int add_word(const struct project *project, const struct plan_stage *stage, size_t index,
                    struct invocation *invocation, struct error *err)
{
    const char *word = stage->argv[index];
    char *path =
        word[0] == '/' ? memory_copy_text(word, err) : file_join(project->plan->folder, word, err);
    if (path == NULL)
        return -1;
    bool searched = index == 0 && strchr(word, '/') == NULL;
    bool is_file = !searched && word[0] != '\0' && is_regular(path);
    if (searched) {
        free(path);
        *err = (struct error){0};
        path = find_in_path(stage, word, err);
        if (path == NULL)
            return err->kind == ERR_MEMORY ? -1 : not_executable(project, stage, err);
    } else if (index == 0 && (!is_file || access(path, X_OK) < 0)) {
        free(path);
        return not_executable(project, stage, err);
    }
    int result = searched || is_file ? add_file(project, word, path, invocation, err) : 0;
    if (!searched && !is_file) {
        free(path);
        path = memory_copy_text(word, err);
        result = path == NULL ? -1 : 0;
    }
    if (index == 0)
        invocation->by_path = is_file;
    invocation->argv[invocation->argc++] = path;
    return result;
}

int invocation_make(const struct project *project, const struct plan_stage *stage,
                    struct invocation *made, struct error *err)
{
    struct invocation invocation = {0};
    int result = -1;
    if ((invocation.argv = memory_new(stage->argc + 1, sizeof(*invocation.argv), err)) != NULL &&
        (invocation.files = memory_new(stage->argc, sizeof(*invocation.files), err)) != NULL)
        result = 0;
    for (size_t i = 0; i < stage->argc && result == 0; i++)
        result = add_word(project, stage, i, &invocation, err);
    if (result < 0)
        invocation_release(&invocation);
    else
        *made = invocation;
    return result;
}

void invocation_release(struct invocation *invocation)
{
    file_free_names(invocation->argv, invocation->argc);
    free(invocation->files);
    *invocation = (struct invocation){0};
}

/* ---- environment ---- */

struct variables {
    char **list;
    size_t count, capacity;
};

static int add_variable(struct variables *variables, const char *name, const char *value,
                        struct error *err)
{
    struct text text = {0};
    if (value == NULL)
        return 0;
    /* Room for the NULL at the end, too. */
    if (memory_grow(&variables->list, &variables->capacity, variables->count + 2,
                    sizeof(*variables->list), err) < 0)
        return -1;
    text_addf(&text, "%s=%s", name, value);
    if (text_check(&text, err) < 0) {
        text_release(&text);
        return -1;
    }
    variables->list[variables->count++] = text.data;
    return 0;
}

static int add_passed(struct variables *variables, const struct plan_stage *stage,
                      const char *const *names, size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++)
        if (!is_declared(stage, names[i]) &&
            add_variable(variables, names[i], getenv(names[i]), err) < 0)
            return -1;
    return 0;
}

int invocation_environment(const struct plan_stage *stage, const char *folder, int threads,
                           char ***environment, size_t *count, struct error *err)
{
    struct variables variables = {0};
    struct text description = {0};
    char number[16];
    int result = -1;
    snprintf(number, sizeof(number), "%d", threads);
    text_addf(&description, "%s/stage.json", folder);
    if (text_check(&description, err) < 0 ||
        add_variable(&variables, "REPRISE_STAGE", description.data, err) < 0 ||
        add_variable(&variables, "HOME", folder, err) < 0 ||
        add_variable(&variables, "TMPDIR", folder, err) < 0 ||
        add_variable(&variables, "OMP_NUM_THREADS", number, err) < 0)
        goto done;
    for (size_t i = 0; i < COUNT(fixed_variables); i++)
        if (!is_declared(stage, fixed_variables[i].name) &&
            add_variable(&variables, fixed_variables[i].name, fixed_variables[i].value, err) < 0)
            goto done;
    for (size_t i = 0; i < stage->env_count; i++)
        if (add_variable(&variables, stage->env[i], getenv(stage->env[i]), err) < 0)
            goto done;
    if (add_passed(&variables, stage, passed_always, COUNT(passed_always), err) < 0 ||
        (stage->network &&
         add_passed(&variables, stage, passed_to_network, COUNT(passed_to_network), err) < 0))
        goto done;
    result = 0;
done:
    text_release(&description);
    if (result < 0)
        file_free_names(variables.list, variables.count);
    else {
        *environment = variables.list;
        *count = variables.count;
    }
    return result;
}
