/* Writes messages in protobuf's wire format (protobuf.dev, "Encoding") into a text, field by field.
 * A message inside another is written into a text of its own first. Failed allocations are the
 * text's. */
#ifndef DATA_PROTOBUF_H
#define DATA_PROTOBUF_H

#include "base/text.h"

#include <stddef.h>
#include <stdint.h>

void protobuf_int(struct text *message, int field, int64_t value);
void protobuf_float(struct text *message, int field, float value);
void protobuf_double(struct text *message, int field, double value);
void protobuf_bytes(struct text *message, int field, const void *bytes, size_t size);
void protobuf_string(struct text *message, int field, const char *string);
/* Adds `inner` and empties it. */
void protobuf_message(struct text *message, int field, struct text *inner);

#endif
