#include "figure/canvas.h"
#include "figure/drawn.h"

#include "base/file.h"
#include "base/memory.h"
#include "figure/font.h"
#include "figure/png_file.h"
#include "tap.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const struct colour black = {0, 0, 0}, red = {1, 0, 0};

static struct canvas *sheet(double width, double height)
{
    struct error err = {0};
    struct canvas *canvas = canvas_new(&err);
    if (canvas == NULL || canvas_lay(canvas, width, height, &err) < 0)
        fail_msg("%s", err.message);
    return canvas;
}

static void draw_something(struct canvas *canvas)
{
    const struct point points[] = {{5, 5}, {60, 30.5}, {90, 12}};
    canvas_rectangle(canvas, 10, 10, 30, 20, red, 0.5);
    canvas_path(canvas, points, 3, (struct pen){.colour = black, .width = 1.5});
    canvas_disc(canvas, 50, 25, 7, red, (struct pen){.colour = black, .width = 1});
    canvas_text(canvas, 20, 30, "Accuracy \xc2\xb1 0.01",
                (struct text_style){.size = 11, .colour = black});
}

static void write_sheet(struct canvas *canvas, const char *path)
{
    struct error err = {0};
    if (canvas_write(canvas, path, &err) < 0)
        fail_msg("%s", err.message);
    canvas_free(canvas);
}

static void same_calls_give_same_bytes(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct canvas *canvas = sheet(100, 50);
        draw_something(canvas);
        write_sheet(canvas, drawn_path(i, i == 0 ? "a.png" : "b.png"));
    }
    drawn_assert_equal_files(drawn_path(0, "a.png"), drawn_path(1, "b.png"));
}

/* Chunks by length, name, data and checksum after eight bytes of signature. */
static void png_has_no_chunk_but_size_resolution_and_pixels(void **state)
{
    (void)state;
    struct error err;
    char *data, names[256] = "";
    size_t size, at = 8, used = 0;
    struct canvas *canvas = sheet(100, 50);
    draw_something(canvas);
    write_sheet(canvas, drawn_path(0, "a.png"));
    assert_int_equal(file_read(drawn_path(0, "a.png"), 1 << 20, &data, &size, &err), 0);
    const uint8_t *bytes = (const uint8_t *)data;
    while (at + 12 <= size && used < sizeof(names) - 5) {
        const uint8_t *p = bytes + at;
        size_t length = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
        memcpy(names + used, p + 4, 4);
        if (memcmp(p + 4, "pHYs", 4) == 0) {
            /* 200 dots per inch are 7874 per metre. */
            const uint8_t want[] = {0, 0, 0x1e, 0xc2, 0, 0, 0x1e, 0xc2, 1};
            assert_memory_equal(p + 8, want, 9);
        }
        used += 4;
        at += 12 + length;
    }
    assert_int_equal(at, size);
    assert_string_equal(names, "IHDRpHYsIDATIEND");
    free(data);
}

static void sheet_is_white_and_two_pixels_to_the_unit(void **state)
{
    (void)state;
    struct drawn drawn;
    struct canvas *canvas = sheet(30.2, 20);
    assert_float_equal(canvas_width(canvas), 30.5, 0);
    canvas_rectangle(canvas, 5, 6, 3, 2, red, 1);
    write_sheet(canvas, drawn_path(0, "a.png"));
    drawn_read(drawn_path(0, "a.png"), &drawn);
    assert_int_equal(drawn.width, 61);
    assert_int_equal(drawn.height, 40);
    size_t box[4];
    const uint8_t bytes[3] = {255, 0, 0};
    assert_int_equal(drawn_find(&drawn, bytes, 0, box), 6 * 4);
    assert_int_equal(box[0], 10);
    assert_int_equal(box[1], 12);
    assert_true(drawn_is(drawn_at(&drawn, 1, 1), 255, 255, 255));
    drawn_release(&drawn);
}

static void straight_lines_are_sharp(void **state)
{
    (void)state;
    struct drawn drawn;
    size_t box[4];
    const uint8_t bytes[3] = {0, 0, 0};
    struct canvas *canvas = sheet(40, 40);
    /* Not on the grid of pixels, and still one row of pure black for each half unit. */
    canvas_line(canvas, 4, 10.23, 36, 10.23, (struct pen){.colour = black, .width = 1});
    write_sheet(canvas, drawn_path(0, "a.png"));
    drawn_read(drawn_path(0, "a.png"), &drawn);
    drawn_find(&drawn, bytes, 0, box);
    assert_int_equal(box[3] - box[1], 2);
    for (size_t y = 0; y < drawn.height; y++)
        assert_true(drawn.rgb[(y * drawn.width + 40) * 3] % 255 == 0);
    drawn_release(&drawn);
}

