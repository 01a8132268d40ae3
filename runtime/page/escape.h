/* Bytes that come from data, made safe for the place where they are written. */
#ifndef PAGE_ESCAPE_H
#define PAGE_ESCAPE_H

#include "base/text.h"

#include <stddef.h>
#include <stdint.h>

/* HTML text and quoted attribute values. Control characters become U+FFFD. */
void escape_html(struct text *text, const char *string);

/* Markdown text, also inside a table: every character with a meaning gets a backslash or an entity,
 * line ends become blanks. */
void escape_markdown(struct text *text, const char *string);

/* RFC 4648, with padding. */
void escape_base64(struct text *text, const uint8_t *bytes, size_t size);

#endif
