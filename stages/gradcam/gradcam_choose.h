/* Which test images the Grad-CAM figures show: the first three that were
 * recognised and the first three that were not, and the first two of each
 * confused pair of classes.
 */
#ifndef STAGES_GRADCAM_CHOOSE_H
#define STAGES_GRADCAM_CHOOSE_H

#include "base/error.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CHOICE_OF_EACH = 3,       /* recognised, and not */
    CHOICE_OF_PAIR = 2,       /* of each confused pair */
    CHOICE_MOST_FREQUENT = 3, /* pairs where none are named */
    CHOICE_MOST_PAIRS = 16,
    CHOICE_MOST_SAMPLES = 2 * CHOICE_OF_EACH + CHOICE_MOST_PAIRS * CHOICE_OF_PAIR,
};

struct confused_pair {
    int64_t truth, predicted;
    int64_t count;             /* images of the one class seen as the other */
    int slots[CHOICE_OF_PAIR]; /* positions in samples; -1: there are fewer */
};

struct choice {
    int64_t samples[CHOICE_MOST_SAMPLES]; /* test images, in the order of the figures */
    size_t count;
    int right[CHOICE_OF_EACH],
        wrong[CHOICE_OF_EACH]; /* positions in samples, -1: there are fewer */
    struct confused_pair pairs[CHOICE_MOST_PAIRS];
    size_t pair_count;
};

/* Whether `pairs` is what choice_make() takes, as far as that can be told without the classes:
 * names cannot. */
int choice_check_pairs(const json_t *pairs, struct error *err);

/* truth, predicted [n], names [classes]. `pairs` is a list of [true, predicted], each a class's
 * name or its number, or NULL for the most frequent confusions (ties in order of the classes). A
 * list that is not that is ERR_USAGE, which suggests the nearest name. */
int choice_make(const uint16_t *truth, const uint16_t *predicted, int64_t n,
                const char *const *names, int64_t classes, const json_t *pairs,
                struct choice *choice, struct error *err);

#endif
