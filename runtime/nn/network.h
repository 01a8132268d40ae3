/* A model made ready to compute on a device: what comes before the first
 * trainable layer runs as inference with batch norm folded and all fused; the
 * rest runs forward and backward. Weights live here while training;
 * network_store() copies them back.
 *
 * In bf16 weights, moments, statistics, logits and loss stay f32: a kernel is
 * rounded to bf16 once after each change of its weights, and its gradient is added
 * up in f32 (Micikevicius et al., "Mixed precision training", 2018, without the
 * scaling of the loss: the range of bf16 is that of f32).
 *
 * Bits depend on model, feed, batch, shard, norm mode and dtype, and on the
 * device's fingerprint; not on lanes, nor, for inference, on the size of batches.
 */
#ifndef NN_NETWORK_H
#define NN_NETWORK_H

#include "base/error.h"
#include "nn/device.h"
#include "nn/feed.h"
#include "nn/footprint.h"
#include "nn/model.h"
#include "nn/optimizer.h"
#include "nn/program.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct network_options {
    int64_t batch; /* the most images of a training step; 0 for a network that only infers */
    int64_t rest; /* images of an epoch's last batch where they are fewer; 0 where none are, or that
                     many come unforeseen */
    int64_t shard; /* images of a training shard */
    enum norm_mode norm;
    uint32_t seed;    /* of dropout */
    enum dtype dtype; /* of what is computed from picture to logits, and of its gradients */
    bool only_counts; /* for network_foresee(): it has no memory, and no step may be asked of it */
};

struct network;

/* `model` is borrowed until network_free(): its trainable flags are read here, its weights copied.
 * ERR_DEVICE where the device has no such dtype. */
int network_new(struct model *model, struct device *device, const struct network_options *options,
                struct network **network, struct error *err);
void network_free(struct network *network);
/* What it computes, and the device's own part: for tests. */
const struct program *network_program(const struct network *network);
struct executor *network_executor(const struct network *network);

/* In place of Adam alone, before the first step. */
int network_set_optimizer(struct network *network, const struct optimizer *optimizer,
                          struct error *err);

struct batch_result {
    double loss;  /* sum over images */
    int64_t hits; /* images whose most likely class (the first of equals) is their target's: the
                     label, or of two mixed pictures the one with the larger share */
};

/* Steps of the optimizer, one after the other; each on the next `n` <= batch of the samples (mean
 * loss over n). They count from `first`, which is 0 at the begin of a phase and goes on over its
 * epochs; the optimizer's own t is that number + 1. *done steps have a result. A step whose loss is
 * not finite is the last of them and updates nothing: the weights are those that gave it. */
struct train_step {
    int64_t n;
    float learning_rate;
};
int network_train_steps(struct network *network, const struct feed *feed, const int64_t *samples,
                        const struct train_step *steps, size_t count, uint32_t epoch, int64_t first,
                        struct batch_result *results, size_t *done, struct error *err);
/* One of them. */
int network_train(struct network *network, const struct feed *feed, const int64_t *samples,
                  int64_t n, uint32_t epoch, int64_t step, float learning_rate,
                  struct batch_result *result, struct error *err);

/* From here on, what the frozen prefix makes of the feed's pictures is kept in up to `bytes` of
 * memory, wherever they come without augmentation, in training and in inference: they must not
 * change. Changes no bits. A network that only infers keeps nothing. */
int network_remember(struct network *network, const struct feed *feed, size_t bytes,
                     struct error *err);

/* Inference without augmentation: logits and probabilities [n,classes] (each may be NULL), loss and
 * hits. Any n. With `map_node` >= 0, maps [n,height,width,channels] receives that node's output, in
 * f32. */
int network_infer(struct network *network, const struct feed *feed, const int64_t *samples,
                  int64_t n, float *logits, float *probabilities, int map_node, float *maps,
                  struct batch_result *result, struct error *err);

