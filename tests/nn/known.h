/* Arrays of known answers, compared with a relative tolerance. */
#ifndef TESTS_KNOWN_H
#define TESTS_KNOWN_H

#include "known_text.h"

/* The next `count` numbers: a new array; free() it. Fails the test where they are missing. */
float *known_read(struct known_text *golden, int64_t count);

/* Fails the test unless |a - b| <= tolerance * max(|b|, floor) for each pair. */
void known_compare(const char *what, const float *a, const float *b, int64_t count,
                   double tolerance, double floor);

#endif
