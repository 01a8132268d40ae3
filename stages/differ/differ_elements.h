/* Two arrays of one type, element by element. */
#ifndef STAGES_DIFFER_ELEMENTS_H
#define STAGES_DIFFER_ELEMENTS_H

#include "base/text.h"
#include "data/npy.h"

#include <jansson.h>

struct element_difference {
    int64_t differ;       /* elements whose bits differ, */
    int64_t first;        /* the first of them; -1: none does */
    int64_t not_a_number; /* those that are NaN on a side, which the following leave out */
    double absolute;      /* the largest difference */
    uint64_t ulp; /* of floating point the largest number of steps from one value to the other:
                     0 from -0 to 0, infinity is one behind the largest number */
};

/* count elements at `a` and at `b`, aligned for their type. */
void elements_compare(enum npy_type type, const void *a, const void *b, int64_t count,
                      struct element_difference *difference);

/* "3 of 12 elements differ, by at most 2 ulp (1.2e-07), the first at [0,4]". */
void elements_describe(const struct element_difference *difference, enum npy_type type, int rank,
                       const int64_t *shape, struct text *line);

/* {"differ", "of", "ulp" (null where whole numbers), "absolute", "not_a_number", "first": [...]};
 * NULL where memory is out. */
json_t *elements_json(const struct element_difference *difference, enum npy_type type, int rank,
                      const int64_t *shape);

#endif
