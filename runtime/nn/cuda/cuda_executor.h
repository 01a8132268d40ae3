/* A network on a card; private to the files of this folder and to their tests.
 *
 *   cuda_executor.c    made, freed; memory
 *   cuda_parameters.c  weights, moments and averages in and out
 *   cuda_plans.c       the execution plans that it needs, compiled or found
 *   cuda_pictures.c    the data set on the card
 *   cuda_inference.c   a batch through the nodes with everything fused
 *   cuda_infer.c       scores and outputs of nodes
 *   cuda_observe.c     what a batch norm sees
 *   cuda_guard.c       whether what is fused may hide a NaN
 *   cuda_prefix.c      what the frozen prefix makes of pictures, for training; remembers it
 *   cuda_forward.c     a shard of a training step up to the loss
 *   cuda_backward.c    the steps after it
 *   cuda_step.c        a training step as one graph
 *   cuda_train.c       many of them
 *
 * All memory is planned when the network is made (pieces.h). A training step is captured once for
 * each number of images and then replayed; what changes from step to step lies in struct
 * step_scalars in the card's memory (kernels.h). What training reads of its pictures, the outputs
 * of the frozen prefix ("edges"), lies in rows of a store: the first `kept` for samples whose edges
 * are remembered, behind them two halves that the prefix fills in turn, in batches of one size,
 * while the steps before read the other. Prefix and steps run in streams of their own.
 *
 * The host waits in cuda_train() for the results of the steps that it was asked for, and nowhere
 * else in an epoch.
 */
#ifndef NN_CUDA_CUDA_EXECUTOR_H
#define NN_CUDA_CUDA_EXECUTOR_H

#include "nn/cuda/card.h"
#include "nn/cuda/fusion.h"
#include "nn/cuda/kernels.h"
#include "nn/cuda/pieces.h"
#include "nn/model.h"
#include "nn/network.h"
#include "nn/program.h"

enum { CUDA_ROLES = PARAMETER_MOVING_VARIANCE + 1 };
/* Steps that are put into the stream before their results are waited for. */
enum { CUDA_STEPS_AT_ONCE = 32 };
/* What cuDNN writes weights' gradients as; they are summed up in f32 either way. */
#define CUDA_DW DTYPE_F32

/* Where work is put; workspace for execution plans, scratch for kernels. Work that is put into the
 * same stream shares them. */
struct queue {
    void *stream;
    void *workspace, *scratch;
};

struct cuda_node {
    const struct program_node *program;
    /* A convolution as inference runs it, batch norm folded in. */
    void *packed;                      /* [k,r,s,c], depthwise [r,s,c] */
    float *scale, *bias;               /* [k] */
    uint64_t version;                  /* of the weights it was packed from; 0 for never */
    const struct execution_plan *plan; /* looked for once; NULL: not yet */
    /* Of the suffix. */
    void *trained;      /* as packed, without the norm; NULL where it is folded */
    float *factors;     /* [NORM_FACTORS][c] */
    float *moments;     /* [2][c]: mean and variance of the batch */
    double *statistics; /* [shards][2][c]: mean and m2 of z */
    double *sums;       /* [shards][2][c]: dgamma and dbeta */
    double *bias_sums;  /* [shards][2][c]: nothing and dbias */
    /* Of an edge. */
    char *rows; /* [rows][h,w,c]: the store */
    char *edge; /* [batch][h,w,c]: of a step */
};

/* A number of images of a training step that has been captured. */
struct step_graph {
    int64_t images;
    void *graph;
};

/* The data set of a feed, where the card can read it. */
struct picture_set {
    const uint8_t *images; /* the host's, by which it is known */
    const uint16_t *labels;
    int64_t count, bytes; /* of an image */
    uint8_t *card_images;
    uint16_t *card_labels;
    bool pinned; /* images lie in the host's memory, where the card's was too small */
};

/* Flags in the card's memory that are raised where an activation may have taken a NaN for 0: of
 * what the prefix made for each half of the store (inference takes the first), and the one that a
 * step looks at, which is that of its half: so where training stops does not depend on how far the
 * prefix is ahead. */
enum { HIDDEN_IN_FIRST_HALF, HIDDEN_IN_SECOND_HALF, HIDDEN_OF_STEP, HIDDEN_FLAGS };

