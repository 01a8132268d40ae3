#include "plan/inner_path.h"

#include "base/text.h"

#include <string.h>

char *inner_path(const char *path, struct error *err)
{
    struct text normal = {0};
    int status = 0;
    text_add(&normal, "");
    if (*path == '/')
        status = error_set(err, ERR_USAGE, "'%s' is absolute", path);
    if (*path == '\0')
        status = error_set(err, ERR_USAGE, "'' is no path");
    for (const char *part = path; status == 0 && *part != '\0';) {
        size_t size = strcspn(part, "/");
        if (size == 2 && memcmp(part, "..", 2) == 0)
            status = error_set(err, ERR_USAGE, "'%s' leaves its folder with '..'", path);
        if (size > 0 && !(size == 1 && *part == '.')) {
            text_add(&normal, normal.size > 0 ? "/" : "");
            text_append(&normal, part, size);
        }
        part += size + (part[size] == '/');
    }
    if (status == 0)
        status = text_check(&normal, err);
    if (status == 0)
        return normal.data;
    text_release(&normal);
    return NULL;
}

static bool holds(const char *folder, const char *path)
{
    size_t size = strlen(folder);
    return size == 0 ||
           (strncmp(folder, path, size) == 0 && (path[size] == '/' || path[size] == '\0'));
}

bool inner_path_overlaps(const char *a, const char *b)
{
    return holds(a, b) || holds(b, a);
}
