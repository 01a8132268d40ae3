#include "on_lane.h"

#include <stddef.h>

#include "tap.h"

void on_lanes(int lanes, size_t shards, on_lane_fn *work, void *arg)
{
    struct error err = {0};
    struct cpu *cpu;
    if (cpu_open(lanes, &cpu, &err) != 0 || cpu_parallel(cpu, shards, work, arg, &err) != 0)
        fail_msg("%s", err.message);
    cpu_close(cpu);
}

static int take_lane(void *arg, struct lane *lane, size_t shard, struct error *err)
{
    (void)shard, (void)err;
    *(struct lane **)arg = lane;
    return 0;
}

struct cpu *on_lane_open(struct lane **lane)
{
    struct error err = {0};
    struct cpu *cpu;
    if (cpu_open(1, &cpu, &err) != 0 || cpu_parallel(cpu, 1, take_lane, lane, &err) != 0)
        fail_msg("%s", err.message);
    return cpu;
}

int on_lane_dtypes(void)
{
    struct lane *lane;
    struct cpu *cpu = on_lane_open(&lane);
    int count = onednn_has_bf16() ? 2 : 1;
    cpu_close(cpu);
    return count;
}