struct guard {
    struct reach_step *steps, *on_card; /* by node; behind them the edges that are recalled */
    size_t count, *begin;               /* [nodes + 1]: a node's first step */
    bool *measures;                     /* [nodes] */
    float *gains, *measured, *reach;    /* on the card, as in struct reach_tables */
    uint32_t *hidden;                   /* [HIDDEN_FLAGS] on the card */
    float fed;                          /* of the feed's pictures */
    int flag;                           /* that batches raise */
};

struct executor {
    const struct program *program;
    const struct model *model;   /* for its graph and the names and shapes of parameters */
    const struct device *device; /* for its folders */
    struct card *card;
    struct network_options options;
    int64_t inference_batch;
    int64_t shard;            /* images; 0 where nothing trains */
    size_t shards;            /* the most of a batch */
    struct queue main, ahead; /* of the steps; of inference and the prefix */
    struct pieces pieces;
    void *memory;
    struct planned { /* bytes of it */
        size_t weights, inference, step;
    } planned;
    struct cuda_node *nodes;

    /* parameters: trainable ones first, each from a multiple of 64 floats on, zeros between */
    bool *trains;                 /* [parameters] */
    int (*parameter)[CUDA_ROLES]; /* [nodes]: index of a parameter, or -1 */
    size_t *offsets;              /* [parameters] */
    size_t trained_floats, all_floats;
    float *weights;                 /* [all_floats] */
    float *gradient, *tail, *m, *v; /* [trained_floats] */
    float *averages;                /* [trained_floats], where the optimizer has them */
    void *averages_memory;
    void *packed_gradient; /* of one convolution */
    struct optimizer optimizer;
    uint64_t version, frozen_version; /* raised by every change of weights; by loading only */

    /* plans */
    struct fusion_list fusions;
    struct execution_plan **plans; /* [fusions.count] */
    size_t plan_count, plan_capacity;
    size_t workspace_bytes, workspace_room; /* that plans want, that each queue has */
    bool careful;                           /* activations are not fused */
    struct guard guard;

    /* inference */
    size_t *inference_offsets;
    char *inference_arena;
    struct step_scalars *ahead_scalars; /* the epoch of what is fed */
    struct score_memory {
        int64_t images; /* room for so many */
        void *memory;
        int64_t *samples, *rows;
        float *targets, *logits, *probabilities, *losses; /* [images, classes], losses [images] */
        int32_t *hits;
    } scores;

    /* the store */
    void *store;
    size_t store_bytes;
    int64_t half, kept;     /* rows; in all kept + 2 * half */
    struct feed remembered; /* images NULL: none */
    int64_t *row_of, used;  /* [remembered.count]: of a sample's edges, or -1; rows in use */
    float *target_rows;     /* [2 * half, classes] */
    void *listed, *half_filled[2], *half_free[2]; /* events */

    /* steps */
    size_t *training_offsets;
    char **arenas; /* one where there is one segment, else by shard */
    size_t arena_count;
    float *targets, *losses; /* [batch, classes], [batch] */
    int32_t *hits;           /* [batch] */
    float *class_weights;    /* [classes] */
    bool weighs;             /* the graphs' loss takes them */
    struct step_graph *graphs;
    size_t graph_count, graph_capacity;
    struct train_step *steps;     /* [CUDA_STEPS_AT_ONCE] */
    struct batch_result *results; /* [CUDA_STEPS_AT_ONCE] */
    struct step_scalars *scalars;
    int64_t *samples, *rows, *target_row;  /* [CUDA_STEPS_AT_ONCE * batch] */
    int64_t *prefix_samples, *prefix_rows; /* [2 * half] */

    /* pictures */
    struct picture_set *sets;
    size_t set_count, set_capacity;
    int64_t *partners;
    const int64_t *host_partners;
    int64_t partner_count;
    void *feed_scratch;
    size_t feed_scratch_bytes;
};

/* What the device's table names; contracts in network.h. Inference and the frozen prefix take
 * `images` of 224 places a side at once, of smaller ones more. */
int cuda_executor_new(const struct device *device, struct card *card, int64_t images,
                      const struct program *program, const struct model *model,
                      const struct network_options *options, struct executor **executor,
                      struct error *err);
void cuda_executor_free(struct executor *executor);
int cuda_set_optimizer(struct executor *executor, const struct optimizer *optimizer,
                       struct error *err);
