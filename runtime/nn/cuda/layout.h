/* Many pieces of memory in one allocation: first all say how much they want, then all get their
 * place.
 *
 *     layout_add(&layout, &floats, count, sizeof *floats);
 *     ...
 *     if (layout_check(&layout, err) || card_memory_new(card, layout.bytes, &memory, err)) ...
 *     layout_place(&layout, memory);
 *     layout_release(&layout);
 */
#ifndef NN_CUDA_LAYOUT_H
#define NN_CUDA_LAYOUT_H

#include "base/error.h"

#include <stddef.h>

struct layout {
    struct layout_piece {
        void *at; /* the pointer that leads to the piece */
        size_t offset;
    } * pieces;
    size_t count, capacity;
    size_t bytes; /* of all */
    struct error failed;
};

/* `at` is the address of a pointer of any type, which layout_place() sets. Pieces begin at
 * multiples of 256 bytes. */
void layout_add(struct layout *layout, void *at, size_t count, size_t size);
/* ERR_MEMORY where the pieces have no size that is one. */
int layout_check(const struct layout *layout, struct error *err);
void layout_place(const struct layout *layout, void *memory);
void layout_release(struct layout *layout);

#endif
