/* Any bytes from a stage's progress descriptor: what is shown of them is clean,
 * and the same however the pipe cuts them. */
#include "fuzz/fuzz_folder.h"
#include "runner/progress.h"

#include <stdlib.h>
#include <string.h>

/* Longer lines are dropped where they are cut. */
enum { WHOLE_LINES = 16384 };

static void check_clean(const struct progress *progress)
{
    ASSERT(fuzz_text_is_clean(progress->what) && fuzz_text_is_clean(progress->unit));
    ASSERT(progress->fraction <= 1.0);
    for (int i = 0; i < progress->metric_count; i++)
        ASSERT(fuzz_text_is_clean(progress->metrics[i].name));
    /* A tab marks a result, and stands nowhere else. */
    char *lines = strdup(text_string(&progress->lines)), *rest = lines;
    ASSERT(lines != NULL);
    for (char *line; (line = strsep(&rest, "\n")) != NULL;)
        ASSERT(fuzz_text_is_clean(line + (*line == PROGRESS_RESULT)));
    free(lines);
}

static void check_same(const struct progress *a, const struct progress *b)
{
    ASSERT(strcmp(a->what, b->what) == 0 && strcmp(a->unit, b->unit) == 0);
    ASSERT(a->done == b->done && a->total == b->total && a->turns == b->turns);
    ASSERT(a->metric_count == b->metric_count);
    ASSERT(strcmp(text_string(&a->lines), text_string(&b->lines)) == 0);
}

enum fuzz_verdict fuzz_progress(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    struct progress whole = {0}, cut = {0};
    progress_feed(&whole, bytes, size, 1.0);
    for (size_t at = 0; at < size; at += 7)
        progress_feed(&cut, bytes + at, size - at < 7 ? size - at : 7, 1.0 + (double)at);
    progress_end(&whole);
    progress_end(&cut);
    check_clean(&whole);
    check_clean(&cut);
    if (size <= WHOLE_LINES)
        check_same(&whole, &cut);
    bool said = whole.turns > 0 || whole.metric_count > 0 || whole.lines.size > 0;
    progress_release(&whole);
    progress_release(&cut);
    return said ? FUZZ_ACCEPTED : FUZZ_REFUSED;
}
