/* A network on the CPU; private to the files of this folder and to their tests.
 *
 *   executor.c       made, freed; weights and moments in and out
 *   nodes.c          shapes, element types, values, memory and how much of it
 *   fused.c          inference with everything fused; the frozen prefix of training
 *   infer.c          scores and outputs of nodes
 *   guard.c          sees where what is fused could have hidden a NaN
 *   features.c       remembers what the prefix makes of pictures that come again
 *   observe.c        what a batch norm sees
 *   training.c       training: memory, convolutions for each size of shard
 *   forward.c        training: a shard through the steps up to the loss
 *   backward.c       training: the steps after it
 *   update.c         sums over shards, moving statistics
 *   concatenate.c    vectors of several nodes side by side
 *   optimize.c       the optimizer's step, averages of weights
 *   profile_table.c  where the time goes, where somebody wants to know
 *
 * A training step in four parts: the prefix runs image by image and leaves the
 * outputs that later nodes read ("edges") for the whole batch; the suffix runs
 * shard by shard through the steps, in segments that end where batch
 * statistics must be joined over shards; sums over shards; update.
 */
#ifndef NN_CPU_EXECUTOR_H
#define NN_CPU_EXECUTOR_H

#include "nn/cpu/operations.h"
#include "nn/cpu/profile.h"
#include "nn/model.h"
#include "nn/network.h"
#include "nn/norm.h"
#include "nn/program.h"

#include <stdatomic.h>

enum { ROLE_COUNT = PARAMETER_MOVING_VARIANCE + 1 };
enum { RANGE = 16384 }; /* floats of a vector that a lane takes at a time */

/* A node as inference runs it: batch norm folded into kernel and bias. */
struct fused {
    struct conv *conv;
    void *packed;
    float *bias, *scale; /* [k] */
    float gain, offset;  /* of kernel and bias: reach.h */
    uint64_t version;    /* of the weights it was packed from; 0 for never */
};

struct inference {
    int64_t shard;       /* images; a shard that is not full repeats its last image */
    struct fused *nodes; /* [nodes] */
    size_t *offsets;     /* [program->inference.buffer_count], in an arena */
    size_t arena_bytes;
    char **arenas;        /* [lanes] */
    float *targets;       /* [lanes][shard, classes] */
    float *probabilities; /* [lanes][shard, classes] */
    float *reach;         /* [lanes][buffers]: what an output is not larger than; reach.h */
    bool careful;         /* activations are not fused, and nothing is guarded */
    atomic_bool hidden;   /* a fused activation may have hidden a NaN: the run does not count */
};

struct train_node {
    const struct program_node *program;
    char *edge;         /* prefix nodes that the suffix reads: [batch + inference shard, h, w, c] */
    float *fold;        /* [2][k]: scale and bias of a folded node */
    float *factors;     /* [NORM_FACTORS][c] */
    double *statistics; /* [shards][2][c]: mean and m2 of z */
    double *sums;       /* [shards][2][c]: dgamma and dbeta */
    float *moments;     /* [2][c]: mean and variance of the batch */
};

/* The convolutions of one size of shard, with kernels packed for them and room for gradients. */
struct shard_conv {
    struct conv *conv;
    void *forward, *backward;
    uint64_t version;
    size_t gradient; /* offset in a part, in floats: packed kernel, then bias */
    size_t packed_floats;
};
struct shard_size {
    int64_t images;
    struct shard_conv *convs; /* [nodes] */
    size_t part_floats;
    float *parts; /* [shards of this size][part_floats] */
};

struct training {
    int64_t batch, shard;
    size_t shards; /* the most of a batch */
    struct train_node *nodes;
    size_t *offsets; /* [program->training.buffer_count], in an arena */
    size_t arena_bytes, arena_count;
    char **arenas; /* by lane where there is one segment, else by shard */
    struct shard_size *sizes;
    size_t size_count, size_capacity;
    float *targets; /* [batch + inference shard, classes] */
    float *losses;  /* [batch] */
    uint8_t *hits;  /* [batch] */
    int64_t parameters;
    float *gradient, *tail, *m, *v; /* [parameters], trainable ones one after another */
    struct optimizer optimizer;
    float *averages; /* [parameters], where the optimizer has them */
};

/* Per sample of a feed the edges of the prefix, one after another. */
struct features {
    struct feed feed; /* whose pictures; images NULL: none */
    size_t sample_bytes;
    _Atomic(char *) *samples; /* [feed.count]: NULL: not remembered yet */
    atomic_size_t bytes_left;
    size_t bytes;
};

