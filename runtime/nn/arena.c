/* First fit, large ones first: within a few percent of the peak on these graphs. */
#include "nn/arena.h"

#include "base/memory.h"

#include <stdbool.h>
#include <stdlib.h>

struct place {
    const struct buffer *buffer;
    size_t index, bytes, offset;
};

static bool lives(const struct buffer *buffer)
{
    return buffer->first != SIZE_MAX;
}

static int size_of(const struct buffer *buffer, int64_t images, size_t *bytes)
{
    size_t elements;
    *bytes = 0;
    if (!lives(buffer))
        return 0;
    if (!memory_multiply((size_t)buffer->count, (size_t)images, &elements) ||
        !memory_multiply(elements, dtype_size(buffer->dtype), bytes) ||
        *bytes > SIZE_MAX - ARENA_ALIGNMENT)
        return -1;
    *bytes = (*bytes + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
    return 0;
}

static int larger_first(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static int lower_first(const void *a, const void *b)
{
    const struct place *x = *(const struct place *const *)a, *y = *(const struct place *const *)b;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* The lowest offset beside those of `placed` that live at the same time; sorts them. */
static size_t find_offset(const struct place *place, struct place **placed, size_t count)
{
    size_t offset = 0;
    qsort(placed, count, sizeof *placed, lower_first);
    for (size_t i = 0; i < count; i++) {
        const struct place *other = placed[i];
        if (other->buffer->last < place->buffer->first ||
            place->buffer->last < other->buffer->first)
            continue;
        if (offset + place->bytes <= other->offset)
            break;
        if (other->offset + other->bytes > offset)
            offset = other->offset + other->bytes;
    }
    return offset;
}

/* Those that live, in any order. */
static int measure(const struct buffer *buffers, size_t count, int64_t images, struct place *places,
                   size_t *living, struct error *err)
{
    size_t sum = 0;
    *living = 0;
    for (size_t i = 0; i < count; i++) {
        struct place place = {.buffer = &buffers[i], .index = i};
        if (size_of(&buffers[i], images, &place.bytes) || place.bytes > SIZE_MAX - sum)
            return error_set(err, ERR_MEMORY, "a network's memory has no size that fits");
        sum += place.bytes;
        if (lives(&buffers[i]))
            places[(*living)++] = place;
    }
    return 0;
}

int arena_place(const struct buffer *buffers, size_t count, int64_t images, size_t *offsets,
                size_t *bytes, struct error *err)
{
    size_t living;
    struct place *places = memory_new(count + 1, sizeof *places, err);
    struct place **placed = places ? memory_new(count + 1, sizeof *placed, err) : NULL;
    const int status = placed ? measure(buffers, count, images, places, &living, err) : -1;
    if (status == 0) {
        *bytes = 0;
        for (size_t i = 0; i < count; i++)
            offsets[i] = 0;
        qsort(places, living, sizeof *places, larger_first);
        for (size_t i = 0; i < living; i++) {
            places[i].offset = find_offset(&places[i], placed, i);
            placed[i] = &places[i];
            offsets[places[i].index] = places[i].offset;
            if (places[i].offset + places[i].bytes > *bytes)
                *bytes = places[i].offset + places[i].bytes;
        }
    }
    free(placed);
    free(places);
    return status;
}
