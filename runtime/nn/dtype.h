/* What a tensor is made of: f32, or bf16, which is an f32 without its lower
 * 16 bits (Google, "BFLOAT16: the secret to high performance on Cloud TPUs",
 * 2019): the same range, 8 bits of precision.
 *
 * An f32 becomes the nearest bf16, of two as near the one that is even; beyond
 * the largest it becomes infinite; a NaN stays one. Compiles for host and device.
 */
#ifndef NN_DTYPE_H
#define NN_DTYPE_H

#include "base/philox.h" /* HOST_DEVICE */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum dtype { DTYPE_F32, DTYPE_BF16 };

/* Bytes of an element. */
static inline size_t dtype_size(enum dtype dtype)
{
    return dtype == DTYPE_BF16 ? sizeof(uint16_t) : sizeof(float);
}

/* "f32" or "bf16" */
static inline const char *dtype_name(enum dtype dtype)
{
    return dtype == DTYPE_BF16 ? "bf16" : "f32";
}

/* Element `at` of a tensor. */
static inline void *dtype_at(void *tensor, enum dtype dtype, int64_t at)
{
    return (char *)tensor + (size_t)at * dtype_size(dtype);
}

static inline const void *dtype_in(const void *tensor, enum dtype dtype, int64_t at)
{
    return (const char *)tensor + (size_t)at * dtype_size(dtype);
}

static inline HOST_DEVICE float bf16_to_f32(uint16_t value)
{
    uint32_t bits = (uint32_t)value << 16;
    float wide;
    memcpy(&wide, &bits, sizeof wide);
    return wide;
}

static inline HOST_DEVICE uint16_t bf16_from_f32(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t rounded = bits + 0x7fffu + (bits >> 16 & 1u);
    const uint32_t quiet =
        bits | 0x400000u; /* a NaN whose payload is cut off must not end as infinity */
    return (uint16_t)(((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded) >> 16);
}

#endif
