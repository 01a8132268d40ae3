#include "data/picture.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

int picture_new(int64_t height, int64_t width, struct picture *picture, struct error *err)
{
    if (height < 1 || width < 1 || height > PICTURE_SIDE || width > PICTURE_SIDE ||
        height * width > PICTURE_PIXELS)
        return error_set(err, ERR_FORMAT,
                         "a picture of %lld x %lld pixels: expected 1 to %d a side and at most %d "
                         "in all",
                         (long long)width, (long long)height, PICTURE_SIDE, PICTURE_PIXELS);
    uint8_t *pixels = memory_new((size_t)(height * width), 3, err);
    if (pixels == NULL)
        return -1;
    *picture = (struct picture){.pixels = pixels, .height = height, .width = width};
    return 0;
}

void picture_release(struct picture *picture)
{
    if (picture == NULL)
        return;
    free(picture->pixels);
    *picture = (struct picture){0};
}

bool picture_is_name(const char *path)
{
    static const char *const ends[] = {".png", ".jpg", ".jpeg", ".jpe", ".jfif"};
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    if (dot == NULL || dot == name) /* .png alone is a hidden file without an ending */
        return false;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (strcasecmp(dot, ends[i]) == 0)
            return true;
    return false;
}
