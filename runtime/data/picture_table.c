#include "data/picture_table.h"

#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum column { COLUMN_PATH, COLUMN_LABEL, COLUMN_GROUP, COLUMN_SPLIT, COLUMNS };
enum { FIELDS = 1024, NAMES = 5 };

static const char *const usual[COLUMNS][NAMES] = {
    {"path", "file", "filename", "image"},
    {"label", "class", "target"},
    {"group", "patient", "video"},
    {"split", "set"},
};

bool picture_table_is_jsonl(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot != NULL && (strcasecmp(dot, ".jsonl") == 0 || strcasecmp(dot, ".ndjson") == 0);
}

bool picture_table_is_name(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot != NULL && (strcasecmp(dot, ".csv") == 0 || strcasecmp(dot, ".tsv") == 0 ||
                           picture_table_is_jsonl(path));
}

/* ---- records ---- */

/* A table as it is read: fields of one record, unquoted, in one text. */
struct table {
    const char *at, *end;
    char separator;
    size_t line; /* 1-based, where the record begins */
    size_t next_line;
    struct text text;
    size_t begin[FIELDS + 1]; /* of each field in the text; a NUL ends it */
    size_t fields;
};

static int quoted(struct table *t, struct error *err)
{
    for (t->at++; t->at < t->end; t->at++) {
        if (*t->at == '"') {
            if (t->at + 1 == t->end || t->at[1] != '"') {
                t->at++;
                return 0;
            }
            t->at++;
        }
        t->next_line += *t->at == '\n';
        text_append(&t->text, t->at, 1);
    }
    return error_set(err, ERR_FORMAT, ":%zu: a quoted field does not end", t->line);
}

static int field(struct table *t, struct error *err)
{
    t->begin[t->fields++] = t->text.size;
    if (t->at < t->end && *t->at == '"') {
        if (quoted(t, err) < 0)
            return -1;
        if (t->at < t->end && *t->at != t->separator && *t->at != '\n' && *t->at != '\r')
            return error_set(err, ERR_FORMAT, ":%zu: something follows a quoted field", t->line);
    } else {
        const char *from = t->at;
        while (t->at < t->end && *t->at != t->separator && *t->at != '\n' && *t->at != '\r')
            t->at++;
        if (memchr(from, '\0', (size_t)(t->at - from)) != NULL)
            return error_set(err, ERR_FORMAT, ":%zu: it holds a NUL: is it UTF-16?", t->line);
        text_append(&t->text, from, (size_t)(t->at - from));
    }
    text_append(&t->text, "", 1);
    return text_check(&t->text, err);
}

/* 1: a record; 0: the end. Empty lines are passed over. */
static int next_record(struct table *t, struct error *err)
{
    do {
        text_clear(&t->text);
        t->fields = 0;
        t->line = t->next_line;
        if (t->at == t->end)
            return 0;
        for (;;) {
            if (t->fields == FIELDS)
                return error_set(err, ERR_FORMAT, ":%zu: it has more than %d fields", t->line,
                                 FIELDS);
            if (field(t, err) < 0)
                return -1;
            if (t->at == t->end || *t->at != t->separator)
                break;
            t->at++;
        }
        if (t->at < t->end && *t->at == '\r')
            t->at++;
        if (t->at < t->end && *t->at == '\n')
            t->at++;
        t->next_line++;
    } while (t->fields == 1 && t->text.size == 1);
    return 1;
}

static const char *value(const struct table *t, int column)
{
    return column >= 0 && (size_t)column < t->fields ? t->text.data + t->begin[column] : "";
}

