/* The threads of the CPU and oneDNN in them; private to the files of this folder and their tests.
 *
 * A lane is a thread with its own stream and scratch memory. A oneDNN
 * primitive is made once and executed in any lane: it fixes its number of
 * threads (one) when it is made, keeps its scratchpad in the lane's memory,
 * and has memory objects of its own for each lane.
 */
#ifndef NN_CPU_CPU_H
#define NN_CPU_CPU_H

#include "nn/cpu/onednn.h"
#include "nn/cpu/operations.h"
#include "nn/cpu/profile.h"

/* `threads` lanes; <= 0 takes all there are. */
int cpu_open(int threads, struct cpu **cpu, struct error *err);
void cpu_close(struct cpu *cpu);

struct text;

struct lane {
    struct cpu *cpu;
    int index; /* 0 to lanes - 1: for memory that belongs to it */
    dnnl_stream_t stream;
    void *scratch;
    size_t scratch_bytes;
    struct profile *profile; /* NULL: nobody reads the clock */
};

/* At least `bytes` of memory, aligned to 64, not zeroed; valid until the
 * lane's next call of this. NULL with ERR_MEMORY. */
void *lane_scratch(struct lane *lane, size_t bytes, struct error *err);

/* What `bytes` of it take so that what follows them is aligned, too. */
static inline size_t scratch_part(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* Makes sure of so much in every lane, before any works: so no step takes more than was stated. */
int cpu_reserve_scratch(struct cpu *cpu, size_t bytes, struct error *err);

/* Adds lines `name value`: device, library, instruction set; not the number of threads. */
void cpu_describe(struct text *words);
dnnl_engine_t cpu_engine(const struct cpu *cpu);
int cpu_lanes(const struct cpu *cpu);
struct lane *cpu_lane(struct cpu *cpu, int index); /* while none works */

/* Runs work(arg, lane, shard) once for each shard below `shards`, several at once. Returns the
 * error of the lowest shard that failed. Lanes pick shards as they come free. */
int cpu_parallel(struct cpu *cpu, size_t shards,
                 int (*work)(void *arg, struct lane *lane, size_t shard, struct error *err),
                 void *arg, struct error *err);

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
int primitive_init(struct primitive *primitive, struct cpu *cpu,
                   const_dnnl_primitive_desc_t description, const int *arguments, int count,
                   struct error *err);
/* One that writes what lies as `from` says as `to` says: arguments from, to. */
int primitive_init_reorder(struct primitive *reorder, struct cpu *cpu,
                           const_dnnl_memory_desc_t from, const_dnnl_memory_desc_t to,
                           struct error *err);
void primitive_release(struct primitive *primitive);

/* What every primitive is asked: its scratchpad is the lane's, its bits are the same from run to
 * run. The caller destroys it. */
int primitive_attributes_new(dnnl_primitive_attr_t *attributes, struct error *err);

/* Runs it in the lane and waits. handles[i] belongs to arguments[i];
 * `scratchpad` has primitive->scratch_bytes. */
int primitive_execute(const struct primitive *primitive, struct lane *lane,
                      const void *const *handles, void *scratchpad, struct error *err);

/* What its calls ask of lane_scratch(), at most. */
size_t conv_scratch_bytes(const struct conv *conv);

/* The kernel that oneDNN took for a pass of the convolution, "" where the pass was not asked for;
 * and the kernel of ours that the pass goes by, by oneDNN's only for what that does not take, else
 * NULL. Of Winograd `*products` is the one that oneDNN took for them, else "". */
const char *conv_implementation(const struct conv *conv, enum conv_pass pass);
const char *conv_own(const struct conv *conv, enum conv_pass pass, const char **products);

#endif
