/* What the reader of pictures is made of; others use picture.h. The decoders fill `picture`, which
 * is empty, and on failure may leave pixels in it for the caller to release. */
#ifndef DATA_PICTURE_PARTS_H
#define DATA_PICTURE_PARTS_H

#include "data/picture.h"

enum { PICTURE_UPRIGHT = 1 }; /* EXIF's orientation of a picture that says none */

struct picture_source {
    const uint8_t *bytes;
    size_t size;
    const char *name; /* for messages */
};

/* *orientation is set where the file says one. */
int picture_png(const struct picture_source *source, struct picture *picture, int *orientation,
                struct error *err);
int picture_jpeg(const struct picture_source *source, struct picture *picture, int *orientation,
                 struct error *err);

/* The orientation that EXIF's bytes, a TIFF, tell in their first directory, or PICTURE_UPRIGHT. */
int picture_exif(const uint8_t *tiff, size_t size);

/* Turns and mirrors, so that the picture stands as its orientation says. */
int picture_orient(struct picture *picture, int orientation, struct error *err);

/* ERR_FORMAT with the name of the source: a side below 1, or more than the bounds of picture.h. */
int picture_check_size(const char *name, int64_t height, int64_t width, struct error *err);

/* ERR_FORMAT: 'NAME' is a broken KIND picture: WHY. */
int picture_broken(const struct picture_source *source, const char *kind, const char *why,
                   struct error *err);

/* What bytes are that are no picture that is read, and the way out. */
const char *picture_other_kind(const uint8_t *bytes, size_t size);

#endif
