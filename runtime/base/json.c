#include "base/json.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int json_read(const char *path, json_t **value, struct error *err)
{
    char *data;
    size_t size;
    json_error_t json_error;
    if (file_read(path, JSON_FILE_LIMIT, &data, &size, err) < 0)
        return -1;
    json_t *parsed = json_loadb(data, size, JSON_REJECT_DUPLICATES, &json_error);
    free(data);
    if (parsed == NULL)
        return error_set(err, ERR_FORMAT, "%s:%d:%d: %s", path, json_error.line, json_error.column,
                         json_error.text);
    if (!json_is_object(parsed)) {
        json_decref(parsed);
        return error_set(err, ERR_FORMAT, "%s:1:1: expected a JSON object", path);
    }
    *value = parsed;
    return 0;
}

/* ---- writing ---- */

/* As the C library prints it in some locale, and as JSON has it: a point, no plus, no zeros before
 * an exponent's digits; what would read back as an integer gets a fraction. */
static void normalise(const char *from, char *to)
{
    bool real = false;
    while (*from != '\0' && *from != 'e') {
        bool plain = (*from >= '0' && *from <= '9') || *from == '-';
        real = real || !plain;
        *to++ = plain ? *from : '.';
        from++;
    }
    if (*from == '\0')
        memcpy(to, real ? "" : ".0", real ? 1 : 3);
    else {
        *to++ = *from++;
        if (*from == '-')
            *to++ = '-';
        from += strspn(from, "+-0");
        memcpy(to, from, strlen(from) + 1);
    }
}

bool json_number_text(double value, char text[JSON_NUMBER_SIZE])
{
    char printed[JSON_NUMBER_SIZE];
    if (!isfinite(value))
        return false;
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(printed, sizeof(printed), "%.*g", digits, value);
        if (strtod(printed, NULL) == value)
            break;
    }
    normalise(printed, text);
    return true;
}

struct writer {
    struct text text;
    bool compact;
    bool infinite; /* a number that JSON doesn't have */
};

static void write_value(struct writer *writer, const json_t *value, size_t depth);

static void write_escaped(struct text *text, unsigned char c)
{
    static const char letters[] = "btn?fr"; /* of bytes 8 to 13 */
    if (c >= ' ')
        text_addf(text, "\\%c", c);
    else if (c >= 8 && c <= 13 && c != 11)
        text_addf(text, "\\%c", letters[c - 8]);
    else
        text_addf(text, "\\u%04X", c);
}

static void write_string(struct text *text, const char *string, size_t size)
{
    size_t from = 0;
    text_add(text, "\"");
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)string[i];
        if (c >= ' ' && c != '"' && c != '\\')
            continue;
        text_append(text, string + from, i - from);
        write_escaped(text, c);
        from = i + 1;
    }
    text_append(text, string + from, size - from);
    text_add(text, "\"");
}

static void write_line(struct writer *writer, size_t depth)
{
    if (!writer->compact)
        text_addf(&writer->text, "\n%*s", (int)(2 * depth), "");
}

static void write_list(struct writer *writer, const json_t *list, size_t depth)
{
    const size_t count = json_array_size(list);
    text_add(&writer->text, "[");
    for (size_t i = 0; i < count; i++) {
        text_add(&writer->text, i > 0 ? "," : "");
        write_line(writer, depth + 1);
        write_value(writer, json_array_get(list, i), depth + 1);
    }
    if (count > 0)
        write_line(writer, depth);
    text_add(&writer->text, "]");
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Of a document people see first by what schema it is to be read. Lines that are compact are parts
 * of keys, whose form stays. */
static void put_first(const char **names, size_t count, const char *first)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], first) == 0) {
            const char *found = names[i];
            memmove(names + 1, names, i * sizeof(*names));
            names[0] = found;
        }
}

static void write_object(struct writer *writer, const json_t *object, size_t depth)
{
    struct error ignored;
    const size_t count = json_object_size(object);
    const char **names = memory_new(count, sizeof(*names), &ignored), *name;
    json_t *value;
    size_t used = 0;
    if (names == NULL) {
        writer->text.failed = true;
        return;
    }
    json_object_foreach ((json_t *)object, name, value)
        names[used++] = name;
    if (count > 1)
        qsort(names, count, sizeof(*names), compare_names);
    if (depth == 0 && !writer->compact)
        put_first(names, count, "schema");
    text_add(&writer->text, "{");
    for (size_t i = 0; i < count; i++) {
        text_add(&writer->text, i > 0 ? "," : "");
        write_line(writer, depth + 1);
        write_string(&writer->text, names[i], strlen(names[i]));
        text_add(&writer->text, writer->compact ? ":" : ": ");
        write_value(writer, json_object_get(object, names[i]), depth + 1);
    }
    if (count > 0)
        write_line(writer, depth);
    text_add(&writer->text, "}");
    free(names);
}

