#include "data/protobuf.h"

#include <string.h>

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

static void put_varint(struct text *message, uint64_t value)
{
    do {
        const char byte = (char)((value & 127) | (value > 127 ? 128 : 0));
        text_append(message, &byte, 1);
        value >>= 7;
    } while (value > 0);
}

static void put_tag(struct text *message, int field, int wire)
{
    put_varint(message, (uint64_t)field << 3 | (uint64_t)wire);
}

void protobuf_int(struct text *message, int field, int64_t value)
{
    put_tag(message, field, WIRE_VARINT);
    put_varint(message, (uint64_t)value);
}

void protobuf_float(struct text *message, int field, float value)
{
    put_tag(message, field, WIRE_FIXED32);
    text_append(message, (const char *)&value, sizeof value); /* little-endian, as we are */
}

void protobuf_double(struct text *message, int field, double value)
{
    put_tag(message, field, WIRE_FIXED64);
    text_append(message, (const char *)&value, sizeof value);
}

void protobuf_bytes(struct text *message, int field, const void *bytes, size_t size)
{
    put_tag(message, field, WIRE_BYTES);
    put_varint(message, size);
    text_append(message, bytes, size);
}

void protobuf_string(struct text *message, int field, const char *string)
{
    protobuf_bytes(message, field, string, strlen(string));
}

void protobuf_message(struct text *message, int field, struct text *inner)
{
    if (inner->failed)
        message->failed = true;
    protobuf_bytes(message, field, text_string(inner), inner->size);
    text_clear(inner);
}