static void picture_keeps_every_pixel_exact(void **state)
{
    (void)state;
    struct drawn drawn;
    uint8_t rgb[3 * 5 * 3];
    for (size_t i = 0; i < sizeof(rgb); i++)
        rgb[i] = (uint8_t)(i * 5 + 3);
    struct canvas *canvas = sheet(70, 50);
    canvas_picture(canvas, 10, 10, 50, 30, rgb, 3, 5);
    /* Partly and wholly off the sheet: what is outside is left out. */
    canvas_picture(canvas, -8, -8, 10, 10, rgb, 3, 5);
    canvas_picture(canvas, 500, 500, 10, 10, rgb, 3, 5);
    write_sheet(canvas, drawn_path(0, "a.png"));
    drawn_read(drawn_path(0, "a.png"), &drawn);
    for (int row = 0; row < 3; row++) {
        for (int column = 0; column < 5; column++) {
            const uint8_t *p = rgb + (row * 5 + column) * 3;
            assert_true(
                drawn_is(drawn_at(&drawn, 10 + column * 10, 10 + row * 10), p[0], p[1], p[2]));
            assert_true(
                drawn_is(drawn_at(&drawn, 19.5 + column * 10, 19.5 + row * 10), p[0], p[1], p[2]));
        }
    }
    drawn_release(&drawn);
}

static void text_lies_within_its_measure(void **state)
{
    (void)state;
    static const enum text_align aligns[] = {TEXT_LEFT, TEXT_CENTRE, TEXT_RIGHT};
    const char *text = "Hxamburg 0.85";
    for (int i = 0; i < 3; i++) {
        struct drawn drawn;
        size_t left, right = 0, top, bottom = 0;
        struct text_style style = {
            .size = 12, .colour = black, .bold = i == 1, .align = aligns[i], .anchor = TEXT_TOP};
        struct canvas *canvas = sheet(300, 40);
        double width = canvas_text_width(canvas, text, style);
        canvas_text(canvas, 150, 10, text, style);
        write_sheet(canvas, drawn_path(0, "a.png"));
        drawn_read(drawn_path(0, "a.png"), &drawn);
        left = drawn.width;
        top = drawn.height;
        for (size_t p = 0; p < drawn.width * drawn.height; p++) {
            if (drawn.rgb[3 * p] == 255)
                continue;
            size_t x = p % drawn.width, y = p / drawn.width;
            left = x < left ? x : left;
            right = x + 1 > right ? x + 1 : right;
            top = y < top ? y : top;
            bottom = y + 1 > bottom ? y + 1 : bottom;
        }
        double start = 150 - width * i / 2;
        assert_true((double)left / 2 >= start - 0.5 && (double)left / 2 < start + 2.5);
        assert_true((double)right / 2 <= start + width + 0.5);
        assert_true((double)right / 2 > start + width - 2.5);
        assert_in_range(top, 19, 21); /* a capital's top */
        assert_in_range(bottom, 20 + 17,
                        20 + 25); /* the baseline lies 8.75 below, and g hangs from it */
        drawn_release(&drawn);
    }
}

static void text_is_measured_with_kerning_and_by_letters(void **state)
{
    (void)state;
    const struct text_style style = {.size = 100};
    struct error err = {0};
    struct canvas *canvas = canvas_new(&err);
    assert_non_null(canvas);
    double one = canvas_text_width(canvas, "n", style);
    assert_true(one > 50 && one < 80);
    assert_float_equal(canvas_text_width(canvas, "nnn", style), 3 * one, 1e-9);
    assert_float_equal(canvas_text_width(canvas, "", style), 0, 0);
    assert_true(canvas_text_width(canvas, "AV", style) <
                canvas_text_width(canvas, "A", style) + canvas_text_width(canvas, "V", style));
    assert_true(canvas_text_width(canvas, "\xc3\xa9", style) ==
                canvas_text_width(canvas, "e", style));
    canvas_free(canvas);
}

static void invalid_utf8_is_drawn_as_replacement(void **state)
{
    (void)state;
    const struct text_style style = {.size = 100};
    struct error err = {0};
    struct canvas *canvas = canvas_new(&err);
    assert_non_null(canvas);
    double mark = canvas_text_width(canvas, "\xef\xbf\xbd", style);
    static const char *const wrong[] = {"\xff", "\x80", "\xc3", "\xe2\x82"};
    static const size_t marks[] = {1, 1, 1, 2};
    for (size_t i = 0; i < 4; i++)
        assert_float_equal(canvas_text_width(canvas, wrong[i], style), mark * (double)marks[i],
                           1e-9);
    /* An overlong slash, a surrogate. */
    assert_float_equal(canvas_text_width(canvas, "\xc0\xaf", style), 2 * mark, 1e-9);
    assert_float_equal(canvas_text_width(canvas, "\xed\xa0\x80", style), 3 * mark, 1e-9);
    canvas_free(canvas);
}

