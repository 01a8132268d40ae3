#include "schemas/json_schema.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

#include <math.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 200 }; /* of schemas in schemas: a $ref may lead in a circle */

struct json_schema {
    char *folder, *name; /* of the file */
    json_t *files;       /* name to what is in it */
};

/* Where a check is. */
struct place {
    struct json_schema *schema;
    const json_t *file; /* whose "#" it is */
    const char *path;   /* in the value: "stages.0.name" */
    int depth;
};

static int check(const struct place *place, const json_t *schema, const json_t *value,
                 struct error *err);

static int wrong(const struct place *place, const json_t *value, const char *what,
                 struct error *err)
{
    struct error ignored;
    char *text = json_to_text(value, true, &ignored);
    error_set(err, ERR_FORMAT, "at '%s': %.60s %s", place->path, text != NULL ? text : "?", what);
    free(text);
    return -1;
}

static int check_inside(const struct place *place, const char *name, const json_t *schema,
                        const json_t *value, struct error *err)
{
    struct text path = {0};
    struct place inside = *place;
    text_addf(&path, "%s%s%s", place->path, place->path[0] != '\0' ? "." : "", name);
    inside.path = text_string(&path);
    int result = check(&inside, schema, value, err);
    text_release(&path);
    return result;
}

/* ---- the keywords ---- */

/* To JSON Schema 1.0 is an integer, and 1. */
static bool equal(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return json_number_value(a) == json_number_value(b);
    return json_equal(a, b);
}

static bool is_of_type(const json_t *value, const char *type)
{
    const double number = json_number_value(value);
    switch (json_typeof(value)) {
    case JSON_OBJECT: return strcmp(type, "object") == 0;
    case JSON_ARRAY: return strcmp(type, "array") == 0;
    case JSON_STRING: return strcmp(type, "string") == 0;
    case JSON_INTEGER:
    case JSON_REAL:
        return strcmp(type, "number") == 0 ||
               (strcmp(type, "integer") == 0 && floor(number) == number);
    case JSON_TRUE:
    case JSON_FALSE: return strcmp(type, "boolean") == 0;
    case JSON_NULL: return strcmp(type, "null") == 0;
    }
    return false;
}

static int check_type(const struct place *place, const json_t *schema, const json_t *type,
                      const json_t *value, struct error *err)
{
    size_t i;
    json_t *one;
    (void)schema;
    if (json_is_string(type) && is_of_type(value, json_string_value(type)))
        return 0;
    json_array_foreach ((json_t *)type, i, one)
        if (is_of_type(value, json_string_value(one)))
            return 0;
    return wrong(place, value, "is of another type", err);
}

static int check_enum(const struct place *place, const json_t *schema, const json_t *list,
                      const json_t *value, struct error *err)
{
    size_t i;
    json_t *one;
    (void)schema;
    json_array_foreach ((json_t *)list, i, one)
        if (equal(one, value))
            return 0;
    return wrong(place, value, "is none of the values that there may be", err);
}

static int check_const(const struct place *place, const json_t *schema, const json_t *only,
                       const json_t *value, struct error *err)
{
    (void)schema;
    return equal(only, value) ? 0 : wrong(place, value, "is another value", err);
}

static int check_minimum(const struct place *place, const json_t *schema, const json_t *minimum,
                         const json_t *value, struct error *err)
{
    (void)schema;
    return !json_is_number(value) || json_number_value(value) >= json_number_value(minimum)
               ? 0
               : wrong(place, value, "is less than may be", err);
}

static int check_pattern(const struct place *place, const json_t *schema, const json_t *pattern,
                         const json_t *value, struct error *err)
{
    regex_t regex;
    (void)schema;
    if (!json_is_string(value))
        return 0;
    if (regcomp(&regex, json_string_value(pattern), REG_EXTENDED | REG_NOSUB) != 0)
        return error_set(err, ERR_USAGE, "'%s' is no pattern", json_string_value(pattern));
    int found = regexec(&regex, json_string_value(value), 0, NULL, 0);
    regfree(&regex);
    return found == 0 ? 0 : wrong(place, value, "is not of the pattern", err);
}

static int check_min_items(const struct place *place, const json_t *schema, const json_t *least,
                           const json_t *value, struct error *err)
{
    (void)schema;
    return !json_is_array(value) || json_array_size(value) >= (size_t)json_integer_value(least)
               ? 0
               : wrong(place, value, "has too few items", err);
}

static int check_max_items(const struct place *place, const json_t *schema, const json_t *most,
                           const json_t *value, struct error *err)
{
    (void)schema;
    return !json_is_array(value) || json_array_size(value) <= (size_t)json_integer_value(most)
               ? 0
               : wrong(place, value, "has too many items", err);
}

static int check_items(const struct place *place, const json_t *schema, const json_t *items,
                       const json_t *value, struct error *err)
{
    size_t i;
    json_t *one;
    (void)schema;
    json_array_foreach ((json_t *)value, i, one) {
        char name[32];
        snprintf(name, sizeof(name), "%zu", i);
        if (check_inside(place, name, items, one, err) < 0)
            return -1;
    }
    return 0;
}

