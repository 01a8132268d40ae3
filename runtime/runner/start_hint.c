#include "runner/start_hint.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "runner/own_stage.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int refuse(const struct project *project, const struct plan_stage *stage, struct error *err,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

static int refuse(const struct project *project, const struct plan_stage *stage, struct error *err,
                  const char *format, ...)
{
    char what[512];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    return error_set(err, ERR_USAGE, "%s:%d:%d: stage '%s': %s", project->plan->file,
                     stage->place.line, stage->place.column, stage->name, what);
}

static bool is_in_project(const struct project *project, const char *word)
{
    struct stat st;
    struct error ignored;
    char *path = file_join(project->plan->folder, word, &ignored);
    bool there = path != NULL && stat(path, &st) == 0 && S_ISREG(st.st_mode);
    free(path);
    return there;
}

/* ", did you mean './train.sh'?", of the files in the folder that `word` names; the nearest may be
 * what `word` says, a folder or a link to nothing. */
static void suggest_path(const struct project *project, const char *word, struct text *text)
{
    struct error ignored;
    struct text nearest = {0};
    char **names = NULL;
    size_t count = 0;
    const char *slash = strrchr(word, '/');
    text_append(&nearest, word, (size_t)(slash - word) + 1);
    char *folder = *word == '/' ? memory_copy_text(text_string(&nearest), &ignored)
                                : file_join(project->plan->folder, text_string(&nearest), &ignored);
    if (folder != NULL && file_list(folder, &names, &count, &ignored) == 0) {
        const char *found = text_nearest(slash + 1, (const char *const *)names, count);
        if (found != NULL && strcmp(found, slash + 1) == 0)
            text_add(text, ": what lies there is no file");
        else if (found != NULL)
            text_addf(text, ", did you mean '%s%s'?", text_string(&nearest), found);
        file_free_names(names, count);
    }
    free(folder);
    text_release(&nearest);
}

/* Where people have a program that the stage's PATH does not reach. */
static void suggest_program(const char *word, struct text *text)
{
    const char *home = getenv("HOME");
    struct text local = {0};
    text_addf(&local, "%s/.local/bin/%s", home != NULL ? home : "", word);
    if (strcmp(word, "python") == 0)
        text_add(text, ": write 'python3', or the path of the one that is meant");
    else if (home != NULL && !local.failed && access(local.data, X_OK) == 0)
        text_addf(text, ": it lies in '%s/.local/bin', which PATH has to name", home);
    text_release(&local);
}

/* What a bare name can mean beside a program in PATH: a stage of ours, where it stands alone. */
static void suggest_stage(const struct plan_stage *stage, const char *word, struct text *text)
{
    struct error ignored;
    char **names = NULL;
    size_t count = 0;
    char *own = own_stage_path(word, &ignored), *folder = own_stage_folder(&ignored);
    const char *found = NULL;
    if (stage->argc == 1 && folder != NULL && file_list(folder, &names, &count, &ignored) == 0)
        found = text_nearest(word, (const char *const *)names, count);
    if (own != NULL)
        text_addf(text, ": a stage that comes with Reprise takes no words, write 'cmd: %s'", word);
    else if (stage->argc == 1)
        text_addf(text, ", nor a stage in '%s'", folder != NULL ? folder : "stages");
    if (found != NULL)
        text_addf(text, ", did you mean '%s'?", found);
    if (names != NULL)
        file_free_names(names, count);
    free(folder);
    free(own);
}

int start_hint_missing(const struct project *project, const struct plan_stage *stage,
                       const char *word, struct error *err)
{
    bool is_name = strchr(word, '/') == NULL;
    if (is_name && is_in_project(project, word))
        return refuse(project, stage, err,
                      "'%s' is not an executable file in PATH; for the project's file write './%s'",
                      word, word);
    if (is_name && strchr(word, ' ') != NULL)
        return refuse(project, stage, err,
                      "'%s' is not an executable file in PATH: a list is the words of one command, "
                      "or write it as one text",
                      word);
    struct text way = {0};
    if (is_name)
        suggest_program(word, &way);
    if (is_name && way.size == 0)
        suggest_stage(stage, word, &way);
    if (!is_name)
        suggest_path(project, word, &way);
    if (way.size == 0 && !is_name)
        text_add(&way, strncmp(word, "build/", 6) == 0 ? ": run make first" : ": there is none");
    int result = refuse(project, stage, err, "'%s' is not an executable file%s%s", word,
                        is_name ? " in PATH" : "", text_string(&way));
    text_release(&way);
    return result;
}

bool start_hint_is_noexec(const char *path)
{
    struct statvfs about;
    return statvfs(path, &about) == 0 && (about.f_flag & ST_NOEXEC) != 0;
}

int start_hint_mode(const struct project *project, const struct plan_stage *stage, const char *word,
                    struct error *err)
{
    struct error ignored;
    struct stat st;
    char *path = file_join(project->plan->folder, word, &ignored);
    const char *place = word[0] == '/' || path == NULL ? word : path;
    bool noexec = stat(place, &st) == 0 && (st.st_mode & 0111) != 0 && start_hint_is_noexec(place);
    free(path);
    if (noexec)
        return refuse(project, stage, err,
                      "'%s' lies on a file system that is mounted noexec: begin cmd with its "
                      "interpreter",
                      word);
    return refuse(project, stage, err, "'%s' is not an executable file: chmod +x %s", word, word);
}

/* Bytes that no text has, or none at all. */
static bool is_text(const struct executable *program)
{
    return program->head_size == 0 || memchr(program->head, '\0', program->head_size) == NULL;
}

int start_hint_check_head(const struct project *project, const struct plan_stage *stage,
                          const char *word, const struct executable *program, struct error *err)
{
    if (strncmp(program->head, "#!", 2) == 0) {
        const char *end = memchr(program->head, '\n', program->head_size);
        if (end != NULL && end[-1] == '\r')
            return refuse(project, stage, err,
                          "'%s' has Windows line ends: its first line names an interpreter with a "
                          "carriage return (sed -i 's/\\r$//' %s)",
                          word, word);
        return 0;
    }
    if (is_text(program))
        return refuse(project, stage, err,
                      "'%s' has no '#!' line that names its interpreter, such as '#!/bin/sh'; or "
                      "write 'cmd: sh %s'",
                      word, word);
    return 0;
}

int start_hint_interpreter(const struct project *project, const struct plan_stage *stage,
                           const char *word, const char *interpreter, struct error *err)
{
    return refuse(project, stage, err,
                  "'%s' names the interpreter '%s' in its first line, which is not an executable "
                  "file%s",
                  word, interpreter,
                  strchr(interpreter, '/') == NULL ? " in the stage's PATH" : "");
}