static void missing_font_names_the_package(void **state)
{
    (void)state;
    static const char *const nowhere[] = {"/nonexistent", NULL};
    struct error err = {0};
    assert_null(font_open(nowhere, "DejaVuSans.ttf", &err));
    assert_non_null(strstr(err.message, "DejaVuSans.ttf"));
    assert_non_null(strstr(err.message, "fonts-dejavu-core"));
}

static void file_that_is_no_font_is_refused(void **state)
{
    (void)state;
    struct error err = {0};
    char folder[256];
    memcpy(folder, drawn_path(0, "font.ttf"), 256);
    assert_int_equal(file_write(folder, "no font", 7, &err), 0);
    *strrchr(folder, '/') = '\0';
    const char *const folders[] = {folder, NULL};
    assert_null(font_open(folders, "font.ttf", &err));
    assert_int_equal(err.kind, ERR_FORMAT);
}

static void missing_folder_is_an_error_and_leaves_nothing(void **state)
{
    (void)state;
    struct error err = {0};
    struct canvas *canvas = sheet(10, 10);
    assert_int_equal(canvas_write(canvas, drawn_path(0, "none/a.png"), &err), -1);
    assert_int_equal(err.kind, ERR_IO);
    assert_non_null(strstr(err.message, "none/a.png"));
    assert_int_equal(drawn_file_count(), 0);
    canvas_free(canvas);
}

static void full_disk_is_an_error_of_writing(void **state)
{
    (void)state;
    struct error err = {0};
    FILE *full = fopen("/dev/full", "we");
    static uint32_t pixels[400 * 400];
    if (full == NULL)
        skip_because("there is no /dev/full");
    for (size_t i = 0; i < 400 * 400; i++)
        pixels[i] = (uint32_t)(i * 2654435761u) >> 8;
    assert_int_equal(png_file_encode(full, "x.png", pixels, 400, 400, 400, 100, &err), -1);
    assert_int_equal(err.kind, ERR_IO);
    assert_non_null(strstr(err.message, "x.png"));
    fclose(full);
}

static void size_out_of_range_is_refused(void **state)
{
    (void)state;
    static const double sizes[][2] = {{0, 10}, {10, -1}, {1e9, 10}, {10, 20000}, {0.0 / 0.0, 5}};
    for (size_t i = 0; i < 5; i++) {
        struct error err = {0};
        struct canvas *canvas = canvas_new(&err);
        assert_non_null(canvas);
        assert_int_equal(canvas_lay(canvas, sizes[i][0], sizes[i][1], &err), -1);
        assert_int_equal(err.kind, ERR_USAGE);
        canvas_free(canvas);
    }
}

static int draw_and_write(const char *path, struct error *err)
{
    struct canvas *canvas = canvas_new(err);
    int result = -1;
    if (canvas != NULL && canvas_lay(canvas, 40, 30, err) == 0) {
        draw_something(canvas);
        result = canvas_write(canvas, path, err);
    }
    canvas_free(canvas);
    return result;
}

static void failed_allocations_are_reported_and_leave_no_file(void **state)
{
    (void)state;
    drawn_assert_survives_allocation_failures(draw_and_write, 15);
}

static void fingerprint_is_stable_and_names_libraries(void **state)
{
    (void)state;
    struct error err = {0};
    char *texts[2];
    for (int i = 0; i < 2; i++) {
        size_t size;
        FILE *stream = open_memstream(&texts[i], &size);
        assert_non_null(stream);
        assert_int_equal(figure_fingerprint(stream, &err), 0);
        fclose(stream);
    }
    assert_string_equal(texts[0], texts[1]);
    static const char *const names[] = {"cairo ",           "libpng ",  "freetype ",
                                        "font.DejaVuSans ", "drawing ", "uses /"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_non_null(strstr(texts[0], names[i]));
    free(texts[0]);
    free(texts[1]);
}

/* ---- SVG ---- */

static char *svg_of(struct canvas *canvas)
{
    struct error err = {0};
    size_t size;
    char *file;
    write_sheet(canvas, drawn_path(0, "a.svg"));
    assert_int_equal(file_read(drawn_path(0, "a.svg"), 1 << 20, &file, &size, &err), 0);
    return file;
}

static void svg_has_what_was_drawn(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"100\" height=\"50\" viewBox=\"0 0 100 "
        "50\"",
        "<rect x=\"10\" y=\"10\" width=\"30\" height=\"20\" fill=\"#ff0000\" "
        "fill-opacity=\"0.5\"/>",
        "<path fill=\"none\" stroke=\"#000000\" stroke-width=\"1.5\" d=\"M5 5L60 30.5L90 12\"/>",
        "<circle cx=\"50\" cy=\"25\" r=\"7\" fill=\"#ff0000\" stroke=\"#000000\"",
        ">Accuracy \xc2\xb1 0.01</text>",
        "style=\"image-rendering:pixelated\" x=\"1\" y=\"2\" width=\"8\" height=\"4\" "
        "href=\"data:image/png;base64,iVBO",
        "<svg x=\"1\" y=\"2\" width=\"8\" height=\"4\" viewBox=\"1 2 8 4\">\n</svg>"};
    const uint8_t rgb[6] = {1, 2, 3, 4, 5, 6};
    struct canvas *canvas = sheet(100, 50);
    draw_something(canvas);
    canvas_picture(canvas, 1, 2, 8, 4, rgb, 1, 2);
    canvas_clip(canvas, 1, 2, 8, 4);
    canvas_unclip(canvas);
    char *svg = svg_of(canvas);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (strstr(svg, parts[i]) == NULL)
            fail_msg("no '%s' in %s", parts[i], svg);
    free(svg);
}

