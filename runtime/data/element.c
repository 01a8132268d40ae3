#include "data/element.h"

#include <string.h>

static const struct {
    const char *name;
    size_t size;
} elements[] = {[ELEMENT_F32] = {"F32", 4},
                [ELEMENT_F16] = {"F16", 2},
                [ELEMENT_BF16] = {"BF16", 2},
                [ELEMENT_F64] = {"F64", 8}};

bool element_find(const char *name, enum element_type *type)
{
    for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++)
        if (strcmp(elements[i].name, name) == 0) {
            *type = (enum element_type)i;
            return true;
        }
    return false;
}

size_t element_size(enum element_type type)
{
    return elements[type].size;
}

static float from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE binary16: 1 bit of sign, 5 of exponent (bias 15), 10 of fraction. */
static float from_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31;
    uint32_t fraction = half & 0x3ff;
    if (exponent == 31) /* infinite, or not a number */
        return from_bits(sign | 0x7f800000 | fraction << 13);
    if (exponent > 0)
        return from_bits(sign | (exponent + 112) << 23 | fraction << 13);
    float small = (float)fraction * 0x1p-24f; /* zero, or subnormal */
    return sign ? -small : small;
}

void element_widen(enum element_type type, const void *bytes, size_t count, float *values)
{
    const unsigned char *at = bytes;
    if (type == ELEMENT_F32) {
        if (count > 0)
            memcpy(values, bytes, count * sizeof *values);
        return;
    }
    for (size_t i = 0; i < count; i++, at += elements[type].size) {
        uint16_t half;
        double wide;
        if (type == ELEMENT_F64) {
            memcpy(&wide, at, sizeof wide);
            values[i] = (float)wide;
            continue;
        }
        memcpy(&half, at, sizeof half);
        values[i] = type == ELEMENT_F16 ? from_half(half) : from_bits((uint32_t)half << 16);
    }
}
