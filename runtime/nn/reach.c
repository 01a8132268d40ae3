#include "nn/reach.h"

#include "nn/dtype.h"
#include "nn/vector.h"

#include <stdbool.h>
#include <string.h>

/* The modes subtract at most 124 and divide by at least 0.225 * 255 / 255. */
float reach_of_feed(const struct preprocess *preprocess)
{
    return 8.0f * preprocess->pixel_range + 1024.0f;
}

/* Sums of magnitudes of `width` channels; the largest of them and `most`, in which a NaN stays. */
VECTOR_INLINE float add_strip(int width, int64_t rows, int64_t k, const float *restrict kernel,
                              const float *restrict scale, float most)
{
    float sum[WIDE] = {0};
    for (int64_t row = 0; row < rows; row++) {
        const float *at = kernel + row * k;
        STRIP_LOOP
        for (int j = 0; j < width; j++) {
            float product = scale == NULL ? at[j] : at[j] * scale[j];
            sum[j] += product < 0.0f ? -product : product;
        }
    }
    for (int j = 0; j < width; j++)
        most = sum[j] <= most || most != most ? most : sum[j];
    return most;
}

VECTORISE static float gain(int64_t rows, int64_t k, const float *kernel, const float *scale)
{
    float most = 0.0f;
    int64_t i = 0;
    for (; i + STRIP <= k; i += STRIP)
        most = add_strip(STRIP, rows, k, kernel + i, scale == NULL ? NULL : scale + i, most);
    for (; i < k; i++)
        most = add_strip(1, rows, k, kernel + i, scale == NULL ? NULL : scale + i, most);
    return most;
}

float reach_gain(int64_t rows, int64_t k, const float *kernel, const float *scale)
{
    return gain(rows, k, kernel, scale);
}

/* A magnitude's bits order as the magnitudes do, those of a NaN above infinity's: whole numbers
 * have a maximum that no compiler must take element by element. */
VECTORISE static uint32_t largest_bits(int64_t count, const float *restrict values)
{
    uint32_t best[WIDE] = {0}, all = 0;
    int64_t i = 0;
    for (; i + WIDE <= count; i += WIDE)
        STRIP_LOOP
    for (int j = 0; j < WIDE; j++) {
        uint32_t bits;
        memcpy(&bits, &values[i + j], sizeof bits);
        bits &= 0x7fffffffu;
        best[j] = bits > best[j] ? bits : best[j];
    }
    for (; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        bits &= 0x7fffffffu;
        all = bits > all ? bits : all;
    }
    for (int j = 0; j < WIDE; j++)
        all = best[j] > all ? best[j] : all;
    return all;
}

float reach_largest(int64_t count, const float *values)
{
    const uint32_t bits = largest_bits(count, values);
    float largest;
    memcpy(&largest, &bits, sizeof largest);
    return largest;
}

VECTORISE static uint16_t largest_bits_bf16(int64_t count, const uint16_t *restrict values)
{
    uint16_t best[WIDE] = {0}, all = 0;
    int64_t i = 0;
    for (; i + WIDE <= count; i += WIDE)
        STRIP_LOOP
    for (int j = 0; j < WIDE; j++) {
        uint16_t bits = values[i + j] & 0x7fffu;
        best[j] = bits > best[j] ? bits : best[j];
    }
    for (; i < count; i++) {
        uint16_t bits = values[i] & 0x7fffu;
        all = bits > all ? bits : all;
    }
    for (int j = 0; j < WIDE; j++)
        all = best[j] > all ? best[j] : all;
    return all;
}

float reach_largest_bf16(int64_t count, const uint16_t *values)
{
    return bf16_to_f32(largest_bits_bf16(count, values));
}
