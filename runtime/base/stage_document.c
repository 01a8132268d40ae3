/* stage.json, whose members base/stage.h lists. */
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/stage_parts.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { SCHEMA = 2, NAMES_MAX = 64 };

/* ---- shape ---- */

/* A person's own file may leave the schema out. */
static int check_schema(const json_t *document, const char *path, struct error *err)
{
    struct error ignored;
    const json_t *schema = json_object_get(document, "schema");
    if (schema == NULL || (json_is_integer(schema) && json_integer_value(schema) == SCHEMA))
        return 0;
    char *text = json_to_text(schema, true, &ignored);
    error_set(err, ERR_FORMAT, "%s: its schema is %s, this program reads schema %d", path,
              text != NULL ? text : "another one", SCHEMA);
    free(text);
    return -1;
}

/* Objects that say what the stage gets; deps and outs are paths. */
static int check_tables(const json_t *document, const char *path, bool to_check, struct error *err)
{
    static const char *const tables[] = {"params", "deps", "outs"};
    const char *name;
    json_t *value;
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        json_t *table = json_object_get(document, tables[i]);
        if (table == NULL && to_check)
            continue;
        if (!json_is_object(table))
            return error_set(err, ERR_FORMAT, "%s: '%s' must be an object", path, tables[i]);
        json_object_foreach (table, name, value)
            if (i > 0 && !json_is_string(value) && !(to_check && json_is_null(value)))
                return error_set(err, ERR_FORMAT, "%s: '%s' of '%s' must be a path", path, name,
                                 tables[i]);
    }
    return 0;
}

/* ---- paths ---- */

/* The member's path, which is relative to stage.json's folder, as it is from here. */
static int resolve(json_t *table, const char *name, const char *folder, struct error *err)
{
    const char *path = json_string_value(json_object_get(table, name));
    if (path == NULL || path[0] == '/' || folder[0] == '\0')
        return 0;
    char *resolved = file_join(folder, path, err);
    if (resolved == NULL)
        return -1;
    int result = json_object_set_new(table, name, json_string(resolved));
    free(resolved);
    return result == 0 ? 0 : error_set(err, ERR_MEMORY, "out of memory for the path of '%s'", name);
}

static int resolve_table(json_t *table, const char *folder, struct error *err)
{
    const char *name;
    json_t *value;
    void *next;
    json_object_foreach_safe(table, next, name,
                             value) if (resolve(table, name, folder, err) < 0) return -1;
    return 0;
}

static int resolve_all(json_t *document, const char *path, struct error *err)
{
    static const char *const members[] = {"checkpoint", "scratch", "scratch_out", "project"};
    const char *slash = strrchr(path, '/');
    char *folder = memory_copy_text(slash != NULL ? path : "", err);
    if (folder == NULL)
        return -1;
    if (slash != NULL)
        folder[slash - path > 0 ? slash - path : 1] = '\0';
    int result = resolve_table(json_object_get(document, "deps"), folder, err);
    if (result == 0)
        result = resolve_table(json_object_get(document, "outs"), folder, err);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]) && result == 0; i++)
        result = resolve(document, members[i], folder, err);
    free(folder);
    return result;
}

int stage_document_read(const char *path, bool to_check, json_t **document, struct error *err)
{
    json_t *read = NULL;
    if (json_read(path, &read, err) < 0)
        return -1;
    if (check_schema(read, path, err) < 0 || check_tables(read, path, to_check, err) < 0 ||
        resolve_all(read, path, err) < 0) {
        json_decref(read);
        return -1;
    }
    *document = read;
    return 0;
}

/* ---- names ---- */

/* Cuts "a b? c" into names, in place; `optional` tells which may be absent. */
static size_t split_names(char *text, const char *names[NAMES_MAX], bool optional[NAMES_MAX])
{
    size_t count = 0;
    while (*text != '\0' && count < NAMES_MAX) {
        size_t length = strcspn(text, " ");
        char *next = text + length + (text[length] != '\0');
        optional[count] = length > 0 && text[length - 1] == '?';
        text[optional[count] ? length - 1 : length] = '\0';
        names[count++] = text;
        text = next;
    }
    return count;
}

static bool is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* With the nearest name, or all there are. */
static int refuse_name(const char *name, const char *title, const char *const *names, size_t count,
                       struct error *err)
{
    const char *nearest = text_nearest(name, names, count);
    struct text hint = {0};
    if (nearest != NULL)
        text_addf(&hint, ", did you mean '%s'?", nearest);
    for (size_t i = 0; nearest == NULL && i < count; i++)
        text_addf(&hint, "%s%s", i == 0 ? ", which are " : ", ", names[i]);
    error_set(err, ERR_USAGE, "there is no '%s' among the %s of this program%s", name, title,
              text_string(&hint));
    text_release(&hint);
    return -1;
}

/* `closed`: names beside the known ones are refused. */
static int check_table(const json_t *table, const char *title, const char *known, bool closed,
                       struct error *err)
{
    const char *names[NAMES_MAX], *name;
    bool optional[NAMES_MAX];
    json_t *value;
    char *text = memory_copy_text(known, err);
    if (text == NULL)
        return -1;
    size_t count = split_names(text, names, optional);
    int result = 0;
    json_object_foreach ((json_t *)table, name, value) {
        if (!closed || result < 0 || is_among(name, names, count))
            continue;
        result = refuse_name(name, title, names, count, err);
    }
    for (size_t i = 0; i < count && result == 0; i++)
        if (!optional[i] && json_object_get(table, names[i]) == NULL)
            result = error_set(err, ERR_USAGE, "no '%s' in %s: name it in pipeline.yaml", names[i],
                               title);
    free(text);
    return result;
}

int stage_document_check_names(const json_t *document, const struct stage_kind *kind,
                               struct error *err)
{
    const json_t *deps = json_object_get(document, "deps"),
                 *outs = json_object_get(document, "outs");
    if (kind->deps != NULL && deps != NULL && check_table(deps, "deps", kind->deps, false, err) < 0)
        return -1;
    return kind->outs != NULL && outs != NULL ? check_table(outs, "outs", kind->outs, true, err)
                                              : 0;
}

int stage_document_drop_outs(json_t *document, const struct stage_kind *kind, struct text *dropped,
                             struct error *err)
{
    const char *names[NAMES_MAX], *name;
    bool optional[NAMES_MAX];
    json_t *value, *outs = json_object_get(document, "outs");
    void *next;
    if (kind->outs == NULL || json_object_get(document, "schema") != NULL)
        return 0;
    char *known = memory_copy_text(kind->outs, err);
    if (known == NULL)
        return -1;
    size_t count = split_names(known, names, optional);
    json_object_foreach_safe(outs, next, name, value) if (!is_among(name, names, count))
    {
        text_addf(dropped, "%s'%s'", dropped->size > 0 ? ", " : "", name);
        json_object_del(outs, name);
    }
    free(known);
    return text_check(dropped, err);
}
