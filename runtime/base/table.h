/* A map from texts to pointers, for looking up names among many. Neither keys
 * nor values are copied or freed: both must outlive the table. Zeroed, it is
 * empty.
 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct table_slot {
    const char *key; /* NULL: free */
    uint64_t hash;
    size_t length;
    void *value;
};

struct table {
    struct table_slot *slots; /* open addressing, at most half full */
    size_t slot_count, count;
};

/* The value under the first `length` bytes of `key`, or NULL. */
void *table_find(const struct table *table, const char *key, size_t length);

/* Adds a key, or gives one that is there another value; values are not NULL. */
int table_set(struct table *table, const char *key, size_t length, void *value, struct error *err);

/* Makes room for so many keys at once. */
int table_reserve(struct table *table, size_t count, struct error *err);

void table_release(struct table *table);

#endif
