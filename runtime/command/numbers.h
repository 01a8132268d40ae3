/* The numbers in metrics, under dotted names. */
#ifndef COMMAND_NUMBERS_H
#define COMMAND_NUMBERS_H

#include <jansson.h>
#include <stdbool.h>

/* Adds all numbers of `value` (json_measured's texts for infinity are some, too) to the object, at
 * each level those first that lie there; `named` takes entries of lists that have a name, too, as
 * "per_class.cat.f1". NULL where memory ran out, with `flat` let go. */
json_t *numbers_flatten(json_t *flat, const char *prefix, const json_t *value, bool named);

/* Whether it is one, and then which. */
bool numbers_value(const json_t *json, double *value);

/* As people read it: an integer with all digits, a real with six; "-" of what is none. */
struct text;
void numbers_show(struct text *text, const json_t *json);

#endif
