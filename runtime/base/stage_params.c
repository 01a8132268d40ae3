/* Parameters, which a stage reads by dotted names. */
#include "base/json.h"
#include "base/stage_parts.h"
#include "base/text.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int wrong_type(const char *name, const char *expected, const json_t *value,
                      struct error *err)
{
    struct error ignored;
    char *text = json_to_text(value, true, &ignored);
    error_set(err, ERR_USAGE, "parameter '%s' must be %s, not %s", name, expected,
              text != NULL ? text : "that");
    free(text);
    return -1;
}

static int out_of_memory(struct error *err)
{
    return error_set(err, ERR_MEMORY, "out of memory");
}

/* Of the names beside `name`, the nearest that nobody asked for: what may have been meant. */
static void name_missing(const struct stage *stage, const char *name, struct error *err)
{
    const char *dot = strrchr(name, '.'), *key, *known[128];
    char prefix[256] = "";
    size_t count = 0;
    json_t *value;
    const json_t *siblings = json_object_get(stage->description, "params");
    if (dot != NULL) {
        snprintf(prefix, sizeof(prefix), "%.*s", (int)(dot - name), name);
        siblings = json_at(siblings, prefix);
    }
    json_object_foreach ((json_t *)siblings, key, value)
        if (count < sizeof(known) / sizeof(known[0]))
            known[count++] = key;
    const char *nearest = text_nearest(dot != NULL ? dot + 1 : name, known, count);
    error_set(err, ERR_USAGE, "parameter '%s' is missing%s%s%s", name,
              nearest != NULL ? ", is it meant by '" : "", nearest != NULL ? nearest : "",
              nearest != NULL ? "'?" : "");
}

/* The value, which is NULL where there is none. -1 where what stands in its way is no map. */
static int find(struct stage *stage, const char *name, const json_t **value, struct error *err)
{
    if (json_object_set_new(stage->read, name, json_true()) < 0)
        return out_of_memory(err);
    *value = json_object_get(stage->description, "params");
    for (const char *part = name; *value != NULL; part += strcspn(part, ".") + 1) {
        if (!json_is_object(*value)) {
            char prefix[256];
            snprintf(prefix, sizeof(prefix), "%.*s", (int)(part > name ? part - name - 1 : 0),
                     name);
            const json_t *found = *value;
            *value = NULL;
            return json_is_null(found) ? 0 : wrong_type(prefix, "a map", found, err);
        }
        *value = json_object_getn(*value, part, strcspn(part, "."));
        if (part[strcspn(part, ".")] == '\0')
            break;
    }
    return 0;
}

static const json_t *look_up(struct stage *stage, const char *name, struct error *err)
{
    const json_t *value;
    if (find(stage, name, &value, err) < 0)
        return NULL;
    if (value == NULL)
        name_missing(stage, name, err);
    return value;
}

int stage_int(struct stage *stage, const char *name, int64_t low, int64_t high, int64_t *value,
              struct error *err)
{
    const json_t *found = look_up(stage, name, err);
    if (found == NULL)
        return -1;
    if (!json_is_integer(found))
        return wrong_type(name, "an integer", found, err);
    json_int_t number = json_integer_value(found);
    if (number < low || number > high)
        return error_set(err, ERR_USAGE, "parameter '%s' is %lld, outside %lld to %lld", name,
                         (long long)number, (long long)low, (long long)high);
    *value = number;
    return 0;
}

int stage_real(struct stage *stage, const char *name, double low, double high, double *value,
               struct error *err)
{
    const json_t *found = look_up(stage, name, err);
    if (found == NULL)
        return -1;
    if (!json_is_number(found))
        return wrong_type(name, "a number", found, err);
    double number = json_number_value(found);
    if (!(number >= low && number <= high))
        return error_set(err, ERR_USAGE, "parameter '%s' is %.15g, outside %g to %g", name, number,
                         low, high);
    if (number != 0 && fabs(number) < (double)FLT_MIN)
        return error_set(err, ERR_USAGE, "parameter '%s' is %.15g, so small that it would be 0",
                         name, number);
    *value = number;
    return 0;
}

int stage_bool(struct stage *stage, const char *name, bool *value, struct error *err)
{
    const json_t *found = look_up(stage, name, err);
    if (found == NULL)
        return -1;
    if (!json_is_boolean(found))
        return wrong_type(name, "true or false", found, err);
    *value = json_is_true(found);
    return 0;
}

int stage_text(struct stage *stage, const char *name, const char **value, struct error *err)
{
    const json_t *found = look_up(stage, name, err);
    if (found == NULL)
        return -1;
    if (!json_is_string(found))
        return wrong_type(name, "a text", found, err);
    *value = json_string_value(found);
    return 0;
}