static int check_required(const struct place *place, const json_t *schema, const json_t *names,
                          const json_t *value, struct error *err)
{
    size_t i;
    json_t *name;
    (void)schema;
    json_array_foreach ((json_t *)names, i, name)
        if (json_is_object(value) && json_object_get(value, json_string_value(name)) == NULL)
            return error_set(err, ERR_FORMAT, "at '%s': there is no '%s'", place->path,
                             json_string_value(name));
    return 0;
}

static int check_properties(const struct place *place, const json_t *schema,
                            const json_t *properties, const json_t *value, struct error *err)
{
    const char *name;
    json_t *own;
    (void)schema;
    json_object_foreach ((json_t *)properties, name, own) {
        const json_t *member = json_object_get(value, name);
        if (member != NULL && check_inside(place, name, own, member, err) < 0)
            return -1;
    }
    return 0;
}

static int check_additional(const struct place *place, const json_t *schema, const json_t *others,
                            const json_t *value, struct error *err)
{
    const char *name;
    json_t *member;
    const json_t *known = json_object_get(schema, "properties");
    json_object_foreach ((json_t *)value, name, member) {
        if (json_object_get(known, name) != NULL)
            continue;
        if (json_is_false(others))
            return error_set(err, ERR_FORMAT, "at '%s': '%s' is not known", place->path, name);
        if (check_inside(place, name, others, member, err) < 0)
            return -1;
    }
    return 0;
}

/* How many of the schemas the value keeps to; -1 where one of them is none. *why is of the last
 * that it does not keep to. */
static int count_kept(const struct place *place, const json_t *list, const json_t *value,
                      struct error *why)
{
    size_t i;
    json_t *one;
    int kept = 0;
    json_array_foreach ((json_t *)list, i, one) {
        if (check(place, one, value, why) == 0)
            kept++;
        else if (why->kind != ERR_FORMAT)
            return -1;
    }
    return kept;
}

static int check_any(const struct place *place, const json_t *schema, const json_t *list,
                     const json_t *value, struct error *err)
{
    struct error why = {0};
    int kept = count_kept(place, list, value, &why);
    (void)schema;
    if (kept <= 0)
        *err = why;
    return kept > 0 ? 0 : -1;
}

static int check_one(const struct place *place, const json_t *schema, const json_t *list,
                     const json_t *value, struct error *err)
{
    struct error why = {0};
    int kept = count_kept(place, list, value, &why);
    (void)schema;
    if (kept > 1)
        return wrong(place, value, "keeps to more than one form", err);
    if (kept <= 0)
        *err = why;
    return kept == 1 ? 0 : -1;
}

/* The file, read and looked through once. */
static const json_t *find_file(struct json_schema *schema, const char *name, struct error *err);

static int check_ref(const struct place *place, const json_t *schema, const json_t *ref,
                     const json_t *value, struct error *err)
{
    const char *text = json_string_value(ref), *hash = strchr(text, '#');
    const size_t length = hash != NULL ? (size_t)(hash - text) : strlen(text);
    struct place there = *place;
    char name[64];
    (void)schema;
    snprintf(name, sizeof(name), "%.*s", (int)length, text);
    if (length > 0 && (there.file = find_file(place->schema, name, err)) == NULL)
        return -1;
    const json_t *target = there.file;
    for (const char *at = text + length + (hash != NULL); *at == '/' && target != NULL;) {
        const size_t step = strcspn(at + 1, "/");
        target = json_object_getn(target, at + 1, step);
        at += step + 1;
    }
    if (target == NULL)
        return error_set(err, ERR_USAGE, "$ref '%s' leads nowhere", text);
    return check(&there, target, value, err);
}

/* What the value of a keyword may be. */
enum kind { ANYTHING, TEXT, TEXTS, TEXT_OR_TEXTS, NUMBER, COUNT, LIST, SCHEMA, SCHEMAS, NAMED };

static const struct keyword {
    const char *name;
    enum kind kind;
    int (*check)(const struct place *place, const json_t *schema, const json_t *keyword,
                 const json_t *value, struct error *err);
} keywords[] = {
    {"$schema", TEXT, NULL},
    {"title", TEXT, NULL},
    {"description", TEXT, NULL},
    {"$defs", NAMED, NULL},
    {"$ref", TEXT, check_ref},
    {"type", TEXT_OR_TEXTS, check_type},
    {"enum", LIST, check_enum},
    {"const", ANYTHING, check_const},
    {"minimum", NUMBER, check_minimum},
    {"pattern", TEXT, check_pattern},
    {"minItems", COUNT, check_min_items},
    {"maxItems", COUNT, check_max_items},
    {"items", SCHEMA, check_items},
    {"required", TEXTS, check_required},
    {"properties", NAMED, check_properties},
    {"additionalProperties", SCHEMA, check_additional},
    {"anyOf", SCHEMAS, check_any},
    {"oneOf", SCHEMAS, check_one},
};

