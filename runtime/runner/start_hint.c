#include "runner/start_hint.h"

#include "base/file.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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
    return refuse(project, stage, err, "'%s' is not an executable file%s", word,
                  is_name                           ? " in PATH"
                  : strncmp(word, "build/", 6) == 0 ? ": run make first"
                                                    : ": there is none");
}

int start_hint_mode(const struct project *project, const struct plan_stage *stage, const char *word,
                    struct error *err)
{
    return refuse(project, stage, err, "'%s' is not an executable file: chmod +x %s", word, word);
}

/* Bytes that no text has, or none at all. */
static bool is_text(const struct program *program)
{
    return program->head_size == 0 || memchr(program->head, '\0', program->head_size) == NULL;
}

int start_hint_check_head(const struct project *project, const struct plan_stage *stage,
                          const char *word, const struct program *program, struct error *err)
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
