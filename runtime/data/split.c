/* After StratifiedShuffleSplit of scikit-learn (sklearn/model_selection/_split.py, BSD-3-Clause):
 * the order of draws and the rounding in double precision decide which samples are chosen, so both
 * follow it step by step. */
#include "data/split.h"

#include "base/memory.h"
#include "base/text.h"
#include "data/dataset.h"
#include "data/mt19937.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LABELS = DATASET_MAX_CLASSES };
static const int64_t unknown_count = INT64_MAX; /* of samples */

struct strata {
    int count;                /* classes that occur */
    uint16_t label[LABELS];   /* in scikit-learn's order */
    int64_t size[LABELS];     /* samples of each */
    int64_t *members[LABELS]; /* ascending; point into one array */
};

/* ---- sizes ---- */

static const char *size_text(const struct split_size *size, char *buffer, size_t capacity)
{
    if (size->kind == SPLIT_ABSENT)
        snprintf(buffer, capacity, "none");
    else if (size->kind == SPLIT_COUNT)
        snprintf(buffer, capacity, "%lld", (long long)size->count);
    else
        snprintf(buffer, capacity, "%.15g", size->fraction);
    return buffer;
}

/* `n` may be unknown. */
static int check_size(const char *name, const struct split_size *size, int64_t n, struct error *err)
{
    char text[32], samples[32] = "";
    bool good = size->kind == SPLIT_ABSENT ||
                (size->kind == SPLIT_COUNT ? size->count > 0 && size->count < n
                                           : size->fraction > 0 && size->fraction < 1);
    if (good)
        return 0;
    if (n != unknown_count)
        snprintf(samples, sizeof(samples), " %lld", (long long)n);
    return error_set(err, ERR_USAGE,
                     "%s=%s should be either positive and smaller than the number of samples%s "
                     "or a fraction in the (0, 1) range",
                     name, size_text(size, text, sizeof(text)), samples);
}

/* Each size, and both as fractions. */
static int check_sizes(const struct split_size *test, const struct split_size *train, int64_t n,
                       struct error *err)
{
    if (check_size("test_size", test, n, err) < 0 || check_size("train_size", train, n, err) < 0)
        return -1;
    if (test->kind == SPLIT_FRACTION && train->kind == SPLIT_FRACTION &&
        train->fraction + test->fraction > 1)
        return error_set(err, ERR_USAGE,
                         "the sum of test_size and train_size = %.15g should be in the (0, 1) "
                         "range: reduce test_size or train_size",
                         train->fraction + test->fraction);
    return 0;
}

int split_check_sizes(const struct split_options *options, struct error *err)
{
    return check_sizes(&options->test, &options->train, unknown_count, err);
}

static int resolve_sizes(int64_t n, const struct split_options *options, int64_t *n_train,
                         int64_t *n_test, struct error *err)
{
    struct split_size test = options->test, train = options->train;
    if (test.kind == SPLIT_ABSENT && train.kind == SPLIT_ABSENT)
        test = (struct split_size){.kind = SPLIT_FRACTION, .fraction = 0.25};
    if (check_sizes(&test, &train, n, err) < 0)
        return -1;
    int64_t tested =
        test.kind == SPLIT_FRACTION ? (int64_t)ceil(test.fraction * (double)n) : test.count;
    int64_t trained =
        train.kind == SPLIT_FRACTION ? (int64_t)floor(train.fraction * (double)n) : train.count;
    if (train.kind == SPLIT_ABSENT)
        trained = n - tested;
    else if (test.kind == SPLIT_ABSENT)
        tested = n - trained;
    if (trained + tested > n)
        return error_set(err, ERR_USAGE,
                         "the sum of train_size and test_size = %lld should be smaller than the "
                         "number of samples %lld: reduce test_size or train_size",
                         (long long)(trained + tested), (long long)n);
    char texts[2][32];
    if (trained == 0)
        return error_set(err, ERR_USAGE,
                         "with n_samples=%lld, test_size=%s and train_size=%s, the resulting train "
                         "set will be empty: adjust one of them",
                         (long long)n, size_text(&test, texts[0], sizeof(texts[0])),
                         size_text(&train, texts[1], sizeof(texts[1])));
    *n_train = trained;
    *n_test = tested;
    return 0;
}

/* ---- classes ---- */

static int compare_as_texts(const void *a, const void *b)
{
    char left[8], right[8];
    snprintf(left, sizeof(left), "%d", *(const uint16_t *)a);
    snprintf(right, sizeof(right), "%d", *(const uint16_t *)b);
    return strcmp(left, right);
}

/* `storage` [n] receives the members. */
static void gather(const uint16_t *labels, int64_t n, int label_ndim, int64_t *storage,
                   struct strata *strata)
{
    int64_t sizes[LABELS] = {0};
    int rank[LABELS];
    *strata = (struct strata){0};
    for (int64_t i = 0; i < n; i++) {
        ASSERT(labels[i] < LABELS);
        sizes[labels[i]]++;
    }
    for (int label = 0; label < LABELS; label++)
        if (sizes[label] > 0)
            strata->label[strata->count++] = (uint16_t)label;
    if (label_ndim == 2)
        qsort(strata->label, (size_t)strata->count, sizeof(*strata->label), compare_as_texts);
    for (int c = 0; c < strata->count; c++) {
        rank[strata->label[c]] = c;
        strata->members[c] = storage;
        storage += sizes[strata->label[c]];
    }
    for (int64_t i = 0; i < n; i++) {
        int c = rank[labels[i]];
        strata->members[c][strata->size[c]++] = i;
    }
}