static void begin(struct table *t, const char *bytes, size_t size)
{
    *t = (struct table){.at = bytes, .end = bytes + size, .next_line = 1};
    if (size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
        t->at += 3;
    size_t count[3] = {0};
    static const char separators[] = ",;\t";
    for (const char *c = t->at; c < t->end && *c != '\n'; c++) {
        const char *found = *c != '\0' ? strchr(separators, *c) : NULL;
        if (found != NULL)
            count[found - separators]++;
    }
    const int best = count[1] > count[0] ? 1 : 0;
    t->separator = separators[count[2] > count[best] ? 2 : best];
}

/* ---- columns ---- */

static const char *wanted(const struct picture_columns *columns, enum column column)
{
    const char *const names[COLUMNS] = {columns->path, columns->label, columns->group,
                                        columns->split};
    return names[column];
}

static bool is_column(const struct picture_columns *columns, enum column column, const char *name)
{
    if (wanted(columns, column) != NULL)
        return strcmp(wanted(columns, column), name) == 0;
    for (int i = 0; i < NAMES && usual[column][i] != NULL; i++)
        if (strcasecmp(usual[column][i], name) == 0)
            return true;
    return false;
}

static int find_column(const struct table *t, const struct picture_columns *columns,
                       enum column column)
{
    for (size_t i = 0; i < t->fields; i++)
        if (is_column(columns, column, value(t, (int)i)))
            return (int)i;
    return -1;
}

static int no_column(const char *where, const struct picture_columns *columns, enum column column,
                     struct error *err)
{
    static const char *const what[COLUMNS] = {"path, file, filename or image",
                                              "label, class or target", "group, patient or video",
                                              "split or set"};
    const char *name = wanted(columns, column);
    return name != NULL
               ? error_set(err, ERR_FORMAT, "%s there is no column '%s'", where, name)
               : error_set(err, ERR_FORMAT, "%s there is no column %s", where, what[column]);
}

/* ---- rows ---- */

struct rows {
    struct picture_list *list;
    char **labels, **groups; /* [list->count] */
    size_t label_capacity, group_capacity;
};

static bool climbs(const char *path)
{
    for (const char *part = path;; part = strchr(part, '/') + 1) {
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0'))
            return true;
        if (strchr(part, '/') == NULL)
            return false;
    }
}

static int check_path(const char *path, size_t line, struct error *err)
{
    if (*path == '\0')
        return error_set(err, ERR_FORMAT, ":%zu: the path is empty", line);
    if (*path == '/' || climbs(path))
        return error_set(err, ERR_FORMAT,
                         ":%zu: '%s' is not below the table's folder: put the table beside the "
                         "pictures, and write paths from there",
                         line, path);
    return 0;
}

static int add_row(struct rows *rows, size_t line, const char *const fields[COLUMNS],
                   struct error *err)
{
    struct picture_list *list = rows->list;
    struct picture_entry entry = {.part = PART_ANY, .group = -1};
    const size_t at = list->count;
    const char *path = fields[COLUMN_PATH], *split = fields[COLUMN_SPLIT];
    while (path[0] == '.' && path[1] == '/')
        path += 2;
    if (check_path(path, line, err) < 0)
        return -1;
    if (*fields[COLUMN_LABEL] == '\0')
        return error_set(err, ERR_FORMAT, ":%zu: '%s' has no label", line, path);
    if (list->columns[COLUMN_SPLIT] != NULL &&
        (entry.part = picture_part_named(split, strlen(split))) == PART_ANY)
        return error_set(err, ERR_FORMAT, ":%zu: split '%s' is not train, validation or test", line,
                         split);
    if (list->columns[COLUMN_GROUP] != NULL && *fields[COLUMN_GROUP] == '\0')
        return error_set(err, ERR_FORMAT, ":%zu: '%s' has no %s", line, path,
                         list->columns[COLUMN_GROUP]);
    if (memory_grow(&rows->labels, &rows->label_capacity, at + 1, sizeof(char *), err) < 0 ||
        memory_grow(&rows->groups, &rows->group_capacity, at + 1, sizeof(char *), err) < 0)
        return -1;
    rows->labels[at] = rows->groups[at] = NULL;
    if (picture_list_add(list, path, strlen(path), &entry, err) < 0 ||
        (rows->labels[at] = memory_copy_text(fields[COLUMN_LABEL], err)) == NULL ||
        (rows->groups[at] = memory_copy_text(fields[COLUMN_GROUP], err)) == NULL)
        return -1;
    return 0;
}

static int read_csv(struct table *t, const struct picture_columns *columns, struct rows *rows,
                    struct error *err)
{
    int column[COLUMNS], more = next_record(t, err);
    if (more <= 0)
        return more < 0 ? -1 : error_set(err, ERR_FORMAT, ": it is empty");
    for (int c = 0; c < COLUMNS; c++) {
        column[c] = find_column(t, columns, (enum column)c);
        if (column[c] < 0 &&
            (c == COLUMN_PATH || c == COLUMN_LABEL || wanted(columns, (enum column)c) != NULL))
            return no_column(":1:", columns, (enum column)c, err);
        if (column[c] >= 0 &&
            (rows->list->columns[c] = memory_copy_text(value(t, column[c]), err)) == NULL)
            return -1;
    }
    const size_t width = t->fields;
    while ((more = next_record(t, err)) > 0) {
        if (t->fields != width)
            return error_set(err, ERR_FORMAT, ":%zu: it has %zu fields where the header has %zu",
                             t->line, t->fields, width);
        const char *fields[COLUMNS];
        for (int c = 0; c < COLUMNS; c++)
            fields[c] = value(t, column[c]);
        if (add_row(rows, t->line, fields, err) < 0)
            return -1;
    }
    return more;
}

/* A text, or a whole number as text in `number`; NULL for another kind. */
static const char *json_field(const json_t *object, const char *name, char number[32])
{
    const json_t *found = name != NULL ? json_object_get(object, name) : NULL;
    if (found == NULL)
        return "";
    if (json_is_string(found))
        return json_string_value(found);
    if (!json_is_integer(found))
        return NULL;
    snprintf(number, 32, "%lld", (long long)json_integer_value(found));
    return number;
}

/* Names of columns are those of the first line. */
static int find_members(const json_t *object, const struct picture_columns *columns,
                        struct picture_list *list, struct error *err)
{
    const char *name;
    json_t *member;
    for (int c = 0; c < COLUMNS; c++) {
        json_object_foreach ((json_t *)object, name, member)
            if (list->columns[c] == NULL && is_column(columns, (enum column)c, name) &&
                (list->columns[c] = memory_copy_text(name, err)) == NULL)
                return -1;
        if (list->columns[c] == NULL &&
            (c == COLUMN_PATH || c == COLUMN_LABEL || wanted(columns, (enum column)c) != NULL))
            return no_column(":1:", columns, (enum column)c, err);
    }
    return 0;
}

static int read_object(const json_t *object, size_t line, const struct picture_columns *columns,
                       struct rows *rows, struct error *err)
{
    char numbers[COLUMNS][32];
    const char *fields[COLUMNS];
    if (rows->list->columns[COLUMN_PATH] == NULL &&
        find_members(object, columns, rows->list, err) < 0)
        return -1;
    for (int c = 0; c < COLUMNS; c++)
        if ((fields[c] = json_field(object, rows->list->columns[c], numbers[c])) == NULL)
            return error_set(err, ERR_FORMAT, ":%zu: '%s' is neither text nor a whole number", line,
                             rows->list->columns[c]);
    return add_row(rows, line, fields, err);
}

static bool is_blank(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r'))
        at++;
    return at == end;
}

static int read_jsonl(const char *bytes, size_t size, const struct picture_columns *columns,
                      struct rows *rows, struct error *err)
{
    const char *end = bytes + size;
    if (size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
        bytes += 3;
    for (size_t line = 1; bytes < end; line++) {
        const char *stop = memchr(bytes, '\n', (size_t)(end - bytes));
        stop = stop != NULL ? stop : end;
        json_error_t wrong;
        if (!is_blank(bytes, stop)) {
            json_t *object =
                json_loadb(bytes, (size_t)(stop - bytes), JSON_REJECT_DUPLICATES, &wrong);
            int result =
                json_is_object(object)
                    ? read_object(object, line, columns, rows, err)
                    : error_set(err, ERR_FORMAT, ":%zu: it is not a JSON object%s%s", line,
                                object == NULL ? ": " : "", object == NULL ? wrong.text : "");
            json_decref(object);
            if (result < 0)
                return -1;
        }
        bytes = stop + (stop < end);
    }
    return 0;
}

/* ---- groups ---- */

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Numbers of groups, in the order of their names. */
static int number_groups(struct rows *rows, struct error *err)
{
    struct picture_list *list = rows->list;
    const char **sorted;
    size_t kinds = 0;
    if (list->columns[COLUMN_GROUP] == NULL || list->count == 0)
        return 0;
    if ((sorted = memory_new(list->count, sizeof(*sorted), err)) == NULL)
        return -1;
    memcpy(sorted, rows->groups, list->count * sizeof(*sorted));
    qsort(sorted, list->count, sizeof(*sorted), compare_texts);
    for (size_t i = 0; i < list->count; i++)
        if (i == 0 || strcmp(sorted[i], sorted[kinds - 1]) != 0)
            sorted[kinds++] = sorted[i];
    for (size_t i = 0; i < list->count; i++) {
        const char **found =
            bsearch(&rows->groups[i], sorted, kinds, sizeof(*sorted), compare_texts);
        list->entries[i].group = found - sorted;
    }
    free(sorted);
    return 0;
}

int picture_table_read(const char *bytes, size_t size, bool jsonl,
                       const struct picture_columns *columns, struct picture_list *list,
                       struct error *err)
{
    struct rows rows = {.list = list};
    struct table *table = memory_new(1, sizeof(*table), err);
    if (table == NULL)
        return -1;
    begin(table, bytes, size);
    int result =
        jsonl ? read_jsonl(bytes, size, columns, &rows, err) : read_csv(table, columns, &rows, err);
    if (result == 0 && list->count == 0)
        result = error_set(err, ERR_FORMAT, ": it lists no picture");
    if (result == 0 &&
        (result = picture_list_label(list, (const char *const *)rows.labels, err)) < 0)
        error_prefix(err, ": ");
    if (result == 0)
        result = number_groups(&rows, err);
    for (size_t i = 0; rows.labels != NULL && i < list->count; i++) {
        free(rows.labels[i]);
        free(rows.groups[i]);
    }
    free(rows.labels);
    free(rows.groups);
    text_release(&table->text);
    free(table);
    return result;
}

static int csv_looks_right(const char *bytes, size_t size, const struct picture_columns *columns,
                           bool *right, struct error *err)
{
    struct table *table = memory_new(1, sizeof(*table), err);
    int result = -1;
    if (table == NULL)
        return -1;
    begin(table, bytes, size);
    if (next_record(table, err) >= 0) {
        *right = find_column(table, columns, COLUMN_PATH) >= 0 &&
                 find_column(table, columns, COLUMN_LABEL) >= 0;
        result = 0;
    }
    text_release(&table->text);
    free(table);
    return result;
}

int picture_table_looks_right(const char *bytes, size_t size, bool jsonl,
                              const struct picture_columns *columns, bool *right, struct error *err)
{
    struct picture_list list = {0};
    const char *newline = memchr(bytes, '\n', size);
    if (newline != NULL)
        size = (size_t)(newline - bytes) + 1;
    *right = false;
    int result = jsonl ? picture_table_read(bytes, size, true, columns, &list, err)
                       : csv_looks_right(bytes, size, columns, right, err);
    if (jsonl && result == 0)
        *right = true;
    picture_list_release(&list);
    return result < 0 && err->kind == ERR_MEMORY ? -1 : 0;
}
