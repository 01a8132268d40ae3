/* reprise diff [A [B]]: what changed from A to B, which are runs, profiles, lock files or revisions
 * of git (side.h). Without words the last run and the one before it; with one, that and what the
 * project's lock file says now. --html FILE writes a page, too. */
#include "base/file.h"
#include "base/memory.h"
#include "command/commands.h"
#include "command/diff_pictures.h"
#include "command/difference.h"
#include "command/print.h"
#include "runner/record.h"

#include <limits.h>
#include <stdlib.h>

static int compare(const struct options *options, const struct project *project, const char *a,
                   const char *b, const char *html, struct error *err)
{
    struct side before = {0}, after = {0};
    struct text text = {0};
    json_t *difference = NULL, *records = record_read_all(project, err);
    int result = -1;
    if (records != NULL && side_open(project, records, a, &before, err) == 0 &&
        side_open(project, records, b, &after, err) == 0 &&
        (difference = difference_make(project->plan, &before, &after, err)) != NULL)
        result = diff_pictures(project, &before, &after, difference, html, err);
    if (result == 0 && options->json)
        result = print_json(difference, err);
    else if (result == 0) {
        difference_text(difference, &text);
        result = print_text(&text, err);
    }
    json_decref(difference);
    json_decref(records);
    side_release(&after);
    side_release(&before);
    return result;
}

/* The page's path, from where the caller is or sent us: opening a project goes to its folder. */
static int place_page(const struct options *options, char **path, struct error *err)
{
    const char *folder = options->project.folder;
    char here[PATH_MAX];
    *path = NULL;
    if (options->html == NULL)
        return 0;
    if (realpath(folder != NULL ? folder : ".", here) == NULL)
        return error_errno(err, "cannot work in '%s'", folder != NULL ? folder : ".");
    *path = options->html[0] == '/' ? memory_copy_text(options->html, err)
                                    : file_join(here, options->html, err);
    return *path == NULL ? -1 : 0;
}

int command_diff(const struct options *options, struct error *err)
{
    struct project project;
    char *html;
    if (place_page(options, &html, err) < 0)
        return -1;
    if (project_open(&options->project, PROJECT_AS_RECORDED, &project, err) < 0) {
        free(html);
        return -1;
    }
    const char *a = options->word_count > 0 ? options->words[0] : "last~1";
    const char *b = options->word_count > 1   ? options->words[1]
                    : options->word_count > 0 ? lock_reader_path(project.lock)
                                              : "last";
    int result = compare(options, &project, a, b, html, err);
    free(html);
    project_close(&project);
    return result;
}
