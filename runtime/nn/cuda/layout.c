#include "nn/cuda/layout.h"

#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 256 };

static void give_up(struct layout *layout)
{
    if (layout->failed.kind == ERR_NONE)
        error_set(&layout->failed, ERR_MEMORY, "a network's memory has no size that fits");
}

void layout_add(struct layout *layout, void *at, size_t count, size_t size)
{
    size_t bytes;
    if (layout->failed.kind != ERR_NONE)
        return;
    if (!memory_multiply(count, size, &bytes) || bytes > SIZE_MAX / 2 - layout->bytes) {
        give_up(layout);
        return;
    }
    if (memory_grow(&layout->pieces, &layout->capacity, layout->count + 1, sizeof *layout->pieces,
                    &layout->failed))
        return;
    layout->pieces[layout->count++] = (struct layout_piece){at, layout->bytes};
    layout->bytes += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

int layout_check(const struct layout *layout, struct error *err)
{
    if (layout->failed.kind == ERR_NONE)
        return 0;
    *err = layout->failed;
    return -1;
}

void layout_place(const struct layout *layout, void *memory)
{
    for (size_t i = 0; i < layout->count; i++) {
        void *piece = (char *)memory + layout->pieces[i].offset;
        memcpy(layout->pieces[i].at, &piece, sizeof piece);
    }
}

void layout_release(struct layout *layout)
{
    free(layout->pieces);
    *layout = (struct layout){0};
}
