/* Many pieces of memory in one allocation: first all say how much they want, then all get their
 * place.
 *
 *     pieces_add(&pieces, &floats, count, sizeof *floats);
 *     ...
 *     if (pieces_check(&pieces, err) || card_memory_new(card, pieces.bytes, &memory, err)) ...
 *     pieces_place(&pieces, memory);
 *     pieces_release(&pieces);
 */
#ifndef NN_CUDA_PIECES_H
#define NN_CUDA_PIECES_H

#include "base/error.h"

#include <stddef.h>

struct piece {
    void *at; /* the pointer that leads to the piece */
    size_t offset;
};

struct pieces {
    struct piece *list;
    size_t count, capacity;
    size_t bytes; /* of all */
    struct error failed;
};

/* `at` is the address of a pointer of any type, which pieces_place() sets. Pieces begin at
 * multiples of 256 bytes. */
void pieces_add(struct pieces *pieces, void *at, size_t count, size_t size);
/* ERR_MEMORY where the pieces have no size that is one. */
int pieces_check(const struct pieces *pieces, struct error *err);
void pieces_place(const struct pieces *pieces, void *memory);
void pieces_release(struct pieces *pieces);

#endif
