#include "data/picture_source.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/stage.h"
#include "base/text.h"
#include "data/folder_walk.h"
#include "data/picture_layout.h"
#include "data/picture_table.h"

#include <stdio.h>
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

static int table_looks_right(const char *path, const struct picture_columns *columns, bool *right,
                             struct error *err)
{
    char *head = memory_new(PICTURE_TABLE_HEAD, 1, err);
    FILE *stream = head != NULL ? fopen(path, "rbe") : NULL;
    int result = head == NULL     ? -1
                 : stream == NULL ? error_errno(err, "cannot read '%s'", path)
                                  : 0;
    if (result == 0)
        result = picture_table_looks_right(head, fread(head, 1, PICTURE_TABLE_HEAD, stream),
                                           picture_table_is_jsonl(path), columns, right, err);
    if (stream != NULL)
        fclose(stream);
    free(head);
    return result;
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
        if (path != NULL && (result = table_looks_right(path, columns, &good, err)) == 0 && good &&
            ++found == 1)
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

/* Members are listed first, since only all of them tell which folder is the top; then the table
 * there is looked for, where there are any. */
struct listing {
    struct picture_list *list;
    char *top; /* the folder, with a slash behind, that holds all pictures and tables */
    bool tables;
    struct error err;
    bool failed;
};

static const char *plain_path(const char *path)
{
    while (strncmp(path, "./", 2) == 0)
        path += 2;
    return path;
}

/* The top that holds `path`, too. */
static int widen_top(struct listing *listing, const char *path, struct error *err)
{
    size_t same = 0, size = 0;
    if (listing->top == NULL)
        return (listing->top = memory_copy_text(path, err)) == NULL ? -1
                                                                    : widen_top(listing, path, err);
    for (; path[same] != '\0' && path[same] == listing->top[same]; same++)
        if (path[same] == '/')
            size = same + 1;
    listing->top[size] = '\0';
    return 0;
}

static int add_member(struct listing *listing, const char *path, struct error *err)
{
    struct picture_list *list = listing->list;
    const size_t hidden = list->hidden;
    bool takes;
    if (picture_layout_takes(list, path, &takes, err) < 0)
        return -1;
    const bool table = list->hidden == hidden && picture_table_is_name(path);
    listing->tables = listing->tables || table;
    if ((takes || table) && widen_top(listing, path, err) < 0)
        return -1;
    return takes ? picture_list_add(list, path, strlen(path), NULL, err) : 0;
}

/* Called for every member; what it finds wrong is kept, since it can't fail itself. */
static bool list_member(void *context, const char *path)
{
    struct listing *listing = context;
    if (!listing->failed)
        listing->failed = add_member(listing, plain_path(path), &listing->err) < 0;
    return false;
}

static int no_take(void *context, const char *path, void *data, size_t size, struct error *err)
{
    (void)context, (void)path, (void)size, (void)err;
    free(data);
    return 0;
}

struct table_search {
    const struct picture_columns *columns;
    const char *top;
    char *name; /* below the top; NULL: none is found */
    char *bytes;
    size_t size;
};

static bool is_table_of_top(void *context, const char *path)
{
    const struct table_search *search = context;
    const size_t top = strlen(search->top);
    path = plain_path(path);
    return strncmp(path, search->top, top) == 0 && path[top] != '.' &&
           strchr(path + top, '/') == NULL && picture_table_is_name(path + top);
}

static int take_table(void *context, const char *path, void *data, size_t size, struct error *err)
{
    struct table_search *search = context;
    const char *name = plain_path(path) + strlen(search->top);
    bool right;
    int result = picture_table_looks_right(data, size, picture_table_is_jsonl(name),
                                           search->columns, &right, err);
    if (result == 0 && right && search->name == NULL) {
        search->bytes = data;
        search->size = size;
        return (search->name = memory_copy_text(name, err)) != NULL ? 0 : -1;
    }
    if (result == 0 && right)
        result = error_set(err, ERR_FORMAT,
                           "it holds two tables of pictures, '%s' and '%s': leave one of them",
                           search->name, name);
    free(data);
    return result;
}

/* Paths of a table's pictures become those of members. */
static int put_below(struct picture_list *list, const char *top, struct error *err)
{
    for (size_t i = 0; *top != '\0' && i < list->count; i++) {
        struct text path = {0};
        text_addf(&path, "%s%s", top, list->entries[i].path);
        if (text_check(&path, err) < 0) {
            text_release(&path);
            return -1;
        }
        free(list->entries[i].path);
        list->entries[i].path = path.data;
    }
    return 0;
}

/* In place of what the folders say, which is in the list. */
static int read_packed_table(struct table_search *search, struct picture_list *list,
                             struct error *err)
{
    const bool lines = picture_table_is_jsonl(search->name);
    char *root = list->root;
    list->root = NULL;
    picture_list_release(list);
    *list = (struct picture_list){.kind = lines ? PICTURES_JSONL : PICTURES_CSV,
                                  .archive = true,
                                  .root = root,
                                  .table = search->name};
    search->name = NULL;
    if (picture_table_read(search->bytes, search->size, lines, search->columns, list, err) < 0)
        return error_prefix(err, "'%s' in '%s'", list->table, root);
    return put_below(list, search->top, err);
}

static int find_packed_table(const struct listing *listing, const struct picture_columns *columns,
                             bool *found, struct error *err)
{
    struct table_search search = {.columns = columns, .top = listing->top};
    const struct unpack_visitor visitor = {is_table_of_top, take_table, &search};
    int result = unpack_archive(listing->list->root, &picture_source_limits, &visitor, err);
    *found = result == 0 && search.name != NULL;
    if (*found)
        result = read_packed_table(&search, listing->list, err);
    free(search.name);
    free(search.bytes);
    return result;
}

static int read_packed_folders(struct picture_list *list, struct error *err)
{
    if (picture_layout_read(list, err) < 0)
        return error_prefix(err, "'%s': ", list->root);
    for (size_t i = 1; i < list->count; i++)
        if (strcmp(list->entries[i - 1].path, list->entries[i].path) == 0)
            return error_set(err, ERR_FORMAT, "'%s': member '%s' is there twice", list->root,
                             list->entries[i].path);
    return 0;
}

static int open_archive(const char *path, const struct picture_columns *columns,
                        struct picture_list *list, struct error *err)
{
    struct listing listing = {.list = list};
    const struct unpack_visitor visitor = {list_member, no_take, &listing};
    bool table = false;
    list->archive = true;
    int result = (list->root = memory_copy_text(path, err)) == NULL
                     ? -1
                     : unpack_archive(path, &picture_source_limits, &visitor, err);
    if (result == 0 && listing.failed) {
        *err = listing.err;
        result = error_prefix(err, "'%s': ", path);
    }
    if (result == 0 && listing.tables)
        result = find_packed_table(&listing, columns, &table, err);
    if (result == 0 && !table)
        result = read_packed_folders(list, err);
    free(listing.top);
    return result;
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
        result = open_archive(path, columns, &opened, err);
    if (result < 0)
        picture_list_release(&opened);
    else
        *list = opened;
    return result;
}
