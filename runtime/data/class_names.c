#include "data/class_names.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

int class_name_check(const char *name, size_t size, struct error *err)
{
    size_t hidden = 0;
    if (size == 0)
        return error_set(err, ERR_FORMAT, "the class has no name");
    if (size > CLASS_NAME_SIZE)
        return error_set(err, ERR_FORMAT, "the class name has %zu bytes, more than %d", size,
                         CLASS_NAME_SIZE);
    for (size_t at = 0; at < size;) {
        uint32_t point;
        const size_t length = utf8_read(name + at, size - at, &point);
        if (length == 0)
            return error_set(err, ERR_FORMAT,
                             "the class name is not UTF-8: byte 0x%02x at %zu; write it in UTF-8",
                             (unsigned char)name[at], at + 1);
        if (point == '\t' || utf8_printable(name + at, size - at, &hidden) == 0)
            return error_set(err, ERR_FORMAT,
                             "the class name holds a character that cannot be shown on a line: "
                             "U+%04X at byte %zu",
                             (unsigned)point, at + 1);
        at += length;
    }
    if (name[0] == ' ' || name[size - 1] == ' ')
        return error_set(err, ERR_FORMAT, "the class name '%.*s' begins or ends with a blank",
                         (int)size, name);
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Whether a name is there twice; -1 without memory. */
static int has_twins(const char *const *names, int64_t count, struct error *err)
{
    const char **sorted = memory_new((size_t)count, sizeof(*sorted), err);
    int twins = 0;
    if (sorted == NULL)
        return -1;
    memcpy(sorted, names, (size_t)count * sizeof(*sorted));
    qsort(sorted, (size_t)count, sizeof(*sorted), compare_names);
    for (int64_t i = 1; i < count && twins == 0; i++)
        twins = strcmp(sorted[i - 1], sorted[i]) == 0;
    free(sorted);
    return twins;
}

int class_names_check(const char *const *names, int64_t count, int64_t *bad, struct error *err)
{
    for (int64_t i = 0; i < count; i++) {
        *bad = i + 1;
        if (names[i] == NULL)
            return error_set(err, ERR_FORMAT, "the class has no name");
        if (class_name_check(names[i], strlen(names[i]), err) < 0)
            return -1;
    }
    const int twins = has_twins(names, count, err);
    if (twins <= 0)
        return twins;
    for (int64_t i = 0; i < count; i++) {
        *bad = i + 1;
        for (int64_t j = 0; j < i; j++)
            if (strcmp(names[i], names[j]) == 0)
                return error_set(err, ERR_FORMAT,
                                 "the class name '%s' is there twice, first as class %lld",
                                 names[i], (long long)j + 1);
    }
    return 0;
}

/* Index of a name, or -1. */
static int64_t find(const char *const *names, int64_t count, const char *name)
{
    for (int64_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

int class_names_compare(const char *const *model, const char *const *dataset, int64_t count,
                        struct error *err)
{
    for (int64_t i = 0; i < count; i++)
        if (strcmp(model[i], dataset[i]) != 0 && find(dataset, count, model[i]) < 0)
            return error_set(err, ERR_STAGE,
                             "the data set has other classes than the model: class %lld is '%s' "
                             "in the model and '%s' in the data set",
                             (long long)i + 1, model[i], dataset[i]);
    for (int64_t i = 0; i < count; i++)
        if (strcmp(model[i], dataset[i]) != 0)
            return error_set(err, ERR_STAGE,
                             "the data set has the model's classes in another order: class %lld is "
                             "'%s' in the model and '%s' in the data set",
                             (long long)i + 1, model[i], dataset[i]);
    return 0;
}
