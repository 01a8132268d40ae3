#include "base/json.h"

#include "base/file.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { JSON_LIMIT = 64 << 20 };

int json_read(const char *path, json_t **value, struct error *err)
{
    char *data;
    size_t size;
    json_error_t json_error;
    if (file_read(path, JSON_LIMIT, &data, &size, err) < 0)
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

char *json_to_text(const json_t *value, bool compact, struct error *err)
{
    size_t flags = JSON_SORT_KEYS | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15);
    char *text = json_dumps(value, flags | (compact ? JSON_COMPACT : JSON_INDENT(2)));
    if (text == NULL)
        error_set(err, ERR_MEMORY, "cannot write a JSON value");
    return text;
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

const json_t *json_at(const json_t *object, const char *dotted)
{
    const json_t *value = object;
    while (value != NULL) {
        size_t length = strcspn(dotted, ".");
        value = json_object_getn(value, dotted, length);
        if (dotted[length] == '\0')
            return value;
        dotted += length + 1;
    }
    return NULL;
}
