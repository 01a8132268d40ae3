/* The networks of pipeline.yaml's profiles and what trains in them, as a card would be asked for
 * them: the distinct ways of its stages, and of architectures that no profile has. */
#ifndef TESTS_PROFILES_H
#define TESTS_PROFILES_H

#include "nn/cuda/fusion.h"
#include "nn/model.h"
#include "nn/program.h"

struct profile {
    const char *name; /* of the profile and its stage */
    const char *architecture;
    int64_t size, hidden;
    double dropout;
    const char *patterns[4]; /* of what trains of the base; none: the head alone */
    enum norm_mode norm;
    int64_t batch, last_batch; /* 0: all batches are whole */
};
extern const struct profile profiles[];
extern const size_t profile_count;

enum { PROFILE_CLASSES = 10 };

/* Without weights. Fails the test where it cannot make it. */
struct profiled {
    struct model *model;
    struct program program;
    struct fusion_options options;
};
void profiled_init(struct profiled *profiled, const struct profile *profile, enum dtype dtype);
void profiled_release(struct profiled *profiled);

/* All fusions of all profiles, in one type of element. */
void profiles_list(enum dtype dtype, struct fusion_list *list);

#endif
