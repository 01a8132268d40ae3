/* Equal pictures, told by digests of their pixels, and with them what must stay on one side of a
 * split: pictures that are equal or of one group, and so on from picture to picture. */
#ifndef DATA_TWINS_H
#define DATA_TWINS_H

#include "base/digest.h"

#include <stdbool.h>
#include <stdint.h>

enum { TWINS_NAMED = 20 };

struct twins {
    int64_t count;                 /* pictures that are equal to an earlier one */
    int64_t pairs[TWINS_NAMED][2]; /* the first: the earliest of its kind, and the other */
    int64_t conflicts;             /* of them, those with another label */
    int64_t conflict[2];           /* the first such pair */
};

/* groups [n] in: below 0 for a picture on its own. Out: numbers that are equal for what stays
 * together, and -1 for the rest. *any: whether anything does. */
int twins_find(const struct digest *digests, const uint16_t *labels, int64_t n, int64_t *groups,
               bool *any, struct twins *twins, struct error *err);

#endif
