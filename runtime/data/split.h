/* The stratified split of scikit-learn's train_test_split(stratify=labels):
 * the same samples in the same order, and the same refusals.
 */
#ifndef DATA_SPLIT_H
#define DATA_SPLIT_H

#include "base/error.h"

#include <stdint.h>

/* A size as scikit-learn takes it: absent, a fraction of all samples, or a
 * number of samples. */
enum split_size_kind { SPLIT_ABSENT, SPLIT_FRACTION, SPLIT_COUNT };
struct split_size {
    enum split_size_kind kind;
    double fraction;
    int64_t count;
};

struct split_options {
    struct split_size test, train; /* both absent: a quarter is tested */
    uint32_t seed;
    /* Dimensions that the labels would have in Python. For (n,) classes sort
     * as numbers; a column (n,1), as Keras' datasets have it, sorts them as
     * texts, "10" before "2". */
    int label_ndim;
};

struct split {
    int64_t *train, *test; /* indices of samples, in scikit-learn's order */
    int64_t train_count, test_count;
};

/* What of the sizes is wrong however many samples there are. */
int split_check_sizes(const struct split_options *options, struct error *err);

/* labels [n]. A split that scikit-learn refuses is ERR_USAGE. */
int split_stratified(const uint16_t *labels, int64_t n, const struct split_options *options,
                     struct split *split, struct error *err);
void split_release(struct split *split);

#endif
