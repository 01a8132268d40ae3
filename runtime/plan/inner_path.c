#include "plan/inner_path.h"

#include "base/memory.h"
#include "base/text.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

char *inner_path(const char *path, struct error *err)
{
    if (*path == '/' || *path == '\0') {
        error_set(err, ERR_USAGE, *path == '/' ? "'%s' is absolute" : "'%s' is no path", path);
        return NULL;
    }
    char *normal = memory_new(strlen(path) + 1, 1, err), *end = normal;
    for (const char *part = path; normal != NULL && *part != '\0';) {
        size_t size = strcspn(part, "/");
        if (size > NAME_MAX) {
            error_set(err, ERR_USAGE, "'%.32s...' is longer than the %d bytes that a name may have",
                      part, NAME_MAX);
            free(normal);
            return NULL;
        }
        if (size == 2 && memcmp(part, "..", 2) == 0) {
            error_set(err, ERR_USAGE, "'%s' leaves its folder with '..'", path);
            free(normal);
            return NULL;
        }
        if (size > 0 && !(size == 1 && *part == '.')) {
            if (end > normal)
                *end++ = '/';
            memcpy(end, part, size);
            end += size;
        }
        part += size + (part[size] == '/');
    }
    return normal;
}

bool outer_path_is_outside(const char *path)
{
    return *path == '/' || strcmp(path, "..") == 0 || strncmp(path, "../", 3) == 0;
}

/* What follows `folder` in an absolute path inside it, or NULL. */
static const char *rest_inside(const char *folder, const char *path)
{
    size_t size = strcmp(folder, "/") == 0 ? 0 : strlen(folder);
    if (strncmp(folder, path, size) != 0 || (path[size] != '/' && path[size] != '\0'))
        return NULL;
    return path + size + strspn(path + size, "/");
}

/* The normal form of what lies `up` folders above `folder`, or below the root. */
static int write_outer(const char *folder, size_t up, bool absolute, const char *rest,
                       struct text *normal, struct error *err)
{
    struct text full = {0};
    size_t size = absolute ? 0 : strlen(folder);
    for (size_t i = 0; i < up; i++)
        while (size > 0 && folder[--size] != '/')
            ;
    text_append(&full, folder, size);
    text_addf(&full, "%s%s", *rest == '\0' && size > 0 ? "" : "/", rest);
    const char *inside = text_check(&full, err) < 0 ? NULL : rest_inside(folder, full.data);
    text_add(normal, inside != NULL ? inside : absolute ? "/" : "..");
    for (size_t i = 1; inside == NULL && i < up; i++)
        text_add(normal, "/..");
    if (inside == NULL && *rest != '\0')
        text_addf(normal, "%s%s", absolute ? "" : "/", rest);
    int status = text_check(&full, err);
    text_release(&full);
    return status < 0 ? -1 : text_check(normal, err);
}

char *outer_path(const char *path, const char *folder, struct error *err)
{
    struct text normal = {0};
    bool absolute = *path == '/';
    size_t up = 0;
    const char *at = path + strspn(path, absolute ? "/" : "");
    while (!absolute && *at == '.') {
        size_t size = strcspn(at, "/");
        if (size > 2 || (size == 2 && at[1] != '.'))
            break;
        up += size == 2;
        at += size + strspn(at + size, "/");
    }
    char *rest = *at == '\0' && (absolute || up > 0)
                     ? memory_copy_text("", err)
                     : inner_path(up > 0 || absolute ? at : path, err);
    if (rest == NULL || (up == 0 && !absolute))
        return rest;
    int status = write_outer(folder, up, absolute, rest, &normal, err);
    free(rest);
    if (status == 0)
        return normal.data;
    text_release(&normal);
    return NULL;
}

bool inner_path_holds(const char *folder, const char *path)
{
    size_t size = strlen(folder);
    return size == 0 ||
           (strncmp(folder, path, size) == 0 && (path[size] == '/' || path[size] == '\0'));
}

bool inner_path_overlaps(const char *a, const char *b)
{
    return inner_path_holds(a, b) || inner_path_holds(b, a);
}

bool inner_path_is_git(const char *path)
{
    while (*path != '\0') {
        size_t size = strcspn(path, "/");
        if (size == 4 && strncasecmp(path, ".git", 4) == 0)
            return true;
        path += size + (path[size] == '/');
    }
    return false;
}
