#include "base/text.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(struct text *text, size_t more)
{
    struct error err;
    if (text->failed || text->size + more + 1 < more ||
        memory_grow(&text->data, &text->capacity, text->size + more + 1, 1, &err) < 0)
        text->failed = true;
    return !text->failed;
}

void text_append(struct text *text, const char *bytes, size_t size)
{
    if (!reserve(text, size))
        return;
    if (size > 0)
        memcpy(text->data + text->size, bytes, size);
    text->size += size;
    text->data[text->size] = '\0';
}

void text_add(struct text *text, const char *string)
{
    text_append(text, string, strlen(string));
}

void text_addf(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (size < 0 || !reserve(text, (size_t)size)) {
        text->failed = true;
        return;
    }
    va_start(args, format);
    vsnprintf(text->data + text->size, (size_t)size + 1, format, args);
    va_end(args);
    text->size += (size_t)size;
}

void text_add_clean(struct text *text, const char *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t plain = at, hidden = 0, length;
        while (plain < size && (length = utf8_printable(bytes + plain, size - plain, &hidden)) > 0)
            plain += length;
        text_append(text, bytes + at, plain - at);
        if (plain < size)
            text_add(text, "\xef\xbf\xbd");
        at = plain < size ? plain + hidden : plain;
    }
}

void text_add_shell(struct text *text, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_.,:/=@%+-";
    if (*word != '\0' && strspn(word, plain) == strlen(word)) {
        text_add(text, word);
        return;
    }
    text_add(text, "'");
    for (; *word != '\0'; word++)
        if (*word == '\'')
            text_add(text, "'\\''");
        else
            text_append(text, word, 1);
    text_add(text, "'");
}

void text_clear(struct text *text)
{
    text->size = 0;
    if (text->data != NULL)
        text->data[0] = '\0';
}

void text_release(struct text *text)
{
    free(text->data);
    *text = (struct text){0};
}

int text_check(const struct text *text, struct error *err)
{
    return text->failed ? error_set(err, ERR_MEMORY, "out of memory for a text") : 0;
}

const char *text_string(const struct text *text)
{
    return text->data != NULL ? text->data : "";
}

enum { NEAREST_MAX = 64 };

static size_t minimum(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment distance, both words shorter than NEAREST_MAX. */
static size_t edits(const char *a, size_t na, const char *b, size_t nb)
{
    size_t d[NEAREST_MAX + 1][NEAREST_MAX + 1];
    for (size_t i = 0; i <= na; i++)
        d[i][0] = i;
    for (size_t j = 0; j <= nb; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= na; i++)
        for (size_t j = 1; j <= nb; j++) {
            size_t best = minimum(d[i - 1][j], d[i][j - 1]) + 1;
            best = minimum(best, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = minimum(best, d[i - 2][j - 2] + 1);
            d[i][j] = best;
        }
    return d[na][nb];
}

const char *text_nearest(const char *word, const char *const *candidates, size_t count)
{
    size_t length = strlen(word);
    const char *nearest = NULL;
    size_t least = length / 3 + 2;
    if (length == 0 || length > NEAREST_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t other = strlen(candidates[i]);
        if (other > NEAREST_MAX)
            continue;
        size_t distance = edits(word, length, candidates[i], other);
        if (distance < least && distance < other) {
            least = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}

bool text_to_int64(const char *string, long long *value)
{
    char *end;
    errno = 0;
    long long parsed = strtoll(string, &end, 10);
    bool starts = *string == '-' || *string == '+' || (*string >= '0' && *string <= '9');
    if (!starts || end == string || *end != '\0' || errno != 0)
        return false;
    *value = parsed;
    return true;
}

bool text_to_double(const char *string, double *value)
{
    if (strspn(string, "0123456789+-.eE") != strlen(string))
        return false;
    char *end;
    errno = 0;
    double parsed = strtod(string, &end);
    /* The smallest numbers come with ERANGE, too; what is lost altogether does not pass. */
    bool lost = errno != 0 && (errno != ERANGE || parsed == 0.0 || isinf(parsed));
    if (end == string || *end != '\0' || lost)
        return false;
    *value = parsed;
    return true;
}
