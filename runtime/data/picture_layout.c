#include "data/picture_layout.h"

#include "base/memory.h"
#include "data/picture.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- which paths ---- */

static bool is_hidden_part(const char *part, size_t size)
{
    static const char *const names[] = {"__MACOSX", "Thumbs.db", "desktop.ini"};
    if (part[0] == '.' && !(size == 1))
        return true;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strlen(names[i]) == size && strncasecmp(names[i], part, size) == 0)
            return true;
    return false;
}

static bool is_hidden(const char *path)
{
    while (*path != '\0') {
        const size_t size = strcspn(path, "/");
        if (is_hidden_part(path, size))
            return true;
        path += size + (path[size] == '/');
    }
    return false;
}

static int keep_name(char *names[PICTURE_LIST_NAMES], size_t *count, const char *name,
                     struct error *err)
{
    if (*count < PICTURE_LIST_NAMES && (names[*count] = memory_copy_text(name, err)) == NULL)
        return -1;
    ++*count;
    return 0;
}

int picture_layout_takes(struct picture_list *list, const char *path, bool *takes,
                         struct error *err)
{
    *takes = false;
    if (is_hidden(path)) {
        list->hidden++;
        return 0;
    }
    *takes = picture_is_name(path);
    return *takes ? 0 : keep_name(list->other_names, &list->others, path, err);
}

/* ---- parts and classes ---- */

static int compare_paths(const void *a, const void *b)
{
    return strcmp(((const struct picture_entry *)a)->path, ((const struct picture_entry *)b)->path);
}

/* Bytes of the folders that hold all pictures and no class: all paths begin with them, and there
 * is a folder more in each. Paths are sorted, so the first and the last tell. */
static size_t common_folders(const struct picture_list *list)
{
    const char *first = list->entries[0].path, *last = list->entries[list->count - 1].path;
    size_t begin = 0;
    for (;;) {
        const size_t size = strcspn(first + begin, "/") + 1;
        if (first[begin + size - 1] == '\0' || strncmp(first, last, begin + size) != 0)
            return begin;
        for (size_t i = 0; i < list->count; i++)
            if (strchr(list->entries[i].path + begin + size, '/') == NULL)
                return begin;
        begin += size;
    }
}

/* Whether the folders at `begin` are parts and `train` is one of them. */
static bool are_parts(const struct picture_list *list, size_t begin)
{
    bool train = false;
    for (size_t i = 0; i < list->count; i++) {
        const char *at = list->entries[i].path + begin;
        const size_t size = strcspn(at, "/");
        if (at[size] == '\0')
            continue;
        const enum picture_part part = picture_part_named(at, size);
        if (part == PART_ANY)
            return false;
        train = train || part == PART_TRAIN;
    }
    return train;
}

/* Removes pictures that lie in no class folder; the names of the others' classes go to `names`. */
static int name_classes(struct picture_list *list, size_t begin, bool parts, char **names,
                        struct error *err)
{
    size_t kept = 0;
    int result = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct picture_entry *entry = &list->entries[i];
        const char *at = entry->path + begin;
        size_t size = strcspn(at, "/");
        if (parts && at[size] == '/') {
            entry->part = picture_part_named(at, size);
            at += size + 1;
            size = strcspn(at, "/");
        }
        if (at[size] == '\0') {
            if (result == 0)
                result = keep_name(list->stray_names, &list->stray, entry->path, err);
            free(entry->path);
            continue;
        }
        if (result == 0 && (names[kept] = strndup(at, size)) == NULL)
            result = error_set(err, ERR_MEMORY, "out of memory");
        list->entries[kept++] = *entry;
    }
    list->count = kept;
    return result;
}

int picture_layout_read(struct picture_list *list, struct error *err)
{
    if (list->count == 0)
        return 0;
    qsort(list->entries, list->count, sizeof(*list->entries), compare_paths);
    size_t begin = common_folders(list), all = list->count;
    const bool parts = are_parts(list, begin);
    char **names = memory_new(list->count, sizeof(*names), err);
    if (names == NULL)
        return -1;
    int result = name_classes(list, begin, parts, names, err);
    if (result == 0)
        result = picture_list_label(list, (const char *const *)names, err);
    if (result == 0 && list->count > 0)
        list->kind = parts ? PICTURES_SPLIT_FOLDERS : PICTURES_CLASS_FOLDERS;
    for (size_t i = 0; i < all; i++)
        free(names[i]);
    free(names);
    return result;
}