/* The same with the outputs of several nodes: values [n,height,width,channels], in f32. */
struct network_tap {
    int node;
    float *values;
};
int network_infer_taps(struct network *network, const struct feed *feed, const int64_t *samples,
                       int64_t n, float *logits, float *probabilities,
                       const struct network_tap *taps, size_t tap_count,
                       struct batch_result *result, struct error *err);

/* Forward and backward without the update: gradients of the mean loss, written per parameter of the
 * model (NULL entries are skipped). For tests. */
int network_gradients(struct network *network, const struct feed *feed, const int64_t *samples,
                      int64_t n, uint32_t epoch, int64_t step, float *const *gradients,
                      struct batch_result *result, struct error *err);

/* The most likely class of logits or probabilities [count], the first of equals. */
int64_t network_argmax(const float *scores, int64_t count);

/* What each batch norm of the base sees before normalising, for preflight: mean and variance
 * [channels] over `n` images in inference mode, for node `node`. */
int network_observe(struct network *network, const struct feed *feed, const int64_t *samples,
                    int64_t n, int node, double *mean, double *variance, struct error *err);

/* Adds lines that name all that the bits of a training depend on beside model, data and options:
 * the device, its libraries, its kernels, how many images the prefix takes at once. */
int network_describe(const struct network *network, struct text *words, struct error *err);

/* Adds a line for people on the device's own memory, all of which was planned when the network was
 * made; nothing where it has none. */
int network_state_memory(const struct network *network, struct text *words, struct error *err);

/* What will be asked of a network. */
struct network_use {
    const struct optimizer *optimizer; /* NULL: Adam alone, or no training */
    const struct feed *feed;           /* that it is fed; NULL where nobody knows yet */
    const struct feed *remembered;     /* as network_remember() has it; NULL: none */
    size_t remember_bytes;
    int64_t plain; /* how many of those pictures come without augmentation, at most */
    bool observed; /* network_observe() is called, too */
};

/* Whether the device computes in the machine's memory, so that the two below count it. */
bool network_measures(const struct device *device);
/* Adds what the network takes of it in that use, all steps and inference included, to the parts
 * that are a network's. */
void network_measure(const struct network *network, const struct network_use *use,
                     struct footprint *footprint);
/* The same, and all that this process has beside the network. */
void network_measure_process(const struct network *network, const struct network_use *use,
                             struct footprint *footprint);
/* As network_measure(), of a network that is not there yet: only its kernels are made, no memory.
 */
int network_foresee(struct model *model, struct device *device,
                    const struct network_options *options, const struct network_use *use,
                    struct footprint *footprint, struct error *err);

/* From here on the time of each operation is taken, by the clock, until the second adds the table
 * of so many steps: by operation, then the dearest layers. Changes no bits. ERR_DEVICE where the
 * device has no such table. */
int network_profile_start(struct network *network, struct error *err);
int network_profile_tell(struct network *network, int64_t steps, struct text *words,
                         struct error *err);

/* Whether the device found that a fused activation may hide a NaN and so runs activations apart
 * from then on, which may have other bits: what goes on with a training has to begin so. */
bool network_is_careful(const struct network *network);
int network_be_careful(struct network *network, struct error *err);

/* Weights back into the model. */
int network_store(struct network *network, struct model *model, struct error *err);
/* Weights from a model of the same architecture, after e.g. restoring the best. */
int network_load(struct network *network, const struct model *model, struct error *err);

/* The optimizer's moments, for checkpoints: m and v of all trainable parameters,
 * `network_moment_count` values each. */
int64_t network_moment_count(const struct network *network);
int network_get_moments(struct network *network, float *m, float *v, struct error *err);
int network_set_moments(struct network *network, const float *m, const float *v, struct error *err);

/* Where the optimizer averages weights: exchanges them with their average, which is what validates
 * and is kept; a second call brings the weights back, and must come before the next step. */
int network_swap_averages(struct network *network, struct error *err);
/* The averages for checkpoints, as many as moments; not while they are exchanged. */
int network_get_averages(struct network *network, float *averages, struct error *err);
int network_set_averages(struct network *network, const float *averages, struct error *err);

#endif