struct executor {
    const struct program *program;
    const struct model *model; /* for its graph and the names and shapes of parameters */
    struct cpu *cpu;
    struct network_options options;
    bool *trains;                 /* [parameters] */
    int (*parameter)[ROLE_COUNT]; /* [nodes]: index of a parameter, or -1 */
    float **values;               /* [parameters] */
    size_t *offsets; /* [parameters]: of a trainable one in training.gradient, m, v and `weights` */
    float *weights;  /* all values, the trainable ones first */
    uint64_t version, frozen_version; /* raised by every change of weights; by loading only */
    struct inference inference;
    struct training training; /* all zero where batch is 0 */
    struct features features;
    struct profile *profiles;   /* [lanes], while somebody wants to know */
    struct footprint footprint; /* what it has allocated for as long as it lives */
    size_t scratch_bytes;       /* that a convolution needs of a lane, at most */
    float **feed_scratch;       /* [lanes] */
    int64_t feed_scratch_floats;
};

/* Images on their way through the fused nodes. */
struct fused_run {
    struct executor *executor;
    const struct feed *feed;
    const int64_t *samples;
    int64_t n;
    uint32_t epoch;
    bool remembers; /* takes what features has of the prefix, and adds to it */
};

/* Where a shard of them leaves its outputs. */
struct fused_place {
    char *arena;
    int64_t first; /* image of the shard */
    bool edges;    /* those that later nodes of a training step read go to memory of the batch */
};

/* A shard on its way through the suffix. */
struct shard_run {
    struct executor *executor;
    struct lane *lane;
    const struct shard_size *size;
    size_t shard, part; /* number in the batch; among those of its size */
    int64_t first_image;
    int64_t images;
    char *arena;
    const struct feed *feed;
    const int64_t *samples; /* of the shard */
    uint32_t step;
    float scale; /* of the loss */
};

/* What the device's table names; contracts in network.h. */
int executor_new(struct cpu *cpu, const struct program *program, const struct model *model,
                 const struct network_options *options, struct executor **executor,
                 struct error *err);
void executor_free(struct executor *executor);
int executor_set_optimizer(struct executor *executor, const struct optimizer *optimizer,
                           struct error *err);
int executor_train(struct executor *executor, const struct feed *feed, const int64_t *samples,
                   const struct train_step *steps, size_t count, uint32_t epoch, int64_t first,
                   struct batch_result *results, size_t *done, struct error *err);
int executor_gradients(struct executor *executor, const struct feed *feed, const int64_t *samples,
                       int64_t n, uint32_t epoch, int64_t step, float *const *gradients,
                       struct batch_result *result, struct error *err);
int executor_remember(struct executor *executor, const struct feed *feed, size_t bytes,
                      struct error *err);
int executor_infer(struct executor *executor, const struct feed *feed, const int64_t *samples,
                   int64_t n, float *logits, float *probabilities, const struct network_tap *taps,
                   size_t tap_count, struct batch_result *result, struct error *err);
int executor_observe(struct executor *executor, const struct feed *feed, const int64_t *samples,
                     int64_t n, int node, double *mean, double *variance, struct error *err);
bool executor_is_careful(const struct executor *executor);
int executor_be_careful(struct executor *executor, struct error *err);
int executor_describe(const struct executor *executor, struct text *words, struct error *err);
int executor_load(struct executor *executor, const struct model *model, struct error *err);
int executor_store(struct executor *executor, struct model *model, struct error *err);
int executor_get_moments(struct executor *executor, float *m, float *v, struct error *err);
int executor_set_moments(struct executor *executor, const float *m, const float *v,
                         struct error *err);
int executor_swap_averages(struct executor *executor, struct error *err);
int executor_get_averages(struct executor *executor, float *averages, struct error *err);
int executor_set_averages(struct executor *executor, const float *averages, struct error *err);

/* What executor_observe() takes while it lasts, at most. */
size_t observe_bytes(const struct executor *executor);

/* nodes.c */
float *executor_value(const struct executor *executor, int node,
                      enum parameter_role role);                  /* or NULL */
enum dtype node_dtype(const struct executor *executor, int node); /* of its output */
size_t node_bytes(const struct executor *executor, int node);     /* of one image's output */
struct pool_shape node_pool_shape(const struct graph *graph, int node, int64_t n);
float *allocate_floats(size_t count, size_t floats, struct error *err);
char *allocate_bytes(size_t count, size_t bytes, struct error *err);
/* The same, counted in the executor's footprint, for what it keeps; where it only counts, what
 * comes back may not be looked into. */
float *executor_floats(struct executor *executor, enum footprint_part part, size_t count,
                       size_t floats, struct error *err);
char *executor_bytes(struct executor *executor, enum footprint_part part, size_t count,
                     size_t bytes, struct error *err);
/* Of a convolution that lives as long as the executor. */
void executor_needs_scratch(struct executor *executor, const struct conv *conv);
void executor_measure(const struct executor *executor, const struct network_use *use,
                      struct footprint *footprint);
int64_t executor_picture_floats(const struct executor *executor); /* at the begin of feed_scratch */
int executor_prepare_feed(struct executor *executor, const struct feed *feed, struct error *err);
size_t executor_lane(const struct executor *executor, const struct lane *lane);
/* Kernel scale and bias of a node with its norm folded in, from the moving statistics. */
void executor_fold(const struct executor *executor, int node, float *scale, float *bias);

