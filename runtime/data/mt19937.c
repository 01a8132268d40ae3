#include "data/mt19937.h"

#include "base/error.h"

enum { SHIFT = 397 };

void mt19937_seed(struct mt19937 *rng, uint32_t seed)
{
    for (uint32_t p = 0; p < MT19937_WORDS; p++) {
        rng->key[p] = seed;
        seed = 1812433253u * (seed ^ (seed >> 30)) + p + 1;
    }
    rng->position = MT19937_WORDS;
}

static void regenerate(struct mt19937 *rng)
{
    for (int i = 0; i < MT19937_WORDS; i++) {
        uint32_t next = rng->key[(i + 1) % MT19937_WORDS];
        uint32_t y = (rng->key[i] & 0x80000000u) | (next & 0x7fffffffu);
        rng->key[i] = rng->key[(i + SHIFT) % MT19937_WORDS] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
    }
    rng->position = 0;
}

uint32_t mt19937_next(struct mt19937 *rng)
{
    if (rng->position == MT19937_WORDS)
        regenerate(rng);
    uint32_t y = rng->key[rng->position++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

uint32_t mt19937_interval(struct mt19937 *rng, uint32_t max)
{
    if (max == 0)
        return 0;
    uint32_t mask = max;
    for (int shift = 1; shift < 32; shift *= 2)
        mask |= mask >> shift;
    uint32_t value;
    do
        value = mt19937_next(rng) & mask;
    while (value > max);
    return value;
}

void mt19937_shuffle(struct mt19937 *rng, int64_t *values, int64_t count)
{
    ASSERT(count <= (int64_t)UINT32_MAX);
    for (int64_t i = count - 1; i > 0; i--) {
        int64_t j = mt19937_interval(rng, (uint32_t)i);
        int64_t kept = values[i];
        values[i] = values[j];
        values[j] = kept;
    }
}

void mt19937_permutation(struct mt19937 *rng, int64_t *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        values[i] = i;
    mt19937_shuffle(rng, values, count);
}
