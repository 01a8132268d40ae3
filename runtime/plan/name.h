/* What names of stages, variables, deps and outs are made of: letters, digits, '_' and '-'. What an
 * expression names has steps: "a.b[0].c". */
#ifndef PLAN_NAME_H
#define PLAN_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { NAME_LIMIT = 100 }; /* bytes: names become parts of file names */

static inline bool name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

/* Whether the text is made of these, and of `more` ('\0' for no other), and not too long. */
static inline bool name_is_good(const char *text, char more)
{
    size_t size = 0;
    while (name_character(text[size]) || (text[size] == more && more != '\0'))
        size++;
    return text[size] == '\0' && size > 0 && size <= NAME_LIMIT;
}

/* What a text that is not good breaks, for messages. */
static inline const char *name_rule(const char *text)
{
    return strlen(text) > NAME_LIMIT ? "100 bytes at most"
           : *text == '-'            ? "letters, digits, '_' and '-', which is not the first"
                                     : "letters, digits, '_' and '-'";
}

/* One step of what an expression names: a part between dots, or what stands in [ ]. */
struct name_step {
    const char *text;
    size_t size;
    bool index;
};

/* Reads the step at `at`; where the next begins, or NULL where there is none. */
const char *name_next_step(const char *at, const char *end, struct name_step *step);

/* name ( "." name | "[" digits "]" )* */
bool name_is_path(const char *text, size_t size);

#endif
