/* Arrays in numpy's .npy format, version 1.0 (numpy.lib.format): little-endian,
 * C order, the types below. What numpy would write has the same bytes, and
 * equal arrays give equal files. Other versions, byte orders, layouts and types
 * are refused by name.
 *
 *   struct npy images = {0};
 *   if (npy_read_as(path, NPY_U8, 4, &images, err) < 0) ...
 *   const uint8_t *pixels = images.data;
 *   npy_release(&images);
 */
#ifndef DATA_NPY_H
#define DATA_NPY_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum npy_type {
    NPY_U8,
    NPY_I32,
    NPY_I64,
    NPY_F32,
    NPY_F64,
    NPY_U16,
    NPY_I8,
    NPY_I16,
    NPY_U32,
    NPY_U64
};

enum { NPY_MAX_RANK = 8 };

struct npy {
    enum npy_type type;
    int rank; /* 0 to NPY_MAX_RANK */
    int64_t shape[NPY_MAX_RANK];
    int64_t count; /* product of shape; 1 for rank 0 */
    void *data;    /* count elements, owned */
};

/* Bytes of an element. */
size_t npy_type_size(enum npy_type type);

/* Product of a shape; ERR_FORMAT for a negative dimension or where `count` or
 * count * element_size overflows. */
int npy_count(int rank, const int64_t *shape, size_t element_size, int64_t *count,
              struct error *err);

/* A file shorter or longer than its shape says is ERR_FORMAT. *npy changes
 * only on success. */
int npy_read(const char *path, struct npy *npy, struct error *err);

/* The same, and an error unless type and rank agree. */
int npy_read_as(const char *path, enum npy_type type, int rank, struct npy *npy, struct error *err);

/* The same of a file's bytes in memory. */
int npy_parse(const void *bytes, size_t size, struct npy *npy, struct error *err);

/* "|u1", ... */
const char *npy_type_name(enum npy_type type);

/* Whole numbers of any type as u16, each below `limit` (at most 65536); shape (n) or (n,1), which
 * becomes (n). Replaces what npy holds. */
int npy_to_labels(struct npy *npy, int64_t limit, struct error *err);

/* Allocates an array of zeros. */
int npy_new(enum npy_type type, int rank, const int64_t *shape, struct npy *npy, struct error *err);

/* Elements along the first axis of `data`, those of `indices` [count] in that order, as an array of
 * its own; `shape` is that of one element. */
int npy_write_rows(const char *path, enum npy_type type, int rank, const int64_t *shape,
                   const void *data, const int64_t *indices, int64_t count, struct error *err);

/* Through a temporary file: complete or not at all. */
int npy_write(const char *path, enum npy_type type, int rank, const int64_t *shape,
              const void *data, struct error *err);

void npy_release(struct npy *npy);

#endif
