/* A growing string. Appending never reports: a failed allocation is
 * remembered and text_check() tells, so code that writes a page stays
 * readable. `struct text t = {0};` is an empty text; text_release() frees it.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct text {
    char *data;  /* NUL-terminated once something was appended, else NULL */
    size_t size; /* bytes, without the NUL */
    size_t capacity;
    bool failed;
};

void text_append(struct text *text, const char *bytes, size_t size);
void text_add(struct text *text, const char *string);
void text_addf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Bytes of a stage, a name or a URL as one line that a terminal may be given:
 * each control, also of C1, each byte that is no UTF-8, and what changes the
 * direction of writing becomes U+FFFD. Tabs stay. */
void text_add_clean(struct text *text, const char *bytes, size_t size);
/* A word for a shell, in quotes unless nothing in it has a meaning there. */
void text_add_shell(struct text *text, const char *word);
void text_clear(struct text *text);
void text_release(struct text *text);

/* -1 with ERR_MEMORY if any append failed. */
int text_check(const struct text *text, struct error *err);

/* The string, "" if empty. Valid until the next append. */
const char *text_string(const struct text *text);

/* Of `count` candidates, the one nearest to `word` by edits (insert, delete,
 * replace, swap neighbours), or NULL if none is near enough to suggest. */
const char *text_nearest(const char *word, const char *const *candidates, size_t count);

/* Parses a whole string as a number; false on anything left over, overflow,
 * or an empty string. Not locale-dependent. */
bool text_to_int64(const char *string, long long *value);
bool text_to_double(const char *string, double *value);

#endif
