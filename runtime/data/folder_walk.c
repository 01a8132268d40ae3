#include "data/folder_walk.h"

#include "base/file.h"
#include "base/memory.h"

#include <stdlib.h>
#include <sys/stat.h>

enum { DEPTH = 64 };

bool folder_walk_visible(const char *name)
{
    return name[0] != '.';
}

static int walk(const char *folder, const char *below, int depth,
                const struct folder_visitor *visitor, struct error *err)
{
    char **names;
    size_t count;
    if (depth > DEPTH)
        return error_set(err, ERR_FORMAT, "'%s': folders are nested too deep", folder);
    if (file_list(folder, &names, &count, err) < 0)
        return -1;
    int result = 0;
    for (size_t i = 0; result == 0 && i < count; i++) {
        struct stat st = {0};
        char *full = file_join(folder, names[i], err);
        char *path = *below ? file_join(below, names[i], err) : memory_copy_text(names[i], err);
        const bool seen = full != NULL && stat(full, &st) == 0;
        const struct folder_file file = {path, full, names[i], seen && S_ISREG(st.st_mode)};
        if (full == NULL || path == NULL)
            result = -1;
        else if (!seen || !S_ISDIR(st.st_mode))
            result = visitor->file(visitor->context, &file, err);
        else if (visitor->enters(names[i]))
            result = walk(full, path, depth + 1, visitor, err);
        free(full);
        free(path);
    }
    file_free_names(names, count);
    return result;
}

int folder_walk(const char *folder, const struct folder_visitor *visitor, struct error *err)
{
    return walk(folder, "", 0, visitor, err);
}
