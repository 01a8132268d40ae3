#include "base/utf8.h"

#include <stdbool.h>

size_t utf8_read(const char *bytes, size_t size, uint32_t *point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *at = (const unsigned char *)bytes;
    size_t length = at[0] < 0x80             ? 1
                    : (at[0] & 0xe0) == 0xc0 ? 2
                    : (at[0] & 0xf0) == 0xe0 ? 3
                    : (at[0] & 0xf8) == 0xf0 ? 4
                                             : 0;
    if (length == 0 || length > size)
        return 0;
    uint32_t value = length == 1 ? at[0] : at[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (at[i] & 0x3f);
    }
    if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 0;
    *point = value;
    return length;
}

/* Directional embeddings, overrides and isolates (UAX 9), line and paragraph
 * separators, annotations, tags, and the mark of a byte order. */
static bool deceives(uint32_t point)
{
    return (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069) ||
           (point >= 0xfff9 && point <= 0xfffb) || (point >= 0xe0000 && point <= 0xe007f) ||
           point == 0xfeff;
}

size_t utf8_printable(const char *bytes, size_t size, size_t *hidden)
{
    uint32_t point = 0;
    size_t length = utf8_read(bytes, size, &point);
    bool control = (point < 0x20 && point != '\t') || (point >= 0x7f && point <= 0x9f);
    *hidden = length == 0 ? 1 : length;
    return length == 0 || control || deceives(point) ? 0 : length;
}

size_t utf8_count(const char *string)
{
    size_t count = 0;
    for (; *string != '\0'; string++)
        count += ((unsigned char)*string & 0xc0) != 0x80;
    return count;
}