int cuda_train(struct executor *executor, const struct feed *feed, const int64_t *samples,
               const struct train_step *steps, size_t count, uint32_t epoch, int64_t first,
               struct batch_result *results, size_t *done, struct error *err);
int cuda_gradients(struct executor *executor, const struct feed *feed, const int64_t *samples,
                   int64_t n, uint32_t epoch, int64_t step, float *const *gradients,
                   struct batch_result *result, struct error *err);
int cuda_remember(struct executor *executor, const struct feed *feed, size_t bytes,
                  struct error *err);
int cuda_infer(struct executor *executor, const struct feed *feed, const int64_t *samples,
               int64_t n, float *logits, float *probabilities, const struct network_tap *taps,
               size_t tap_count, struct batch_result *result, struct error *err);
int cuda_observe(struct executor *executor, const struct feed *feed, const int64_t *samples,
                 int64_t n, int node, double *mean, double *variance, struct error *err);
int cuda_describe(const struct executor *executor, struct text *words, struct error *err);
int cuda_state_memory(const struct executor *executor, struct text *words, struct error *err);
int cuda_load(struct executor *executor, const struct model *model, struct error *err);
int cuda_store(struct executor *executor, struct model *model, struct error *err);
int cuda_get_moments(struct executor *executor, float *m, float *v, struct error *err);
int cuda_set_moments(struct executor *executor, const float *m, const float *v, struct error *err);
int cuda_swap_averages(struct executor *executor, struct error *err);
int cuda_get_averages(struct executor *executor, float *averages, struct error *err);
int cuda_set_averages(struct executor *executor, const float *averages, struct error *err);

/* cuda_executor.c: what all ask of a node */
enum dtype cuda_dtype(const struct executor *executor, int node); /* of its output */
int64_t cuda_elements(const struct executor *executor, int node); /* of one image's output */
size_t cuda_bytes(const struct executor *executor, int node);     /* the same in bytes */
/* Of a convolution's kernel as the card has it: channels of x, and elements of all. */
int64_t cuda_packed_channels(const struct executor *executor, int node);
size_t cuda_packed_elements(const struct executor *executor, int node);
struct window_shape cuda_window(const struct executor *executor, int node, int64_t n);
/* Room for what the plans that are made want; before the next use of one. */
int cuda_make_workspace(struct executor *executor, struct error *err);

/* cuda_parameters.c */
int cuda_place_parameters(struct executor *executor, struct error *err);
float *cuda_value(const struct executor *executor, int node,
                  enum parameter_role role); /* or NULL */
float *cuda_gradient_of(const struct executor *executor, int node, enum parameter_role role);
/* Per parameter of the model; NULL entries are skipped. */
int cuda_download_gradient(struct executor *executor, float *const *gradients, struct error *err);

/* cuda_plans.c */
/* Plans for what is not there yet of these, compiled in threads or found in the device's scratch.
 */
int cuda_make_plans(struct executor *executor, const struct fusion_options *options,
                    struct error *err);
int cuda_make_plan(struct executor *executor, const struct fusion *fusion, struct error *err);
/* One that was made. */
const struct execution_plan *cuda_plan(const struct executor *executor,
                                       const struct fusion *fusion);
void cuda_release_plans(struct executor *executor);

/* cuda_pictures.c */
/* *on_card is the feed with pointers that lead to the card's memory, but for `augment`. */
int cuda_put_feed(struct executor *executor, const struct feed *feed, struct feed *on_card,
                  struct error *err);
void cuda_release_pictures(struct executor *executor);

/* cuda_inference.c: all work on the inference batch, in the stream `ahead` */
void cuda_pack_kernel(const struct executor *executor, const struct queue *queue, int node,
                      const float *scale, void *packed);
/* Packs what has changed of a node, and of the first `nodes`. */
int cuda_pack_node(struct executor *executor, int node, struct error *err);
int cuda_pack(struct executor *executor, size_t nodes, struct error *err);
void *cuda_output(const struct executor *executor, int node);
int cuda_fused_node(struct executor *executor, int node, struct error *err);
/* All behind the pictures that were fed and before node `end`. */
int cuda_fused_nodes(struct executor *executor, int end, struct error *err);
/* Samples [inference batch] on the card; targets may be NULL. */
int cuda_feed_batch(struct executor *executor, const struct feed *on_card, const int64_t *samples,
                    float *targets, struct error *err);
