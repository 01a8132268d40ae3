/* A number as it was written: an integer of 64 bits stays one, as not every integer above 2^53 has
 * a double. Comparing is exact, whichever kinds meet. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include "base/json.h"

#include <stdbool.h>

struct number {
    bool is_integer;
    long long integer;
    double real; /* of an integer the nearest */
};

/* A whole string, as text_to_double takes it; false where it is none. An integer of more than 64
 * bits is the nearest real. */
bool number_parse(const char *text, struct number *number);

/* False where `json` is no number. */
bool number_from_json(const json_t *json, struct number *number);

/* NULL where memory is out. */
json_t *number_to_json(const struct number *number);

/* Less than, equal to or greater than 0, as `a` is less than, equal to or greater than `b`. Both
 * are finite. */
int number_compare(const struct number *a, const struct number *b);

/* As people read it: an integer with all its digits, a real with six. */
void number_show(const struct number *number, char text[JSON_NUMBER_SIZE]);

/* A value and its bound so, or, where that does not tell them apart, with all digits. */
void number_show_apart(const struct number *value, const struct number *bound,
                       char shown[JSON_NUMBER_SIZE], char shown_bound[JSON_NUMBER_SIZE]);

/* With all digits that it has. */
void number_text(const struct number *number, char text[JSON_NUMBER_SIZE]);

#endif
