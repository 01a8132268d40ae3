/* The CPU as a device: lanes are threads that oneDNN treats as single, so that
 * what a shard computes does not depend on how many of them there are.
 *
 * The caller of parallel() is lane 0; the other lanes are threads that live as
 * long as the device. A thread that waits spins for some microseconds, since
 * a network has many short calls, and then sleeps: what else runs on the
 * machine may need the processor, perhaps to let another lane finish. For the
 * same reason a call waits for its shards and not for its lanes: a lane that
 * gets no processor in time is not missed. */
#include "nn/cpu/cpu.h"
#include "base/memory.h"
#include "base/text.h"
#include "nn/footprint.h"

#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { SPINS = 1000, LANES_AT_MOST = 1024 };

typedef int work_fn(void *arg, struct lane *lane, size_t shard, struct error *err);

/* A ticket: the number of the call, and below it how many of its shards nobody has taken yet. */
static const uint64_t ticket_call = UINT64_C(1) << 32;
static const uint64_t ticket_left = UINT32_MAX;

struct cpu {
    int lane_count;
    dnnl_engine_t engine;
    struct lane *lanes;
    pthread_t *threads; /* of lanes 1 and up */
    int started;
    bool synchronised; /* the mutex and the conditions exist */

    pthread_mutex_t mutex;
    pthread_cond_t called, finished;
    atomic_bool quit;
    _Atomic uint64_t ticket; /* who lowers it by one has taken a shard of that call */
    atomic_size_t done;      /* shards of the call that are finished, or given up after a failure */

    /* The call in progress. Only who holds one of its shards may look. */
    work_fn *work;
    void *arg;
    size_t shards;
    size_t failed_shard; /* with `failure`, under the mutex */
    struct error failure;
    bool busy;
};

void cpu_describe(struct text *words)
{
    const dnnl_version_t *version = dnnl_version();
    char isa[ONEDNN_ISA_SIZE];
    onednn_isa(isa);
    text_addf(words, "device cpu\nonednn %d.%d.%d+%s\nisa %s\n", version->major, version->minor,
              version->patch, version->hash, isa);
}

dnnl_engine_t cpu_engine(const struct cpu *cpu)
{
    return cpu->engine;
}

int cpu_lanes(const struct cpu *cpu)
{
    return cpu->lane_count;
}

struct lane *cpu_lane(struct cpu *cpu, int index)
{
    return &cpu->lanes[index];
}

void *lane_scratch(struct lane *lane, size_t bytes, struct error *err)
{
    if (bytes > lane->scratch_bytes || lane->scratch == NULL) {
        free(lane->scratch);
        lane->scratch_bytes = 0;
        if ((lane->scratch = memory_new_aligned(bytes, 1, err)) == NULL)
            return NULL;
        lane->scratch_bytes = bytes;
    }
    return lane->scratch;
}

int cpu_reserve_scratch(struct cpu *cpu, size_t bytes, struct error *err)
{
    for (int i = 0; i < cpu->lane_count; i++)
        if (lane_scratch(&cpu->lanes[i], bytes, err) == NULL)
            return -1;
    return 0;
}

static void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static void finish_shards(struct cpu *cpu, size_t count)
{
    const size_t shards = cpu->shards; /* once all are finished, this may be the next call's */
    if (atomic_fetch_add(&cpu->done, count) + count < shards)
        return;
    pthread_mutex_lock(&cpu->mutex);
    pthread_cond_signal(&cpu->finished);
    pthread_mutex_unlock(&cpu->mutex);
}

/* After a failure no more shards are given out: those below it have all been taken already. */
static void run_shard(struct cpu *cpu, struct lane *lane, size_t shard)
{
    struct error err = {0};
    size_t given_up = 0;
    if (cpu->work(cpu->arg, lane, shard, &err) != 0) {
        given_up = (size_t)(atomic_fetch_and(&cpu->ticket, ~ticket_left) & ticket_left);
        pthread_mutex_lock(&cpu->mutex);
        if (shard < cpu->failed_shard) {
            cpu->failed_shard = shard;
            cpu->failure = err;
        }
        pthread_mutex_unlock(&cpu->mutex);
    }
    finish_shards(cpu, 1 + given_up);
}

/* Until none is left. The ticket's upper half keeps a lane that was late from taking a shard of a
 * call that it has not seen. */
static void take_shards(struct cpu *cpu, struct lane *lane)
{
    uint64_t ticket = atomic_load(&cpu->ticket);
    while ((ticket & ticket_left) != 0) {
        if (!atomic_compare_exchange_weak(&cpu->ticket, &ticket, ticket - 1))
            continue;
        run_shard(cpu, lane, cpu->shards - (size_t)(ticket & ticket_left));
        ticket = atomic_load(&cpu->ticket);
    }
}

static bool has_shards(struct cpu *cpu)
{
    return (atomic_load(&cpu->ticket) & ticket_left) != 0;
}

static bool has_finished(struct cpu *cpu)
{
    return atomic_load(&cpu->done) == cpu->shards;
}

static bool has_news(struct cpu *cpu)
{
    return has_shards(cpu) || atomic_load(&cpu->quit);
}

/* Until `holds`, which whoever makes it true tells under the mutex. */
static void wait_until(struct cpu *cpu, bool (*holds)(struct cpu *cpu), pthread_cond_t *condition)
{
    for (int i = 0; i < SPINS; i++) {
        if (holds(cpu))
            return;
        pause_briefly();
    }
    pthread_mutex_lock(&cpu->mutex);
    while (!holds(cpu))
        pthread_cond_wait(condition, &cpu->mutex);
    pthread_mutex_unlock(&cpu->mutex);
}

