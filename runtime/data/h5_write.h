/* An HDF5 file in memory: groups, an attribute of text, arrays of f32. Without times, so that equal
 * contents give equal bytes from one version of libhdf5.
 *
 *   struct h5_image image = {0};
 *   h5_image_open(&image, err);
 *   h5_image_add(&image, "layers/dense/vars", "0", rank, shape, values, err);
 *   h5_image_close(&image, &bytes, &size, err);      free(bytes)
 */
#ifndef DATA_H5_WRITE_H
#define DATA_H5_WRITE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct h5_image {
    int64_t file, link, object; /* handles of the library */
};

int h5_image_open(struct h5_image *image, struct error *err);
/* Makes the groups of the path that are not there. */
int h5_image_group(struct h5_image *image, const char *path, struct error *err);
int h5_image_say(struct h5_image *image, const char *path, const char *attribute, const char *value,
                 struct error *err);
int h5_image_add(struct h5_image *image, const char *group, const char *name, int rank,
                 const int64_t *shape, const float *values, struct error *err);
/* Ends the writing; *bytes is NULL where it fails, or where `bytes` is NULL. */
int h5_image_close(struct h5_image *image, void **bytes, size_t *size, struct error *err);

#endif
