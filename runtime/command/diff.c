/* reprise diff [A [B]]: what changed from A to B, which are runs, profiles, lock files or revisions
 * of git (side.h). Without words the last run and the one before it; with one, that and what the
 * project's lock file says now. --html FILE writes a page, too; --format
 * markdown is for the summary of a CI's job. */
#include "command/commands.h"
#include "command/diff_pictures.h"
#include "command/difference.h"
#include "command/print.h"
#include "runner/record.h"

#include <stdlib.h>
#include <string.h>

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
        (options->format != NULL ? difference_markdown : difference_text)(difference, &text);
        result = print_text(&text, err);
    }
    json_decref(difference);
    json_decref(records);
    side_release(&after);
    side_release(&before);
    return result;
}

int command_diff(const struct options *options, struct error *err)
{
    struct project project;
    char *html;
    if (options->format != NULL && strcmp(options->format, "markdown") != 0)
        return error_set(err, ERR_USAGE, "--format '%s': expected markdown", options->format);
    if (options_place(options, options->html, &html, err) < 0)
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
