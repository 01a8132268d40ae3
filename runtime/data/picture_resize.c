#include "data/picture.h"

#include "data/pil_resize.h"

#include <string.h>

int picture_resize(const struct picture *from, int64_t height, int64_t width, struct picture *to,
                   struct error *err)
{
    struct picture resized = {0};
    if (picture_new(height, width, &resized, err) < 0)
        return -1;
    if (height == from->height && width == from->width) {
        memcpy(resized.pixels, from->pixels, (size_t)(height * width * 3));
    } else if (pil_resize_bilinear(from->pixels, from->height, from->width, resized.pixels, height,
                                   width, err) < 0) {
        picture_release(&resized);
        return -1;
    }
    *to = resized;
    return 0;
}

/* side * numerator / denominator, half up, from 1 to `most`. */
static int64_t share(int64_t side, int64_t numerator, int64_t denominator, int64_t most)
{
    const int64_t value = (2 * side * numerator + denominator) / (2 * denominator);
    return value < 1 ? 1 : value > most ? most : value;
}

/* `part`, whose size is set, becomes what `whole` has from (top, left). */
static void cut_out(const struct picture *whole, int64_t top, int64_t left, struct picture *part)
{
    for (int64_t y = 0; y < part->height; y++)
        memcpy(part->pixels + y * part->width * 3,
               whole->pixels + ((top + y) * whole->width + left) * 3, (size_t)(part->width * 3));
}

static void put_in(const struct picture *part, int64_t top, int64_t left, struct picture *whole)
{
    for (int64_t y = 0; y < part->height; y++)
        memcpy(whole->pixels + ((top + y) * whole->width + left) * 3,
               part->pixels + y * part->width * 3, (size_t)(part->width * 3));
}

static int crop(const struct picture *from, int64_t height, int64_t width, struct picture *to,
                struct error *err)
{
    const bool is_wide = from->width * height > from->height * width;
    const int64_t h = is_wide ? from->height : share(from->width, height, width, from->height);
    const int64_t w = is_wide ? share(from->height, width, height, from->width) : from->width;
    struct picture middle = {0};
    if (picture_new(h, w, &middle, err) < 0)
        return -1;
    cut_out(from, (from->height - h) / 2, (from->width - w) / 2, &middle);
    int result = picture_resize(&middle, height, width, to, err);
    picture_release(&middle);
    return result;
}

static int pad(const struct picture *from, int64_t height, int64_t width, struct picture *to,
               struct error *err)
{
    const bool is_wide = from->width * height > from->height * width;
    const int64_t h = is_wide ? share(from->height, width, from->width, height) : height;
    const int64_t w = is_wide ? width : share(from->width, height, from->height, width);
    struct picture inner = {0}, white = {0};
    if (picture_new(height, width, &white, err) < 0 ||
        picture_resize(from, h, w, &inner, err) < 0) {
        picture_release(&white);
        return -1;
    }
    memset(white.pixels, 255, (size_t)(height * width * 3));
    put_in(&inner, (height - h) / 2, (width - w) / 2, &white);
    picture_release(&inner);
    *to = white;
    return 0;
}

int picture_fit(const struct picture *from, int64_t height, int64_t width, enum picture_fit fit,
                struct picture *to, struct error *err)
{
    switch (fit) {
    case PICTURE_CROP: return crop(from, height, width, to, err);
    case PICTURE_PAD: return pad(from, height, width, to, err);
    case PICTURE_SQUASH: break;
    }
    return picture_resize(from, height, width, to, err);
}
