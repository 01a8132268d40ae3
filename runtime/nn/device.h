/* What can compute a network: a CPU, or a GPU.
 *
 * A device takes whole networks: the program of a step (program.h) is one and the same for every
 * device, and how it is executed is the device's own affair, in a folder of its own (nn/cpu,
 * nn/cuda) that nothing else looks into. People call network.h, which goes through this table.
 *
 *     device_open(name, threads, &device, err)   open.c alone knows which devices there are
 *     network_new(model, device, ...)            as many as wanted
 *     device_close(device)                       after the last network_free()
 *
 * What a network computes depends on the device's fingerprint, never on the number of threads.
 */
#ifndef NN_DEVICE_H
#define NN_DEVICE_H

#include "base/error.h"
#include "nn/dtype.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct batch_result;
struct device;
struct executor; /* a network on a device; each device has its own */
struct feed;
struct footprint;
struct model;
struct network_options;
struct network_tap;
struct network_use;
struct optimizer;
struct program;
struct text;
struct train_step;

/* What a device does; the contracts are those of the functions of the same names in network.h.
 * Program and model are borrowed until executor_free(). */
struct device_table {
    int (*executor_new)(struct device *device, const struct program *program,
                        const struct model *model, const struct network_options *options,
                        struct executor **executor, struct error *err);
    void (*executor_free)(struct executor *executor);
    int (*set_optimizer)(struct executor *executor, const struct optimizer *optimizer,
                         struct error *err);
    int (*train)(struct executor *executor, const struct feed *feed, const int64_t *samples,
                 const struct train_step *steps, size_t count, uint32_t epoch, int64_t first,
                 struct batch_result *results, size_t *done, struct error *err);
    int (*gradients)(struct executor *executor, const struct feed *feed, const int64_t *samples,
                     int64_t n, uint32_t epoch, int64_t step, float *const *gradients,
                     struct batch_result *result, struct error *err);
    int (*remember)(struct executor *executor, const struct feed *feed, size_t bytes,
                    struct error *err);
    int (*infer)(struct executor *executor, const struct feed *feed, const int64_t *samples,
                 int64_t n, float *logits, float *probabilities, const struct network_tap *taps,
                 size_t tap_count, struct batch_result *result, struct error *err);
    int (*observe)(struct executor *executor, const struct feed *feed, const int64_t *samples,
                   int64_t n, int node, double *mean, double *variance, struct error *err);
    int (*load)(struct executor *executor, const struct model *model, struct error *err);
    int (*store)(struct executor *executor, struct model *model, struct error *err);
    int (*get_moments)(struct executor *executor, float *m, float *v, struct error *err);
    int (*set_moments)(struct executor *executor, const float *m, const float *v,
                       struct error *err);
    int (*swap_averages)(struct executor *executor, struct error *err);
    int (*get_averages)(struct executor *executor, float *averages, struct error *err);
    int (*set_averages)(struct executor *executor, const float *averages, struct error *err);
    bool (*is_careful)(const struct executor *executor);
    int (*be_careful)(struct executor *executor, struct error *err);
    int (*describe)(const struct executor *executor, struct text *words, struct error *err);
    /* NULL where memory is the machine's. */
    int (*state_memory)(const struct executor *executor, struct text *words, struct error *err);
    /* NULL where it is the device's own. */
    void (*measure)(const struct executor *executor, const struct network_use *use,
                    struct footprint *footprint);
    void (*close)(struct device *device);
};

/* A device embeds this first. */
struct device {
    const struct device_table *table;
    const char *name;      /* "cpu" or "cuda" */
    char description[128]; /* for people: "cpu, oneDNN 2.6.3, avx512_core, 2 threads" */
    enum dtype preferred;  /* what precision `auto` takes */
    const char *no_bf16;   /* why bf16 cannot be had, or NULL */
    int64_t shard;         /* what train.shard `auto` takes; 0 is the batch */
    char no_gpu[256];      /* why auto took the CPU; empty where the CPU was asked for */
    size_t steps_at_once;  /* of training that are best asked for in one call; at least 1 */
    /* Folders for what was compiled: of an earlier run to read, of this one to write; or NULL. Set
     * before the first network is made; borrowed. */
    const char *scratch, *scratch_out;
};

#define DEVICE_GPU_PREFERS DTYPE_BF16

/* What a user asks for. */
enum precision { PRECISION_AUTO, PRECISION_F32, PRECISION_BF16 };

/* What `precision` comes to on the device. ERR_DEVICE where it has no bf16, with the reason. */
int device_precision(const struct device *device, enum precision precision, enum dtype *dtype,
                     struct error *err);

/* `name` is auto, cpu or cuda; auto takes a GPU where there is one. cuda where the build or the
 * machine has none is ERR_DEVICE. `threads` are the CPU's; <= 0 takes all there are. */
int device_open(const char *name, int threads, struct device **device, struct error *err);
void device_close(struct device *device);

/* What precision `auto` comes to on that device, which is not taken into use for it. */
int device_prefers(const char *name, enum dtype *dtype, struct error *err);

/* What the bits of a result depend on beside the executable, as `name value` lines: device, library
 * version, instruction set, and of a GPU's device the SHA-256 of its shared object. Not the thread
 * count. `uses PATH` lines (base/uses.h) say where that object is or would be. */
int device_fingerprint(const char *name, FILE *stream, struct error *err);

#endif
