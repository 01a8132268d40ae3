#include "figure/drawn.h"
#include "figure/gallery.h"

#include "figure/colormap.h"
#include "figure/heatmap.h"
#include "tap.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const uint8_t four[12] = {250, 3, 7, 11, 240, 19, 23, 29, 230, 120, 121, 122};
static const uint8_t right[3] = {33, 128, 74}, wrong[3] = {191, 51, 48};

static void draw(const struct gallery *gallery, struct drawn *drawn)
{
    struct error err = {0};
    if (figure_gallery(drawn_path(0, "a.png"), gallery, &err) < 0)
        fail_msg("%s", err.message);
    drawn_read(drawn_path(0, "a.png"), drawn);
}

/* Asserts that colour number i of a picture of 2 x 2 fills its quarter of a cell of 100 units, but
 * for the frame. */
static void assert_quarters(const struct drawn *drawn, const uint8_t colours[12])
{
    size_t boxes[4][4];
    for (size_t i = 0; i < 4; i++) {
        assert_true(drawn_find(drawn, colours + 3 * i, 0, boxes[i]) > 9500);
        assert_in_range(boxes[i][2] - boxes[i][0], 98, 100);
        assert_in_range(boxes[i][3] - boxes[i][1], 98, 100);
    }
    assert_true(boxes[0][2] == boxes[1][0] && boxes[0][3] == boxes[2][1]);
    assert_true(boxes[3][0] == boxes[1][0] && boxes[3][1] == boxes[2][1]);
}

static void bytes_are_drawn_exactly(void **state)
{
    (void)state;
    struct drawn drawn;
    const struct gallery_cell cell = {.u8 = four, .height = 2, .width = 2};
    draw(&(struct gallery){.cells = &cell, .rows = 1, .columns = 1, .cell_size = 100}, &drawn);
    assert_quarters(&drawn, four);
    drawn_release(&drawn);
}

static void floats_are_rounded_and_cut(void **state)
{
    (void)state;
    struct drawn drawn;
    float values[12];
    uint8_t want[12];
    for (size_t i = 0; i < 12; i++) {
        values[i] = (float)four[i] / 255.0f;
        want[i] = four[i];
    }
    values[0] = 17;
    want[0] = 255;
    values[4] = -2;
    want[4] = 0;
    values[8] = NAN;
    want[8] = 0;
    const struct gallery_cell cell = {.f32 = values, .height = 2, .width = 2};
    draw(&(struct gallery){.cells = &cell, .rows = 1, .columns = 1, .cell_size = 100}, &drawn);
    assert_quarters(&drawn, want);
    drawn_release(&drawn);
}

static void heat_is_drawn_in_the_colormap(void **state)
{
    (void)state;
    const uint8_t heat[4] = {0, 77, 128, 255};
    for (int map = 0; map < COLORMAPS; map++) {
        struct drawn drawn;
        uint8_t want[12];
        for (size_t i = 0; i < 4; i++)
            colour_to_bytes(colormap_heat((enum colormap)map, heat[i]), want + 3 * i);
        const struct gallery_cell cell = {.heat = heat, .height = 2, .width = 2};
        draw(&(struct gallery){.cells = &cell,
                               .rows = 1,
                               .columns = 1,
                               .cell_size = 100,
                               .colormap = (enum colormap)map},
             &drawn);
        assert_quarters(&drawn, want);
        drawn_release(&drawn);
    }
}

static void picture_keeps_its_shape(void **state)
{
    (void)state;
    struct drawn drawn;
    size_t box[4];
    uint8_t wide[3 * 4];
    for (size_t i = 0; i < sizeof(wide); i++)
        wide[i] = i % 3 == 0 ? 200 : 10;
    const struct gallery_cell cell = {.u8 = wide, .height = 1, .width = 4};
    draw(&(struct gallery){.cells = &cell, .rows = 1, .columns = 1, .cell_size = 100}, &drawn);
    drawn_find(&drawn, wide, 0, box);
    assert_in_range(box[2] - box[0], 198, 200);
    assert_in_range(box[3] - box[1], 48, 50);
    drawn_release(&drawn);
}

