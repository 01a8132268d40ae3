/* Memory that buffers of different times share, whatever their elements are. */
#include "nn/arena.h"

#include "formula.h"

#include <math.h>
#include <stdbool.h>

#include "tap.h"

static void ok(int status, const struct error *err)
{
    if (status)
        fail_msg("%s", err->message);
}

enum { COUNT = 60, IMAGES = 3 };

static size_t bytes_of(const struct buffer *buffer)
{
    return (size_t)buffer->count * IMAGES * dtype_size(buffer->dtype);
}

static void fill(struct buffer *buffers, int round)
{
    for (int i = 0; i < COUNT; i++) {
        double u[3];
        for (int j = 0; j < 3; j++)
            u[j] = fabs(formula_unit("spans", (size_t)((round * COUNT + i) * 3 + j)));
        buffers[i].first = (size_t)(u[0] * 100);
        buffers[i].last = buffers[i].first + (size_t)(u[1] * 20);
        buffers[i].count = (int64_t)(u[2] * 1000);
        buffers[i].dtype = i % 2 == 0 ? DTYPE_F32 : DTYPE_BF16;
    }
}

static void arena_keeps_living_buffers_apart(void **state)
{
    struct buffer buffers[COUNT];
    size_t offsets[COUNT], bytes;
    struct error err = {0};
    (void)state;
    for (int round = 0; round < 50; round++) {
        size_t sum = 0;
        fill(buffers, round);
        ok(arena_place(buffers, COUNT, IMAGES, offsets, &bytes, &err), &err);
        for (int i = 0; i < COUNT; i++) {
            const struct buffer *a = &buffers[i];
            sum += bytes_of(a);
            assert_true(offsets[i] + bytes_of(a) <= bytes);
            assert_true(offsets[i] % ARENA_ALIGNMENT == 0);
            for (int j = 0; j < i; j++) {
                const struct buffer *b = &buffers[j];
                bool at_once = a->first <= b->last && b->first <= a->last;
                bool apart = offsets[i] + bytes_of(a) <= offsets[j] ||
                             offsets[j] + bytes_of(b) <= offsets[i];
                assert_true(!at_once || apart || a->count == 0 || b->count == 0);
            }
        }
        assert_true(bytes < sum / 2);
    }
}

static void buffer_that_never_lives_takes_no_memory(void **state)
{
    const struct buffer buffers[] = {{1000, DTYPE_F32, SIZE_MAX, 0}, {5, DTYPE_F32, 0, 0}};
    struct error err = {0};
    size_t offsets[2], bytes;
    (void)state;
    ok(arena_place(buffers, 2, IMAGES, offsets, &bytes, &err), &err);
    assert_int_equal(bytes, ARENA_ALIGNMENT);
}

static void arena_of_no_possible_size_is_refused(void **state)
{
    const struct buffer huge[] = {{INT64_MAX / 2, DTYPE_F32, 0, 0}};
    const struct buffer large[] = {{INT64_MAX / 4, DTYPE_F32, 0, 0},
                                   {INT64_MAX / 4, DTYPE_F32, 0, 0},
                                   {INT64_MAX / 4, DTYPE_F32, 0, 0}};
    struct error err = {0};
    size_t offsets[3], bytes;
    (void)state;
    assert_int_equal(arena_place(huge, 1, IMAGES, offsets, &bytes, &err), -1);
    assert_int_equal(err.kind, ERR_MEMORY);
    assert_int_equal(arena_place(large, 3, 1, offsets, &bytes, &err), -1);
    assert_int_equal(err.kind, ERR_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_keeps_living_buffers_apart),
        cmocka_unit_test(buffer_that_never_lives_takes_no_memory),
        cmocka_unit_test(arena_of_no_possible_size_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
