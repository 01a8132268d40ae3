#include "figure/drawn.h"
#include "figure/plot.h"
#include "tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const two_names[] = {"cat", "dog"};
static const int64_t two_counts[] = {90, 10, 20, 80};

static int draw_matrix(const char *path, struct error *err)
{
    return figure_confusion_matrix(path, "Confusion", two_counts, two_names, 2, err);
}

/* Left and top of the cell with this share, in pixels. */
static void find_cell(const struct drawn *drawn, double share, size_t box[4])
{
    uint8_t rgb[3];
    colour_to_bytes(colormap_blues(share), rgb);
    /* Without the scale of colours on the right, which has every colour. */
    size_t count = drawn_find(drawn, rgb, drawn->width - 190, box);
    assert_true(count > 30000);
    assert_in_range(box[2] - box[0], 214, 222);
    assert_in_range(box[3] - box[1], 214, 222);
}

static void matrix_cells_have_the_colour_of_their_share(void **state)
{
    (void)state;
    struct error err = {0};
    struct drawn drawn;
    size_t hit[4], miss[4], other_miss[4], other_hit[4];
    assert_int_equal(draw_matrix(drawn_path(0, "a.png"), &err), 0);
    drawn_read(drawn_path(0, "a.png"), &drawn);
    find_cell(&drawn, 0.9, hit);
    find_cell(&drawn, 0.1, miss);
    find_cell(&drawn, 0.2, other_miss);
    find_cell(&drawn, 0.8, other_hit);
    /* Rows are the true class, columns the predicted one. */
    assert_true(hit[2] <= miss[0] + 2 && hit[1] == miss[1]);
    assert_true(hit[0] == other_miss[0] && hit[3] <= other_miss[1] + 2);
    assert_true(other_hit[0] == miss[0] && other_hit[1] == other_miss[1]);
    drawn_release(&drawn);
}

static void matrix_draws_from_1_to_40_classes(void **state)
{
    (void)state;
    static const int64_t sizes[] = {1, 3, 20, 40};
    const char *names[40];
    int64_t counts[1600];
    for (int i = 0; i < 1600; i++)
        counts[i] = i % 21 == 0 ? 0 : (int64_t)i * i * i * i; /* some rows wide, one empty cell */
    for (int i = 0; i < 40; i++)
        names[i] = i % 3 ? "cat" : "a name that is much longer than any room for it can ever be";
    for (size_t i = 0; i < 4; i++) {
        struct error err = {0};
        struct drawn drawn;
        assert_int_equal(
            figure_confusion_matrix(drawn_path(0, "a.png"), NULL, counts, names, sizes[i], &err),
            0);
        drawn_read(drawn_path(0, "a.png"), &drawn);
        assert_in_range(drawn.width, 300, 2200);
        drawn_release(&drawn);
    }
}

static void matrix_of_nothing_is_drawn_pale(void **state)
{
    (void)state;
    struct error err = {0};
    struct drawn drawn;
    size_t box[4];
    uint8_t rgb[3];
    const int64_t counts[4] = {0};
    assert_int_equal(
        figure_confusion_matrix(drawn_path(0, "a.png"), NULL, counts, two_names, 2, &err), 0);
    drawn_read(drawn_path(0, "a.png"), &drawn);
    colour_to_bytes(colormap_blues(0), rgb);
    assert_true(drawn_find(&drawn, rgb, 0, box) > 4 * 40000);
    drawn_release(&drawn);
    assert_int_equal(
        figure_confusion_matrix(drawn_path(0, "b.png"), NULL, counts, two_names, 0, &err), -1);
    assert_int_equal(err.kind, ERR_USAGE);
}

/* One panel with one line. */
static int draw_line(const char *path, const double *values, size_t count, double target,
                     struct error *err)
{
    const struct curves_series series = {
        .label = "validation", .values = values, .count = count, .colour = colormap_deep(1)};
    const struct curves_panel panel = {.title = "Accuracy",
                                       .y_label = "share",
                                       .series = &series,
                                       .count = 1,
                                       .unit_range = true,
                                       .target = target};
    return figure_training_curves(path, "Training", &panel, 1, err);
}

