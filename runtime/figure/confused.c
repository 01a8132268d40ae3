#include "figure/confused.h"

#include "base/memory.h"

#include <stdlib.h>

struct mistaken {
    double count; /* sums of any counts stay finite */
    size_t index;
};

static int by_count(const void *a, const void *b)
{
    const struct mistaken *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static int by_index(const void *a, const void *b)
{
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return x < y ? -1 : x > y;
}

int confused_choose(const int64_t *confusion, size_t classes, size_t most, size_t *chosen,
                    struct error *err)
{
    struct mistaken *all = memory_new(classes, sizeof(*all), err);
    if (all == NULL)
        return -1;
    for (size_t i = 0; i < classes; i++)
        all[i].index = i;
    for (size_t t = 0; t < classes; t++)
        for (size_t p = 0; p < classes; p++)
            if (t != p) {
                all[t].count += (double)confusion[t * classes + p];
                all[p].count += (double)confusion[t * classes + p];
            }
    qsort(all, classes, sizeof(*all), by_count);
    for (size_t i = 0; i < most; i++)
        chosen[i] = all[i].index;
    qsort(chosen, most, sizeof(*chosen), by_index);
    free(all);
    return 0;
}
