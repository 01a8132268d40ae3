/* Names of classes: what they may be, wherever they enter. They go into JSON,
 * into figures and onto terminals, and tell the outputs of a model apart: so
 * each is UTF-8 that can be shown on a line, not empty, without blanks around
 * it, and no two are the same.
 */
#ifndef DATA_CLASS_NAMES_H
#define DATA_CLASS_NAMES_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum { CLASS_NAME_SIZE = 256 }; /* bytes of a name, at most */

/* One name of `size` bytes; ERR_FORMAT says what is wrong with it. */
int class_name_check(const char *name, size_t size, struct error *err);

/* names [count], each alone and against those before it; a NULL is no name. In *bad the first that
 * is wrong, from 1. */
int class_names_check(const char *const *names, int64_t count, int64_t *bad, struct error *err);

/* Whether a data set's names are those of a model, in this order; ERR_STAGE says which differ. */
int class_names_compare(const char *const *model, const char *const *dataset, int64_t count,
                        struct error *err);

#endif
