#include "store/ignore.h"

#include "base/memory.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

struct pattern {
    const char *glob; /* on the heap, but for those built in */
    bool counts;      /* "!": not ignored after all */
    bool folder_only; /* ended with a slash */
    bool whole_path;  /* from the project's folder, not the name alone */
};

struct ignore {
    char *folder;
    struct pattern *patterns;
    size_t count, capacity;
};

static const struct pattern built_in[] = {
    {.glob = "__pycache__", .folder_only = true},
    {.glob = "*.pyc"},
    {.glob = ".ipynb_checkpoints", .folder_only = true},
    {.glob = ".git"},
    {.glob = ".hg"},
    {.glob = ".svn"},
    {.glob = ".DS_Store"},
    {.glob = "Thumbs.db"},
    {.glob = "*~"},
    {.glob = ".*.sw?"},
    {.glob = ".#*"},
    {.glob = "#*#"},
    {.glob = ".nfs*"},
    {.glob = ".reprise-*-*"},
};

static int add_line(struct ignore *ignore, const char *line, size_t length, int number,
                    struct error *err)
{
    while (length > 0 && strchr(" \t\r", line[length - 1]) != NULL)
        length--;
    if (length == 0 || line[0] == '#')
        return 0;
    struct pattern pattern = {.counts = line[0] == '!'};
    line += pattern.counts, length -= pattern.counts;
    pattern.folder_only = length > 0 && line[length - 1] == '/';
    length -= pattern.folder_only;
    pattern.whole_path = memchr(line, '/', length) != NULL;
    if (length > 0 && line[0] == '/')
        line++, length--;
    if (length == 0)
        return error_set(err, ERR_USAGE, ".reprise-ignore:%d: a pattern that names nothing",
                         number);
    char *glob;
    if (memory_grow(&ignore->patterns, &ignore->capacity, ignore->count + 1,
                    sizeof(*ignore->patterns), err) < 0 ||
        (glob = memory_new(length + 1, 1, err)) == NULL)
        return -1;
    memcpy(glob, line, length);
    pattern.glob = glob;
    ignore->patterns[ignore->count++] = pattern;
    if (strstr(pattern.glob, "**") != NULL)
        return error_set(err, ERR_USAGE,
                         ".reprise-ignore:%d: '**' is not known here; a pattern without a slash "
                         "matches names at any depth",
                         number);
    return 0;
}

int ignore_parse(const char *folder, const char *text, struct ignore **parsed, struct error *err)
{
    struct ignore *ignore = memory_new(1, sizeof(*ignore), err);
    if (ignore == NULL)
        return -1;
    int result = (ignore->folder = memory_copy_text(folder, err)) == NULL ? -1 : 0;
    int number = 1;
    for (const char *line = text; line != NULL && *line != '\0' && result == 0; number++) {
        size_t length = strcspn(line, "\n");
        result = add_line(ignore, line, length, number, err);
        line += length + (line[length] == '\n');
    }
    if (result == 0)
        *parsed = ignore;
    else
        ignore_free(ignore);
    return result;
}

void ignore_free(struct ignore *ignore)
{
    if (ignore == NULL)
        return;
    for (size_t i = 0; i < ignore->count; i++)
        free((char *)ignore->patterns[i].glob);
    free(ignore->patterns);
    free(ignore->folder);
    free(ignore);
}

/* `below` is the path from the project's folder, or NULL where it lies outside. */
static bool matches(const struct pattern *pattern, const char *name, const char *below,
                    bool is_folder)
{
    if (pattern->folder_only && !is_folder)
        return false;
    if (!pattern->whole_path)
        return fnmatch(pattern->glob, name, 0) == 0;
    return below != NULL && fnmatch(pattern->glob, below, FNM_PATHNAME) == 0;
}

static const char *path_below(const char *folder, const char *path)
{
    size_t length = strlen(folder);
    while (length > 0 && folder[length - 1] == '/')
        length--;
    if (strncmp(path, folder, length) != 0 || path[length] != '/')
        return NULL;
    path += length;
    /* A dep "./data" leaves its mark in the path. */
    while (path[0] == '/' || (path[0] == '.' && path[1] == '/'))
        path++;
    return path;
}

/* Of what lies in the project's own folder. */
static bool is_none_of_its_folders(const char *name, bool is_folder)
{
    return !is_folder || name[0] == '.' || strcmp(name, "artifacts") == 0 ||
           strcmp(name, "cache") == 0 || strcmp(name, "reports") == 0;
}

bool ignore_matches(const struct ignore *ignore, const char *path, bool is_folder)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    bool ignored = false;
    for (size_t i = 0; i < sizeof(built_in) / sizeof(built_in[0]) && !ignored; i++)
        ignored = matches(&built_in[i], name, NULL, is_folder);
    if (ignore == NULL)
        return ignored;
    const char *below = path_below(ignore->folder, path);
    if (below != NULL && strchr(below, '/') == NULL && is_none_of_its_folders(name, is_folder))
        return true;
    for (size_t i = 0; i < ignore->count; i++)
        if (matches(&ignore->patterns[i], name, below, is_folder))
            ignored = !ignore->patterns[i].counts;
    return ignored;
}
