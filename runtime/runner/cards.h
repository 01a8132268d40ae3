/* The machine's GPUs, of which a stage with `resources: {gpu: N}` has N to itself while it runs:
 * they are what CUDA_VISIBLE_DEVICES names, or else all that the driver has. A machine without any
 * counts as one, so that such stages run one at a time there, too.
 */
#ifndef RUNNER_CARDS_H
#define RUNNER_CARDS_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { CARDS_MOST = 64 };

struct cards {
    char **names; /* [count], as CUDA_VISIBLE_DEVICES has them; NULL where there are none */
    int count;    /* at least 1 */
    uint64_t taken;
};

int cards_find(struct cards *cards, struct error *err);
void cards_release(struct cards *cards);

/* Of `wanted` cards, or of all where there are fewer: whether so many are free, and then which. */
bool cards_are_free(const struct cards *cards, int wanted);
uint64_t cards_take(struct cards *cards, int wanted);
void cards_give_back(struct cards *cards, uint64_t taken);

/* What CUDA_VISIBLE_DEVICES is for who has taken them; NULL in *words where that is as it is for
 * us. free() it. */
int cards_words(const struct cards *cards, uint64_t taken, char **words, struct error *err);

#endif
