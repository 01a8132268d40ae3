#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a message quotes may hold line breaks and terminal controls, also the
 * C1 ones, which are C2 80 to C2 9F in UTF-8. */
static void flatten(char *message)
{
    for (unsigned char *at = (unsigned char *)message; *at != '\0'; at++) {
        if (*at < ' ' || *at == 0x7f)
            *at = ' ';
        else if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f)
            at[0] = at[1] = ' ';
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