/* Input `which` of a concatenation, of n images, to its place in y. */
void cuda_concatenate(const struct executor *executor, const struct queue *queue, int node,
                      int which, int64_t n, const void *x, void *y);

/* cuda_guard.c: in the stream `ahead`; nothing of a batch is left to do once the network is careful
 */
void cuda_guard_add(struct executor *executor, struct pieces *pieces);
int cuda_guard_init(struct executor *executor, struct error *err);
void cuda_guard_release(struct executor *executor);
/* With the weights that are loaded. */
int cuda_guard_load(struct executor *executor, const struct model *model, struct error *err);
/* Before batches of a feed: no flag is raised. */
int cuda_guard_begin(struct executor *executor, const struct feed *feed, struct error *err);
/* Of a node that was packed. */
int cuda_guard_gain(struct executor *executor, int node, struct error *err);
/* Of a batch: a node's output that is there; what was recalled in place of the prefix; and when
 * nodes [begin,end) are done, their bounds. */
int cuda_guard_output(struct executor *executor, int node, struct error *err);
int cuda_guard_recalled(struct executor *executor, struct error *err);
int cuda_guard_nodes(struct executor *executor, int begin, int end, struct error *err);
/* Waits for batches of inference. *again: an activation may have hidden a NaN, the network is now
 * careful, and they do not count. */
int cuda_guard_end(struct executor *executor, bool *again, struct error *err);
/* From now on activations run apart; nothing may be under way, and what was done since
 * cuda_guard_begin() has to be done again. */
bool cuda_is_careful(const struct executor *executor);
int cuda_be_careful(struct executor *executor, struct error *err);

/* cuda_infer.c */
void cuda_release_scores(struct executor *executor);

/* cuda_prefix.c */
size_t cuda_store_bytes(struct executor *executor); /* of one that remembers nothing */
int cuda_make_store(struct executor *executor, int64_t kept, struct error *err);
void cuda_release_store(struct executor *executor);
void cuda_forget(struct executor *executor); /* the prefix has other weights */
bool cuda_remembers(const struct executor *executor, const struct feed *feed);
/* A remembered feed's sample: its row, which is -1 where there is no room; *made where its edges
 * are still to be computed. */
int64_t cuda_row(struct executor *executor, int64_t sample, bool *made);
/* Of n <= half samples, with rows of the first half for those without room. False where some are
 * still to be computed. */
bool cuda_find_rows(struct executor *executor, const int64_t *samples, int64_t n, int64_t *rows);
/* Edges of a batch between its rows, on the card, and the nodes' outputs: to them, and from them
 * after the prefix has run on the pictures that were fed. */
int cuda_recall(struct executor *executor, const int64_t *rows, struct error *err);
int cuda_prefix_batch(struct executor *executor, const int64_t *rows, struct error *err);

/* cuda_forward.c, cuda_backward.c: a shard on its way through the suffix, in the stream `main` */
struct shard_run {
    struct executor *executor;
    const struct queue *queue;
    size_t shard;
    int64_t first_image, images;
    char *arena;
};
void *cuda_run_output(const struct shard_run *run, int node);
void *cuda_run_buffer(const struct shard_run *run, int buffer); /* NULL of -1 */
int64_t cuda_run_rows(const struct shard_run *run, int node);
double *cuda_run_sums(const struct shard_run *run, int node, double *values);
void *cuda_run_kernel(const struct shard_run *run, int node);
void cuda_run_dropout(const struct shard_run *run, int node, const void *x, void *y);
int cuda_forward_step(const struct shard_run *run, const struct step *step, struct error *err);
int cuda_backward_step(const struct shard_run *run, const struct step *step, struct error *err);

/* cuda_step.c */
int cuda_make_step_plans(struct executor *executor, int64_t n, struct error *err);
/* Puts a step of n images into the stream, all but the update where it does not `update`. */
int cuda_put_step(struct executor *executor, int64_t n, bool updates, struct error *err);
/* The graph of one, captured when it is first asked for; its plans are made, and no other work may
 * be under way. More workspace releases all graphs. */
bool cuda_has_graph(const struct executor *executor, int64_t n);
int cuda_step_graph(struct executor *executor, int64_t n, void **graph, struct error *err);
void cuda_release_graphs(struct executor *executor);

#endif
