#include "runner/undeclared.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { TAIL = 4096, WORD = 512, WORDS = 400 };

static bool is_there(const char *folder, const char *path)
{
    struct stat st;
    struct error ignored;
    char *joined = file_join(folder, path, &ignored);
    bool there = joined != NULL && stat(joined, &st) == 0;
    free(joined);
    return there;
}

/* Whether the dep on the project's folders has it, which lies at its own place alone. */
static bool is_in_folders(const struct attempt *attempt, const char *path)
{
    const struct plan_stage *stage = attempt->job->stage;
    bool there = false;
    for (size_t i = 0; i < stage->dep_count && !there; i++) {
        struct text inner = {0};
        text_addf(&inner, "deps/%s/%s", stage->deps[i].name, path);
        there = stage->deps[i].path != NULL && strcmp(stage->deps[i].path, ".") == 0 &&
                is_there(attempt->folder, text_string(&inner));
        text_release(&inner);
    }
    return there;
}

/* The project has it and the work folder has not. */
static bool is_hidden(const struct attempt *attempt, const char *path)
{
    return path[0] != '/' && strncmp(path, "..", 2) != 0 &&
           is_there(attempt->jobs->project->plan->folder, path) &&
           !is_there(attempt->folder, path) && !is_in_folders(attempt, path);
}

/* "No module named 'model'": model.py or model/ beside a file of cmd, or, as of `python3 -m`, in
 * the project's folder. */
static bool module_of(const struct attempt *attempt, const char *name, char path[2 * WORD])
{
    static const char *const endings[] = {".py", ""};
    const struct invocation *invocation = &attempt->job->invocation;
    for (size_t e = 0; e < 2; e++) {
        int size = snprintf(path, 2 * WORD, "%.*s%s", (int)strcspn(name, "."), name, endings[e]);
        if (size < 2 * WORD && is_hidden(attempt, path))
            return true;
    }
    for (size_t i = 0; i < invocation->file_count; i++) {
        const char *file = invocation->files[i].inner;
        const char *slash = file == NULL ? NULL : strrchr(file, '/');
        int folder = slash == NULL ? 0 : (int)(slash - file) + 1;
        for (size_t e = 0; file != NULL && e < 2; e++) {
            int size = snprintf(path, 2 * WORD, "%.*s%.*s%s", folder, file, (int)strcspn(name, "."),
                                name, endings[e]);
            if (size < 2 * WORD && is_hidden(attempt, path))
                return true;
        }
    }
    return false;
}

static bool is_part(char c)
{
    return isalnum((unsigned char)c) || strchr("_-./+@", c) != NULL;
}

/* A name in the work folder, as programs that find themselves write it. */
static const char *without_folder(const struct attempt *attempt, const char *word)
{
    const char *folder = attempt_inside(attempt);
    size_t length = strlen(folder);
    return strncmp(word, folder, length) == 0 && word[length] == '/' ? word + length + 1 : word;
}

/* The next word that could be a path, without what a message puts behind it; NULL at the end. */
static const char *next_word(const char *at, char word[WORD])
{
    while (*at != '\0' && !is_part(*at))
        at++;
    size_t length = 0;
    while (at[length] != '\0' && is_part(at[length]))
        length++;
    if (length == 0)
        return NULL;
    size_t kept = length < WORD ? length : WORD - 1;
    memcpy(word, at, kept);
    while (kept > 1 && (word[kept - 1] == '.' || word[kept - 1] == '/'))
        kept--;
    word[kept] = '\0';
    return at + length;
}

/* What a line of the log says of a path that the sandbox keeps from a stage: it may not be read, or
 * as it seems is not there. */
static bool is_refusal(const char *line, const char *word)
{
    const size_t length = strcspn(line, "\n");
    const char *denied = strstr(line, "ermission denied"), *absent = strstr(line, "o such file");
    return (denied != NULL && denied < line + length) ||
           (absent != NULL && absent < line + length && namespaces_hides(word));
}

/* "cat: /home/me/data.csv: Permission denied": a path outside that the sandbox kept from the stage;
 * of one in the project its place there. */
static char *refused_path(const struct attempt *attempt, const char *log)
{
    struct error ignored;
    char word[WORD];
    const char *project = attempt->jobs->project->plan->folder;
    const size_t length = strlen(project);
    for (const char *line = log; *line != '\0';
         line += strcspn(line, "\n") + (strchr(line, '\n') != NULL)) {
        const char *end = line + strcspn(line, "\n"), *at = line;
        while ((at = next_word(at, word)) != NULL && at <= end) {
            if (word[0] != '/' || !is_refusal(line, word) ||
                without_folder(attempt, word) != word || !is_there("/", word))
                continue;
            bool inside = strncmp(word, project, length) == 0 && word[length] == '/';
            return memory_copy_text(inside ? word + length + 1 : word, &ignored);
        }
    }
    return NULL;
}

char *undeclared_find(const struct attempt *attempt, const struct text *log)
{
    struct error ignored;
    char word[WORD], path[2 * WORD];
    const char *data = text_string(log), *at = data + (log->size > TAIL ? log->size - TAIL : 0);
    bool module = false;
    char *refused =
        attempt->jobs->project->sandbox == SANDBOX_OFF ? NULL : refused_path(attempt, at);
    if (refused != NULL)
        return refused;
    for (int i = 0; i < WORDS && (at = next_word(at, word)) != NULL; i++) {
        if (module && module_of(attempt, word, path))
            return memory_copy_text(path, &ignored);
        bool looks_like_path = strchr(word, '/') != NULL || strchr(word, '.') != NULL;
        const char *inner = without_folder(attempt, word);
        if (looks_like_path && is_hidden(attempt, inner))
            return memory_copy_text(inner, &ignored);
        module = strcmp(word, "named") == 0;
    }
    return NULL;
}
