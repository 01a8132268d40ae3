#include "data/splits.h"

#include "base/file.h"
#include "base/memory.h"

#include <stdlib.h>

/* `seen` [images] marks what occurred. */
static int open_part(const char *folder, const char *name, int64_t images, bool *seen,
                     struct npy *part, struct error *err)
{
    char *path = file_join(folder, name, err);
    if (path == NULL)
        return -1;
    int result = npy_read_as(path, NPY_I64, 1, part, err);
    if (result == 0 && part->count == 0)
        result = error_set(err, ERR_FORMAT, "'%s' has no indices", path);
    for (int64_t i = 0; result == 0 && i < part->count; i++) {
        int64_t index = ((const int64_t *)part->data)[i];
        if (index < 0 || index >= images)
            result = error_set(err, ERR_FORMAT, "'%s': index %lld is outside the %lld images", path,
                               (long long)index, (long long)images);
        else if (seen[index])
            result = error_set(err, ERR_FORMAT, "'%s': image %lld occurs twice in the split", path,
                               (long long)index);
        else
            seen[index] = true;
    }
    free(path);
    return result;
}

int splits_open(const char *folder, int64_t images, struct splits *splits, struct error *err)
{
    struct splits opened = {0};
    bool *seen = memory_new((size_t)images, sizeof(*seen), err);
    int result = seen != NULL ? 0 : -1;
    if (result == 0)
        result = open_part(folder, "train.npy", images, seen, &opened.train, err);
    if (result == 0)
        result = open_part(folder, "val.npy", images, seen, &opened.val, err);
    free(seen);
    if (result < 0) {
        splits_release(&opened);
        return -1;
    }
    *splits = opened;
    return 0;
}

void splits_release(struct splits *splits)
{
    npy_release(&splits->train);
    npy_release(&splits->val);
}
