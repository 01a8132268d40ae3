/* What the readers of Keras' HDF5 files need of libhdf5. For use in a confined
 * process (confined.h): the library was not made for bytes that nobody vouches
 * for. The file is an image in memory; nothing leads out of it.
 *
 *   struct h5 h5 = {0};
 *   if (h5_open(bytes, size, &h5, err) == 0) ...
 *   h5_close(&h5);
 */
#ifndef DATA_H5_H
#define DATA_H5_H

#include "base/error.h"
#include "data/safetensors.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>

enum { H5_NAMES_LIMIT = 10000, H5_NAME_LIMIT = 1024 };

struct h5 {
    hid_t file, groups, datasets; /* access to links: none leads out of the file */
};

int h5_open(unsigned char *bytes, size_t size, struct h5 *h5, struct error *err);
void h5_close(struct h5 *h5);

/* The library's stack of errors in one line. Returns -1. */
int h5_failed(const char *call, const char *subject, struct error *err);

struct h5_names {
    char **list;
    size_t count, capacity;
};
void h5_names_release(struct h5_names *names);

/* A list of texts: the attribute `name`, or `name`0, `name`1 ... */
int h5_names_read(hid_t object, const char *name, struct h5_names *names, struct error *err);

/* The members of a group, sorted. */
int h5_members(hid_t group, struct h5_names *names, struct error *err);

/* An attribute that is one text; false where there is none. */
bool h5_text(hid_t object, const char *name, char *text, size_t size);

/* Adds the dataset at `path` in `group` to the set as `name`, in f32. */
int h5_tensor(const struct h5 *h5, hid_t group, const char *path, const char *name,
              struct safetensors *set, struct error *err);

#endif
