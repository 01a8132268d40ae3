/* Bytes as text: RFC 4648, with padding. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/text.h"

#include <stddef.h>
#include <stdint.h>

void base64_add(struct text *text, const uint8_t *bytes, size_t size);

#endif
