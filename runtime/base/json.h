/* JSON by jansson, with errors that name the file and the member. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Reads an object from a file of at most 64 MiB; json_decref() it. */
int json_read(const char *path, json_t **value, struct error *err);

/* Writes through a temporary file: members sorted, two blanks of indent,
 * reals with 15 significant digits (so 0.2 stays 0.2), a newline at the end.
 * Equal values give equal bytes. */
int json_write(const char *path, const json_t *value, struct error *err);

/* The same text in fresh memory, on one line without blanks where `compact`. */
char *json_to_text(const json_t *value, bool compact, struct error *err);

/* The member at a dotted path ("split.seed"), or NULL. Borrowed. */
const json_t *json_at(const json_t *object, const char *dotted);

#endif
