/* Strips of a tensor as f32, whatever its elements are: loops compute on arrays
 * of STRIP or WIDE numbers between a load and a store. `dtype` and `width`
 * must be constants where the loop is compiled; of f32 nothing is left of either
 * call.
 *
 * bf16 goes through vectors of the compiler's, not through loops: from those it
 * would make halves that are written one by one and read at once, for which a
 * processor waits.
 */
#ifndef NN_STRIP_H
#define NN_STRIP_H

#include "nn/dtype.h"
#include "nn/graph.h" /* enum activation */
#include "nn/vector.h"

typedef uint16_t strip_narrow __attribute__((vector_size(STRIP * sizeof(uint16_t))));
typedef float strip_values __attribute__((vector_size(STRIP * sizeof(float))));
typedef uint32_t strip_bits __attribute__((vector_size(STRIP * sizeof(uint32_t))));

VECTOR_INLINE void strip_widen(const uint16_t *restrict from, float *restrict strip)
{
    strip_narrow narrow;
    memcpy(&narrow, from, sizeof narrow);
    strip_bits bits = __builtin_convertvector(narrow, strip_bits) << 16;
    memcpy(strip, &bits, sizeof bits);
}

/* As bf16_from_f32. */
VECTOR_INLINE void strip_round(const float *restrict strip, uint16_t *restrict to)
{
    strip_bits bits;
    memcpy(&bits, strip, sizeof bits);
    strip_bits rounded = bits + 0x7fffu + (bits >> 16 & 1u);
    strip_bits is_nan = (strip_bits)((bits & 0x7fffffffu) > 0x7f800000u); /* all bits, or none */
    strip_bits chosen = (is_nan & (bits | 0x400000u)) | (~is_nan & rounded);
    strip_narrow narrow = __builtin_convertvector(chosen >> 16, strip_narrow);
    memcpy(to, &narrow, sizeof narrow);
}

VECTOR_INLINE void strip_load(enum dtype dtype, int width, const void *tensor, int64_t at,
                              float *restrict strip)
{
    if (dtype == DTYPE_F32) {
        const float *from = (const float *)tensor + at;
        STRIP_LOOP
        for (int j = 0; j < width; j++)
            strip[j] = from[j];
    } else {
        const uint16_t *from = (const uint16_t *)tensor + at;
        int j = 0;
        for (; j + STRIP <= width; j += STRIP)
            strip_widen(from + j, strip + j);
        for (; j < width; j++)
            strip[j] = bf16_to_f32(from[j]);
    }
}

VECTOR_INLINE void strip_store(enum dtype dtype, int width, const float *restrict strip,
                               void *tensor, int64_t at)
{
    if (dtype == DTYPE_F32) {
        float *to = (float *)tensor + at;
        STRIP_LOOP
        for (int j = 0; j < width; j++)
            to[j] = strip[j];
    } else {
        uint16_t *to = (uint16_t *)tensor + at;
        int j = 0;
        for (; j + STRIP <= width; j += STRIP)
            strip_round(strip + j, to + j);
        for (; j < width; j++)
            to[j] = bf16_from_f32(strip[j]);
    }
}

/* Of one element. This way round a NaN stays one. */
VECTOR_INLINE float strip_activate(enum activation activation, float value)
{
    if (activation == ACTIVATION_NONE)
        return value;
    value = value < 0.0f ? 0.0f : value;
    return activation == ACTIVATION_RELU6 && value > 6.0f ? 6.0f : value;
}

/* STRIP elements as one value, for sums that are to stay in a register. */
VECTOR_INLINE void strip_take(enum dtype dtype, const void *tensor, int64_t at,
                              strip_values *values)
{
    if (dtype == DTYPE_F32) {
        memcpy(values, (const float *)tensor + at, sizeof *values);
    } else {
        strip_narrow narrow;
        memcpy(&narrow, (const uint16_t *)tensor + at, sizeof narrow);
        *values = (strip_values)(__builtin_convertvector(narrow, strip_bits) << 16);
    }
}

#endif
