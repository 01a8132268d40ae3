/* What the files of the CPU backend share; private to them and to their tests.
 *
 * A lane is a thread with its own stream and scratch memory. A oneDNN
 * primitive is made once and executed in any lane: it fixes its number of
 * threads (one) when it is made, keeps its scratchpad in the lane's memory,
 * and has memory objects of its own for each lane.
 */
#ifndef NN_CPU_H
#define NN_CPU_H

#include "nn/backend.h"
#include "nn/onednn.h"

struct lane {
    struct backend *backend;
    int index;
    dnnl_stream_t stream;
    void *scratch;
    size_t scratch_bytes;
};

/* At least `bytes` of memory, aligned to 64, not zeroed; valid until the
 * lane's next call of this. NULL with ERR_MEMORY. */
void *lane_scratch(struct lane *lane, size_t bytes, struct error *err);

dnnl_engine_t backend_cpu_engine(struct backend *backend);

/* OpenMP's own prototype; the header omp.h belongs to one compiler. oneDNN takes the number of
 * threads from it, per thread that calls, when a primitive is made. */
void omp_set_num_threads(int threads);

enum { PRIMITIVE_ARGUMENTS = 5, PRIMITIVE_NAME_SIZE = 96 };

struct primitive {
    dnnl_primitive_t handle;
    char name[PRIMITIVE_NAME_SIZE]; /* of the implementation */
    int count;                      /* of arguments, the scratchpad not counted */
    int arguments[PRIMITIVE_ARGUMENTS];
    size_t bytes[PRIMITIVE_ARGUMENTS];
    size_t scratch_bytes;
    int lanes;
    dnnl_memory_t *memories; /* [lanes][count + 1], the scratchpad last */
};

/* Makes a primitive of `description` with these arguments (DNNL_ARG_...). The
 * description stays the caller's. Release it zeroed, initialised or failed. */
int primitive_init(struct primitive *primitive, struct backend *backend,
                   const_dnnl_primitive_desc_t description, const int *arguments, int count,
                   struct error *err);
void primitive_release(struct primitive *primitive);

/* Runs it in the lane and waits. handles[i] belongs to arguments[i];
 * `scratchpad` has primitive->scratch_bytes. */
int primitive_execute(const struct primitive *primitive, struct lane *lane,
                      const void *const *handles, void *scratchpad, struct error *err);

/* The kernel that oneDNN took for a pass of the convolution, "" where the pass was not asked for.
 */
const char *conv_implementation_cpu(const struct conv *conv, enum conv_pass pass);

int backend_fingerprint_cpu(FILE *stream, struct error *err);

conv_new_fn conv_new_cpu;
conv_free_fn conv_free_cpu;
conv_packed_size_fn conv_packed_size_cpu;
conv_pack_fn conv_pack_cpu;
conv_forward_fn conv_forward_cpu;
conv_backward_data_fn conv_backward_data_cpu;
conv_backward_weights_fn conv_backward_weights_cpu;
conv_unpack_gradient_fn conv_unpack_gradient_cpu;
norm_statistics_fn norm_statistics_cpu;
norm_apply_fn norm_apply_cpu;
norm_backward_sums_fn norm_backward_sums_cpu;
norm_backward_data_fn norm_backward_data_cpu;
activation_forward_fn activation_forward_cpu;
activation_backward_fn activation_backward_cpu;
largest_fn largest_cpu;
accumulate_fn accumulate_cpu;
copy_fn copy_cpu;
convert_fn convert_cpu;
max_pool_forward_fn max_pool_forward_cpu;
max_pool_backward_fn max_pool_backward_cpu;
average_pool_forward_fn average_pool_forward_cpu;
average_pool_backward_fn average_pool_backward_cpu;
dropout_fn dropout_cpu;
loss_fn loss_cpu;
adam_fn adam_cpu;
decay_fn decay_cpu;
sgd_fn sgd_cpu;
average_fn average_cpu;

#endif