static int refuse_lonely(const struct strata *strata, struct error *err)
{
    struct text lonely = {0};
    for (int c = 0; c < strata->count; c++)
        if (strata->size[c] < 2)
            text_addf(&lonely, "%s%d", lonely.size ? ", " : "", strata->label[c]);
    int result = text_check(&lonely, err);
    if (result == 0 && lonely.size > 0)
        result = error_set(err, ERR_USAGE,
                           "the least populated classes have only 1 member, which is too few: "
                           "every class needs at least 2 (too few in class %s)",
                           lonely.data);
    text_release(&lonely);
    return result;
}

static int check_classes(const struct strata *strata, int64_t n_train, int64_t n_test,
                         struct error *err)
{
    if (refuse_lonely(strata, err) < 0)
        return -1;
    if (n_train < strata->count)
        return error_set(
            err, ERR_USAGE,
            "the train_size = %lld should be greater or equal to the number of classes = %d",
            (long long)n_train, strata->count);
    if (n_test < strata->count)
        return error_set(
            err, ERR_USAGE,
            "the test_size = %lld should be greater or equal to the number of classes = %d: write "
            "test_size: %d, or more, in place of the share",
            (long long)n_test, strata->count, strata->count);
    return 0;
}

/* ---- quotas ---- */

/* Gives the `need` draws that rounding down left to the classes with the largest remainders; among
 * equal ones chance decides. numpy's choice shuffles all candidates, also where all of them win. */
static void share_out(struct mt19937 *rng, int classes, const double *remainder, int64_t need,
                      int64_t *drawn)
{
    double below = INFINITY;
    while (need > 0) {
        double value = -INFINITY;
        int64_t order[LABELS];
        int candidates[LABELS], count = 0;
        for (int c = 0; c < classes; c++)
            if (remainder[c] < below && remainder[c] > value)
                value = remainder[c];
        if (isinf(value))
            return;
        for (int c = 0; c < classes; c++)
            if (remainder[c] == value)
                candidates[count++] = c;
        int64_t now = count < need ? count : need;
        mt19937_permutation(rng, order, count);
        for (int64_t i = 0; i < now; i++)
            drawn[candidates[order[i]]]++;
        need -= now;
        below = value;
    }
}

/* How many of `draws` fall to each class: the mode of the multivariate hypergeometric distribution,
 * nearly. Division comes before the product: 784.8 becomes 784.8000000000001, which decides ties.
 */
static void quotas(struct mt19937 *rng, const int64_t *sizes, int classes, int64_t draws,
                   int64_t *drawn)
{
    double remainder[LABELS], total = 0, floors = 0;
    for (int c = 0; c < classes; c++)
        total += (double)sizes[c];
    for (int c = 0; c < classes; c++) {
        double share = (double)sizes[c] / total;
        double exact = share * (double)draws;
        double whole = floor(exact);
        remainder[c] = exact - whole;
        drawn[c] = (int64_t)whole;
        floors += whole;
    }
    share_out(rng, classes, remainder, (int64_t)((double)draws - floors), drawn);
}

/* ---- split ---- */

static int64_t minimum(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* `order` [n] is working memory. */
static void draw(const struct strata *strata, uint32_t seed, int64_t n_train, int64_t n_test,
                 int64_t *order, struct split *split)
{
    struct mt19937 rng;
    int64_t trained[LABELS], tested[LABELS], left[LABELS];
    mt19937_seed(&rng, seed);
    quotas(&rng, strata->size, strata->count, n_train, trained);
    for (int c = 0; c < strata->count; c++)
        left[c] = strata->size[c] - trained[c];
    quotas(&rng, left, strata->count, n_test, tested);
    for (int c = 0; c < strata->count; c++) {
        mt19937_permutation(&rng, order, strata->size[c]);
        int64_t end = minimum(trained[c] + tested[c], strata->size[c]);
        for (int64_t i = 0; i < trained[c]; i++)
            split->train[split->train_count++] = strata->members[c][order[i]];
        for (int64_t i = trained[c]; i < end; i++)
            split->test[split->test_count++] = strata->members[c][order[i]];
    }
    mt19937_shuffle(&rng, split->train, split->train_count);
    mt19937_shuffle(&rng, split->test, split->test_count);
}

int split_stratified(const uint16_t *labels, int64_t n, const struct split_options *options,
                     struct split *split, struct error *err)
{
    struct strata strata;
    struct split made = {0};
    int64_t *storage = NULL, *order = NULL;
    int64_t n_train = 0, n_test = 0;
    int result = -1;
    ASSERT(n >= 0 && n <= (int64_t)UINT32_MAX);
    if (resolve_sizes(n, options, &n_train, &n_test, err) < 0)
        return -1;
    if ((storage = memory_new((size_t)n, sizeof(*storage), err)) == NULL ||
        (order = memory_new((size_t)n, sizeof(*order), err)) == NULL ||
        (made.train = memory_new((size_t)n, sizeof(*made.train), err)) == NULL ||
        (made.test = memory_new((size_t)n, sizeof(*made.test), err)) == NULL)
        goto done;
    gather(labels, n, options->label_ndim, storage, &strata);
    if (check_classes(&strata, n_train, n_test, err) < 0)
        goto done;
    draw(&strata, options->seed, n_train, n_test, order, &made);
    *split = made;
    made = (struct split){0};
    result = 0;
done:
    split_release(&made);
    free(order);
    free(storage);
    return result;
}

void split_release(struct split *split)
{
    free(split->train);
    free(split->test);
    *split = (struct split){0};
}
