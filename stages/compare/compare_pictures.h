/* The test pictures whose predicted class is not the same on both sides. */
#ifndef STAGES_COMPARE_PICTURES_H
#define STAGES_COMPARE_PICTURES_H

#include "base/error.h"
#include "data/dataset.h"

#include <jansson.h>

enum flip_kind { FLIP_FIXED, FLIP_BROKEN, FLIP_MOVED, FLIP_KINDS }; /* moved: wrong on both sides */

struct flip {
    enum flip_kind kind;
    int64_t picture; /* among the test pictures, from 0 */
    int64_t truth, a, b;
    float truth_a, truth_b; /* probability of the true class */
    float says_a, says_b;   /* of the predicted one */
};

struct flips {
    struct dataset dataset;
    struct flip *list; /* of each kind those first whose true class gained or lost most */
    size_t count, counts[FLIP_KINDS];
    int64_t tested, right_a, right_b;
};

/* Predictions are f32 [n,classes] of the data set's n test pictures. */
int flips_read(const char *dataset, const char *a, const char *b, struct flips *flips,
               struct error *err);
void flips_release(struct flips *flips);

const char *flip_kind_name(enum flip_kind kind); /* "fixed" */

/* {"tested", "right": {"a", "b"}, "fixed", "broken", "moved", "list": [{"kind", "picture", "truth",
 * "a", "b"}]}; NULL where memory is out. */
json_t *flips_json(const struct flips *flips);

#endif
