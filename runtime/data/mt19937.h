/* The Mersenne Twister MT19937 (Matsumoto and Nishimura, ACM TOMACS 8, 1998)
 * with the seeding, bounded integers and shuffle of numpy's RandomState, so
 * that a split is index for index what scikit-learn gives. Everything else in
 * Reprise draws from base/philox.h.
 */
#ifndef DATA_MT19937_H
#define DATA_MT19937_H

#include <stdint.h>

enum { MT19937_WORDS = 624 };

struct mt19937 {
    uint32_t key[MT19937_WORDS];
    int position; /* of the next word; MT19937_WORDS: regenerate first */
};

/* numpy.random.RandomState(seed). */
void mt19937_seed(struct mt19937 *rng, uint32_t seed);

uint32_t mt19937_next(struct mt19937 *rng);

/* Uniform in [0, max], by masking and rejection; a max of 0 draws nothing. */
uint32_t mt19937_interval(struct mt19937 *rng, uint32_t max);

/* Fisher-Yates from the end. count - 1 must fit 32 bits. */
void mt19937_shuffle(struct mt19937 *rng, int64_t *values, int64_t count);

/* A shuffle of 0 .. count-1. */
void mt19937_permutation(struct mt19937 *rng, int64_t *values, int64_t count);

#endif
