/* Strips of a tensor as f32, whatever its elements are: loops compute on arrays
 * of STRIP or WIDE numbers between a load and a store. `element` and `width`
 * must be constants where the loop is compiled; of f32 nothing is left of either
 * call.
 */
#ifndef NN_STRIP_H
#define NN_STRIP_H

#include "nn/element.h"
#include "nn/vector.h"

VECTOR_INLINE void strip_load(enum element element, int width, const void *tensor, int64_t at,
                              float *restrict strip)
{
    if (element == ELEMENT_F32) {
        const float *from = (const float *)tensor + at;
        STRIP_LOOP
        for (int j = 0; j < width; j++)
            strip[j] = from[j];
    } else {
        const uint16_t *from = (const uint16_t *)tensor + at;
        STRIP_LOOP
        for (int j = 0; j < width; j++)
            strip[j] = bf16_to_f32(from[j]);
    }
}

VECTOR_INLINE void strip_store(enum element element, int width, const float *restrict strip,
                               void *tensor, int64_t at)
{
    if (element == ELEMENT_F32) {
        float *to = (float *)tensor + at;
        STRIP_LOOP
        for (int j = 0; j < width; j++)
            to[j] = strip[j];
    } else {
        uint16_t *to = (uint16_t *)tensor + at;
        STRIP_LOOP
        for (int j = 0; j < width; j++)
            to[j] = bf16_from_f32(strip[j]);
    }
}

#endif