static void curves_leave_gaps_where_values_are_missing(void **state)
{
    (void)state;
    struct error err = {0};
    struct drawn drawn;
    double values[20];
    bool seen[2000] = {false};
    uint8_t rgb[3];
    for (int i = 0; i < 20; i++)
        values[i] = i >= 8 && i < 12 ? NAN : 0.5;
    assert_int_equal(draw_line(drawn_path(0, "a.png"), values, 20, 0, &err), 0);
    drawn_read(drawn_path(0, "a.png"), &drawn);
    colour_to_bytes(colormap_deep(1), rgb);
    assert_true(drawn.width < 2000);
    /* The lower half, without the legend. */
    for (size_t y = drawn.height / 2; y < drawn.height; y++)
        for (size_t x = 0; x < drawn.width; x++)
            if (memcmp(drawn.rgb + (y * drawn.width + x) * 3, rgb, 3) == 0)
                seen[x] = true;
    int runs = 0;
    for (size_t x = 1; x < drawn.width; x++)
        runs += seen[x] && !seen[x - 1];
    assert_int_equal(runs, 2);
    drawn_release(&drawn);
}

static void curves_draw_the_target_only_where_there_is_one(void **state)
{
    (void)state;
    const double values[] = {0.3, 0.6};
    size_t found[2];
    for (int i = 0; i < 2; i++) {
        struct error err = {0};
        struct drawn drawn;
        size_t box[4];
        const uint8_t green[3] = {33, 128, 74};
        assert_int_equal(draw_line(drawn_path(0, "a.png"), values, 2, i == 0 ? 0 : 0.65, &err), 0);
        drawn_read(drawn_path(0, "a.png"), &drawn);
        found[i] = drawn_find(&drawn, green, 0, box);
        drawn_release(&drawn);
    }
    assert_int_equal(found[0], 0);
    assert_true(found[1] > 200);
}