static void *lane_main(void *arg)
{
    struct lane *lane = arg;
    struct cpu *cpu = lane->cpu;
    omp_set_num_threads(1);
    for (;;) {
        wait_until(cpu, has_news, &cpu->called);
        if (atomic_load(&cpu->quit))
            return NULL;
        take_shards(cpu, lane);
    }
}

static void call_lanes(struct cpu *cpu, uint64_t ticket)
{
    pthread_mutex_lock(&cpu->mutex);
    atomic_store(&cpu->ticket, ticket);
    pthread_cond_broadcast(&cpu->called);
    pthread_mutex_unlock(&cpu->mutex);
}

/* On the caller's thread alone. */
static int run_here(struct cpu *cpu, size_t shards, work_fn *work, void *arg, struct error *err)
{
    int status = 0;
    for (size_t i = 0; i < shards && status == 0; i++)
        status = work(arg, &cpu->lanes[0], i, err);
    return status;
}

static int run_in_lanes(struct cpu *cpu, size_t shards, work_fn *work, void *arg, struct error *err)
{
    ASSERT(shards <= ticket_left);
    cpu->work = work;
    cpu->arg = arg;
    cpu->shards = shards;
    cpu->failed_shard = SIZE_MAX;
    atomic_store(&cpu->done, 0);
    call_lanes(cpu, ((atomic_load(&cpu->ticket) & ~ticket_left) + ticket_call) | shards);
    take_shards(cpu, &cpu->lanes[0]);
    wait_until(cpu, has_finished, &cpu->finished);
    if (cpu->failed_shard == SIZE_MAX)
        return 0;
    *err = cpu->failure;
    return -1;
}

int cpu_parallel(struct cpu *cpu, size_t shards, work_fn *work, void *arg, struct error *err)
{
    ASSERT(!cpu->busy);
    omp_set_num_threads(1);
    cpu->busy = true;
    const bool alone = cpu->lane_count == 1 || shards <= 1;
    int status = (alone ? run_here : run_in_lanes)(cpu, shards, work, arg, err);
    cpu->busy = false;
    return status;
}

void cpu_close(struct cpu *cpu)
{
    if (cpu == NULL)
        return;
    if (cpu->started > 0) {
        atomic_store(&cpu->quit, true);
        call_lanes(cpu, 0);
    }
    for (int i = 0; i < cpu->started; i++)
        pthread_join(cpu->threads[i], NULL);
    if (cpu->synchronised) {
        pthread_cond_destroy(&cpu->finished);
        pthread_cond_destroy(&cpu->called);
        pthread_mutex_destroy(&cpu->mutex);
    }
    for (int i = 0; cpu->lanes != NULL && i < cpu->lane_count; i++) {
        if (cpu->lanes[i].stream != NULL)
            dnnl_stream_destroy(cpu->lanes[i].stream);
        free(cpu->lanes[i].scratch);
    }
    if (cpu->engine != NULL)
        dnnl_engine_destroy(cpu->engine);
    free(cpu->lanes);
    free(cpu->threads);
    free(cpu);
}

static int usable_cpus(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return 1;
    int count = CPU_COUNT(&set);
    return count < 1 ? 1 : count;
}

static int lanes_init(struct cpu *cpu, struct error *err)
{
    const int count = cpu->lane_count;
    cpu->lanes = memory_new((size_t)count, sizeof(*cpu->lanes), err);
    cpu->threads = cpu->lanes ? memory_new((size_t)count, sizeof(*cpu->threads), err) : NULL;
    if (cpu->threads == NULL)
        return -1;
    for (int i = 0; i < count; i++) {
        struct lane *lane = &cpu->lanes[i];
        lane->cpu = cpu;
        lane->index = i;
        if (onednn_check(dnnl_stream_create(&lane->stream, cpu->engine, dnnl_stream_default_flags),
                         "dnnl_stream_create", err) != 0)
            return -1;
    }
    if (pthread_mutex_init(&cpu->mutex, NULL) != 0 || pthread_cond_init(&cpu->called, NULL) != 0 ||
        pthread_cond_init(&cpu->finished, NULL) != 0)
        return error_set(err, ERR_MEMORY, "cannot make a mutex");
    cpu->synchronised = true;
    for (int i = 1; i < count; i++, cpu->started++) {
        int status = pthread_create(&cpu->threads[i - 1], NULL, lane_main, &cpu->lanes[i]);
        if (status != 0)
            return error_set(err, ERR_IO, "cannot start thread %d of %d: %s", i + 1, count,
                             strerror(status));
    }
    return 0;
}

/* A thread's own arena reserves 64 MiB of the address space, where there are so many: what is
 * counted under one limit would not hold under another. */
static void share_arena(void)
{
    if (footprint_counts_addresses())
        mallopt(M_ARENA_MAX, 1);
}

int cpu_open(int threads, struct cpu **opened, struct error *err)
{
    struct cpu *cpu = memory_new(1, sizeof(*cpu), err);
    if (cpu == NULL)
        return -1;
    if (threads <= 0)
        threads = usable_cpus();
    if (threads > LANES_AT_MOST)
        threads = LANES_AT_MOST;
    cpu->lane_count = threads;
    share_arena();
    omp_set_num_threads(1);
    if (onednn_check(dnnl_engine_create(&cpu->engine, dnnl_cpu, 0), "dnnl_engine_create", err) !=
            0 ||
        lanes_init(cpu, err) != 0) {
        cpu_close(cpu);
        return -1;
    }
    *opened = cpu;
    return 0;
}
