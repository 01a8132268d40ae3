/* Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random
 * numbers: as easy as 1, 2, 3", SC 2011). A draw is a pure function of seed,
 * purpose and position, so it does not depend on threads, batching or on
 * having been interrupted. Compiles for host and device.
 */
#ifndef BASE_PHILOX_H
#define BASE_PHILOX_H

#include <stdint.h>

#ifdef __CUDACC__
#define HOST_DEVICE __host__ __device__
#else
#define HOST_DEVICE
#endif

/* What a stream of numbers is for; part of every key. Append only: renumbering
 * changes every result. */
enum random_purpose {
    RANDOM_SHUFFLE = 1, /* order of samples in an epoch */
    RANDOM_AUGMENT,     /* flip, rotation, zoom, cutout of one sample */
    RANDOM_MIXUP,
    RANDOM_DROPOUT,
    RANDOM_INIT,     /* initial weights */
    RANDOM_GENERATE, /* the generated dataset */
    RANDOM_SAMPLE,   /* which images an epoch takes, where classes are balanced */
};

struct philox {
    uint32_t words[4];
};

static inline HOST_DEVICE struct philox philox_block(const uint32_t counter[4],
                                                     const uint32_t key[2])
{
    struct philox x = {{counter[0], counter[1], counter[2], counter[3]}};
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * x.words[0];
        uint64_t p1 = (uint64_t)0xCD9E8D57u * x.words[2];
        struct philox y = {{(uint32_t)(p1 >> 32) ^ x.words[1] ^ k0, (uint32_t)p1,
                            (uint32_t)(p0 >> 32) ^ x.words[3] ^ k1, (uint32_t)p0}};
        x = y;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return x;
}

/* Block number `index` of the stream (seed, purpose, a, b): a and b are, for
 * example, epoch and sample. */
static inline HOST_DEVICE struct philox philox_at(uint32_t seed, enum random_purpose purpose,
                                                  uint32_t a, uint32_t b, uint32_t index)
{
    const uint32_t counter[4] = {index, b, a, 0};
    const uint32_t key[2] = {seed, (uint32_t)purpose};
    return philox_block(counter, key);
}

/* Uniform in [0, 1), 24 bits: every value is exact in f32. */
static inline HOST_DEVICE float philox_uniform(uint32_t word)
{
    return (float)(word >> 8) * 0x1p-24f;
}

/* Uniform integer in [0, bound) by multiplication; bias below bound / 2^32. */
static inline HOST_DEVICE uint32_t philox_below(uint32_t word, uint32_t bound)
{
    return (uint32_t)((uint64_t)word * bound >> 32);
}

#endif