/* fused.c */
int inference_init(struct executor *executor, struct error *err);
void inference_release(struct executor *executor);
size_t fused_shards(const struct fused_run *run);
void *fused_output(const struct executor *executor, int node, const struct fused_place *place);
int fused_node(struct executor *executor, struct lane *lane, int index,
               const struct fused_place *place, const struct feed *feed, struct error *err);
/* Feeds a shard and runs its nodes before `end`; targets [inference shard, classes]. A run that
 * remembers needs `end` to be the first node of the suffix. */
int fused_prefix(const struct fused_run *run, struct lane *lane, const struct fused_place *place,
                 size_t end, float *targets, struct error *err);
/* Packs what has changed of the first `nodes` nodes and runs the shards. Where a fused activation
 * may have hidden a NaN, the network becomes careful and the shards run once more. */
int fused_run_shards(struct executor *executor, size_t nodes, size_t shards,
                     int (*work)(void *arg, struct lane *lane, size_t shard, struct error *err),
                     void *arg, struct error *err);
/* Prefix of a training step: inputs, targets and edges of n images. */
int prefix_run(struct executor *executor, const struct feed *feed, const int64_t *samples,
               int64_t n, uint32_t epoch, struct error *err);

/* guard.c */
/* Before a node of a shard runs: what its output is not larger than, from what is known of its
 * input. */
int guard_node(struct executor *executor, struct lane *lane, int node,
               const struct fused_place *place, const struct preprocess *preprocess,
               struct error *err);
/* Outputs before node `end` came from elsewhere: nothing is known of them. */
void guard_forget(struct executor *executor, const struct lane *lane, size_t end);

/* features.c; all but the first four may be called in several lanes at once */
size_t features_bytes(const struct executor *executor, int64_t pictures); /* of so many, at most */
void features_release(struct executor *executor);
void features_forget(struct executor *executor); /* the prefix has other weights */
bool features_are_of(const struct executor *executor, const struct feed *feed);
bool features_has(struct executor *executor, int64_t sample);
/* Edges of image `i` of the shard, to and from its place. Keeps nothing where there is no room. */
int features_recall(struct executor *executor, struct lane *lane, int64_t sample,
                    const struct fused_place *place, int64_t i, struct error *err);
int features_keep(struct executor *executor, struct lane *lane, int64_t sample,
                  const struct fused_place *place, int64_t i, struct error *err);

/* forward.c, backward.c */
const void *run_output(const struct shard_run *run, int node);
void *run_buffer(const struct shard_run *run, int buffer);
float *run_part(const struct shard_run *run,
                int node); /* packed gradient of the kernel, then of the bias */
int run_dropout(const struct shard_run *run, int node, const void *x, void *y, struct error *err);
int forward_step(const struct shard_run *run, const struct step *step, struct error *err);
int backward_step(const struct shard_run *run, const struct step *step, struct error *err);
/* Norm factors from the moving statistics, for all nodes that use them. */
void forward_set_factors(struct executor *executor);
/* After a segment: statistics of `node` over `rows` values of a channel. */
void forward_join(struct executor *executor, int node, const int64_t *shard_rows, size_t shards);
/* dgamma and dbeta of the batch into training.gradient, and for batch statistics the factors of dz.
 */
void backward_join(struct executor *executor, int node, int64_t rows, size_t shards);

/* concatenate.c: input `i` of a concatenation, x [n,c], to its place in y [n,channels]; and
 * its part of dy to dx. */
int concatenate_forward(const struct executor *executor, struct lane *lane, int node, int i,
                        int64_t n, const void *x, void *y, struct error *err);
int concatenate_backward(const struct executor *executor, struct lane *lane, int node, int i,
                         int64_t n, const void *dy, void *dx, struct error *err);

/* training.c */
int training_init(struct executor *executor, struct error *err);
void training_release(struct executor *executor);
/* Index in training.sizes of the convolutions for shards of `images`, made when first needed: the
 * last batch of an epoch may have a shard that is not full. */
int training_find_size(struct executor *executor, int64_t images, size_t *index, struct error *err);

/* optimize.c: weights from training.gradient; `step` from 0. */
int optimize(struct executor *executor, int64_t step, float learning_rate, struct error *err);

/* profile_table.c; the second also ends it */
int executor_profile_start(struct executor *executor, struct error *err);
int executor_profile_tell(struct executor *executor, int64_t steps, struct text *words,
                          struct error *err);
void profile_table_release(struct executor *executor);

/* update.c */
/* Forward and backward: leaves the mean loss's gradient in training.gradient. */
int training_gradient(struct executor *executor, const struct feed *feed, const int64_t *samples,
                      int64_t n, uint32_t epoch, int64_t step, struct batch_result *result,
                      struct error *err);

#endif
