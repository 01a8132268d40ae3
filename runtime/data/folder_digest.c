#include "data/folder_digest.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/stage.h"
#include "data/folder_walk.h"

#include <stdlib.h>
#include <string.h>

struct paths {
    char **items;
    size_t count, capacity;
};

static int add(void *context, const struct folder_file *file, struct error *err)
{
    struct paths *paths = context;
    if (!folder_walk_visible(file->name) || !file->regular)
        return 0;
    if (strpbrk(file->path, "\\\n\r") != NULL)
        return error_set(err, ERR_FORMAT, "the name '%s' holds a backslash or a line break",
                         file->path);
    if (memory_grow(&paths->items, &paths->capacity, paths->count + 1, sizeof(char *), err) < 0 ||
        (paths->items[paths->count] = memory_copy_text(file->path, err)) == NULL)
        return -1;
    paths->count++;
    return 0;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int hash_file(const char *folder, const char *path, struct hasher *hasher, struct error *err)
{
    struct digest digest;
    char hex[DIGEST_HEX_SIZE], *full = file_join(folder, path, err);
    if (stage_stop_requested()) {
        free(full);
        return stage_interrupted(err);
    }
    int result = full != NULL ? digest_of_file(full, &digest, err) : -1;
    free(full);
    if (result < 0)
        return -1;
    digest_to_hex(&digest, hex);
    return hasher_add(hasher, hex, strlen(hex), err) < 0 || hasher_add(hasher, "  ", 2, err) < 0 ||
                   hasher_add(hasher, path, strlen(path), err) < 0 ||
                   hasher_add(hasher, "\n", 1, err) < 0
               ? -1
               : 0;
}

int folder_digest(const char *folder, struct digest *digest, struct error *err)
{
    struct paths paths = {0};
    const struct folder_visitor visitor = {folder_walk_visible, add, &paths};
    struct hasher *hasher = hasher_new(err);
    int result = hasher == NULL || hasher_start(hasher, err) < 0 ? -1 : 0;
    if (result == 0)
        result = folder_walk(folder, &visitor, err);
    if (result == 0 && paths.count > 0)
        qsort(paths.items, paths.count, sizeof(char *), compare);
    for (size_t i = 0; result == 0 && i < paths.count; i++)
        result = hash_file(folder, paths.items[i], hasher, err);
    if (result == 0)
        result = hasher_finish(hasher, digest, err);
    hasher_free(hasher);
    for (size_t i = 0; i < paths.count; i++)
        free(paths.items[i]);
    free(paths.items);
    return result;
}
