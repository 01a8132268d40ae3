#include "differ/differ_files.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

enum { VALUE_BYTES = 80, FILE_LIMIT = 64 << 20 };

struct listing {
    const char *what;
    json_t **values;
    struct file_difference *found;
    size_t count;
};

/* A value as JSON, cut where it is long; null where it is absent. */
static json_t *shown(const json_t *value)
{
    struct error ignored;
    struct text text = {0};
    if (value == NULL)
        return json_null();
    char *whole = json_to_text(value, true, &ignored);
    if (whole == NULL)
        return NULL;
    const bool cut = strlen(whole) > VALUE_BYTES;
    text_add_clean(&text, whole, cut ? VALUE_BYTES : strlen(whole));
    text_add(&text, cut ? "..." : "");
    free(whole);
    json_t *json = text.failed ? NULL : json_string(text_string(&text));
    text_release(&text);
    return json;
}

static void list(struct listing *listing, const struct text *path, const json_t *a, const json_t *b)
{
    struct text line = {0};
    if (listing->count++ >= DIFFER_LISTED)
        return;
    json_t *from = shown(a), *to = shown(b);
    text_addf(&line, "%s'%s': is %s, was %s", listing->what, text_string(path),
              b == NULL ? "absent" : json_string_value(to),
              a == NULL ? "absent" : json_string_value(from));
    difference_line(listing->found, &line);
    *listing->values = json_list_with(
        *listing->values,
        json_pack("{s:o, s:o, s:o}", "path", json_clean(text_string(path)), "a", from, "b", to));
}

static void walk(struct listing *listing, struct text *path, const json_t *a, const json_t *b);

/* One member, whose name stands behind the path meanwhile. */
static void step(struct listing *listing, struct text *path, const char *name, const json_t *a,
                 const json_t *b)
{
    const size_t size = path->size;
    text_addf(path, "%s%s", size > 0 ? "." : "", name);
    if (path->failed) {
        json_decref(*listing->values); /* known by the end as out of memory */
        *listing->values = NULL;
        return;
    }
    walk(listing, path, a, b);
    path->size = size;
    path->data[size] = '\0';
}

static void walk_objects(struct listing *listing, struct text *path, const json_t *a,
                         const json_t *b)
{
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)a, name, value)
        step(listing, path, name, value, json_object_get(b, name));
    json_object_foreach ((json_t *)b, name, value)
        if (json_object_get(a, name) == NULL)
            step(listing, path, name, NULL, value);
}

static void walk_arrays(struct listing *listing, struct text *path, const json_t *a,
                        const json_t *b)
{
    const size_t before = json_array_size(a), after = json_array_size(b);
    for (size_t i = 0; i < before || i < after; i++) {
        char place[24];
        snprintf(place, sizeof(place), "%zu", i);
        step(listing, path, place, json_array_get(a, i), json_array_get(b, i));
    }
}

static void walk(struct listing *listing, struct text *path, const json_t *a, const json_t *b)
{
    if (*listing->values == NULL)
        return;
    if (json_is_object(a) && json_is_object(b))
        walk_objects(listing, path, a, b);
    else if (json_is_array(a) && json_is_array(b))
        walk_arrays(listing, path, a, b);
    else if (!json_equal(a, b))
        list(listing, path, a, b);
}

size_t values_add(const char *what, const json_t *a, const json_t *b, json_t **values,
                  struct file_difference *found)
{
    struct listing listing = {what, values, found, 0};
    struct text path = {0}, line = {0};
    if (a != NULL || b != NULL)
        walk(&listing, &path, a, b);
    text_release(&path);
    if (listing.count > DIFFER_LISTED) {
        text_addf(&line, "and %zu more values", listing.count - DIFFER_LISTED);
        difference_line(found, &line);
    }
    return listing.count;
}

int values_compare(const struct file_pair *pair, struct file_difference *found, struct error *err)
{
    const char *end = strrchr(pair->name, '.');
    json_t *a = NULL, *b = NULL, *values = json_array();
    if (end == NULL || strcmp(end, ".json") != 0 || json_read(pair->a, &a, err) < 0 ||
        json_read(pair->b, &b, err) < 0) {
        json_decref(values);
        json_decref(a);
        return end != NULL && err->kind == ERR_MEMORY ? -1 : 0;
    }
    const size_t count = values_add("", a, b, &values, found);
    found->format = "json";
    found->details = json_object_with(json_object_with(json_object(), "values", values), "count",
                                      json_integer((json_int_t)count));
    json_decref(a);
    json_decref(b);
    return count > 0;
}
