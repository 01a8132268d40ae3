#include "on_lane.h"

#include <stddef.h>

#include "tap.h"

void on_lanes(int lanes, size_t shards, on_lane_fn *work, void *arg)
{
    struct error err = {0};
    struct backend *backend;
    if (backend_open("cpu", lanes, &backend, &err) != 0 ||
        backend->ops->parallel(backend, shards, work, arg, &err) != 0)
        fail_msg("%s", err.message);
    backend_close(backend);
}

static int take_lane(void *arg, struct lane *lane, size_t shard, struct error *err)
{
    (void)shard, (void)err;
    *(struct lane **)arg = lane;
    return 0;
}

struct backend *on_lane_open(struct lane **lane)
{
    struct error err = {0};
    struct backend *backend;
    if (backend_open("cpu", 1, &backend, &err) != 0 ||
        backend->ops->parallel(backend, 1, take_lane, lane, &err) != 0)
        fail_msg("%s", err.message);
    return backend;
}

int on_lane_dtypes(void)
{
    struct lane *lane;
    struct backend *backend = on_lane_open(&lane);
    int count = backend->no_bf16 == NULL ? 2 : 1;
    backend_close(backend);
    return count;
}
