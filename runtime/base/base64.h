/* Base64 of RFC 4648, section 4, with padding. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void base64_add(struct text *text, const uint8_t *bytes, size_t size);

/* Adds the bytes that `string` stands for. False where it is not what base64_add() writes of some
 * bytes: one text for one content. */
bool base64_parse(const char *string, struct text *bytes);

#endif
