/* Buffers that live at different times share memory. First fit, large ones
 * first: within a few percent of the peak on these graphs. */
#include "base/memory.h"
#include "nn/cpu/executor.h"

#include <stdlib.h>

enum { ALIGNMENT = 64 };

static size_t bytes_of(const struct span *span)
{
    size_t bytes = span->count * dtype_size(span->dtype);
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static int larger_first(const void *a, const void *b)
{
    const struct span *x = *(const struct span *const *)a, *y = *(const struct span *const *)b;
    size_t a_bytes = bytes_of(x), b_bytes = bytes_of(y);
    if (a_bytes != b_bytes)
        return a_bytes > b_bytes ? -1 : 1;
    return x < y ? -1 : x > y;
}

static int lower_first(const void *a, const void *b)
{
    const struct span *x = *(const struct span *const *)a, *y = *(const struct span *const *)b;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* The lowest place beside those of `placed` that live at the same time; sorts them. */
static size_t find_place(const struct span *span, struct span **placed, size_t count)
{
    size_t offset = 0;
    qsort(placed, count, sizeof(struct span *), lower_first);
    for (size_t i = 0; i < count; i++) {
        const struct span *other = placed[i];
        if (other->last < span->first || span->last < other->first)
            continue;
        if (offset + bytes_of(span) <= other->offset)
            break;
        if (other->offset + bytes_of(other) > offset)
            offset = other->offset + bytes_of(other);
    }
    return offset;
}

int spans_place(struct span *spans, size_t count, size_t *bytes, struct error *err)
{
    struct span **order = memory_new(2 * count + 1, sizeof *order, err);
    if (!order)
        return -1;
    struct span **placed = order + count;
    for (size_t i = 0; i < count; i++)
        order[i] = &spans[i];
    qsort(order, count, sizeof *order, larger_first);
    *bytes = 0;
    for (size_t i = 0; i < count; i++) {
        order[i]->offset = find_place(order[i], placed, i);
        placed[i] = order[i];
        if (order[i]->offset + bytes_of(order[i]) > *bytes)
            *bytes = order[i]->offset + bytes_of(order[i]);
    }
    free(order);
    return 0;
}