/* 1 where there is a value, 0 where it is null or absent, -1 with an error. */
static int is_given(struct stage *stage, const char *name, struct error *err)
{
    const json_t *found;
    if (find(stage, name, &found, err) < 0)
        return -1;
    return found != NULL && !json_is_null(found);
}

int stage_value_or_null(struct stage *stage, const char *name, const json_t **value,
                        struct error *err)
{
    int given = is_given(stage, name, err);
    *value = given > 0 ? look_up(stage, name, err) : NULL;
    return given < 0 ? -1 : 0;
}

int stage_int_or_null(struct stage *stage, const char *name, int64_t low, int64_t high,
                      int64_t *value, struct error *err)
{
    int given = is_given(stage, name, err);
    return given > 0 ? stage_int(stage, name, low, high, value, err) : given;
}

int stage_real_or_null(struct stage *stage, const char *name, double low, double high,
                       double *value, struct error *err)
{
    int given = is_given(stage, name, err);
    return given > 0 ? stage_real(stage, name, low, high, value, err) : given;
}

int stage_bool_or_null(struct stage *stage, const char *name, bool *value, struct error *err)
{
    int given = is_given(stage, name, err);
    return given > 0 ? stage_bool(stage, name, value, err) : given;
}

int stage_text_or_null(struct stage *stage, const char *name, const char **value, struct error *err)
{
    int given = is_given(stage, name, err);
    return given > 0 ? stage_text(stage, name, value, err) : given;
}

int stage_choice(struct stage *stage, const char *name, const char *const *choices, size_t count,
                 int *value, struct error *err)
{
    const char *text = NULL;
    if (stage_text(stage, name, &text, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, choices[i]) == 0) {
            *value = (int)i;
            return 0;
        }
    struct text list = {0};
    for (size_t i = 0; i < count; i++)
        text_addf(&list, "%s%s", i ? ", " : "", choices[i]);
    error_set(err, ERR_USAGE, "parameter '%s' is '%s', not one of %s", name, text,
              text_string(&list));
    text_release(&list);
    return -1;
}

int stage_choice_or_null(struct stage *stage, const char *name, const char *const *choices,
                         size_t count, int *value, struct error *err)
{
    int given = is_given(stage, name, err);
    return given > 0 ? stage_choice(stage, name, choices, count, value, err) : given;
}

const json_t *stage_value(struct stage *stage, const char *name, struct error *err)
{
    return look_up(stage, name, err);
}

int stage_map_or_null(struct stage *stage, const char *name, const json_t **map, struct error *err)
{
    const json_t *value = json_at(json_object_get(stage->description, "params"), name);
    if (json_is_object(value)) {
        *map = value;
        return 0;
    }
    if (json_object_set_new(stage->read, name, json_true()) < 0)
        return out_of_memory(err);
    return value == NULL || json_is_null(value) ? 0 : wrong_type(name, "a map", value, err);
}

/* Whether members of the map were asked for, of which it may have none. */
static bool is_known_map(const struct stage *stage, const char *name)
{
    const size_t size = strlen(name);
    const char *read;
    json_t *mark;
    json_object_foreach (stage->read, read, mark)
        if (strncmp(read, name, size) == 0 && read[size] == '.')
            return true;
    return false;
}

/* Walks the parameters; `prefix` is the dotted name of `object`. */
static int check_read(struct stage *stage, const char *prefix, const json_t *object,
                      struct error *err)
{
    const char *key;
    json_t *value;
    int result = 0;
    json_object_foreach ((json_t *)object, key, value) {
        struct text name = {0};
        text_addf(&name, "%s%s%s", prefix, *prefix ? "." : "", key);
        if (json_object_get(stage->read, text_string(&name)) != NULL) {
            /* it or, for a whole map, all it holds was read */
        } else if (json_object_size(value) > 0) {
            result = check_read(stage, text_string(&name), value, err);
        } else if ((json_is_null(value) || json_is_object(value)) &&
                   is_known_map(stage, text_string(&name))) {
            /* a map without members */
        } else {
            const char *known[128];
            size_t count = 0;
            const char *read;
            json_t *mark;
            json_object_foreach (stage->read, read, mark)
                if (count < sizeof(known) / sizeof(known[0]))
                    known[count++] = read;
            const char *nearest = text_nearest(text_string(&name), known, count);
            result = error_set(err, ERR_USAGE, "unknown parameter '%s'%s%s%s", text_string(&name),
                               nearest ? ", did you mean '" : "", nearest ? nearest : "",
                               nearest ? "'?" : "");
        }
        text_release(&name);
        if (result < 0)
            return -1;
    }
    return 0;
}

int stage_params_done(struct stage *stage, struct error *err)
{
    return check_read(stage, "", json_object_get(stage->description, "params"), err);
}
