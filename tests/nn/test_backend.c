#include "base/memory.h"
#include "nn/cpu.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

enum { SHARDS = 500 };

struct calls {
    struct backend *backend;
    atomic_int count[SHARDS];
    atomic_int in_lane[8];
    size_t fail_from;
};

static int count_call(void *arg, struct lane *lane, size_t shard, struct error *err)
{
    struct calls *calls = arg;
    int index = calls->backend->ops->lane_index(lane);
    if (atomic_fetch_add(&calls->in_lane[index], 1) != 0)
        return error_set(err, ERR_DEVICE, "two shards in lane %d at once", index);
    atomic_fetch_add(&calls->count[shard], 1);
    atomic_fetch_sub(&calls->in_lane[index], 1);
    if (shard >= calls->fail_from)
        return error_set(err, ERR_DEVICE, "shard %zu", shard);
    return 0;
}

static struct backend *open_lanes(int lanes)
{
    struct error err = {0};
    struct backend *backend;
    if (backend_open("cpu", lanes, &backend, &err) != 0)
        fail_msg("%s", err.message);
    return backend;
}

static void parallel_runs_each_shard_once(void **state)
{
    (void)state;
    struct error err = {0};
    for (int lanes = 1; lanes <= 5; lanes += 2) {
        struct backend *backend = open_lanes(lanes);
        assert_int_equal(backend->lanes, lanes);
        for (int round = 0; round < 30; round++) {
            size_t shards = (size_t)round * 17 % SHARDS;
            struct calls calls = {.backend = backend, .fail_from = SHARDS};
            if (backend->ops->parallel(backend, shards, count_call, &calls, &err) != 0)
                fail_msg("%s", err.message);
            for (size_t i = 0; i < SHARDS; i++)
                assert_int_equal(atomic_load(&calls.count[i]), i < shards);
        }
        backend_close(backend);
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
    struct backend *backend = open_lanes(3);
    for (size_t round = 0; round < 20000; round++) {
        atomic_int count = 0;
        assert_int_equal(backend->ops->parallel(backend, round % 5, add_one, &count, &err), 0);
        assert_int_equal(atomic_load(&count), round % 5);
    }
    backend_close(backend);
}

static void parallel_returns_the_error_of_the_lowest_shard(void **state)
{
    (void)state;
    for (int lanes = 1; lanes <= 4; lanes += 3) {
        struct backend *backend = open_lanes(lanes);
        for (int round = 0; round < 50; round++) {
            struct error err = {0};
            struct calls calls = {.backend = backend, .fail_from = 20};
            assert_int_equal(backend->ops->parallel(backend, SHARDS, count_call, &calls, &err), -1);
            assert_string_equal(err.message, "shard 20");
            assert_int_equal(atomic_load(&calls.count[SHARDS - 1]), 0);
            for (size_t i = 0; i < 20; i++)
                assert_int_equal(atomic_load(&calls.count[i]), 1);
        }
        backend_close(backend);
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
    struct backend *backend = open_lanes(3);
    if (backend->ops->parallel(backend, SHARDS, touch_scratch, NULL, &err) != 0)
        fail_msg("%s", err.message);
    backend_close(backend);
}

static void memory_is_zeroed_and_aligned_and_keeps_what_is_uploaded(void **state)
{
    (void)state;
    struct error err = {0};
    struct backend *backend = open_lanes(1);
    unsigned char *memory = backend->ops->allocate(backend, 1000, &err), back[3];
    assert_non_null(memory);
    assert_int_equal((uintptr_t)memory & 63, 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(memory[i], 0);
    assert_int_equal(backend->ops->upload(backend, memory, "abc", 3, &err), 0);
    assert_int_equal(backend->ops->download(backend, back, memory, 3, &err), 0);
    assert_memory_equal(back, "abc", 3);
    assert_null(backend->ops->allocate(backend, SIZE_MAX - 10, &err));
    assert_int_equal(err.kind, ERR_MEMORY);
    backend->ops->release(backend, memory);
    backend_close(backend);
    backend_close(NULL);
}

static void fingerprint_names_device_library_and_instructions(void **state)
{
    (void)state;
    struct error err = {0};
    const char *devices[] = {"cpu", "auto"};
    for (int i = 0; i < 2; i++) {
        char *text = NULL;
        size_t size = 0;
        FILE *stream = open_memstream(&text, &size);
        assert_int_equal(backend_fingerprint(devices[i], stream, &err), 0);
        fclose(stream);
        assert_int_equal(strncmp(text, "device cpu\nonednn ", 18), 0);
        assert_non_null(strstr(text, "\nisa "));
        assert_int_equal(text[size - 1], '\n');
        assert_null(strstr(text, "thread"));
        /* Which device auto takes depends on whether there is a backend to load. */
        bool uses =
            strstr(text, "\nuses /") != NULL && strstr(text, "/libreprise-cuda.so\n") != NULL;
        assert_int_equal(uses, i == 1);
        free(text);
    }
}

static void cuda_that_is_absent_is_an_error_and_auto_takes_the_cpu(void **state)
{
    (void)state;
    struct error err = {0};
    struct backend *backend = NULL;
    assert_int_equal(backend_open("cuda", 1, &backend, &err), -1);
    assert_int_equal(err.kind, ERR_DEVICE);
    assert_string_equal(err.message,
                        "device 'cuda': this build has no GPU backend, use device 'cpu' or 'auto'");
    assert_null(backend);
    assert_int_equal(backend_fingerprint("cuda", stdout, &err), -1);
    assert_int_equal(err.kind, ERR_DEVICE);
    assert_int_equal(backend_open("auto", 1, &backend, &err), 0);
    assert_string_equal(backend->name, "cpu");
    assert_int_equal(strncmp(backend->description, "cpu, oneDNN ", 12), 0);
    backend_close(backend);
}

static void unknown_device_is_a_usage_error(void **state)
{
    (void)state;
    struct error err = {0};
    struct backend *backend = NULL;
    assert_int_equal(backend_open("tpu", 1, &backend, &err), -1);
    assert_int_equal(err.kind, ERR_USAGE);
    assert_non_null(strstr(err.message, "'tpu'"));
}

/* auto is what the backend prefers: f32 on a CPU; bf16 only where there is bf16, with the reason.
 */
static void precision_is_what_the_backend_has(void **state)
{
    (void)state;
    struct error err = {0};
    enum dtype dtype = DTYPE_BF16;
    struct backend *cpu = NULL;
    assert_int_equal(backend_open("cpu", 1, &cpu, &err), 0);
    assert_int_equal(backend_precision(cpu, PRECISION_AUTO, &dtype, &err), 0);
    assert_int_equal(dtype, DTYPE_F32);
    backend_close(cpu);
    struct backend card = {.name = "card", .preferred = DTYPE_BF16};
    const enum dtype known[] = {DTYPE_BF16, DTYPE_F32, DTYPE_BF16};
    for (int i = PRECISION_AUTO; i <= PRECISION_BF16; i++) {
        assert_int_equal(backend_precision(&card, (enum precision)i, &dtype, &err), 0);
        assert_int_equal(dtype, known[i]);
    }
    card.no_bf16 = "it is old";
    dtype = DTYPE_F32;
    assert_int_equal(backend_precision(&card, PRECISION_BF16, &dtype, &err), -1);
    assert_int_equal(err.kind, ERR_DEVICE);
    assert_int_equal(dtype, DTYPE_F32);
    assert_string_equal(err.message, "'bf16' on device 'card': it is old; take 'auto' or 'f32'");
    assert_int_equal(backend_precision(&card, PRECISION_F32, &dtype, &err), 0);
}

static void backend_open_survives_failed_allocations(void **state)
{
    (void)state;
    unsigned injected = 0;
    for (unsigned after = 1;; after++) {
        struct error err = {0};
        struct backend *backend = NULL;
        memory_fail_after(after);
        int status = backend_open("cpu", 3, &backend, &err);
        if (memory_fail_after(0) == 0) {
            assert_int_equal(status, 0);
            backend_close(backend);
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
        cmocka_unit_test(memory_is_zeroed_and_aligned_and_keeps_what_is_uploaded),
        cmocka_unit_test(fingerprint_names_device_library_and_instructions),
        cmocka_unit_test(cuda_that_is_absent_is_an_error_and_auto_takes_the_cpu),
        cmocka_unit_test(unknown_device_is_a_usage_error),
        cmocka_unit_test(precision_is_what_the_backend_has),
        cmocka_unit_test(backend_open_survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
