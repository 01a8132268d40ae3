#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Set only by tests, before threads start. */
static unsigned fail_after;
static unsigned failures;

unsigned memory_fail_after(unsigned after)
{
    unsigned injected = failures;
    failures = 0;
    fail_after = after;
    return injected;
}

static bool injected_failure(void)
{
    if (fail_after == 0 || --fail_after > 0)
        return false;
    failures++;
    return true;
}

bool memory_multiply(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

static int out_of_memory(size_t count, size_t size, struct error *err)
{
    return error_set(err, ERR_MEMORY, "out of memory for %zu x %zu bytes", count, size);
}

void *memory_new(size_t count, size_t size, struct error *err)
{
    void *memory = injected_failure() ? NULL : calloc(count ? count : 1, size ? size : 1);
    if (memory == NULL)
        out_of_memory(count, size, err);
    return memory;
}

static const size_t large_page = (size_t)2 << 20;

static size_t alignment_of(size_t bytes)
{
    return bytes >= 4 * large_page ? large_page : 64;
}

size_t memory_aligned_size(size_t bytes)
{
    const size_t alignment = alignment_of(bytes);
    return (bytes + alignment) / alignment * alignment;
}

size_t memory_aligned_extent(size_t bytes)
{
    return memory_aligned_size(bytes) + alignment_of(bytes);
}

/* What vectors run over is asked for in large pages where it is worth it: fewer faults, and fewer
 * searches for pages. */
void *memory_new_aligned(size_t count, size_t size, struct error *err)
{
    size_t bytes;
    void *memory = NULL;
    if (!memory_multiply(count, size, &bytes) || bytes > SIZE_MAX - large_page) {
        out_of_memory(count, size, err);
        return NULL;
    }
    const size_t alignment = alignment_of(bytes);
    bytes = memory_aligned_size(bytes);
    if (injected_failure() || (memory = aligned_alloc(alignment, bytes)) == NULL) {
        out_of_memory(count, size, err);
        return NULL;
    }
    if (alignment == large_page)
        (void)madvise(memory, bytes, MADV_HUGEPAGE);
    memset(memory, 0, bytes);
    return memory;
}

int memory_grow(void *array, size_t *capacity, size_t needed, size_t size, struct error *err)
{
    if (needed <= *capacity)
        return 0;
    size_t grown = *capacity < 8 ? 8 : *capacity;
    while (grown < needed)
        if (!memory_multiply(grown, 2, &grown))
            return out_of_memory(needed, size, err);
    size_t bytes;
    void *old, *new;
    memcpy(&old, array, sizeof(old));
    if (!memory_multiply(grown, size, &bytes) || injected_failure() ||
        (new = realloc(old, bytes)) == NULL)
        return out_of_memory(needed, size, err);
    memset((char *)new + *capacity *size, 0, (grown - *capacity) * size);
    memcpy(array, &new, sizeof(new));
    *capacity = grown;
    return 0;
}

char *memory_copy_text(const char *text, struct error *err)
{
    size_t size = strlen(text) + 1;
    char *copy = memory_new(size, 1, err);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}
