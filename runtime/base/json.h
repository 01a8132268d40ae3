/* JSON by jansson, with errors that name the file and the member. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* What a confusion matrix of 10,000 classes takes as metrics. */
enum { JSON_FILE_LIMIT = 1 << 30 };

/* Reads an object from a file of at most JSON_FILE_LIMIT bytes; json_decref() it. */
int json_read(const char *path, json_t **value, struct error *err);

/* Writes through a temporary file: members sorted, but `schema` (the version of a document's form,
 * docs/json.md) before all others of the outermost object; two blanks of indent, a newline at the
 * end; reals with the fewest digits, 15 to 17, that read back as the same number (so 0.2 stays 0.2,
 * and 1.0 stays a real). Equal values give equal bytes. A number that is not finite is refused; so
 * is NULL, as a value that memory did not suffice for. */
int json_write(const char *path, const json_t *value, struct error *err);

/* The same text in fresh memory; where `compact` on one line without blanks, and all sorted. */
char *json_to_text(const json_t *value, bool compact, struct error *err);

/* A real as json_to_text() writes it; false where it is not finite. */
enum { JSON_NUMBER_SIZE = 32 };
bool json_number_text(double value, char text[JSON_NUMBER_SIZE]);

/* A result of measurement: the value rounded to 15 significant digits; JSON has no number for what
 * is not finite, so that is the text "inf" or "-inf", and null for NaN. NULL without memory. */
json_t *json_measured(double value);
/* Reads it back; false where it is none. */
bool json_measurement(const json_t *json, double *value);

/* The list or object with one value more, which it takes. NULL, with both let go, where one of them
 * is NULL or memory ran out: so a value is built without a check at every step, and its end is
 * checked. */
json_t *json_list_with(json_t *list, json_t *value);
json_t *json_object_with(json_t *object, const char *name, json_t *value);

/* The text of a member; "" where there is none. Borrowed. */
const char *json_text(const json_t *object, const char *name);

/* A text of any bytes as a terminal would show it (text_add_clean): JSON takes only UTF-8. NULL
 * without memory. */
json_t *json_clean(const char *bytes);

/* The member at a dotted path ("split.seed"), or NULL. Of a list of objects a step is the name of
 * one ("per_class.cat.f1"; it may have dots in it), or its place from 0. Borrowed. */
const json_t *json_at(const json_t *object, const char *dotted);

#endif
