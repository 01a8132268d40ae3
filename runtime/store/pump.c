#include "store/pump.h"

#include "base/memory.h"
#include "store/ahead.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* LARGE: from there on a second thread is worth starting. */
enum { BLOCK = 1 << 18, LARGE = 1 << 23 };

/* What one file at a time needs; kept for the next file. */
struct pump {
    struct pump *next;
    struct hasher *hasher;
    char *block;
};

struct pumps {
    pthread_mutex_t mutex;
    struct pump *idle;
    const atomic_int *_Atomic stop;
    int processors;
    atomic_int busy; /* threads that read, hash or write */
};

struct pumps *pumps_new(struct error *err)
{
    struct pumps *pumps = memory_new(1, sizeof(*pumps), err);
    cpu_set_t set;
    if (pumps == NULL)
        return NULL;
    pthread_mutex_init(&pumps->mutex, NULL);
    pumps->processors = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    return pumps;
}

static void free_pump(struct pump *pump)
{
    hasher_free(pump->hasher);
    free(pump->block);
    free(pump);
}

void pumps_free(struct pumps *pumps)
{
    if (pumps == NULL)
        return;
    while (pumps->idle != NULL) {
        struct pump *pump = pumps->idle;
        pumps->idle = pump->next;
        free_pump(pump);
    }
    pthread_mutex_destroy(&pumps->mutex);
    free(pumps);
}

void pumps_set_stop(struct pumps *pumps, const atomic_int *stop)
{
    pumps->stop = stop;
}

int pumps_check_stop(const struct pumps *pumps, struct error *err)
{
    const atomic_int *stop = pumps->stop;
    return stop != NULL && *stop != 0 ? error_set(err, ERR_INTERRUPTED, "interrupted") : 0;
}

static struct pump *take_pump(struct pumps *pumps, struct error *err)
{
    pthread_mutex_lock(&pumps->mutex);
    struct pump *pump = pumps->idle;
    if (pump != NULL)
        pumps->idle = pump->next;
    pthread_mutex_unlock(&pumps->mutex);
    if (pump == NULL && (pump = memory_new(1, sizeof(*pump), err)) != NULL &&
        ((pump->block = memory_new(BLOCK, 1, err)) == NULL ||
         (pump->hasher = hasher_new(err)) == NULL)) {
        free_pump(pump);
        pump = NULL;
    }
    if (pump != NULL && hasher_start(pump->hasher, err) < 0) {
        free_pump(pump);
        pump = NULL;
    }
    return pump;
}

static void give_back(struct pumps *pumps, struct pump *pump)
{
    pthread_mutex_lock(&pumps->mutex);
    pump->next = pumps->idle;
    pumps->idle = pump;
    pthread_mutex_unlock(&pumps->mutex);
}

/* What goes on with one file. */
struct flow {
    struct pumps *pumps;
    struct pump *pump;
    int from, to; /* `to` may be -1 */
    const char *path, *to_path;
    int64_t at;
};

static int cannot_read(const struct flow *flow, struct error *err)
{
    return error_errno(err, "cannot read '%s'", flow->path);
}

static int cannot_write(const struct flow *flow, struct error *err)
{
    return error_errno(err, "cannot write '%s'", flow->to_path);
}

