/* Of EXIF (CIPA DC-008) only the orientation. A TIFF (TIFF 6.0, section 2) is
 *   "II" or "MM" for the order of bytes, u16 42, u32 offset of the first directory;
 *   a directory: u16 count, count entries of 12 bytes: u16 tag, u16 type, u32 count, 4 bytes value.
 */
#include "data/picture_parts.h"

#include <string.h>

enum { HEADER_SIZE = 8, ENTRY_SIZE = 12, TAG_ORIENTATION = 0x112, TYPE_SHORT = 3, TYPE_LONG = 4 };

static uint32_t number(const uint8_t *at, int bytes, bool big_endian)
{
    uint32_t value = 0;
    for (int i = 0; i < bytes; i++)
        value = value << 8 | at[big_endian ? i : bytes - 1 - i];
    return value;
}

int picture_exif(const uint8_t *tiff, size_t size)
{
    if (size < HEADER_SIZE || (memcmp(tiff, "II", 2) != 0 && memcmp(tiff, "MM", 2) != 0))
        return PICTURE_UPRIGHT;
    const bool big = *tiff == 'M';
    const size_t directory = number(tiff + 4, 4, big);
    if (number(tiff + 2, 2, big) != 42 || directory > size || size - directory < 2)
        return PICTURE_UPRIGHT;
    const size_t count = number(tiff + directory, 2, big);
    const uint8_t *entry = tiff + directory + 2;
    size_t left = size - directory - 2;
    for (size_t i = 0; i < count && left >= ENTRY_SIZE; i++) {
        const uint32_t type = number(entry + 2, 2, big);
        if (number(entry, 2, big) == TAG_ORIENTATION) {
            const uint32_t value = type == TYPE_SHORT  ? number(entry + 8, 2, big)
                                   : type == TYPE_LONG ? number(entry + 8, 4, big)
                                                       : 0;
            return value >= 1 && value <= 8 ? (int)value : PICTURE_UPRIGHT;
        }
        entry += ENTRY_SIZE;
        left -= ENTRY_SIZE;
    }
    return PICTURE_UPRIGHT;
}

/* Where the pixel that is to stand at (y, x) lies in the file, of orientations 2 to 8: whether
 * rows are columns there, and which sides count from the other end. */
static const struct turn {
    bool transposed, from_bottom, from_right;
} turns[] = {
    [2] = {false, false, true}, [3] = {false, true, true}, [4] = {false, true, false},
    [5] = {true, false, false}, [6] = {true, true, false}, [7] = {true, true, true},
    [8] = {true, false, true},
};

int picture_orient(struct picture *picture, int orientation, struct error *err)
{
    if (orientation < 2 || orientation > 8)
        return 0;
    const struct turn turn = turns[orientation];
    const int64_t h = picture->height, w = picture->width;
    struct picture out = {0};
    if (picture_new(turn.transposed ? w : h, turn.transposed ? h : w, &out, err) < 0)
        return -1;
    uint8_t *to = out.pixels;
    for (int64_t y = 0; y < out.height; y++)
        for (int64_t x = 0; x < out.width; x++, to += 3) {
            int64_t row = turn.transposed ? x : y, column = turn.transposed ? y : x;
            row = turn.from_bottom ? h - 1 - row : row;
            column = turn.from_right ? w - 1 - column : column;
            memcpy(to, picture->pixels + (row * w + column) * 3, 3);
        }
    picture_release(picture);
    *picture = out;
    return 0;
}
