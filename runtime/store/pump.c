#include "store/pump.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 1 << 18 };

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
};

struct pumps *pumps_new(struct error *err)
{
    struct pumps *pumps = memory_new(1, sizeof(*pumps), err);
    if (pumps != NULL)
        pthread_mutex_init(&pumps->mutex, NULL);
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

static int write_all(const struct flow *flow, const char *data, size_t size, struct error *err)
{
    while (size > 0) {
        ssize_t written = write(flow->to, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return error_errno(err, "cannot write '%s'", flow->to_path);
        data += written;
        size -= (size_t)written;
    }
    return 0;
}

/* Reads up to `end`, or to the end of the file where that is -1. */
static int flow_data(struct flow *flow, int64_t end, struct error *err)
{
    char *block = flow->pump->block;
    while (end < 0 || flow->at < end) {
        size_t want = end < 0 || end - flow->at > BLOCK ? BLOCK : (size_t)(end - flow->at);
        ssize_t got = read(flow->from, block, want);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(err, "cannot read '%s'", flow->path);
        if (got == 0)
            break;
        if (hasher_add(flow->pump->hasher, block, (size_t)got, err) < 0 ||
            (flow->to >= 0 && write_all(flow, block, (size_t)got, err) < 0) ||
            pumps_check_stop(flow->pumps, err) < 0)
            return -1;
        flow->at += got;
    }
    return 0;
}

static int flow_hole(struct flow *flow, int64_t end, struct error *err)
{
    static const char zeros[1 << 16];
    if (flow->to >= 0 && lseek(flow->to, end, SEEK_SET) < 0)
        return error_errno(err, "cannot write '%s'", flow->to_path);
    if (lseek(flow->from, end, SEEK_SET) < 0)
        return error_errno(err, "cannot read '%s'", flow->path);
    while (flow->at < end) {
        int64_t size = end - flow->at;
        if (size > (int64_t)sizeof(zeros))
            size = sizeof(zeros);
        if (hasher_add(flow->pump->hasher, zeros, (size_t)size, err) < 0 ||
            pumps_check_stop(flow->pumps, err) < 0)
            return -1;
        flow->at += size;
    }
    return 0;
}

/* Where a file system tells holes, they are neither read nor written. */
static int flow_sparse(struct flow *flow, int64_t size, struct error *err)
{
    while (flow->at < size) {
        off_t data = lseek(flow->from, flow->at, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            data = size;
        if (data < 0 || data > size)
            return error_errno(err, "cannot read '%s'", flow->path);
        if (data > flow->at && flow_hole(flow, data, err) < 0)
            return -1;
        if (flow->at >= size)
            break;
        off_t hole = lseek(flow->from, flow->at, SEEK_HOLE);
        if (hole < 0 || lseek(flow->from, flow->at, SEEK_SET) < 0)
            return error_errno(err, "cannot read '%s'", flow->path);
        int64_t before = flow->at;
        if (flow_data(flow, hole < size ? hole : size, err) < 0)
            return -1;
        if (flow->at == before) /* it became shorter */
            break;
    }
    if (flow->to >= 0 && ftruncate(flow->to, flow->at) < 0)
        return error_errno(err, "cannot write '%s'", flow->to_path);
    return 0;
}

static int run_flow(struct flow *flow, struct error *err)
{
    struct stat st;
    if (fstat(flow->from, &st) < 0 || lseek(flow->from, 0, SEEK_SET) < 0)
        return error_errno(err, "cannot read '%s'", flow->path);
    bool has_holes = (int64_t)st.st_blocks * 512 < st.st_size &&
                     lseek(flow->from, 0, SEEK_HOLE) < st.st_size &&
                     lseek(flow->from, 0, SEEK_SET) == 0;
    if (!has_holes) /* asking may have moved the offset */
        lseek(flow->from, 0, SEEK_SET);
    return has_holes ? flow_sparse(flow, st.st_size, err) : flow_data(flow, -1, err);
}

int pump_copy(struct pumps *pumps, int from, const char *path, int to, const char *to_path,
              struct digest *digest, int64_t *size, struct error *err)
{
    struct flow flow = {.pumps = pumps, .from = from, .to = to, .path = path, .to_path = to_path};
    if (pumps_check_stop(pumps, err) < 0 || (flow.pump = take_pump(pumps, err)) == NULL)
        return -1;
    int result = run_flow(&flow, err);
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
