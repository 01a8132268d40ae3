/* Memory that buffers of different times share, whatever their elements are. */
#include "nn/cpu/executor.h"

#include "formula.h"

#include <math.h>

#include "tap.h"

static void ok(int status, const struct error *err)
{
    if (status)
        fail_msg("%s", err->message);
}

static size_t span_bytes(const struct span *span)
{
    return span->count * dtype_size(span->dtype);
}

static void arena_keeps_living_buffers_apart(void **state)
{
    enum { COUNT = 60 };
    struct span spans[COUNT];
    struct error err = {0};
    size_t bytes, sum = 0;
    (void)state;
    for (int round = 0; round < 50; round++) {
        sum = 0;
        for (int i = 0; i < COUNT; i++) {
            double u[3];
            for (int j = 0; j < 3; j++)
                u[j] = fabs(formula_unit("spans", (size_t)((round * COUNT + i) * 3 + j)));
            spans[i].first = (size_t)(u[0] * 100);
            spans[i].last = spans[i].first + (size_t)(u[1] * 20);
            spans[i].count = (size_t)(u[2] * 1000);
            spans[i].dtype = i % 2 == 0 ? DTYPE_F32 : DTYPE_BF16;
        }
        ok(spans_place(spans, COUNT, &bytes, &err), &err);
        for (int i = 0; i < COUNT; i++) {
            sum += span_bytes(&spans[i]);
            assert_true(spans[i].offset + span_bytes(&spans[i]) <= bytes);
            assert_true(spans[i].offset % 64 == 0);
            for (int j = 0; j < i; j++) {
                bool at_once = spans[i].first <= spans[j].last && spans[j].first <= spans[i].last;
                bool apart = spans[i].offset + span_bytes(&spans[i]) <= spans[j].offset ||
                             spans[j].offset + span_bytes(&spans[j]) <= spans[i].offset;
                assert_true(!at_once || apart || spans[i].count == 0 || spans[j].count == 0);
            }
        }
        assert_true(bytes < sum / 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_keeps_living_buffers_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
