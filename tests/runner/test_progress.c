#include "runner/progress.h"

#include "tap.h"
#include <math.h>
#include <string.h>

static void feed(struct progress *progress, const char *text, double now)
{
    progress_feed(progress, text, strlen(text), now);
}

static void progress_counts_epochs_into_the_whole(void **state)
{
    (void)state;
    struct progress progress = {0};
    feed(&progress, "{\"event\":\"progress\",\"what\":\"epoch 1/4\",\"done\":0,\"total\":10}\n", 0);
    assert_true(progress.fraction == 0.0);
    assert_true(progress.eta_seconds < 0.0);
    feed(&progress, "{\"event\":\"progress\",\"what\":\"epoch 2/4\",\"done\":10,\"total\":10}\n",
         10);
    assert_true(progress.fraction == 0.5);
    assert_true(progress.eta_seconds == 10.0);
    assert_int_equal(progress.turns, 2);
    progress_release(&progress);
}

static void progress_takes_lines_in_any_pieces(void **state)
{
    (void)state;
    static const char lines[] =
        "{\"event\":\"progress\",\"what\":\"reading\",\"done\":5,\"total\":10,\"unit\":\"file\"}\n"
        "{\"event\":\"metric\",\"name\":\"loss\",\"value\":0.5,\"step\":1}\n";
    struct progress progress = {0};
    for (size_t i = 0; i < sizeof(lines) - 1; i++)
        progress_feed(&progress, lines + i, 1, (double)i);
    assert_string_equal(progress.what, "reading");
    assert_int_equal(progress.done, 5);
    assert_int_equal(progress.metric_count, 1);
    assert_true(progress.metrics[0].value == 0.5);
    progress_release(&progress);
}

static void progress_takes_infinity_as_it_is(void **state)
{
    (void)state;
    struct progress progress = {0};
    feed(&progress, "{\"event\":\"metric\",\"name\":\"loss\",\"value\":\"inf\",\"step\":1}\n", 0);
    feed(&progress, "{\"event\":\"metric\",\"name\":\"gap\",\"value\":\"-inf\",\"step\":1}\n", 0);
    assert_int_equal(progress.metric_count, 2);
    assert_true(progress.metrics[0].value == (double)INFINITY);
    assert_true(progress.metrics[1].value == -(double)INFINITY);
    progress_release(&progress);
}

static void progress_ignores_what_is_no_event(void **state)
{
    (void)state;
    struct progress progress = {0};
    feed(&progress, "hello\n[1,2]\n{}\n{\"event\":7}\n{\"event\":\"metric\"}\n\xff\xfe\n\n", 0);
    feed(&progress, "{\"event\":\"metric\",\"name\":\"x\",\"value\":\"text\"}\n", 0);
    assert_int_equal(progress.turns, 0);
    assert_int_equal(progress.metric_count, 0);
    for (int i = 0; i < 3000; i++)
        feed(&progress, "a line that never ends ", 0);
    assert_true(progress.partial.size < 20000);
    progress_release(&progress);
}

static void progress_has_no_control_bytes_for_the_terminal(void **state)
{
    (void)state;
    struct progress progress = {0};
    feed(&progress, "{\"event\":\"note\",\"text\":\"a\\u001b[2Jb\\nc\"}\n", 0);
    assert_string_equal(progress.lines.data, "a [2Jb c\n");
    progress_release(&progress);
}

static void progress_labels_metrics_with_their_own_epoch(void **state)
{
    (void)state;
    struct progress progress = {0};
    /* All at once, as a runner that was busy finds them. */
    feed(&progress,
         "{\"event\":\"progress\",\"what\":\"epoch 1/2\",\"done\":9,\"total\":9}\n"
         "{\"event\":\"progress\",\"what\":\"epoch 1/2, validation\",\"done\":1,\"total\":1}\n"
         "{\"event\":\"metric\",\"name\":\"loss\",\"value\":0.5,\"step\":1}\n"
         "{\"event\":\"metric\",\"name\":\"accuracy\",\"value\":0.75,\"step\":1}\n"
         "{\"event\":\"progress\",\"what\":\"epoch 2/2\",\"done\":0,\"total\":9}\n"
         "{\"event\":\"metric\",\"name\":\"loss\",\"value\":null,\"step\":2}\n"
         "{\"event\":\"note\",\"text\":\"stopped early\"}\n",
         0);
    progress_end(&progress);
    assert_string_equal(progress.lines.data, "\tepoch 1/2  loss 0.5  accuracy 0.75\n"
                                             "\tepoch 2/2  loss nan\nstopped early\n");
    progress_release(&progress);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(progress_counts_epochs_into_the_whole),
        cmocka_unit_test(progress_takes_lines_in_any_pieces),
        cmocka_unit_test(progress_takes_infinity_as_it_is),
        cmocka_unit_test(progress_ignores_what_is_no_event),
        cmocka_unit_test(progress_has_no_control_bytes_for_the_terminal),
        cmocka_unit_test(progress_labels_metrics_with_their_own_epoch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
