#include "golden.h"

#include "base/file.h"
#include "base/memory.h"

#include "tap.h"

#include <stdlib.h>
#include <string.h>

char *golden_read(const char *name)
{
    struct error err = {0};
    char *path = file_join("tests/golden", name, &err);
    assert_non_null(path);
    char *data;
    size_t size;
    if (file_read(path, 16u << 20, &data, &size, &err) < 0)
        fail_msg("%s", err.message);
    free(path);
    return data;
}

char *golden_find(const char *text, const char *key)
{
    size_t length = strlen(key);
    for (const char *line = text; line != NULL && *line != '\0';) {
        if (strncmp(line, key, length) == 0)
            return strndup(line + length, strcspn(line + length, "\n"));
        line = strchr(line, '\n');
        if (line != NULL)
            line++;
    }
    return NULL;
}

int64_t golden_int(const char *text, const char *key)
{
    char *value = golden_find(text, key);
    if (value == NULL)
        fail_msg("no line '%s'", key);
    int64_t number = strtoll(value, NULL, 10);
    free(value);
    return number;
}

size_t golden_ints(const char *text, int64_t **values)
{
    struct error err = {0};
    size_t count = 0, capacity = 0;
    *values = NULL;
    for (const char *at = text; *(at += strcspn(at, "-0123456789")) != '\0';) {
        char *end;
        assert_int_equal(memory_grow(values, &capacity, count + 1, sizeof(**values), &err), 0);
        (*values)[count++] = strtoll(at, &end, 10);
        at = end > at ? end : at + 1;
    }
    return count;
}