static void curves_draw_any_history(void **state)
{
    (void)state;
    double values[400];
    static const struct {
        size_t count;
        double first, step;
    } cases[] = {{1, 0.5, 0},     {2, 0.5, 0},      {400, 0, 0.0025},  {5, NAN, 0},
                 {0, 0, 0},       {9, INFINITY, 0}, {9, 1e300, 1e299}, {9, 1e-300, 0},
                 {9, -5, 0.0001}, {9, 12345678, 1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error err = {0};
        for (size_t e = 0; e < cases[i].count; e++)
            values[e] = cases[i].first + cases[i].step * (double)e;
        if (draw_line(drawn_path(0, "a.png"), values, cases[i].count, 0, &err) < 0)
            fail_msg("case %zu: %s", i, err.message);
    }
}

static int draw_two_panels(const char *path, struct error *err)
{
    const double train[] = {0.3, 0.5, 0.7}, val[] = {0.35, 0.55, 0.5};
    const struct curves_series series[] = {
        {.label = "train", .values = train, .count = 3, .colour = colormap_deep(0), .dashed = true},
        {.label = "validation", .values = val, .count = 3, .colour = colormap_deep(1)}};
    const struct curves_panel panels[] = {{.title = "Accuracy",
                                           .series = series,
                                           .count = 2,
                                           .unit_range = true,
                                           .best_epoch = 2,
                                           .best_series = 1,
                                           .target = 0.65},
                                          {.title = "Loss", .series = series, .count = 2}};
    return figure_training_curves(path, "Phase 1", panels, 2, err);
}

static void curves_ignore_a_best_epoch_that_is_not_there(void **state)
{
    (void)state;
    const double values[] = {0.3, NAN};
    const struct curves_series series = {.label = "x", .values = values, .count = 2};
    static const size_t epochs[] = {2, 3, 99};
    for (size_t i = 0; i < 3; i++) {
        struct error err = {0};
        const struct curves_panel panel = {
            .series = &series, .count = 1, .best_epoch = epochs[i], .best_series = i == 2 ? 7 : 0};
        assert_int_equal(figure_training_curves(drawn_path(0, "a.png"), NULL, &panel, 1, &err), 0);
    }
}

/* Finite values are drawn alike; what differs are the words "inf". */
static void curves_say_infinity_where_it_is(void **state)
{
    (void)state;
    struct drawn with, without;
    const double infinite[] = {0.3, INFINITY, 0.5}, missing[] = {0.3, NAN, 0.5};
    const double *const values[] = {infinite, missing};
    for (size_t i = 0; i < 2; i++) {
        struct error err = {0};
        const struct curves_series series = {.label = "x", .values = values[i], .count = 3};
        const struct curves_panel panel = {.series = &series, .count = 1};
        assert_int_equal(figure_training_curves(drawn_path(0, i == 0 ? "a.png" : "b.png"), NULL,
                                                &panel, 1, &err),
                         0);
    }
    drawn_read(drawn_path(0, "a.png"), &with);
    drawn_read(drawn_path(0, "b.png"), &without);
    assert_int_equal(with.width, without.width);
    assert_int_equal(with.height, without.height);
    int64_t differ = 0;
    for (int64_t i = 0; i < (int64_t)(with.width * with.height * 3); i++)
        differ += with.rgb[i] != without.rgb[i];
    assert_in_range(differ, 1, 3000);
    drawn_release(&with);
    drawn_release(&without);
}

static int draw_bars(const char *path, struct error *err)
{
    const int64_t train[] = {100, 50}, test[] = {10, 0};
    const struct bars_series series[] = {{"train", train, colormap_deep(0)},
                                         {"test", test, colormap_deep(2)}};
    return figure_class_distribution(path, "Images", two_names, 2, series, 2, err);
}

static void bars_are_as_high_as_their_counts(void **state)
{
    (void)state;
    struct error err = {0};
    struct drawn drawn;
    uint8_t rgb[3];
    assert_int_equal(draw_bars(drawn_path(0, "a.png"), &err), 0);
    drawn_read(drawn_path(0, "a.png"), &drawn);
    colour_to_bytes(colormap_deep(0), rgb);
    size_t heights[2] = {0, 0}, last = 0;
    /* Pixels in a column of the left and of the right bar, below the legend. */
    for (size_t x = 0; x < drawn.width; x++) {
        size_t height = 0;
        for (size_t y = drawn.height / 5; y < drawn.height; y++)
            height += memcmp(drawn.rgb + (y * drawn.width + x) * 3, rgb, 3) == 0;
        if (height > 40 && last <= 40)
            heights[heights[0] > 0] = height;
        last = height;
    }
    assert_true(heights[0] > 400);
    assert_float_equal((double)heights[1], (double)heights[0] / 2, 2);
    drawn_release(&drawn);
}

static void bars_draw_many_classes_and_refuse_none(void **state)
{
    (void)state;
    const char *names[256];
    int64_t counts[256];
    struct error err = {0};
    struct bars_series series = {.label = "train", .counts = counts};
    for (int i = 0; i < 256; i++) {
        names[i] = "class";
        counts[i] = i * 1000;
    }
    const char *path = drawn_path(0, "a.png");
    assert_int_equal(figure_class_distribution(path, NULL, names, 256, &series, 1, &err), 0);
    assert_int_equal(figure_class_distribution(path, NULL, names, 0, &series, 1, &err), -1);
    assert_int_equal(figure_class_distribution(path, NULL, names, 1, &series, 0, &err), -1);
}

static void same_arguments_give_same_bytes(void **state)
{
    (void)state;
    int (*const draws[])(const char *, struct error *) = {draw_matrix, draw_two_panels, draw_bars};
    for (size_t i = 0; i < 3; i++) {
        struct error err = {0};
        assert_int_equal(draws[i](drawn_path(0, "a.png"), &err), 0);
        assert_int_equal(draws[i](drawn_path(1, "b.png"), &err), 0);
        drawn_assert_equal_files(drawn_path(0, "a.png"), drawn_path(1, "b.png"));
    }
}

static void matrix_survives_allocation_failures(void **state)
{
    (void)state;
    drawn_assert_survives_allocation_failures(draw_matrix, 15);
}

static void curves_survive_allocation_failures(void **state)
{
    (void)state;
    drawn_assert_survives_allocation_failures(draw_two_panels, 20);
}

static void bars_survive_allocation_failures(void **state)
{
    (void)state;
    drawn_assert_survives_allocation_failures(draw_bars, 15);
}

static void missing_folder_is_an_error(void **state)
{
    (void)state;
    struct error err = {0};
    assert_int_equal(draw_matrix(drawn_path(0, "none/a.png"), &err), -1);
    assert_int_equal(err.kind, ERR_IO);
}

#define IN_FOLDER(test)                                                                            \
    cmocka_unit_test_setup_teardown(test, drawn_make_folder, drawn_remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(matrix_cells_have_the_colour_of_their_share),
        IN_FOLDER(matrix_draws_from_1_to_40_classes),
        IN_FOLDER(matrix_of_nothing_is_drawn_pale),
        IN_FOLDER(curves_leave_gaps_where_values_are_missing),
        IN_FOLDER(curves_draw_the_target_only_where_there_is_one),
        IN_FOLDER(curves_draw_any_history),
        IN_FOLDER(curves_ignore_a_best_epoch_that_is_not_there),
        IN_FOLDER(curves_say_infinity_where_it_is),
        IN_FOLDER(bars_are_as_high_as_their_counts),
        IN_FOLDER(bars_draw_many_classes_and_refuse_none),
        IN_FOLDER(same_arguments_give_same_bytes),
        IN_FOLDER(matrix_survives_allocation_failures),
        IN_FOLDER(curves_survive_allocation_failures),
        IN_FOLDER(bars_survive_allocation_failures),
        IN_FOLDER(missing_folder_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