static void titles_say_right_and_wrong_by_colour(void **state)
{
    (void)state;
    static const enum gallery_mood moods[] = {GALLERY_NEUTRAL, GALLERY_RIGHT, GALLERY_WRONG};
    for (int i = 0; i < 3; i++) {
        struct drawn drawn;
        size_t box[4];
        const struct gallery_cell cell = {
            .u8 = four, .height = 2, .width = 2, .title = "cat\nas HHHH", .mood = moods[i]};
        draw(&(struct gallery){.cells = &cell, .rows = 1, .columns = 1}, &drawn);
        assert_int_equal(drawn_find(&drawn, right, 0, box) > 10, moods[i] == GALLERY_RIGHT);
        assert_int_equal(drawn_find(&drawn, wrong, 0, box) > 10, moods[i] == GALLERY_WRONG);
        drawn_release(&drawn);
    }
}

static void box_encloses_its_pixels(void **state)
{
    (void)state;
    struct drawn drawn;
    size_t box[4], yellow[4];
    uint8_t grey[10 * 10 * 3];
    const uint8_t line[3] = {255, 237, 64};
    memset(grey, 99, sizeof(grey));
    const struct gallery_box inside = {2, 3, 5, 8}, outside = {-4, 3, 30, 200};
    struct gallery_cell cell = {.u8 = grey, .height = 10, .width = 10, .box = &inside};
    const struct gallery gallery = {.cells = &cell, .rows = 1, .columns = 1, .cell_size = 100};
    draw(&gallery, &drawn);
    drawn_find(&drawn, grey, 0, box);
    assert_true(drawn_find(&drawn, line, 0, yellow) > 300);
    /* 20 pixels to a pixel of the picture, half of the line on either side. */
    assert_in_range(yellow[0] - box[0], 40 - 3, 40 + 1);
    assert_in_range(yellow[1] - box[1], 60 - 3, 60 + 1);
    assert_in_range(yellow[2] - box[0], 120 - 1, 120 + 3);
    assert_in_range(yellow[3] - box[1], 180 - 1, 180 + 3);
    drawn_release(&drawn);
    cell.box = &outside;
    draw(&gallery, &drawn);
    drawn_find(&drawn, line, 0, yellow);
    assert_true(yellow[2] < drawn.width - 40 && yellow[3] < drawn.height - 40);
    drawn_release(&drawn);
}

static void colourbar_runs_through_the_colormap(void **state)
{
    (void)state;
    const struct gallery_cell cell = {.u8 = four, .height = 2, .width = 2};
    for (int map = 0; map < COLORMAPS; map++) {
        struct drawn drawn;
        draw(&(struct gallery){.cells = &cell,
                               .rows = 1,
                               .columns = 1,
                               .cell_size = 250,
                               .colormap = (enum colormap)map,
                               .colourbar = "attention"},
             &drawn);
        size_t last = drawn.height;
        for (int i = 8; i < 256; i += 16) {
            size_t box[4];
            uint8_t rgb[3];
            colour_to_bytes(colormap_heat((enum colormap)map, (uint8_t)i), rgb);
            assert_true(drawn_find(&drawn, rgb, 0, box) > 0);
            assert_true(box[1] < last);
            last = box[1];
        }
        drawn_release(&drawn);
    }
}

