/* Where the time of training steps goes, operation by operation; the clock is read only in a lane
 * that has a profile, and no bit depends on it.
 *
 *   network_profile_start(network, err)
 *   ... steps ...
 *   network_profile_tell(network, steps, &words, err)   the table
 *
 * An operation is a span around its work in a lane. Of spans within each other each counts the time
 * that is its own.
 */
#ifndef NN_CPU_PROFILE_H
#define NN_CPU_PROFILE_H

#include <stdint.h>

enum profile_kind {
    PROFILE_FEED,
    PROFILE_FORWARD, /* of convolutions and dense layers */
    PROFILE_BACKWARD_DATA,
    PROFILE_BACKWARD_WEIGHTS,
    PROFILE_PACK,
    PROFILE_UNPACK,
    PROFILE_INFERENCE, /* what the prefix does beside its convolutions */
    PROFILE_COMPUTE,   /* statistics of norms, pools, dropout */
    PROFILE_NORMALISE, /* norm, residual and activation */
    PROFILE_LOSS,
    PROFILE_MASK,      /* through the activation and to the residual; sums of norms */
    PROFILE_PROPAGATE, /* through the norm and pools; sums of gradients of one output */
    PROFILE_SUM,       /* of gradients over shards */
    PROFILE_OPTIMIZER,
    PROFILE_KINDS
};

/* What an operation must do at least. */
struct profile_work {
    int64_t flops, bytes;
    const char *kernel; /* the library's name for it, or NULL */
};

struct profile_cell {
    uint64_t ns, calls;
    struct profile_work work; /* of all calls */
};

/* Of one lane. */
struct profile {
    uint64_t inner;             /* time of spans that ended within the one that is open */
    int node;                   /* that the lane works on */
    struct profile_cell *cells; /* [nodes + 1][PROFILE_KINDS]; the last is of no node */
};

struct profile_span {
    uint64_t began, outside;
    int node;
};

enum { PROFILE_SAME_NODE = -1 }; /* as the span around it */

struct profile_span profile_begin(struct profile *profile, int node);
/* `work` NULL: not counted. Both do nothing where the lane has no profile (NULL). */
void profile_end(struct profile *profile, const struct profile_span *span, enum profile_kind kind,
                 const struct profile_work *work);

#endif
