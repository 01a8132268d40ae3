/* Python's pickles as data, for the few opcodes that data sets use: nothing is imported, called or
 * built. Protocols 0 to 5, of which only these are read: numbers, texts, bytes, lists, tuples,
 * dicts, and the calls by which NumPy's arrays and Python 3's bytes are written. Any other opcode
 * and any other name is refused, and said.
 *
 *   struct pickle *pickle = pickle_read(bytes, size, err);      the bytes must outlive it
 *   const struct pickle_value *root = pickle_root(pickle);
 *   const struct pickle_value *data = pickle_get(pickle, root, "data");
 *
 * After pickletools of Python's standard library (the opcodes) and numpy/_core/multiarray
 * (_reconstruct and ndarray.__setstate__: version, shape, dtype, Fortran order, bytes).
 */
#ifndef DATA_PICKLE_H
#define DATA_PICKLE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pickle_kind {
    PICKLE_NONE,
    PICKLE_INT, /* booleans too */
    PICKLE_BYTES,
    PICKLE_TEXT,
    PICKLE_LIST, /* tuples too */
    PICKLE_DICT,
    PICKLE_NAME,  /* of something in Python that is known here */
    PICKLE_DTYPE, /* of NumPy */
    PICKLE_ARRAY,
};

enum { PICKLE_RANK = 4 };

struct pickle_value {
    enum pickle_kind kind;
    int64_t number;            /* of an int; which name */
    const unsigned char *data; /* bytes, texts, an array's elements */
    size_t size;
    unsigned char *own; /* where data are not the file's */
    uint32_t *items;    /* indices of values: of a list, or key, value, key, ... of a dict */
    size_t count, capacity;
    char type[8]; /* of a dtype or an array: "u1", "i8" */
    int rank;     /* -1: an array that got no state */
    int64_t shape[PICKLE_RANK];
};

struct pickle;

/* NULL with ERR_FORMAT, where the offset is named, or ERR_MEMORY. */
struct pickle *pickle_read(const unsigned char *bytes, size_t size, struct error *err);
void pickle_free(struct pickle *pickle);

const struct pickle_value *pickle_root(const struct pickle *pickle);
const struct pickle_value *pickle_item(const struct pickle *pickle, const struct pickle_value *list,
                                       size_t i);
/* The value of a key, as text or as bytes; NULL where there is none, or it is no dict. */
const struct pickle_value *pickle_get(const struct pickle *pickle, const struct pickle_value *dict,
                                      const char *key);

#endif
