#include "runner/invocation.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "plan/inner_path.h"
#include "runner/env_words.h"
#include "runner/environment.h"
#include "runner/own_stage.h"
#include "runner/start_hint.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { INTERPRETER_DEPTH = 5, WORD_SIZE = EXECUTABLE_HEAD + 1 };

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
                    const char *path, const struct executable **program, struct error *err)
{
    struct invocation *invocation = maker->invocation;
    struct error ignored;
    if (executables_find(maker->project->programs, path, maker->depth, program, err) < 0 ||
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

/* The first line's interpreter, and all that follows it as one word, as the kernel gives them;
 * false where there is no such line. */
static bool read_first_line(const char *head, char name[WORD_SIZE], char rest[WORD_SIZE])
{
    if (strncmp(head, "#!", 2) != 0)
        return false;
    const char *at = head + 2 + strspn(head + 2, " \t");
    size_t length = strcspn(at, " \t\n");
    snprintf(name, WORD_SIZE, "%.*s", (int)length, at);
    at += length;
    at += strspn(at, " \t");
    length = strcspn(at, "\n");
    while (length > 0 && (at[length - 1] == ' ' || at[length - 1] == '\t'))
        length--;
    snprintf(rest, WORD_SIZE, "%.*s", (int)length, at);
    return name[0] != '\0';
}

static bool is_env(const char *path)
{
    const char *slash = strrchr(path, '/');
    return strcmp(slash != NULL ? slash + 1 : path, "env") == 0;
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

static int add_interpreters(struct maker *maker, const char *word, const struct executable *program,
                            int level, struct error *err);

/* A program that a starter or the first line of `word` names: by path, or to be found in PATH.
 * `word` is NULL where cmd names it. */
static int add_named(struct maker *maker, const char *word, const char *name, int level,
                     struct error *err)
{
    const struct executable *program;
    const char *path = name;
    if (strchr(name, '/') == NULL) {
        path = executables_search(maker->project->programs, path_variable(maker), name, err);
        if (path == NULL && err->kind == ERR_MEMORY)
            return -1;
    }
    if (path == NULL || path[0] != '/' || !is_regular(path) || access(path, X_OK) < 0)
        return word != NULL ? start_hint_interpreter(maker->project, maker->stage, word, name, err)
                            : start_hint_missing(maker->project, maker->stage, name, err);
    if (add_file(maker, path, true, false, path, &program, err) < 0)
        return -1;
    return add_interpreters(maker, word != NULL ? word : name, program, level + 1, err);
}

/* "nice ./train.py": the file is a word of cmd; what its first line names counts, too. */
static int add_behind_path(struct maker *maker, const char *word, struct error *err)
{
    const struct executable *program;
    char *path = file_join(maker->project->plan->folder, word, err);
    if (path == NULL)
        return -1;
    int result = 0;
    if (is_regular(path) && access(path, X_OK) == 0 &&
        (result = executables_find(maker->project->programs, path, maker->depth, &program, err)) ==
            0)
        result = add_interpreters(maker, word, program, 0, err);
    free(path);
    return result;
}

/* Which of the words behind a starter that is not env is what it starts: no option, no number of
 * nice, no signal of timeout. `count` where none is. */
static int find_started(struct maker *maker, const char *const *words, size_t count, size_t *found,
                        struct error *err)
{
    for (*found = 0; *found < count; ++*found) {
        const char *word = words[*found];
        if (word[0] == '-' || strchr(word, '=') != NULL)
            continue;
        if (strchr(word, '/') != NULL) {
            if (word[0] != '/' || (is_regular(word) && access(word, X_OK) == 0))
                return 0;
        } else if (executables_search(maker->project->programs, path_variable(maker), word, err) !=
                   NULL)
            return 0;
        else if (err->kind == ERR_MEMORY)
            return -1;
    }
    return 0;
}

/* What a starter starts with these words, and what that starts: "env -i A=1 nice -n 5 python3
 * x.py" is python3. `word` as above. */
static int add_started(struct maker *maker, const char *word, const char *starter,
                       const char *const *words, size_t count, int level, struct error *err)
{
    struct env_words of_env = {0};
    size_t at = 0;
    int result = 0;
    if (is_env(starter)) {
        result = env_words_make(maker->stage, words, count, &of_env, err);
        words = (const char *const *)of_env.list;
        count = of_env.count;
    } else
        result = find_started(maker, words, count, &at, err);
    if (result == 0 && at < count) {
        const char *name = words[at];
        if (word == NULL && strchr(name, '/') != NULL && name[0] != '/')
            result = add_behind_path(maker, name, err);
        else if ((result = add_named(maker, word, name, level, err)) == 0 && is_starter(name))
            result = add_started(maker, word, name, words + at + 1, count - at - 1, level, err);
    }
    env_words_release(&of_env);
    return result;
}

static int add_interpreters(struct maker *maker, const char *word, const struct executable *program,
                            int level, struct error *err)
{
    char name[WORD_SIZE], rest[WORD_SIZE];
    const char *const words[] = {rest};
    if (level == INTERPRETER_DEPTH || !read_first_line(program->head, name, rest))
        return 0;
    if (add_named(maker, word, name, level, err) < 0)
        return -1;
    return is_starter(name) ? add_started(maker, word, name, words, rest[0] != '\0', level, err)
                            : 0;
}

/* A path of the first word, or of one of the program's own stages, in fresh memory. */
static char *find_path(const struct maker *maker, const char *word, struct error *err)
{
    char *path = word[0] == '/' ? memory_copy_text(word, err)
                                : file_join(maker->project->plan->folder, word, err);
    if (path != NULL && !is_regular(path)) {
        free(path);
        path = own_stage_path(word, err);
        if (path == NULL && err->kind == ERR_NONE)
            start_hint_missing(maker->project, maker->stage, word, err);
    }
    if (path != NULL && access(path, X_OK) < 0) {
        start_hint_mode(maker->project, maker->stage, word, err);
        free(path);
        return NULL;
    }
    return path;
}

/* The same of a bare name: of a stage that comes with this program, where it is all of cmd, else of
 * a program in PATH. */
static char *find_name(struct maker *maker, const char *word, struct error *err)
{
    if (maker->stage->argc == 1) {
        char *own = own_stage_path(word, err);
        maker->invocation->by_path = own != NULL;
        if (own != NULL || err->kind != ERR_NONE)
            return own;
    }
    const char *path =
        executables_search(maker->project->programs, path_variable(maker), word, err);
    if (path == NULL && err->kind != ERR_MEMORY)
        start_hint_missing(maker->project, maker->stage, word, err);
    return path == NULL ? NULL : memory_copy_text(path, err);
}

/* The first word: what is started. */
static int add_program(struct maker *maker, struct error *err)
{
    struct invocation *invocation = maker->invocation;
    const char *word = maker->stage->argv[0];
    bool is_name = strchr(word, '/') == NULL;
    invocation->by_path = !is_name;
    char *path = is_name ? find_name(maker, word, err) : find_path(maker, word, err);
    int result = -1;
    if (path == NULL ||
        add_file(maker, word, false, !is_name && word[0] != '/', path, &invocation->program, err) <
            0 ||
        start_hint_check_head(maker->project, maker->stage, word, invocation->program, err) < 0 ||
        add_interpreters(maker, word, invocation->program, 0, err) < 0)
        goto done;
    /* A file of the project runs as a copy, under its own name in the work folder. */
    bool copied = invocation->files[0].inner != NULL;
    invocation->argv[0] = copied ? memory_copy_text(word, err) : memory_copy_text(path, err);
    result = invocation->argv[0] == NULL ? -1 : 0;
done:
    free(path);
    return result;
}

static int add_word(struct maker *maker, size_t index, struct error *err)
{
    const struct executable *ignored;
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
    if (result == 0 && is_starter(stage->argv[0]))
        result = add_started(&maker, NULL, stage->argv[0], (const char *const *)stage->argv + 1,
                             stage->argc - 1, 0, err);
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
    if (active == NULL || path == NULL || invocation->by_path)
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
