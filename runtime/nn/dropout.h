/* Inverted dropout (Srivastava et al., "Dropout", JMLR 2014) with
 * counter-based random numbers. Compiles for host and device.
 *
 * Element j of an image is kept iff word j % 4 of Philox block
 * (seed, RANDOM_DROPOUT, step, sample, layer * DROPOUT_BLOCKS + j / 4), as a
 * uniform number, is not below the rate; what is kept grows by 1 / (1 - rate) in
 * f32. Keras 3.12 does so too: seen at rate 0.3, where the factor is 1.4285715,
 * and its gradient passes the same mask and factor.
 */
#ifndef NN_DROPOUT_H
#define NN_DROPOUT_H

#include "base/philox.h"

#include <stdint.h>

/* Blocks that a layer may use: 4 * DROPOUT_BLOCKS elements an image; so 4096 layers. */
enum { DROPOUT_BLOCKS = 1 << 20 };

static inline HOST_DEVICE struct philox dropout_block(uint32_t seed, uint32_t step, int64_t sample,
                                                      uint32_t layer, uint32_t block)
{
    return philox_at(seed, RANDOM_DROPOUT, step, (uint32_t)sample,
                     layer * (uint32_t)DROPOUT_BLOCKS + block);
}

/* 0, or the factor of an element that is kept. */
static inline HOST_DEVICE float dropout_factor(uint32_t word, float rate)
{
    return philox_uniform(word) >= rate ? 1.0f / (1.0f - rate) : 0.0f;
}

#endif
