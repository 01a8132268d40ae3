/* Class names and counts that are hard to draw. Test code: anything wrong fails the running test.
 */
#ifndef TESTS_FIGURE_EXTREME_H
#define TESTS_FIGURE_EXTREME_H

#include <stddef.h>
#include <stdint.h>

enum extreme_kind {
    EXTREME_SHORT,   /* "c17" */
    EXTREME_LATE,    /* long, different only near the end */
    EXTREME_MIDDLE,  /* long, different only in the middle */
    EXTREME_LONGEST, /* 240 bytes of the widest letter, and a number */
    EXTREME_SCRIPTS, /* Latin, Greek, Cyrillic, Armenian, Japanese, Arabic, Thai, ... by turns */
    EXTREME_ALIKE,   /* other characters with the same glyphs; names that are numbers of others */
    EXTREME_TALL,    /* capitals with accents over letters with tails */
    EXTREME_KINDS,
};
extern const char *const extreme_words[EXTREME_KINDS]; /* for messages */

/* `count` names, no two of the same bytes; extreme_free_names() them. */
char **extreme_names(enum extreme_kind kind, size_t count);
void extreme_free_names(char **names, size_t count);

/* confusion [count,count]: a diagonal with mistakes beside it, of which some are large; free() it.
 */
int64_t *extreme_confusion(size_t count);
/* Images of each class, from 0 to many; free() it. */
int64_t *extreme_counts(size_t count, uint32_t seed);

#endif
