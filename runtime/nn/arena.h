/* Buffers that live at different times share memory. */
#ifndef NN_ARENA_H
#define NN_ARENA_H

#include "base/error.h"
#include "nn/dtype.h"

#include <stddef.h>
#include <stdint.h>

enum { ARENA_ALIGNMENT = 64 }; /* bytes */

struct buffer {
    int64_t count; /* elements of one image */
    enum dtype dtype;
    size_t first, last; /* steps between which it lives, both included; first SIZE_MAX: never */
};

/* Where each buffer of `images` images lies in one piece of memory, so that no two share a byte
 * while both live: offsets [count] in bytes, multiples of ARENA_ALIGNMENT; *bytes is the size of
 * all. ERR_MEMORY also where that is no size. */
int arena_place(const struct buffer *buffers, size_t count, int64_t images, size_t *offsets,
                size_t *bytes, struct error *err);

#endif
