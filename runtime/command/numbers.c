#include "command/numbers.h"

#include "base/json.h"
#include "base/number.h"
#include "base/text.h"

bool numbers_value(const json_t *json, double *value)
{
    return json != NULL && !json_is_null(json) && json_measurement(json, value);
}

void numbers_show(struct text *text, const json_t *json)
{
    struct number number;
    char shown[JSON_NUMBER_SIZE] = "-";
    if (number_from_json(json, &number))
        number_show(&number, shown);
    text_add(text, json_is_string(json) ? json_string_value(json) : shown);
}

static json_t *flatten_one(json_t *flat, const char *prefix, const char *name, const json_t *value,
                           bool named)
{
    struct text dotted = {0};
    text_addf(&dotted, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", name);
    flat = dotted.failed ? json_object_with(flat, "", NULL)
                         : numbers_flatten(flat, dotted.data, value, named);
    text_release(&dotted);
    return flat;
}

static json_t *flatten_list(json_t *flat, const char *prefix, const json_t *list)
{
    size_t index;
    json_t *entry;
    json_array_foreach (list, index, entry) {
        const char *name = json_string_value(json_object_get(entry, "name"));
        if (name != NULL)
            flat = flatten_one(flat, prefix, name, entry, true);
    }
    return flat;
}

/* Members that hold others, or those that don't. */
static json_t *flatten_members(json_t *flat, const char *prefix, const json_t *object, bool nested,
                               bool named)
{
    const char *name;
    json_t *member;
    json_object_foreach ((json_t *)object, name, member)
        if ((json_is_object(member) || json_is_array(member)) == nested)
            flat = flatten_one(flat, prefix, name, member, named);
    return flat;
}

json_t *numbers_flatten(json_t *flat, const char *prefix, const json_t *value, bool named)
{
    double ignored;
    if (json_is_array(value))
        return named ? flatten_list(flat, prefix, value) : flat;
    if (!json_is_object(value))
        return numbers_value(value, &ignored)
                   ? json_object_with(flat, prefix, json_incref((json_t *)value))
                   : flat;
    flat = flatten_members(flat, prefix, value, false, named);
    return flatten_members(flat, prefix, value, true, named);
}
