#include "nn/cuda/pieces.h"

#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 256 };

static void give_up(struct pieces *pieces)
{
    if (pieces->failed.kind == ERR_NONE)
        error_set(&pieces->failed, ERR_MEMORY, "a network's memory has no size that fits");
}

void pieces_add(struct pieces *pieces, void *at, size_t count, size_t size)
{
    size_t bytes;
    if (pieces->failed.kind != ERR_NONE)
        return;
    if (!memory_multiply(count, size, &bytes) || bytes > SIZE_MAX / 2 - pieces->bytes) {
        give_up(pieces);
        return;
    }
    if (memory_grow(&pieces->list, &pieces->capacity, pieces->count + 1, sizeof *pieces->list,
                    &pieces->failed))
        return;
    pieces->list[pieces->count++] = (struct piece){at, pieces->bytes};
    pieces->bytes += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

int pieces_check(const struct pieces *pieces, struct error *err)
{
    if (pieces->failed.kind == ERR_NONE)
        return 0;
    *err = pieces->failed;
    return -1;
}

void pieces_place(const struct pieces *pieces, void *memory)
{
    for (size_t i = 0; i < pieces->count; i++) {
        void *piece = (char *)memory + pieces->list[i].offset;
        memcpy(pieces->list[i].at, &piece, sizeof piece);
    }
}

void pieces_release(struct pieces *pieces)
{
    free(pieces->list);
    *pieces = (struct pieces){0};
}