static int draw_full(const char *path, struct error *err)
{
    static const uint8_t heat[4] = {0, 77, 128, 255};
    static const float floats[12] = {0.5f};
    static const char *const rows[] = {"cat as dog\n113 times", NULL};
    static const char *const columns[] = {"picture", "heatmap", NULL, "overlay"};
    static const char *const groups[] = {"Right", "Wrong"};
    const struct gallery_box box = {0, 0, 1, 0};
    const struct gallery_cell cells[8] = {
        {.u8 = four, .height = 2, .width = 2, .title = "a\nb", .box = &box},
        {.heat = heat, .height = 2, .width = 2},
        {.f32 = floats, .height = 2, .width = 2, .title = ""},
        {.title = "only words"},
        {.u8 = four, .height = 1, .width = 4, .mood = GALLERY_WRONG, .title = "x"}};
    const struct gallery gallery = {.title = "A title that is wider than all of the pictures below "
                                             "it together, by far and by some words more",
                                    .subtitle = "subtitle",
                                    .cells = cells,
                                    .rows = 2,
                                    .columns = 4,
                                    .row_labels = rows,
                                    .column_titles = columns,
                                    .column_group = 2,
                                    .group_titles = groups,
                                    .cell_size = 60,
                                    .colourbar = "attention"};
    return figure_gallery(path, &gallery, err);
}

static void same_gallery_gives_same_bytes(void **state)
{
    (void)state;
    struct error err = {0};
    assert_int_equal(draw_full(drawn_path(0, "a.png"), &err), 0);
    assert_int_equal(draw_full(drawn_path(1, "b.png"), &err), 0);
    drawn_assert_equal_files(drawn_path(0, "a.png"), drawn_path(1, "b.png"));
}

static void gallery_survives_allocation_failures(void **state)
{
    (void)state;
    drawn_assert_survives_allocation_failures(draw_full, 15);
}

static void empty_galleries_and_pictures_are_refused(void **state)
{
    (void)state;
    const struct gallery_cell flat = {.u8 = four, .height = 0, .width = 2};
    const struct gallery galleries[] = {{.cells = &flat, .rows = 0, .columns = 1},
                                        {.cells = &flat, .rows = 1, .columns = 0},
                                        {.cells = &flat, .rows = 1, .columns = 1}};
    for (size_t i = 0; i < 3; i++) {
        struct error err = {0};
        assert_int_equal(figure_gallery(drawn_path(0, "a.png"), &galleries[i], &err), -1);
        assert_int_equal(err.kind, ERR_USAGE);
    }
    assert_int_equal(drawn_file_count(), 0);
}

/* tests/golden/colormap/generate.py makes the rows with numpy. */
static void blend_equals_numpy(void **state)
{
    (void)state;
    FILE *file = fopen("tests/golden/colormap/blend.csv", "r");
    char line[256];
    int rows = 0;
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file));
    while (fgets(line, sizeof(line), file) != NULL) {
        float pixel[3];
        double want[3];
        unsigned heat;
        assert_int_equal(sscanf(line, "%f,%f,%f,%u,%lf,%lf,%lf", &pixel[0], &pixel[1], &pixel[2],
                                &heat, &want[0], &want[1], &want[2]),
                         7);
        const uint8_t entry = (uint8_t)heat;
        heatmap_blend(pixel, &entry, 1, 1, COLORMAP_JET, 0.4, pixel);
        for (int c = 0; c < 3; c++)
            assert_true(pixel[c] == (float)want[c]);
        rows++;
    }
    fclose(file);
    assert_int_equal(rows, 64);
}

#define IN_FOLDER(test)                                                                            \
    cmocka_unit_test_setup_teardown(test, drawn_make_folder, drawn_remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(bytes_are_drawn_exactly),
        IN_FOLDER(floats_are_rounded_and_cut),
        IN_FOLDER(heat_is_drawn_in_the_colormap),
        IN_FOLDER(picture_keeps_its_shape),
        IN_FOLDER(titles_say_right_and_wrong_by_colour),
        IN_FOLDER(box_encloses_its_pixels),
        IN_FOLDER(colourbar_runs_through_the_colormap),
        IN_FOLDER(same_gallery_gives_same_bytes),
        IN_FOLDER(gallery_survives_allocation_failures),
        IN_FOLDER(empty_galleries_and_pictures_are_refused),
        cmocka_unit_test(blend_equals_numpy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
