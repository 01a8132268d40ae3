/* Allocation with checked sizes. Memory comes zeroed; free() releases it. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* count * size bytes of zeros, or NULL with ERR_MEMORY. Never NULL on success,
 * also for a size of 0. */
void *memory_new(size_t count, size_t size, struct error *err);

/* The same, aligned to 64 bytes, for vector kernels; free() releases it. */
void *memory_new_aligned(size_t count, size_t size, struct error *err);

/* What such a block of `size` bytes takes of memory, and what of the address space at most, to lie
 * where it is aligned; below SIZE_MAX - a large page. */
size_t memory_aligned_size(size_t size);
size_t memory_aligned_extent(size_t size);

/* Grows *array to hold at least `needed` elements of `size` bytes, doubling
 * *capacity. On failure nothing changes. */
int memory_grow(void *array, size_t *capacity, size_t needed, size_t size, struct error *err);

/* A copy of `text`, or NULL with ERR_MEMORY. */
char *memory_copy_text(const char *text, struct error *err);

/* *product = a * b; false where it overflows. */
bool memory_multiply(size_t a, size_t b, size_t *product);

/* Makes the allocation `after` calls from now fail, once, for tests; 0 turns
 * it off. Returns how many failures were injected since the last call. */
unsigned memory_fail_after(unsigned after);

#endif
