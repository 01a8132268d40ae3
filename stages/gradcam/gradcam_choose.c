#include "gradcam/gradcam_choose.h"

#include "base/memory.h"
#include "base/text.h"
#include "data/dataset.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The first `most` images of a kind: recognised, not recognised, or of one confusion. */
struct wanted {
    bool any_class; /* else exactly this confusion: */
    int64_t truth, predicted;
    bool right; /* for any class */
};

static bool is_wanted(const struct wanted *wanted, uint16_t truth, uint16_t predicted)
{
    if (wanted->any_class)
        return (truth == predicted) == wanted->right;
    return truth == wanted->truth && predicted == wanted->predicted;
}

static void take_first(const uint16_t *truth, const uint16_t *predicted, int64_t n,
                       const struct wanted *wanted, int most, struct choice *choice, int *slots)
{
    int found = 0;
    for (int64_t i = 0; i < n && found < most; i++)
        if (is_wanted(wanted, truth[i], predicted[i])) {
            slots[found++] = (int)choice->count;
            choice->samples[choice->count++] = i;
        }
    while (found < most)
        slots[found++] = -1;
}

/* A class by its name or number. names NULL: any name may be one. */
static int find_class(const json_t *value, size_t entry, const char *const *names, int64_t classes,
                      int64_t *class, struct error *err)
{
    const char *name = json_string_value(value);
    *class = name != NULL ? -1 : json_integer_value(value);
    if (name == NULL && (!json_is_integer(value) || *class < 0 || *class >= classes))
        return error_set(err, ERR_USAGE,
                         "parameter 'gradcam.pairs': entry %zu must be two different classes, by "
                         "name or by number from 0 to %lld",
                         entry, (long long)classes - 1);
    for (int64_t i = 0; name != NULL && names != NULL && i < classes; i++)
        if (strcmp(names[i], name) == 0)
            *class = i;
    if (name == NULL || names == NULL || *class >= 0)
        return 0;
    const char *nearest = text_nearest(name, names, (size_t)classes);
    return error_set(err, ERR_USAGE,
                     "parameter 'gradcam.pairs': entry %zu: there is no class '%s'%s%s%s", entry,
                     name, nearest != NULL ? ", did you mean '" : "; the first is '",
                     nearest != NULL ? nearest : names[0], nearest != NULL ? "'?" : "'");
}

/* Adds each pair to the choice, where that is not NULL. */
static int read_pairs(const json_t *pairs, const char *const *names, int64_t classes,
                      const int64_t *confusion, struct choice *choice, struct error *err)
{
    size_t i;
    json_t *pair;
    if (pairs == NULL)
        return 0;
    if (!json_is_array(pairs) || json_array_size(pairs) > CHOICE_MOST_PAIRS)
        return error_set(err, ERR_USAGE,
                         "parameter 'gradcam.pairs' must be null or a list of up to %d pairs "
                         "[true, predicted]",
                         CHOICE_MOST_PAIRS);
    json_array_foreach ((json_t *)pairs, i, pair) {
        const json_t *truth = json_array_get(pair, 0), *predicted = json_array_get(pair, 1);
        int64_t t, p;
        if (find_class(truth, i + 1, names, classes, &t, err) < 0 ||
            find_class(predicted, i + 1, names, classes, &p, err) < 0)
            return -1;
        if (json_array_size(pair) != 2 || json_equal(truth, predicted) || (t == p && t >= 0))
            return error_set(err, ERR_USAGE,
                             "parameter 'gradcam.pairs': entry %zu must be two different classes, "
                             "by name or by number from 0 to %lld",
                             i + 1, (long long)classes - 1);
        if (choice != NULL)
            choice->pairs[choice->pair_count++] = (struct confused_pair){
                .truth = t, .predicted = p, .count = confusion[t * classes + p]};
    }
    return 0;
}

int choice_check_pairs(const json_t *pairs, struct error *err)
{
    return read_pairs(pairs, NULL, DATASET_MAX_CLASSES, NULL, NULL, err);
}

static void frequent_pairs(int64_t *confusion, int64_t classes, struct choice *choice)
{
    while (choice->pair_count < CHOICE_MOST_FREQUENT) {
        int64_t best = -1;
        for (int64_t i = 0; i < classes * classes; i++)
            if (i / classes != i % classes && confusion[i] > (best < 0 ? 0 : confusion[best]))
                best = i;
        if (best < 0)
            return;
        choice->pairs[choice->pair_count++] = (struct confused_pair){
            .truth = best / classes, .predicted = best % classes, .count = confusion[best]};
        confusion[best] = 0;
    }
}

int choice_make(const uint16_t *truth, const uint16_t *predicted, int64_t n,
                const char *const *names, int64_t classes, const json_t *pairs,
                struct choice *choice, struct error *err)
{
    static const struct wanted right = {.any_class = true, .right = true};
    static const struct wanted wrong = {.any_class = true, .right = false};
    struct choice made = {0};
    int64_t *confusion = memory_new((size_t)(classes * classes), sizeof(*confusion), err);
    if (confusion == NULL)
        return -1;
    for (int64_t i = 0; i < n; i++)
        confusion[truth[i] * classes + predicted[i]]++;
    int result = 0;
    if (pairs == NULL)
        frequent_pairs(confusion, classes, &made);
    else
        result = read_pairs(pairs, names, classes, confusion, &made, err);
    free(confusion);
    if (result < 0)
        return -1;
    take_first(truth, predicted, n, &right, CHOICE_OF_EACH, &made, made.right);
    take_first(truth, predicted, n, &wrong, CHOICE_OF_EACH, &made, made.wrong);
    for (size_t i = 0; i < made.pair_count; i++) {
        struct confused_pair *pair = &made.pairs[i];
        const struct wanted wanted = {.truth = pair->truth, .predicted = pair->predicted};
        take_first(truth, predicted, n, &wanted, CHOICE_OF_PAIR, &made, pair->slots);
    }
    *choice = made;
    return 0;
}
