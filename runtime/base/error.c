#include "base/error.h"

#include "base/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a message quotes may hold line breaks, terminal controls and bytes that
 * are no text. */
static void flatten(char *message)
{
    size_t size = strlen(message), hidden = 0;
    for (size_t at = 0; at < size;) {
        size_t length = utf8_printable(message + at, size - at, &hidden);
        if (length == 0)
            memset(message + at, ' ', hidden);
        if (length == 1 && message[at] == '\t')
            message[at] = ' ';
        at += length == 0 ? hidden : length;
    }
}

int error_set(struct error *err, enum error_kind kind, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err->kind = kind;
    vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    flatten(err->message);
    return -1;
}

int error_errno(struct error *err, const char *format, ...)
{
    int saved = errno;
    va_list args;
    va_start(args, format);
    err->kind = saved == ENOMEM ? ERR_MEMORY : ERR_IO;
    vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof(err->message) - used, ": %s", strerror(saved));
    flatten(err->message);
    return -1;
}

int error_prefix(struct error *err, const char *format, ...)
{
    char message[sizeof(err->message)];
    memcpy(message, err->message, sizeof(message));
    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof(err->message) - used, "%s", message);
    flatten(err->message);
    return -1;
}

int error_exit_status(const struct error *err)
{
    switch (err->kind) {
    case ERR_NONE: return 0;
    case ERR_USAGE: return 2;
    case ERR_MISMATCH: return 102;
    case ERR_NOT_REPRODUCIBLE: return 104;
    case ERR_INTERRUPTED: return 130;
    default: return 1;
    }
}

void error_assertion_failed(const char *condition, const char *function)
{
    fprintf(stderr, "%s: assertion failed: %s\n", function, condition);
    abort();
}
