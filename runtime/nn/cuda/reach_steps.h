/* The bounds of nn/reach.h as a list of steps, which host and card take with the same arithmetic: a
 * step gives the bound of a node's output from those of its inputs. cuda_guard.c makes the list.
 */
#ifndef NN_CUDA_REACH_STEPS_H
#define NN_CUDA_REACH_STEPS_H

#include "nn/graph.h"
#include "nn/reach.h"

enum reach_kind {
    REACH_FED,      /* of a picture, as the caller knows */
    REACH_SUM,      /* a convolution or dense layer */
    REACH_TIMES,    /* no more than `times` values of x, added up */
    REACH_SAME,     /* x's */
    REACH_LARGER,   /* y's as it was, or x's where that is larger */
    REACH_MEASURED, /* what was found in it */
};

/* Nodes y, x and residual, which is -1 where there is none. */
struct reach_step {
    enum reach_kind kind;
    int32_t y, x, residual;
    float times;
    enum activation activation;
    bool fused; /* the activation, in a library that may take a NaN for 0 */
};

/* Tables by node. gains: [0] of the kernel, [1] the largest bias. */
struct reach_tables {
    float fed;
    const float *gains;    /* [nodes][2] */
    const float *measured; /* [nodes] */
    float *reach;          /* [nodes] */
};

/* Before the activation. */
static inline HOST_DEVICE float reach_of_step(const struct reach_step *step,
                                              const struct reach_tables *tables)
{
    const float *reach = tables->reach, *gain = tables->gains + 2 * step->y;
    switch (step->kind) {
    case REACH_FED: return tables->fed;
    case REACH_SUM:
        return reach_sum(gain[0], reach[step->x], gain[1],
                         step->residual < 0 ? 0.0f : reach[step->residual]);
    case REACH_TIMES: return reach_sum(step->times, reach[step->x], 0.0f, 0.0f);
    case REACH_SAME: return reach[step->x];
    case REACH_LARGER: return reach_larger(reach[step->y], reach[step->x]);
    case REACH_MEASURED: break;
    }
    return tables->measured[step->y];
}

/* Enters the bound of y; `sum` is what reach_of_step() gave. */
static inline HOST_DEVICE void reach_enter(const struct reach_step *step, float sum,
                                           const struct reach_tables *tables)
{
    const bool clipped = step->activation == ACTIVATION_RELU6 && sum > 6.0f && sum < REACH_LIMIT;
    tables->reach[step->y] = clipped ? 6.0f : sum;
}

/* Whether the activation may have taken a NaN for 0. */
static inline HOST_DEVICE bool reach_hides(const struct reach_step *step, float sum)
{
    return step->fused && !(sum < REACH_LIMIT);
}

#endif
