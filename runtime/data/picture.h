/* The one reader of pictures: PNG and JPEG, told by their contents and never by their names, become
 * RGB of 8 bits.
 *
 *   struct picture picture = {0};
 *   if (picture_read(path, &picture, err) < 0) ...
 *   picture.pixels[(y * picture.width + x) * 3 + channel]
 *   picture_release(&picture);
 *
 * - Grey, palettes and 1, 2 and 4 bits are expanded; an index beyond the palette is black; of 16
 *   bits the high byte is taken.
 * - Alpha, also as tRNS (compared at the file's own depth), is laid over white:
 *   (c * a + 255 * (255 - a)) / 255, rounded to the nearest. Pillow's paste over white does the
 *   same.
 * - A JPEG of four channels is taken for Adobe's inverted CMYK, as everyone does, YCCK too; it
 *   becomes RGB by the plain formula of Pillow's convert("RGB"): with the inks c and k from 0 to
 *   255, r = (255 - k) - c * (255 - k) / 255, the product rounded to the nearest.
 * - EXIF orientation (1 to 8; in JPEG the first APP1 that is EXIF, in PNG eXIf) is applied; EXIF
 *   that can't be read says nothing. Profiles (ICC), gamma and resolution are ignored, and of an
 *   animation the first picture is taken.
 * - JPEG is decoded by libjpeg-turbo with its accurate DCT (islow) and fancy upsampling, as Pillow
 *   does. Progressive and interlaced files are read like others.
 * - Nothing broken passes: a file that ends too early, a check sum that is wrong, or what the
 *   libraries only warn of although pixels are lost, is an error. What follows the end is not
 *   looked at.
 *
 * At most PICTURE_PIXELS pixels and PICTURE_SIDE a side: more is refused before memory is taken.
 * Decoding takes 3 bytes a pixel, interlaced with alpha 4, turned 6, progressive up to 11.
 */
#ifndef DATA_PICTURE_H
#define DATA_PICTURE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PICTURE_PIXELS = 1 << 28, PICTURE_SIDE = 65500 };

struct picture {
    uint8_t *pixels; /* [height,width,3], RGB, owned */
    int64_t height, width;
};

/* `name` stands for the bytes in messages. ERR_FORMAT where they are no picture (which says what
 * they are, and the way out), a broken or a too large one. *picture changes only on success. */
int picture_decode(const void *bytes, size_t size, const char *name, struct picture *picture,
                   struct error *err);

/* The same of a file; also ERR_IO. What is no picture is not read to its end. */
int picture_read(const char *path, struct picture *picture, struct error *err);

/* The same by another name: of a picture of a data set what is told is kept with the results, which
 * do not depend on the folder that they are made in. */
int picture_read_as(const char *path, const char *name, struct picture *picture, struct error *err);

void picture_release(struct picture *picture);

/* A black picture; ERR_FORMAT where a side is below 1 or the bounds above do not hold. */
int picture_new(int64_t height, int64_t width, struct picture *picture, struct error *err);

/* Whether people call pictures so: .png .jpg .jpeg .jpe .jfif, in any case. */
bool picture_is_name(const char *path);

/* Pillow's Image.resize((width, height), BILINEAR), which is antialiased. `to` is new memory. */
int picture_resize(const struct picture *from, int64_t height, int64_t width, struct picture *to,
                   struct error *err);

/* What becomes of a picture that has another shape than is wanted. */
enum picture_fit {
    PICTURE_SQUASH, /* all of it, each side by its own factor */
    PICTURE_CROP,   /* its largest middle part of the wanted shape */
    PICTURE_PAD,    /* all of it by one factor, in the middle of white */
};

/* picture_resize by one of these rules, in whole pixels: the side that the shape decides is rounded
 * to the nearest, half up, and is at least 1; what is left over on both sides is halved, the odd
 * pixel right and below. */
int picture_fit(const struct picture *from, int64_t height, int64_t width, enum picture_fit fit,
                struct picture *to, struct error *err);

/* "squash", "crop", "pad", in the order of the enum, for parameters. */
extern const char *const picture_fit_names[3];

#endif
