/* Lanes: work in several threads, whose results do not depend on how many there are. */
#include "base/memory.h"
#include "nn/cpu/cpu.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

enum { SHARDS = 500 };

struct calls {
    struct cpu *cpu;
    atomic_int count[SHARDS];
    atomic_int in_lane[8];
    size_t fail_from;
};

static int count_call(void *arg, struct lane *lane, size_t shard, struct error *err)
{
    struct calls *calls = arg;
    int index = lane->index;
    if (atomic_fetch_add(&calls->in_lane[index], 1) != 0)
        return error_set(err, ERR_DEVICE, "two shards in lane %d at once", index);
    atomic_fetch_add(&calls->count[shard], 1);
    atomic_fetch_sub(&calls->in_lane[index], 1);
    if (shard >= calls->fail_from)
        return error_set(err, ERR_DEVICE, "shard %zu", shard);
    return 0;
}

static struct cpu *open_lanes(int lanes)
{
    struct error err = {0};
    struct cpu *cpu;
    if (cpu_open(lanes, &cpu, &err) != 0)
        fail_msg("%s", err.message);
    return cpu;
}

static void parallel_runs_each_shard_once(void **state)
{
    (void)state;
    struct error err = {0};
    for (int lanes = 1; lanes <= 5; lanes += 2) {
        struct cpu *cpu = open_lanes(lanes);
        assert_int_equal(cpu_lanes(cpu), lanes);
        for (int round = 0; round < 30; round++) {
            size_t shards = (size_t)round * 17 % SHARDS;
            struct calls calls = {.cpu = cpu, .fail_from = SHARDS};
            if (cpu_parallel(cpu, shards, count_call, &calls, &err) != 0)
                fail_msg("%s", err.message);
            for (size_t i = 0; i < SHARDS; i++)
                assert_int_equal(atomic_load(&calls.count[i]), i < shards);
        }
        cpu_close(cpu);
    }
}

static int add_one(void *arg, struct lane *lane, size_t shard, struct error *err)
{
    (void)lane, (void)shard, (void)err;
    atomic_fetch_add((atomic_int *)arg, 1);
    return 0;
}

/* A lane that comes late for one call must not disturb the next. */
static void parallel_calls_may_follow_one_another_at_once(void **state)
{
    (void)state;
    struct error err = {0};
    struct cpu *cpu = open_lanes(3);
    for (size_t round = 0; round < 20000; round++) {
        atomic_int count = 0;
        assert_int_equal(cpu_parallel(cpu, round % 5, add_one, &count, &err), 0);
        assert_int_equal(atomic_load(&count), round % 5);
    }
    cpu_close(cpu);
}

static void parallel_returns_the_error_of_the_lowest_shard(void **state)
{
    (void)state;
    for (int lanes = 1; lanes <= 4; lanes += 3) {
        struct cpu *cpu = open_lanes(lanes);
        for (int round = 0; round < 50; round++) {
            struct error err = {0};
            struct calls calls = {.cpu = cpu, .fail_from = 20};
            assert_int_equal(cpu_parallel(cpu, SHARDS, count_call, &calls, &err), -1);
            assert_string_equal(err.message, "shard 20");
            assert_int_equal(atomic_load(&calls.count[SHARDS - 1]), 0);
            for (size_t i = 0; i < 20; i++)
                assert_int_equal(atomic_load(&calls.count[i]), 1);
        }
        cpu_close(cpu);
    }
}

static int touch_scratch(void *arg, struct lane *lane, size_t shard, struct error *err)
{
    (void)arg;
    size_t bytes = (shard * 7919 % 100 + 1) * 100;
    unsigned char *scratch = lane_scratch(lane, bytes, err);
    if (scratch == NULL)
        return -1;
    memset(scratch, (int)shard, bytes);
    for (size_t i = 0; i < bytes; i++)
        if (scratch[i] != (unsigned char)shard || ((uintptr_t)scratch & 63) != 0)
            return error_set(err, ERR_DEVICE, "scratch memory of two lanes overlaps");
    return 0;
}

static void scratch_memory_belongs_to_a_lane(void **state)
{
    (void)state;
    struct error err = {0};
    struct cpu *cpu = open_lanes(3);
    if (cpu_parallel(cpu, SHARDS, touch_scratch, NULL, &err) != 0)
        fail_msg("%s", err.message);
    cpu_close(cpu);
}

static void cpu_open_survives_failed_allocations(void **state)
{
    (void)state;
    unsigned injected = 0;
    for (unsigned after = 1;; after++) {
        struct error err = {0};
        struct cpu *cpu = NULL;
        memory_fail_after(after);
        int status = cpu_open(3, &cpu, &err);
        if (memory_fail_after(0) == 0) {
            assert_int_equal(status, 0);
            cpu_close(cpu);
            break;
        }
        assert_int_equal(status, -1);
        assert_int_equal(err.kind, ERR_MEMORY);
        injected++;
    }
    assert_true(injected >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parallel_runs_each_shard_once),
        cmocka_unit_test(parallel_calls_may_follow_one_another_at_once),
        cmocka_unit_test(parallel_returns_the_error_of_the_lowest_shard),
        cmocka_unit_test(scratch_memory_belongs_to_a_lane),
        cmocka_unit_test(cpu_open_survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
