#include "base/base64.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_add(struct text *text, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t group = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                         (left > 2 ? bytes[i + 2] : 0);
        const char four[4] = {digits[group >> 18], digits[group >> 12 & 63],
                              left > 1 ? digits[group >> 6 & 63] : '=',
                              left > 2 ? digits[group & 63] : '='};
        text_append(text, four, 4);
    }
}

/* The value of a digit, or -1. */
static int value_of(char digit)
{
    const char *found = digit == '\0' ? NULL : strchr(digits, digit);
    return found == NULL ? -1 : (int)(found - digits);
}

/* Four characters as up to three bytes; how many, or 0. */
static size_t parse_group(const char four[4], bool last, char bytes[3])
{
    uint32_t group = 0;
    const size_t pads = last ? (size_t)(four[3] == '=') + (four[3] == '=' && four[2] == '=') : 0;
    for (size_t i = 0; i < 4 - pads; i++) {
        int value = value_of(four[i]);
        if (value < 0)
            return 0;
        group |= (uint32_t)value << (18 - 6 * i);
    }
    for (size_t i = 0; i < 3; i++)
        bytes[i] = (char)(group >> (16 - 8 * i));
    /* What the padding leaves over is nothing. */
    return (group & ((1U << 8 * pads) - 1)) != 0 ? 0 : 3 - pads;
}

bool base64_parse(const char *string, struct text *bytes)
{
    const size_t length = strlen(string);
    if (length % 4 != 0)
        return false;
    for (size_t at = 0; at < length; at += 4) {
        char three[3];
        size_t count = parse_group(string + at, at + 4 == length, three);
        if (count == 0)
            return false;
        text_append(bytes, three, count);
    }
    return !bytes->failed;
}
