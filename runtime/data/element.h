/* The types that tensors are stored in, and their way to f32. Half precision and bf16 are exact in
 * f32; an f64 is rounded to nearest even, and becomes infinite where it is too large. */
#ifndef DATA_ELEMENT_H
#define DATA_ELEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum element_type { ELEMENT_F32, ELEMENT_F16, ELEMENT_BF16, ELEMENT_F64 };

/* By the name that safetensors gives it: F32, F16, BF16, F64. False for other types. */
bool element_find(const char *name, enum element_type *type);

size_t element_size(enum element_type type);

/* `count` little-endian elements at `bytes`, which need no alignment. */
void element_widen(enum element_type type, const void *bytes, size_t count, float *values);

#endif
