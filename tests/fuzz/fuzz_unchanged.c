/* Any bytes as cache/unchanged, of the question "q", where the project is held with sixty-four a. A
 * check of zeros stands for the right one. */
#include "fuzz/fuzz_folder.h"
#include "runner/unchanged.h"
#include "store/memo.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* As unchanged.c describes: the check in the head, of all that follows it. */
enum { CHECK_AT = 16, CHECKED_AT = 24 };

static char *complete(const uint8_t *data, size_t size)
{
    uint64_t sum;
    char *copy = malloc(size + 1);
    ASSERT(copy != NULL);
    memcpy(copy, data, size);
    if (size < CHECKED_AT)
        return copy;
    memcpy(&sum, copy + CHECK_AT, sizeof(sum));
    if (sum == 0) {
        sum = memo_checksum(copy + CHECKED_AT, size - CHECKED_AT);
        memcpy(copy + CHECK_AT, &sum, sizeof(sum));
    }
    return copy;
}

static void write_lock(const struct fuzz_folder *folder)
{
    char path[2 * FUZZ_PATH_SIZE], values[HOLD_VALUES];
    memset(values, 'a', HOLD_VALUES - 1);
    values[HOLD_VALUES - 1] = '.'; /* the last run ended */
    snprintf(path, sizeof(path), "%s/cache", folder->path);
    ASSERT(mkdir(path, 0755) == 0);
    snprintf(path, sizeof(path), "%s/cache/run.lock", folder->path);
    fuzz_write(path, values, sizeof(values));
}

/* As many texts as are promised, each with a NUL, and none empty. */
static void check_texts(const struct text *texts, size_t count)
{
    size_t found = 0;
    for (size_t at = 0; at < texts->size; at += strlen(texts->data + at) + 1, found++)
        ASSERT(texts->data[at] != '\0');
    ASSERT(found == count);
}

static void check_said(const struct unchanged_said *said)
{
    size_t missed = 0;
    check_texts(&said->stages, said->stage_count);
    check_texts(&said->lines, said->line_count);
    for (size_t at = 0; at < said->lines.size; at += strlen(said->lines.data + at) + 1)
        missed += said->lines.data[at] == UNCHANGED_MISSED;
    ASSERT(missed == said->missed);
}

enum fuzz_verdict fuzz_unchanged(const uint8_t *data, size_t size)
{
    struct fuzz_folder folder;
    struct unchanged_said said = {0}, again = {0};
    struct hold hold = {.fd = -1};
    char *copy = complete(data, size);
    fuzz_folder_make(&folder, data, size);
    write_lock(&folder);
    bool stands = unchanged_answers(copy, size, folder.path, "q", &hold, &said);
    ASSERT(stands == (hold.fd >= 0));
    if (stands) {
        check_said(&said);
        hold_release(&hold, true);
        /* It stands as long as nothing changes, and for nobody else. */
        ASSERT(unchanged_answers(copy, size, folder.path, "q", &hold, &again));
        hold_release(&hold, true);
        unchanged_said_release(&again);
        ASSERT(!unchanged_answers(copy, size, folder.path, "Q", &hold, &again));
    }
    unchanged_said_release(&said);
    unchanged_said_release(&again);
    fuzz_folder_remove(&folder);
    free(copy);
    return stands ? FUZZ_ACCEPTED : FUZZ_REFUSED;
}
