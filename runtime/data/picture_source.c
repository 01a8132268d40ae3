#include "data/picture_source.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/stage.h"
#include "data/folder_walk.h"
#include "data/picture_layout.h"
#include "data/picture_table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { TABLE_BYTES = 1 << 30 };

const struct unpack_limits picture_source_limits = {
    .entries = 4 << 20,
    .member_bytes = (int64_t)64 << 20,
    .total_bytes = (int64_t)1 << 40,
};

/* ---- folders ---- */

static bool enters(const char *name)
{
    return folder_walk_visible(name) && strcmp(name, "__MACOSX") != 0;
}

static int add_file(void *context, const struct folder_file *file, struct error *err)
{
    struct picture_list *list = context;
    bool takes;
    if (stage_stop_requested())
        return stage_interrupted(err);
    if (picture_layout_takes(list, file->path, &takes, err) < 0)
        return -1;
    return takes ? picture_list_add(list, file->path, strlen(file->path), NULL, err) : 0;
}

/* The table in the top of a folder: the one whose first line has the columns. */
static int find_table(struct picture_list *list, const struct picture_columns *columns,
                      struct error *err)
{
    char **names = NULL;
    size_t count = 0, found = 0;
    if (file_list(list->root, &names, &count, err) < 0)
        return -1;
    int result = 0;
    for (size_t i = 0; result == 0 && i < count; i++) {
        bool good = false;
        char *path = names[i][0] != '.' && picture_table_is_name(names[i])
                         ? file_join(list->root, names[i], err)
                         : NULL;
        if (path != NULL && (result = picture_table_looks_right(path, columns, &good, err)) == 0 &&
            good && ++found == 1)
            result = (list->table = memory_copy_text(names[i], err)) != NULL ? 0 : -1;
        else if (found > 1)
            result = error_set(err, ERR_FORMAT,
                               "'%s' holds two tables of pictures, '%s' and '%s': name one of them",
                               list->root, list->table, names[i]);
        free(path);
    }
    file_free_names(names, count);
    return result;
}

static int read_table(struct picture_list *list, const struct picture_columns *columns,
                      struct error *err)
{
    char *path = file_join(list->root, list->table, err), *bytes = NULL;
    size_t size = 0;
    int result = -1;
    if (path != NULL && file_read(path, TABLE_BYTES, &bytes, &size, err) == 0) {
        const bool lines = picture_table_is_jsonl(list->table);
        list->kind = lines ? PICTURES_JSONL : PICTURES_CSV;
        if ((result = picture_table_read(bytes, size, lines, columns, list, err)) < 0)
            error_prefix(err, "'%s'", path);
    }
    free(bytes);
    free(path);
    return result;
}

static int open_folder(const char *path, const struct picture_columns *columns,
                       struct picture_list *list, struct error *err)
{
    const struct folder_visitor visitor = {enters, add_file, list};
    if ((list->root = memory_copy_text(path, err)) == NULL || find_table(list, columns, err) < 0)
        return -1;
    if (list->table != NULL)
        return read_table(list, columns, err);
    if (folder_walk(path, &visitor, err) < 0)
        return -1;
    return picture_layout_read(list, err);
}

static int open_table(const char *path, const struct picture_columns *columns,
                      struct picture_list *list, struct error *err)
{
    const char *slash = strrchr(path, '/');
    list->root = slash == NULL   ? memory_copy_text(".", err)
                 : slash == path ? memory_copy_text("/", err)
                                 : strndup(path, (size_t)(slash - path));
    list->table = memory_copy_text(slash != NULL ? slash + 1 : path, err);
    if (list->root == NULL || list->table == NULL)
        return error_set(err, ERR_MEMORY, "out of memory");
    return read_table(list, columns, err);
}

/* ---- archives ---- */

struct listing {
    struct picture_list *list;
    struct error err;
    bool failed;
};

/* Called for every member; what it finds wrong is kept, since it can't fail itself. */
static bool list_member(void *context, const char *path)
{
    struct listing *listing = context;
    bool takes = false;
    while (strncmp(path, "./", 2) == 0)
        path += 2;
    if (!listing->failed)
        listing->failed =
            picture_layout_takes(listing->list, path, &takes, &listing->err) < 0 ||
            (takes && picture_list_add(listing->list, path, strlen(path), NULL, &listing->err) < 0);
    return false;
}

static int no_take(void *context, const char *path, void *data, size_t size, struct error *err)
{
    (void)context, (void)path, (void)size, (void)err;
    free(data);
    return 0;
}

static int open_archive(const char *path, struct picture_list *list, struct error *err)
{
    struct listing listing = {.list = list};
    const struct unpack_visitor visitor = {list_member, no_take, &listing};
    list->archive = true;
    if ((list->root = memory_copy_text(path, err)) == NULL ||
        unpack_archive(path, &picture_source_limits, &visitor, err) < 0)
        return -1;
    if (listing.failed) {
        *err = listing.err;
        return error_prefix(err, "'%s': ", path);
    }
    if (picture_layout_read(list, err) < 0)
        return error_prefix(err, "'%s': ", path);
    for (size_t i = 1; i < list->count; i++)
        if (strcmp(list->entries[i - 1].path, list->entries[i].path) == 0)
            return error_set(err, ERR_FORMAT, "'%s': member '%s' is there twice", path,
                             list->entries[i].path);
    return 0;
}

int picture_source_open(const char *path, const struct picture_columns *columns,
                        struct picture_list *list, struct error *err)
{
    static const struct picture_columns usual = {0};
    struct picture_list opened = {0};
    struct stat st;
    int result;
    columns = columns != NULL ? columns : &usual;
    if (stat(path, &st) < 0)
        return error_errno(err, "cannot read '%s'", path);
    if (S_ISDIR(st.st_mode))
        result = open_folder(path, columns, &opened, err);
    else if (picture_table_is_name(path))
        result = open_table(path, columns, &opened, err);
    else
        result = open_archive(path, &opened, err);
    if (result < 0)
        picture_list_release(&opened);
    else
        *list = opened;
    return result;
}
