#include "differ/differ_files.h"

#include "base/json.h"
#include "base/memory.h"
#include "data/picture.h"
#include "figure/png_file.h"

#include <stdlib.h>

enum { DPI = 100 };

struct pixels {
    int64_t differ, of;
    int largest; /* of a channel */
};

static int distance(const uint8_t *a, const uint8_t *b)
{
    return abs((int)*a - (int)*b);
}

static void count(const struct picture *a, const struct picture *b, struct pixels *pixels)
{
    *pixels = (struct pixels){.of = a->height * a->width};
    for (int64_t i = 0; i < pixels->of; i++) {
        int largest = 0;
        for (int64_t c = 3 * i; c < 3 * i + 3; c++)
            if (distance(&a->pixels[c], &b->pixels[c]) > largest)
                largest = distance(&a->pixels[c], &b->pixels[c]);
        pixels->differ += largest > 0;
        pixels->largest = largest > pixels->largest ? largest : pixels->largest;
    }
}

/* Black where both are equal; else the difference of each channel, the largest as 255. */
static int draw(const struct picture *a, const struct picture *b, const struct pixels *pixels,
                const char *path, struct error *err)
{
    uint32_t *drawn = memory_new((size_t)pixels->of, sizeof(*drawn), err);
    if (drawn == NULL)
        return -1;
    for (int64_t i = 0; i < pixels->of; i++)
        for (int64_t c = 3 * i; c < 3 * i + 3; c++)
            drawn[i] = drawn[i] << 8 |
                       (uint32_t)(distance(&a->pixels[c], &b->pixels[c]) * 255 / pixels->largest);
    int result = png_file_write(path, drawn, (size_t)a->width, (size_t)a->height, (size_t)a->width,
                                DPI, err);
    free(drawn);
    return result;
}

static int compare(const struct picture *a, const struct picture *b, const struct file_pair *pair,
                   struct file_difference *found, struct error *err)
{
    struct pixels pixels;
    struct text line = {0};
    found->format = "picture";
    if (a->width != b->width || a->height != b->height) {
        struct text from = {0}, to = {0};
        text_addf(&from, "%lldx%lld", (long long)a->width, (long long)a->height);
        text_addf(&to, "%lldx%lld", (long long)b->width, (long long)b->height);
        text_addf(&line, "is %s pixels, was %s", text_string(&to), text_string(&from));
        difference_line(found, &line);
        found->details = json_pack("{s:s, s:s}", "a", text_string(&from), "b", text_string(&to));
        text_release(&from);
        text_release(&to);
        return 1;
    }
    count(a, b, &pixels);
    if (pixels.differ == 0)
        return 0; /* what is said beside pixels */
    text_addf(&line, "%lld of %lld pixels differ, by at most %d of 255", (long long)pixels.differ,
              (long long)pixels.of, pixels.largest);
    difference_line(found, &line);
    found->details = json_pack("{s:I, s:I, s:i, s:b}", "pixels", (json_int_t)pixels.differ, "of",
                               (json_int_t)pixels.of, "largest", pixels.largest, "picture", 1);
    return draw(a, b, &pixels, pair->picture, err) < 0 ? -1 : 1;
}

int picture_compare(const struct file_pair *pair, struct file_difference *found, struct error *err)
{
    struct picture a = {0}, b = {0};
    int result = -1;
    if (!picture_is_name(pair->name))
        return 0;
    if (picture_read(pair->a, &a, err) == 0 && picture_read(pair->b, &b, err) == 0)
        result = compare(&a, &b, pair, found, err);
    else if (err->kind != ERR_MEMORY)
        result = 0;
    picture_release(&a);
    picture_release(&b);
    return result;
}