static const struct keyword *find_keyword(const char *name)
{
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
        if (strcmp(keywords[i].name, name) == 0)
            return &keywords[i];
    return NULL;
}

/* The schema is one: check_schema() has looked. */
static int check(const struct place *place, const json_t *schema, const json_t *value,
                 struct error *err)
{
    struct place inside = *place;
    const char *name;
    json_t *own;
    if (json_is_false(schema))
        return wrong(place, value, "may not be there", err);
    if (++inside.depth > DEPTH)
        return error_set(err, ERR_USAGE, "the schema leads in a circle, or is too deep");
    json_object_foreach ((json_t *)schema, name, own) {
        const struct keyword *keyword = find_keyword(name);
        if (keyword == NULL)
            return error_set(err, ERR_USAGE, "a $ref leads to what is no schema: '%s'", name);
        if (keyword->check != NULL && keyword->check(&inside, schema, own, value, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- the schema itself ---- */

static int check_schema(const json_t *schema, int depth, struct error *err);

static bool are_texts(const json_t *list)
{
    size_t i;
    json_t *one;
    json_array_foreach ((json_t *)list, i, one)
        if (!json_is_string(one))
            return false;
    return json_is_array(list);
}

static bool is_of_kind(const json_t *value, enum kind kind)
{
    switch (kind) {
    case ANYTHING: return true;
    case TEXT: return json_is_string(value);
    case TEXTS: return are_texts(value);
    case TEXT_OR_TEXTS: return json_is_string(value) || are_texts(value);
    case NUMBER: return json_is_number(value);
    case COUNT: return json_is_integer(value) && json_integer_value(value) >= 0;
    case LIST: return json_is_array(value);
    case SCHEMA: return json_is_object(value) || json_is_boolean(value);
    case SCHEMAS: return json_is_array(value) && json_array_size(value) > 0;
    case NAMED: return json_is_object(value);
    }
    return false;
}

static int check_schemas_in(const json_t *value, enum kind kind, int depth, struct error *err)
{
    size_t i;
    const char *name;
    json_t *one;
    if (kind == SCHEMA)
        return check_schema(value, depth, err);
    if (kind == SCHEMAS)
        json_array_foreach ((json_t *)value, i, one)
            if (check_schema(one, depth, err) < 0)
                return -1;
    if (kind == NAMED)
        json_object_foreach ((json_t *)value, name, one)
            if (check_schema(one, depth, err) < 0)
                return -1;
    return 0;
}

static int check_schema(const json_t *schema, int depth, struct error *err)
{
    const char *name;
    json_t *value;
    if (!is_of_kind(schema, SCHEMA) || depth > DEPTH)
        return error_set(err, ERR_USAGE, "a schema is an object, true or false, and not too deep");
    json_object_foreach ((json_t *)schema, name, value) {
        const struct keyword *keyword = find_keyword(name);
        if (keyword == NULL)
            return error_set(err, ERR_USAGE, "the keyword '%s' is not known", name);
        if (!is_of_kind(value, keyword->kind))
            return error_set(err, ERR_USAGE, "the keyword '%s' has no such value", name);
        if (check_schemas_in(value, keyword->kind, depth + 1, err) < 0)
            return -1;
    }
    return 0;
}

static const json_t *find_file(struct json_schema *schema, const char *name, struct error *err)
{
    json_t *file = json_object_get(schema->files, name);
    if (file != NULL)
        return file;
    char *path = file_join(schema->folder, name, err);
    if (path == NULL || json_read(path, &file, err) < 0)
        err->kind = ERR_USAGE;
    else if (check_schema(file, 0, err) < 0 || json_object_set(schema->files, name, file) < 0) {
        error_prefix(err, "%s: ", path);
        json_decref(file);
        file = NULL;
    } else
        json_decref(file); /* the table has it */
    free(path);
    return file;
}

/* ---- for callers ---- */

struct json_schema *json_schema_open(const char *path, struct error *err)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    struct json_schema *schema = memory_new(1, sizeof(*schema), err);
    if (schema == NULL)
        return NULL;
    schema->files = json_object();
    schema->name = memory_copy_text(name, err);
    schema->folder = memory_copy_text(slash != NULL ? path : ".", err);
    if (schema->folder != NULL && slash != NULL)
        schema->folder[slash - path] = '\0';
    if (schema->name == NULL || schema->folder == NULL || find_file(schema, name, err) == NULL) {
        json_schema_free(schema);
        return NULL;
    }
    return schema;
}

void json_schema_free(struct json_schema *schema)
{
    if (schema == NULL)
        return;
    json_decref(schema->files);
    free(schema->folder);
    free(schema->name);
    free(schema);
}

int json_schema_check(struct json_schema *schema, const json_t *value, struct error *err)
{
    const json_t *file = json_object_get(schema->files, schema->name);
    const struct place place = {.schema = schema, .file = file, .path = ""};
    return check(&place, file, value, err);
}
