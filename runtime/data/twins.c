#include "data/twins.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* Something of a picture that others may share. */
struct mark {
    struct digest digest;
    int64_t group, sample;
};

static int compare_digests(const void *a, const void *b)
{
    const struct mark *left = a, *right = b;
    const int order = memcmp(&left->digest, &right->digest, sizeof(left->digest));
    return order != 0 ? order : left->sample < right->sample ? -1 : left->sample > right->sample;
}

static int compare_groups(const void *a, const void *b)
{
    const struct mark *left = a, *right = b;
    if (left->group != right->group)
        return left->group < right->group ? -1 : 1;
    return left->sample < right->sample ? -1 : left->sample > right->sample;
}

/* The least sample that `sample` hangs together with. */
static int64_t root_of(int64_t *parent, int64_t sample)
{
    while (parent[sample] != sample)
        sample = parent[sample] = parent[parent[sample]];
    return sample;
}

static void unite(int64_t *parent, int64_t a, int64_t b)
{
    a = root_of(parent, a);
    b = root_of(parent, b);
    parent[a > b ? a : b] = a > b ? b : a;
}

static int compare_pairs(const void *a, const void *b)
{
    const int64_t *left = a, *right = b;
    const int by = left[0] != right[0] ? 0 : 1;
    return left[by] < right[by] ? -1 : left[by] > right[by];
}

static void name_pair(struct twins *twins, int64_t first, int64_t other, const uint16_t *labels)
{
    if (labels[first] != labels[other]) {
        if (twins->conflicts++ == 0 || other < twins->conflict[1]) {
            twins->conflict[0] = first;
            twins->conflict[1] = other;
        }
    }
    /* The least pairs stay, in order. */
    const int64_t pair[2] = {first, other};
    const int64_t kept = twins->count < TWINS_NAMED ? twins->count : TWINS_NAMED;
    twins->count++;
    if (kept < TWINS_NAMED)
        memcpy(twins->pairs[kept], pair, sizeof(pair));
    else if (compare_pairs(pair, twins->pairs[TWINS_NAMED - 1]) < 0)
        memcpy(twins->pairs[TWINS_NAMED - 1], pair, sizeof(pair));
    else
        return;
    qsort(twins->pairs, (size_t)(kept < TWINS_NAMED ? kept + 1 : TWINS_NAMED),
          sizeof(twins->pairs[0]), compare_pairs);
}

static void unite_equal(struct mark *marks, int64_t n, const uint16_t *labels, int64_t *parent,
                        struct twins *twins)
{
    qsort(marks, (size_t)n, sizeof(*marks), compare_digests);
    for (int64_t i = 1, first = 0; i < n; i++) {
        if (!digest_equal(&marks[i].digest, &marks[first].digest)) {
            first = i;
            continue;
        }
        unite(parent, marks[first].sample, marks[i].sample);
        name_pair(twins, marks[first].sample, marks[i].sample, labels);
    }
}

static void unite_groups(struct mark *marks, int64_t n, int64_t *parent)
{
    qsort(marks, (size_t)n, sizeof(*marks), compare_groups);
    for (int64_t i = 1; i < n; i++)
        if (marks[i].group >= 0 && marks[i].group == marks[i - 1].group)
            unite(parent, marks[i - 1].sample, marks[i].sample);
}

int twins_find(const struct digest *digests, const uint16_t *labels, int64_t n, int64_t *groups,
               bool *any, struct twins *twins, struct error *err)
{
    struct mark *marks = memory_new((size_t)n, sizeof(*marks), err);
    int64_t *parent = marks != NULL ? memory_new((size_t)n, sizeof(*parent), err) : NULL;
    if (parent == NULL) {
        free(marks);
        return -1;
    }
    *twins = (struct twins){0};
    *any = false;
    for (int64_t i = 0; i < n; i++) {
        marks[i] = (struct mark){digests[i], groups[i], i};
        parent[i] = i;
        groups[i] = -1;
    }
    unite_equal(marks, n, labels, parent, twins);
    unite_groups(marks, n, parent);
    for (int64_t i = 0; i < n; i++) {
        const int64_t root = root_of(parent, i);
        if (root != i) {
            groups[i] = groups[root] = root;
            *any = true;
        }
    }
    free(marks);
    free(parent);
    return 0;
}
