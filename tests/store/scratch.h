/* A folder for one test, and a store in it. */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

#include "base/digest.h"
#include "store/store.h"

#include <stddef.h>

struct scratch {
    char folder[64]; /* absolute */
    char cache[96];
    struct store *store;
};

/* For cmocka_unit_test_setup_teardown: *state is a struct scratch. */
int scratch_set_up(void **state);
int scratch_tear_down(void **state);

/* Closes the store and opens it again, as the next process would. */
void scratch_reopen(struct scratch *scratch);

/* "folder/name" in a buffer of the caller. */
const char *scratch_path(const struct scratch *scratch, const char *name, char path[256]);
void scratch_write(const struct scratch *scratch, const char *name, const char *text);

/* Flips a bit of the byte at `offset` and sets mtime back, as a sly disk would. */
void scratch_flip(const char *path, long offset);

/* Regular files below a folder of the cache. */
size_t scratch_count(const struct scratch *scratch, const char *part);

#endif