static int write_all(const struct flow *flow, const char *data, size_t size, struct error *err)
{
    for (size_t done = 0; done < size;) {
        ssize_t written = pwrite(flow->to, data + done, size - done, flow->at + (int64_t)done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return cannot_write(flow, err);
        done += (size_t)written;
    }
    return 0;
}

static int add(struct flow *flow, const char *data, size_t size, struct error *err)
{
    if (hasher_add(flow->pump->hasher, data, size, err) < 0)
        return -1;
    flow->at += (int64_t)size;
    return pumps_check_stop(flow->pumps, err);
}

/* Bytes that another processor wrote come slowly: asked for a piece ahead, they are there when
 * they are needed. */
static int add_from_afar(struct flow *flow, const char *data, size_t size, struct error *err)
{
    enum { PIECE = 2048, CACHE_LINE = 64 };
    while (size > PIECE) {
        size_t left = size - PIECE, ask = left < PIECE ? left : PIECE;
        for (size_t i = 0; i < ask; i += CACHE_LINE)
            __builtin_prefetch(data + PIECE + i);
        if (hasher_add(flow->pump->hasher, data, PIECE, err) < 0)
            return -1;
        flow->at += PIECE;
        data += PIECE;
        size -= PIECE;
    }
    return add(flow, data, size, err);
}

/* The same as flow_data where two threads share the work, and false where they can't. */
static bool flow_ahead(struct flow *flow, int64_t end, int *result, struct error *err)
{
    const char *data;
    size_t got;
    struct ahead *ahead = NULL;
    if (atomic_fetch_add(&flow->pumps->busy, 1) < flow->pumps->processors)
        ahead = ahead_start(flow->from, flow->at, end, flow->to);
    if (ahead != NULL) {
        *result = 0;
        while (*result == 0 && (got = ahead_next(ahead, &data)) > 0)
            *result = add_from_afar(flow, data, got, err);
        enum ahead_failed failed = ahead_finish(ahead);
        if (*result == 0 && failed != AHEAD_NONE)
            *result = failed == AHEAD_READING ? cannot_read(flow, err) : cannot_write(flow, err);
    }
    atomic_fetch_sub(&flow->pumps->busy, 1);
    return ahead != NULL;
}

/* Reads up to `end`, or to the end of the file where that is -1. `size` is about what there is
 * to read. */
static int flow_data(struct flow *flow, int64_t end, int64_t size, struct error *err)
{
    char *block = flow->pump->block;
    int result;
    if (size >= LARGE && flow_ahead(flow, end, &result, err))
        return result;
    while (end < 0 || flow->at < end) {
        size_t want = end < 0 || end - flow->at > BLOCK ? BLOCK : (size_t)(end - flow->at);
        ssize_t got = pread(flow->from, block, want, flow->at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return cannot_read(flow, err);
        if (got == 0)
            break;
        if ((flow->to >= 0 && write_all(flow, block, (size_t)got, err) < 0) ||
            add(flow, block, (size_t)got, err) < 0)
            return -1;
    }
    return 0;
}

static int flow_hole(struct flow *flow, int64_t end, struct error *err)
{
    static const char zeros[1 << 16];
    while (flow->at < end) {
        int64_t size = end - flow->at;
        if (size > (int64_t)sizeof(zeros))
            size = sizeof(zeros);
        if (add(flow, zeros, (size_t)size, err) < 0)
            return -1;
    }
    return 0;
}

/* Where a file system tells holes, they are neither read nor written. A file that becomes shorter
 * or longer meanwhile is no error here: who asked looks whether it changed. */
static int flow_sparse(struct flow *flow, int64_t size, struct error *err)
{
    while (flow->at < size) {
        off_t data = lseek(flow->from, flow->at, SEEK_DATA);
        if ((data < 0 && errno == ENXIO) || data > size)
            data = size;
        if (data < 0)
            return cannot_read(flow, err);
        if (data > flow->at && flow_hole(flow, data, err) < 0)
            return -1;
        if (flow->at >= size)
            break;
        off_t hole = lseek(flow->from, flow->at, SEEK_HOLE);
        if (hole < 0 && errno == ENXIO)
            break;
        if (hole < 0)
            return cannot_read(flow, err);
        int64_t before = flow->at, end = hole < size ? hole : size;
        if (flow_data(flow, end, end - flow->at, err) < 0)
            return -1;
        if (flow->at == before)
            break;
    }
    return flow->to >= 0 && ftruncate(flow->to, flow->at) < 0 ? cannot_write(flow, err) : 0;
}

static int run_flow(struct flow *flow, struct error *err)
{
    struct stat st;
    if (fstat(flow->from, &st) < 0)
        return cannot_read(flow, err);
    bool has_holes =
        (int64_t)st.st_blocks * 512 < st.st_size && lseek(flow->from, 0, SEEK_HOLE) < st.st_size;
    return has_holes ? flow_sparse(flow, st.st_size, err) : flow_data(flow, -1, st.st_size, err);
}

int pump_copy(struct pumps *pumps, int from, const char *path, int to, const char *to_path,
              struct digest *digest, int64_t *size, struct error *err)
{
    struct flow flow = {.pumps = pumps, .from = from, .to = to, .path = path, .to_path = to_path};
    if (pumps_check_stop(pumps, err) < 0 || (flow.pump = take_pump(pumps, err)) == NULL)
        return -1;
    atomic_fetch_add(&pumps->busy, 1);
    int result = run_flow(&flow, err);
    atomic_fetch_sub(&pumps->busy, 1);
    if (result == 0)
        result = hasher_finish(flow.pump->hasher, digest, err);
    if (result == 0)
        *size = flow.at;
    give_back(pumps, flow.pump);
    return result;
}

int pump_hash(struct pumps *pumps, int from, const char *path, struct digest *digest, int64_t *size,
              struct error *err)
{
    return pump_copy(pumps, from, path, -1, NULL, digest, size, err);
}
