#include "command/growth.h"

#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An epoch's metrics as a stage tells them. */
static void tell(struct growth *growth, struct progress *progress, const char *what,
                 const char *name, const char *value)
{
    char line[512];
    snprintf(line, sizeof(line),
             "{\"event\":\"progress\",\"what\":\"%s\",\"done\":1,\"total\":1,\"unit\":\"image\"}\n"
             "{\"event\":\"metric\",\"name\":\"%s\",\"value\":%s}\n",
             what, name, value);
    progress_feed(progress, line, strlen(line), 1.0);
    growth_take(growth, progress);
}

static char *drawn(const struct growth *growth, int columns)
{
    struct text text = {0};
    growth_draw(growth, columns, &text);
    return text.data;
}

static void plot_has_training_and_validation(void **state)
{
    (void)state;
    struct growth growth = {0};
    struct progress progress = {0};
    tell(&growth, &progress, "epoch 1/3", "accuracy", "0.25");
    char *text = drawn(&growth, 40);
    assert_null(text); /* one point is no curve */
    tell(&growth, &progress, "epoch 1/3, validation", "val_accuracy", "0");
    tell(&growth, &progress, "epoch 2/3", "accuracy", "0.5");
    tell(&growth, &progress, "epoch 2/3, validation", "val_accuracy", "1");
    text = drawn(&growth, 40);
    assert_string_equal(text, "      accuracy  .. 0.5  ** validation 1\n"
                              "      1 |              *\n"
                              "        |            **\n"
                              "        |          **\n"
                              "        |         *\n"
                              "    0.5 |       **  ....\n"
                              "        |    .**....\n"
                              "        |...**\n"
                              "        | **\n"
                              "      0 |*\n"
                              "         1                            3\n");
    free(text);
    growth_release(&growth);
    progress_release(&progress);
}

/* At 80 columns two plots stand side by side. */
static void titles_stay_over_their_plots(void **state)
{
    (void)state;
    struct growth growth = {0};
    struct progress progress = {0};
    for (int i = 0; i < 2; i++) {
        const char *epoch = i == 0 ? "epoch 1/2" : "epoch 2/2";
        tell(&growth, &progress, epoch, "accuracy", "0.8963");
        tell(&growth, &progress, epoch, "val_accuracy", "0.9283");
        tell(&growth, &progress, epoch, "loss", "0.3284");
        tell(&growth, &progress, epoch, "val_loss", "0.2596");
    }
    char *text = drawn(&growth, 79);
    assert_true(strcspn(text, "\n") <= 79);
    assert_non_null(strstr(text, "accuracy  .. 0.8963  ** val 0.9283  "));
    assert_non_null(strstr(text, "loss  .. 0.3284  ** validation 0.2596\n"));
    free(text);
    growth_release(&growth);
    progress_release(&progress);
}

/* Numbers that are not finite leave gaps, and a level line lies in the middle. */
static void plot_takes_any_numbers(void **state)
{
    (void)state;
    struct growth growth = {0};
    struct progress progress = {0};
    tell(&growth, &progress, "epoch 1/4", "loss", "2");
    tell(&growth, &progress, "epoch 2/4", "loss", "\"inf\"");
    tell(&growth, &progress, "epoch 3/4", "loss", "2");
    tell(&growth, &progress, "epoch 4/4", "loss", "2");
    char *text = drawn(&growth, 33);
    assert_non_null(text);
    assert_non_null(strstr(text, "      2 |.              ........\n"));
    free(text);
    assert_null(drawn(&growth, 20));                    /* too narrow */
    tell(&growth, &progress, "epoch 1/2", "loss", "1"); /* another training */
    assert_int_equal(growth.parts, 2);
    assert_null(drawn(&growth, 80));
    tell(&growth, &progress, "epoch 1/999999999", "loss", "1"); /* no memory for that */
    assert_int_equal(growth.parts, 0);
    tell(&growth, &progress, "reading", "loss", "1");
    growth_release(&growth);
    progress_release(&progress);
}

static void numbers_as_large_as_a_double_are_gaps(void **state)
{
    (void)state;
    struct growth growth = {0};
    struct progress progress = {0};
    tell(&growth, &progress, "epoch 1/4", "loss", "-1.7e308");
    tell(&growth, &progress, "epoch 2/4", "loss", "1.7e308");
    assert_null(drawn(&growth, 40));
    tell(&growth, &progress, "epoch 3/4", "loss", "-9e299");
    tell(&growth, &progress, "epoch 4/4", "loss", "9e299");
    char *text = drawn(&growth, 40);
    assert_non_null(strstr(text, " 9e+299 |                             .\n"));
    assert_non_null(strstr(text, "-9e+299 |\n"));
    free(text);
    growth_release(&growth);
    progress_release(&progress);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plot_has_training_and_validation),
        cmocka_unit_test(titles_stay_over_their_plots),
        cmocka_unit_test(plot_takes_any_numbers),
        cmocka_unit_test(numbers_as_large_as_a_double_are_gaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
