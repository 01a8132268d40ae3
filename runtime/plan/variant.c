#include "plan/variant.h"

#include <string.h>

bool variant_is_pattern(const char *word, size_t size, size_t *group)
{
    const char *at = memchr(word, '@', size);
    if (at == NULL || memchr(at, '*', size - (size_t)(at - word)) == NULL)
        return false;
    *group = (size_t)(at - word);
    return true;
}

/* After a mismatch the last * takes one character more. */
bool variant_matches(const char *pattern, size_t size, const char *name)
{
    const char *end = pattern + size, *star = NULL, *taken = NULL;
    while (*name != '\0') {
        if (pattern < end && *pattern == '*') {
            star = ++pattern;
            taken = name;
        } else if (pattern < end && *pattern == *name) {
            pattern++;
            name++;
        } else if (star != NULL) {
            pattern = star;
            name = ++taken;
        } else {
            return false;
        }
    }
    while (pattern < end && *pattern == '*')
        pattern++;
    return pattern == end;
}