static void svg_takes_the_page_s_colours_but_where_they_are_fixed(void **state)
{
    (void)state;
    const struct colour ink = {0.15, 0.15, 0.15};
    struct canvas *canvas = sheet(100, 50);
    canvas_rectangle(canvas, 0, 0, 1, 1, ink, 1);
    canvas_fix_colours(canvas, true);
    canvas_rectangle(canvas, 0, 0, 2, 1, ink, 1);
    char *svg = svg_of(canvas);
    assert_non_null(strstr(svg, "width=\"1\" height=\"1\" fill=\"var(--ink)\"/>"));
    assert_non_null(strstr(svg, "width=\"2\" height=\"1\" fill=\"#262626\"/>"));
    assert_non_null(strstr(svg, "@media(prefers-color-scheme:dark){svg{--paper:#1c1f22;"));
    free(svg);
}

static void svg_is_xml_whatever_the_text(void **state)
{
    (void)state;
    struct canvas *canvas = sheet(100, 50);
    canvas_text(canvas, 0, 20, "</text><script>&\"\x01\xff\xef\xbf\xbf]]>",
                (struct text_style){.size = 9, .colour = black});
    char *svg = svg_of(canvas);
    assert_null(strstr(svg, "<script"));
    assert_non_null(strstr(svg, ">&#60;/text&#62;&#60;script&#62;&#38;&#34;\xef\xbf\xbd\xef\xbf\xbd"
                                "\xef\xbf\xbd]]&#62;</text>"));
    free(svg);
}

static void canvas_of_a_narrow_drawing_is_narrow(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        bool narrow;
    } cases[] = {{"a.narrow.svg", true}, {"a.svg", false}, {"narrow.svg", false}, {"a.png", false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error err = {0};
        struct canvas *canvas = canvas_for(cases[i].path, &err);
        assert_int_equal(canvas_is_narrow(canvas), cases[i].narrow);
        canvas_free(canvas);
    }
}

#define IN_FOLDER(test)                                                                            \
    cmocka_unit_test_setup_teardown(test, drawn_make_folder, drawn_remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(same_calls_give_same_bytes),
        IN_FOLDER(png_has_no_chunk_but_size_resolution_and_pixels),
        IN_FOLDER(sheet_is_white_and_two_pixels_to_the_unit),
        IN_FOLDER(straight_lines_are_sharp),
        IN_FOLDER(svg_has_what_was_drawn),
        IN_FOLDER(svg_takes_the_page_s_colours_but_where_they_are_fixed),
        IN_FOLDER(svg_is_xml_whatever_the_text),
        cmocka_unit_test(canvas_of_a_narrow_drawing_is_narrow),
        IN_FOLDER(picture_keeps_every_pixel_exact),
        IN_FOLDER(text_lies_within_its_measure),
        cmocka_unit_test(text_is_measured_with_kerning_and_by_letters),
        cmocka_unit_test(invalid_utf8_is_drawn_as_replacement),
        cmocka_unit_test(missing_font_names_the_package),
        IN_FOLDER(file_that_is_no_font_is_refused),
        IN_FOLDER(missing_folder_is_an_error_and_leaves_nothing),
        cmocka_unit_test(full_disk_is_an_error_of_writing),
        cmocka_unit_test(size_out_of_range_is_refused),
        IN_FOLDER(failed_allocations_are_reported_and_leave_no_file),
        cmocka_unit_test(fingerprint_is_stable_and_names_libraries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
