/* Characters of UTF-8 (RFC 3629), and whether a terminal may be given them. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The bytes of the character at `bytes`, of which `size` (not 0) are there: 1 to
 * 4, and its code point; 0 where no character begins there. */
size_t utf8_read(const char *bytes, size_t size, uint32_t *point);

/* The same where it can be shown on one line as it is. 0, and in *hidden how
 * many bytes to leave out, where it is none, or a control (C0, C1, DEL), a line
 * separator, or what changes the direction or hides what is written. A tab can
 * be shown. */
size_t utf8_printable(const char *bytes, size_t size, size_t *hidden);

/* Characters of a text of UTF-8. */
size_t utf8_count(const char *string);

#endif
