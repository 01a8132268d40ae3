/* The learning rate of each step, as keras.optimizers.schedules.CosineDecay of
 * Keras 3 has it (Loshchilov and Hutter 2016, arXiv 1608.03983), in f32, with a
 * cosine that is the same on every machine.
 */
#ifndef NN_COSINE_DECAY_H
#define NN_COSINE_DECAY_H

#include <stdbool.h>
#include <stdint.h>

struct cosine_decay {
    bool on;
    int64_t decay_steps;  /* after the warm-up; 0: what is left of the training */
    double alpha;         /* the last rate as a fraction of the one that decays */
    int64_t warmup_steps; /* 0: none, and the learning rate itself decays */
    double warmup_target; /* to which the learning rate rises, and from which it then decays */
};

/* Rate of step 0, 1, ...; `learning_rate` is Keras' initial_learning_rate. decay_steps > 0. */
float cosine_decay_at(const struct cosine_decay *decay, double learning_rate, int64_t step);

/* decay_steps of a training of so many steps: those after the warm-up, at least one. */
int64_t cosine_decay_rest(const struct cosine_decay *decay, int64_t steps);

#endif
