/* Any bytes as fit.checkpoint of a training with few weights, whose digest is
 * zeros, or as a state of such a training. A digest of zeros at the end stands
 * for the right one. */
#include "base/file.h"
#include "fuzz/fuzz_folder.h"
#include "nn/fit_checkpoint.h"

#include <stdlib.h>
#include <string.h>

enum { WEIGHTS = 3, MOMENTS = 2, AVERAGES = 1 };

/* Loads from one folder and saves to another, as a state. */
static bool reread(const char *from, const char *to)
{
    struct error err = {0};
    struct fit_checkpoint checkpoint;
    int64_t epochs = -1;
    char in[2 * FUZZ_PATH_SIZE], out[2 * FUZZ_PATH_SIZE];
    snprintf(in, sizeof(in), "%s/fit.checkpoint", from);
    snprintf(out, sizeof(out), "%s/fit.checkpoint", to);
    ASSERT(fit_checkpoint_init(&checkpoint, WEIGHTS, MOMENTS, AVERAGES, &err) == 0);
    const bool read = fit_checkpoint_read(in, &checkpoint, &err) == 0;
    const bool said = fit_checkpoint_words(in, &checkpoint.words, &epochs, &err) == 0;
    ASSERT(said || !read);
    if (!read || !said)
        ASSERT(fuzz_error_is_good(&err));
    if (read) {
        ASSERT(epochs == (int64_t)checkpoint.history.count && checkpoint.words.size > 0);
        checkpoint.owner = (struct digest){0};
        ASSERT(fit_checkpoint_write(out, &checkpoint, &err) == 0);
    }
    fit_checkpoint_release(&checkpoint);
    return read;
}

/* Loads from one folder and saves to another. */
static bool reload(const char *from, const char *to)
{
    struct error err = {0};
    struct fit_checkpoint checkpoint;
    const char *why = NULL;
    bool found = false;
    ASSERT(fit_checkpoint_init(&checkpoint, WEIGHTS, MOMENTS, AVERAGES, &err) == 0);
    ASSERT(fit_checkpoint_load(from, &checkpoint, &found, &why, &err) == 0);
    ASSERT(found == (why == NULL));
    if (found)
        ASSERT(fit_checkpoint_save(to, &checkpoint, &err) == 0);
    else
        ASSERT(checkpoint.history.count == 0);
    fit_checkpoint_release(&checkpoint);
    return found;
}

static void name_file(const char *folder, char path[2 * FUZZ_PATH_SIZE])
{
    struct error err = {0};
    ASSERT(file_make_folders(folder, &err) == 0);
    snprintf(path, 2 * FUZZ_PATH_SIZE, "%s/fit.checkpoint", folder);
}

enum fuzz_verdict fuzz_checkpoint(const uint8_t *data, size_t size)
{
    struct fuzz_folder folder;
    enum fuzz_verdict verdict = FUZZ_REFUSED;
    char first[2 * FUZZ_PATH_SIZE], second[2 * FUZZ_PATH_SIZE], third[2 * FUZZ_PATH_SIZE];
    char last[FUZZ_PATH_SIZE];
    const size_t covered = size < DIGEST_SIZE ? size : size - DIGEST_SIZE;
    uint8_t *copy = fuzz_complete(data, size, covered, 0, covered);
    fuzz_folder_make(&folder, data, size);
    snprintf(last, sizeof(last), "%.40s/last", folder.path);
    name_file(folder.output, first);
    name_file(folder.again, second);
    name_file(last, third);
    fuzz_write(first, copy, size);
    const bool loaded = reload(folder.output, folder.again);
    if (loaded || reread(folder.output, folder.again)) {
        ASSERT(loaded ? reload(folder.again, last) : reread(folder.again, last));
        ASSERT(fuzz_files_equal(second, third));
        verdict = fuzz_verdict(second, copy, size);
    }
    fuzz_folder_remove(&folder);
    free(copy);
    return verdict;
}