static void write_real(struct writer *writer, double value)
{
    char text[JSON_NUMBER_SIZE];
    if (json_number_text(value, text))
        text_add(&writer->text, text);
    else
        writer->infinite = true;
}

static void write_value(struct writer *writer, const json_t *value, size_t depth)
{
    struct text *text = &writer->text;
    switch (json_typeof(value)) {
    case JSON_OBJECT: write_object(writer, value, depth); break;
    case JSON_ARRAY: write_list(writer, value, depth); break;
    case JSON_STRING:
        write_string(text, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER: text_addf(text, "%" JSON_INTEGER_FORMAT, json_integer_value(value)); break;
    case JSON_REAL: write_real(writer, json_real_value(value)); break;
    case JSON_TRUE: text_add(text, "true"); break;
    case JSON_FALSE: text_add(text, "false"); break;
    case JSON_NULL: text_add(text, "null"); break;
    }
}

char *json_to_text(const json_t *value, bool compact, struct error *err)
{
    struct writer writer = {.compact = compact};
    if (value == NULL) {
        error_set(err, ERR_MEMORY, "out of memory for a JSON value");
        return NULL;
    }
    write_value(&writer, value, 0);
    if (!writer.infinite && text_check(&writer.text, err) == 0)
        return writer.text.data;
    if (writer.infinite)
        error_set(err, ERR_FORMAT, "a number that is not finite has no form in JSON");
    text_release(&writer.text);
    return NULL;
}

int json_write(const char *path, const json_t *value, struct error *err)
{
    char *text = json_to_text(value, false, err);
    if (text == NULL)
        return -1;
    struct file_writer writer;
    int result = file_create(&writer, path, err);
    if (result == 0) {
        fputs(text, writer.stream);
        fputc('\n', writer.stream);
        result = file_commit(&writer, err);
    }
    free(text);
    return result;
}

/* Of the objects in a list the one whose `name` the path goes on with, the longest such name, or
 * that at the place which it goes on with; in *length the bytes of it. */
static const json_t *item_at(const json_t *list, const char *dotted, size_t *length)
{
    const json_t *found = NULL;
    size_t i;
    json_t *item;
    json_array_foreach ((json_t *)list, i, item) {
        const char *name = json_string_value(json_object_get(item, "name"));
        size_t size = name != NULL ? strlen(name) : 0;
        if (size > 0 && (found == NULL || size > *length) && strncmp(dotted, name, size) == 0 &&
            (dotted[size] == '.' || dotted[size] == '\0')) {
            found = item;
            *length = size;
        }
    }
    if (found != NULL)
        return found;
    size_t place = 0;
    *length = strspn(dotted, "0123456789");
    for (i = 0; i < *length && place < json_array_size(list); i++)
        place = place * 10 + (size_t)(dotted[i] - '0');
    return *length > 0 && strcspn(dotted, ".") == *length ? json_array_get(list, place) : NULL;
}

const json_t *json_at(const json_t *object, const char *dotted)
{
    const json_t *value = object;
    while (value != NULL) {
        size_t length = strcspn(dotted, ".");
        value = json_is_array(value) ? item_at(value, dotted, &length)
                                     : json_object_getn(value, dotted, length);
        if (dotted[length] == '\0')
            return value;
        dotted += length + 1;
    }
    return NULL;
}

/* ---- building ---- */

json_t *json_measured(double value)
{
    char text[JSON_NUMBER_SIZE];
    if (isnan(value))
        return json_null();
    if (isinf(value))
        return json_string(value > 0 ? "inf" : "-inf");
    snprintf(text, sizeof(text), "%.15g", value);
    double rounded = strtod(text, NULL);
    return json_real(isfinite(rounded) ? rounded : value);
}

bool json_measurement(const json_t *json, double *value)
{
    const char *text = json_string_value(json);
    if (json_is_number(json))
        *value = json_number_value(json);
    else if (json_is_null(json))
        *value = (double)NAN;
    else if (text != NULL && (strcmp(text, "inf") == 0 || strcmp(text, "-inf") == 0))
        *value = text[0] == '-' ? -(double)INFINITY : (double)INFINITY;
    else
        return false;
    return true;
}

json_t *json_list_with(json_t *list, json_t *value)
{
    if (list == NULL)
        json_decref(value);
    else if (json_array_append_new(list, value) < 0) {
        json_decref(list);
        return NULL;
    }
    return list;
}

json_t *json_object_with(json_t *object, const char *name, json_t *value)
{
    if (object == NULL)
        json_decref(value);
    else if (json_object_set_new(object, name, value) < 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

const char *json_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

json_t *json_clean(const char *bytes)
{
    struct text clean = {0};
    text_add_clean(&clean, bytes, strlen(bytes));
    json_t *json = clean.failed ? NULL : json_string(text_string(&clean));
    text_release(&clean);
    return json;
}
