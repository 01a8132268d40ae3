#include "runner/invocation.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "plan/inner_path.h"
#include "runner/environment.h"
#include "runner/start_hint.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { INTERPRETER_DEPTH = 5, WORD_SIZE = PROGRAM_HEAD + 1 };

/* What making one needs at every step. */
struct maker {
    const struct project *project;
    const struct plan_stage *stage;
    enum store_depth depth;
    struct invocation *invocation;
};

static const char *path_variable(const struct maker *maker)
{
    const char *path = environment_value(maker->stage, "PATH");
    return path != NULL ? path : "";
}

static bool is_regular(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static int add_file(struct maker *maker, const char *name, bool interpreter, bool in_project,
                    const char *path, const struct program **program, struct error *err)
{
    struct invocation *invocation = maker->invocation;
    struct error ignored;
    if (programs_find(maker->project->programs, path, maker->depth, program, err) < 0 ||
        memory_grow(&invocation->files, &invocation->file_capacity, invocation->file_count + 1,
                    sizeof(*invocation->files), err) < 0)
        return -1;
    struct invocation_file file = {.interpreter = interpreter, .program = *program};
    if ((file.name = memory_copy_text(name, err)) == NULL)
        return -1;
    /* A word that is no bare name of a program, and lies in the project, is copied. */
    if (in_project)
        file.inner = inner_path(name, &ignored);
    invocation->files[invocation->file_count++] = file;
    return 0;
}

/* The next word of an interpreter line; false at its end. */
static bool next_word(const char **at, char word[WORD_SIZE])
{
    *at += strspn(*at, " \t");
    size_t length = strcspn(*at, " \t\n");
    if (length == 0 || length >= WORD_SIZE)
        return false;
    memcpy(word, *at, length);
    word[length] = '\0';
    *at += length;
    return true;
}

static bool is_env(const char *path)
{
    const char *slash = strrchr(path, '/');
    return strcmp(slash != NULL ? slash + 1 : path, "env") == 0;
}

static bool is_assignment(const char *word)
{
    return strchr(word, '=') != NULL;
}

static int add_interpreters(struct maker *maker, const char *word, const struct program *program,
                            int level, struct error *err);

/* A program that env or a first line names: by path, or to be found in PATH. */
static int add_named(struct maker *maker, const char *word, const char *name, int level,
                     struct error *err)
{
    const struct program *program;
    const char *path = name;
    if (strchr(name, '/') == NULL) {
        path = programs_search(maker->project->programs, path_variable(maker), name, err);
        if (path == NULL && err->kind == ERR_MEMORY)
            return -1;
    }
    if (path == NULL || path[0] != '/' || !is_regular(path) || access(path, X_OK) < 0)
        return start_hint_interpreter(maker->project, maker->stage, word, name, err);
    if (add_file(maker, path, true, false, path, &program, err) < 0)
        return -1;
    return add_interpreters(maker, word, program, level + 1, err);
}

static int add_interpreters(struct maker *maker, const char *word, const struct program *program,
                            int level, struct error *err)
{
    char name[WORD_SIZE], last[WORD_SIZE];
    const char *at = program->head + 2;
    if (strncmp(program->head, "#!", 2) != 0 || level == INTERPRETER_DEPTH || !next_word(&at, name))
        return 0;
    if (add_named(maker, word, name, level, err) < 0)
        return -1;
    if (!is_env(name))
        return 0;
    while (next_word(&at, last))
        if (last[0] != '-' && !is_assignment(last))
            return add_named(maker, word, last, level, err);
    return 0;
}

/* The first word: what is started. */
static int add_program(struct maker *maker, struct error *err)
{
    struct invocation *invocation = maker->invocation;
    const char *word = maker->stage->argv[0], *path = NULL;
    char *joined = NULL;
    int result = -1;
    if (strchr(word, '/') == NULL) {
        path = programs_search(maker->project->programs, path_variable(maker), word, err);
        if (path == NULL)
            return err->kind == ERR_MEMORY
                       ? -1
                       : start_hint_missing(maker->project, maker->stage, word, err);
    } else {
        invocation->by_path = true;
        joined = word[0] == '/' ? memory_copy_text(word, err)
                                : file_join(maker->project->plan->folder, word, err);
        if ((path = joined) == NULL)
            return -1;
        if (!is_regular(path)) {
            start_hint_missing(maker->project, maker->stage, word, err);
            goto done;
        }
        if (access(path, X_OK) < 0) {
            start_hint_mode(maker->project, maker->stage, word, err);
            goto done;
        }
    }
    if (add_file(maker, word, false, joined != NULL && word[0] != '/', path, &invocation->program,
                 err) < 0 ||
        start_hint_check_head(maker->project, maker->stage, word, invocation->program, err) < 0 ||
        add_interpreters(maker, word, invocation->program, 0, err) < 0)
        goto done;
    /* A file of the project runs as a copy, under its own name in the work folder. */
    bool copied = invocation->files[0].inner != NULL;
    invocation->argv[0] = copied ? memory_copy_text(word, err) : memory_copy_text(path, err);
    result = invocation->argv[0] == NULL ? -1 : 0;
done:
    free(joined);
    return result;
}

/* Programs that do nothing but start another one, which their words name. */
static bool is_starter(const char *path)
{
    static const char *const names[] = {"env",    "nice",    "nohup",   "timeout", "stdbuf",
                                        "setsid", "taskset", "ionice",  "chrt",    "numactl",
                                        "time",   "setarch", "prlimit", "choom",   "setpriv"};
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* "nice ./train.py": the file is a word of cmd; what its first line names counts, too. */
static int add_behind_path(struct maker *maker, const char *word, struct error *err)
{
    const struct program *program;
    char *path = file_join(maker->project->plan->folder, word, err);
    if (path == NULL)
        return -1;
    int result = 0;
    if (is_regular(path) && access(path, X_OK) == 0 &&
        (result = programs_find(maker->project->programs, path, maker->depth, &program, err)) == 0)
        result = add_interpreters(maker, word, program, 0, err);
    free(path);
    return result;
}

/* cmd "env -i A=1 nice -n 5 python3 x.py" starts python3. */
static int add_started(struct maker *maker, struct error *err)
{
    const struct plan_stage *stage = maker->stage;
    const char *starter = stage->argv[0];
    for (size_t i = 1; i < stage->argc && is_starter(starter); i++) {
        const char *word = stage->argv[i];
        bool is_path = strchr(word, '/') != NULL;
        if (word[0] == '-' && is_env(starter) &&
            (strcmp(word, "-u") == 0 || strcmp(word, "-C") == 0))
            i++;
        if (word[0] == '-' || is_assignment(word))
            continue;
        if (is_path && word[0] != '/')
            return add_behind_path(maker, word, err);
        /* A number of nice or a signal of timeout is no program. */
        if (!is_env(starter) && !is_path &&
            programs_search(maker->project->programs, path_variable(maker), word, err) == NULL) {
            if (err->kind == ERR_MEMORY)
                return -1;
            continue;
        }
        if (!is_env(starter) && is_path && (!is_regular(word) || access(word, X_OK) < 0))
            continue;
        if (add_named(maker, starter, word, 0, err) < 0)
            return -1;
        starter = word;
    }
    return 0;
}

static int add_word(struct maker *maker, size_t index, struct error *err)
{
    const struct program *ignored;
    const char *word = maker->stage->argv[index];
    char *path = word[0] == '/' ? memory_copy_text(word, err)
                                : file_join(maker->project->plan->folder, word, err);
    if (path == NULL)
        return -1;
    int result = 0;
    bool is_file = word[0] != '\0' && is_regular(path);
    if (is_file)
        result = add_file(maker, word, false, word[0] != '/', path, &ignored, err);
    /* One that lies outside the project runs where it is. */
    const struct invocation_file *last =
        &maker->invocation->files[maker->invocation->file_count - 1];
    const char *given = is_file && result == 0 && last->inner == NULL ? path : word;
    if (result == 0 && (maker->invocation->argv[index] = memory_copy_text(given, err)) == NULL)
        result = -1;
    free(path);
    return result;
}

int invocation_make(const struct project *project, const struct plan_stage *stage,
                    enum store_depth depth, struct invocation *made, struct error *err)
{
    struct invocation invocation = {.argc = stage->argc};
    struct maker maker = {project, stage, depth, &invocation};
    int result = -1;
    if ((invocation.argv = memory_new(stage->argc + 1, sizeof(*invocation.argv), err)) != NULL)
        result = add_program(&maker, err);
    if (result == 0)
        result = add_started(&maker, err);
    for (size_t i = 1; i < stage->argc && result == 0; i++)
        result = add_word(&maker, i, err);
    if (result < 0)
        invocation_release(&invocation);
    else
        *made = invocation;
    return result;
}

void invocation_release(struct invocation *invocation)
{
    for (size_t i = 0; i < invocation->argc && invocation->argv != NULL; i++)
        free(invocation->argv[i]);
    for (size_t i = 0; i < invocation->file_count; i++) {
        free(invocation->files[i].name);
        free(invocation->files[i].inner);
    }
    free(invocation->argv);
    free(invocation->files);
    *invocation = (struct invocation){0};
}

char *invocation_shadowed(const struct plan_stage *stage, const struct invocation *invocation)
{
    const char *path = getenv("PATH");
    const char *active = getenv("VIRTUAL_ENV");
    if (active == NULL)
        active = getenv("CONDA_PREFIX");
    if (active == NULL || path == NULL || strchr(stage->argv[0], '/') != NULL)
        return NULL;
    while (*path != '\0') {
        struct text candidate = {0};
        size_t length = strcspn(path, ":");
        text_addf(&candidate, "%.*s/%s", (int)length, path, stage->argv[0]);
        bool there =
            !candidate.failed && is_regular(candidate.data) && access(candidate.data, X_OK) == 0;
        if (there && strcmp(candidate.data, invocation->argv[0]) != 0 &&
            strncmp(candidate.data, active, strlen(active)) == 0)
            return candidate.data;
        text_release(&candidate);
        if (there)
            return NULL;
        path += length + (path[length] == ':');
    }
    return NULL;
}
