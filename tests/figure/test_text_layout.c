/* No text of a figure lies on another, leaves the sheet, or is smaller than 6 points, and a phone
 * shows each figure whole, whatever the classes are called and however many there are. */
#include "figure/text_layout.h"

#include "base/memory.h"
#include "figure/confused.h"
#include "figure/drawn.h"
#include "figure/extreme.h"
#include "figure/gallery.h"
#include "figure/plot.h"
#include "figure/short_names.h"
#include "figure/theme.h"
#include "tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDEST_ON_A_PHONE = 480 }; /* text of 10 units has 7 pixels of 390 then */

struct sheet {
    struct canvas *canvas;
    struct text_layout layout;
};

static void open_sheet(struct sheet *sheet, bool narrow)
{
    struct error err = {0};
    *sheet = (struct sheet){.canvas = canvas_for(narrow ? "a.narrow.svg" : "a.svg", &err)};
    assert_non_null(sheet->canvas);
    canvas_record(sheet->canvas, &sheet->layout);
}

/* FIGURES names a folder where all that is tested here is left to be looked at. */
static void leave(struct sheet *sheet, const char *what)
{
    char path[512];
    struct error err = {0};
    if (getenv("FIGURES") == NULL)
        return;
    snprintf(path, sizeof(path), "%s/%s.png", getenv("FIGURES"), what);
    assert_int_equal(canvas_write(sheet->canvas, path, &err), 0);
}

static void close_sheet(struct sheet *sheet, const char *what)
{
    size_t pair[2];
    const struct text_box *texts = sheet->layout.texts;
    leave(sheet, what);
    assert_true(sheet->layout.count > 3);
    if (canvas_is_narrow(sheet->canvas) && canvas_width(sheet->canvas) > WIDEST_ON_A_PHONE)
        fail_msg("%s: %.0f units wide", what, canvas_width(sheet->canvas));
    if (text_layout_find_overlap(&sheet->layout, pair))
        fail_msg("%s: '%s' lies on '%s'", what, texts[pair[0]].text, texts[pair[1]].text);
    for (size_t i = 0; i < sheet->layout.count; i++) {
        if (texts[i].size < TEXT_LAYOUT_SMALLEST - 1e-9)
            fail_msg("%s: '%s' has %.2f units", what, texts[i].text, texts[i].size);
        if (!text_layout_within(&texts[i], canvas_width(sheet->canvas),
                                canvas_height(sheet->canvas)))
            fail_msg("%s: '%s' leaves the sheet", what, texts[i].text);
    }
    text_layout_release(&sheet->layout);
    canvas_free(sheet->canvas);
}

static size_t count_texts(const struct text_layout *layout, const char *text)
{
    size_t count = 0;
    for (size_t i = 0; i < layout->count; i++)
        count += strcmp(layout->texts[i].text, text) == 0;
    return count;
}

static const size_t sizes[] = {1, 2, 3, 10, 11, 20, 21, 33, 60, 61, 100, 1000};

#define EACH_SIZE(i)                                                                               \
    size_t i = 0;                                                                                  \
    i < sizeof(sizes) / sizeof(sizes[0]);                                                          \
    i++

static void check_matrices(bool narrow)
{
    for (int kind = 0; kind < EXTREME_KINDS; kind++)
        for (EACH_SIZE(i)) {
            struct sheet sheet;
            struct error err = {0};
            char what[64];
            size_t n = sizes[i];
            char **names = extreme_names((enum extreme_kind)kind, n);
            int64_t *confusion = extreme_confusion(n);
            snprintf(what, sizeof(what), "%smatrix-%s-%zu", narrow ? "narrow-" : "",
                     extreme_words[kind], n);
            open_sheet(&sheet, narrow);
            assert_int_equal(figure_draw_confusion_matrix(sheet.canvas, "Confusion matrix",
                                                          confusion, (const char *const *)names,
                                                          (int64_t)n, &err),
                             0);
            close_sheet(&sheet, what);
            free(confusion);
            extreme_free_names(names, n);
        }
}

static void check_bars(bool narrow)
{
    for (int kind = 0; kind < EXTREME_KINDS; kind++)
        for (EACH_SIZE(i)) {
            struct sheet sheet;
            struct error err = {0};
            char what[64];
            size_t n = sizes[i];
            char **names = extreme_names((enum extreme_kind)kind, n);
            struct bars_series series[3] = {{"train (50,000)", NULL, colormap_deep(0)},
                                            {"validation (10,000)", NULL, colormap_deep(1)},
                                            {"test (10,000)", NULL, colormap_deep(2)}};
            int64_t *counts[3];
            for (uint32_t s = 0; s < 3; s++)
                series[s].counts = counts[s] = extreme_counts(n, s);
            snprintf(what, sizeof(what), "%sbars-%s-%zu", narrow ? "narrow-" : "",
                     extreme_words[kind], n);
            open_sheet(&sheet, narrow);
            assert_int_equal(figure_draw_class_distribution(sheet.canvas, "Images per class",
                                                            (const char *const *)names, (int64_t)n,
                                                            series, 3, &err),
                             0);
            close_sheet(&sheet, what);
            for (size_t s = 0; s < 3; s++)
                free(counts[s]);
            extreme_free_names(names, n);
        }
}

static void check_curves(bool narrow)
{
    static const size_t epochs[] = {1, 2, 9, 50, 1500};
    for (size_t i = 0; i < sizeof(epochs) / sizeof(epochs[0]); i++)
        for (int kind = 0; kind < 3; kind++) {
            struct sheet sheet;
            struct error err = {0};
            char what[64];
            double *values = calloc(epochs[i], sizeof(double));
            assert_non_null(values);
            for (size_t e = 0; e < epochs[i]; e++)
                values[e] = kind == 0    ? 1 - exp(-(double)e / 9)
                            : kind == 1  ? 1e9 * sin((double)e)
                            : e % 3 == 0 ? (e % 2 ? -INFINITY : INFINITY)
                                         : 1e-9 * (double)e;
            const struct curves_series series[] = {
                {"training", values, epochs[i], colormap_deep(0), true},
                {"validation", values, epochs[i], colormap_deep(1), false}};
            const struct curves_panel panels[] = {{.title = "Accuracy",
                                                   .series = series,
                                                   .count = 2,
                                                   .best_epoch = epochs[i],
                                                   .best_series = 1,
                                                   .target = 0.5},
                                                  {.title = "Loss", .series = series, .count = 2}};
            snprintf(what, sizeof(what), "%scurves-%d-%zu", narrow ? "narrow-" : "", kind,
                     epochs[i]);
            open_sheet(&sheet, narrow);
            assert_int_equal(figure_draw_training_curves(sheet.canvas, "Phase 1", panels, 2, &err),
                             0);
            close_sheet(&sheet, what);
            free(values);
        }
}

/* As the stages put titles together: names made to fit, in columns of any width. */
static void check_galleries(bool narrow)
{
    enum { N = 24 };
    static const uint8_t picture[3] = {9, 99, 199};
    for (int kind = 0; kind < EXTREME_KINDS; kind++) {
        struct sheet sheet;
        struct error err = {0};
        struct short_names names = {0};
        struct gallery_cell cells[N] = {0};
        const char *labels[N / 6];
        char what[64], titles[N][300], rows[N / 6][300];
        char **full = extreme_names((enum extreme_kind)kind, N);
        assert_int_equal(short_names_of(&names, (const char *const *)full, N, gallery_title_room(0),
                                        gallery_title_style(), &err),
                         0);
        for (size_t i = 0; i < N; i++) {
            snprintf(titles[i], sizeof(titles[i]), "%s\nas\n0.93", names.texts[i]);
            cells[i] =
                (struct gallery_cell){.u8 = picture, .height = 1, .width = 1, .title = titles[i]};
        }
        for (size_t i = 0; i < N / 6; i++) {
            snprintf(rows[i], sizeof(rows[i]), "%s\n12 images", names.texts[i]);
            labels[i] = rows[i];
        }
        const struct gallery gallery = {.title = "A picture of each class",
                                        .subtitle = "the first of the shuffled training split",
                                        .cells = cells,
                                        .rows = N / 6,
                                        .columns = 6,
                                        .row_labels = labels,
                                        .note = short_names_note(&names),
                                        .colourbar = "share of the map's maximum"};
        snprintf(what, sizeof(what), "%sgallery-%s", narrow ? "narrow-" : "", extreme_words[kind]);
        open_sheet(&sheet, narrow);
        assert_int_equal(figure_draw_gallery(sheet.canvas, &gallery, &err), 0);
        close_sheet(&sheet, what);
        short_names_release(&names);
        extreme_free_names(full, N);
    }
}

#define WIDE_AND_NARROW(test, check)                                                               \
    static void test(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        check(false);                                                                              \
        check(true);                                                                               \
    }
WIDE_AND_NARROW(matrix_keeps_its_texts_apart, check_matrices)
WIDE_AND_NARROW(bars_keep_their_texts_apart, check_bars)
WIDE_AND_NARROW(curves_keep_their_texts_apart, check_curves)
WIDE_AND_NARROW(galleries_keep_their_texts_apart, check_galleries)

static void matrix_of_many_says_which_it_shows(void **state)
{
    (void)state;
    enum { N = 1000 };
    struct sheet sheet;
    struct error err = {0};
    char **names = extreme_names(EXTREME_SHORT, N);
    int64_t *confusion = calloc(N * N, sizeof(*confusion));
    assert_non_null(confusion);
    for (size_t t = 0; t < N; t++)
        confusion[t * N + t] = 10;
    for (size_t i = 0; i < 20; i++) /* 40 classes, of which two are in no other pair */
        confusion[(i * 31 + 7) * N + i * 17 + 5] = 3;
    open_sheet(&sheet, false);
    assert_int_equal(figure_draw_confusion_matrix(sheet.canvas, "Confusion", confusion,
                                                  (const char *const *)names, N, &err),
                     0);
    assert_int_equal(count_texts(&sheet.layout, "Confusion: the 40 most confused of 1,000 classes"),
                     1);
    assert_int_equal(count_texts(&sheet.layout, "c7"), 2);
    assert_int_equal(count_texts(&sheet.layout, "c22"), 2);
    assert_int_equal(count_texts(&sheet.layout, "c999"), 0);
    close_sheet(&sheet, "chosen");
    free(confusion);
    extreme_free_names(names, N);
}

static void confused_classes_are_those_in_most_mistakes(void **state)
{
    (void)state;
    const int64_t confusion[16] = {9, 0, 0, 1, 0, 9, 0, 0, 2, 0, 9, 0, 0, 0, 0, 9};
    size_t chosen[3];
    struct error err = {0};
    assert_int_equal(confused_choose(confusion, 4, 3, chosen, &err), 0);
    assert_int_equal(chosen[0], 0);
    assert_int_equal(chosen[1], 2);
    assert_int_equal(chosen[2], 3);
    assert_int_equal(confused_choose(confusion, 4, 1, chosen, &err), 0);
    assert_int_equal(chosen[0], 0);
}

/* ---- names ---- */

static void names_never_look_alike(void **state)
{
    (void)state;
    static const double rooms[] = {130, 60, 25};
    for (int kind = 0; kind < EXTREME_KINDS; kind++)
        for (size_t r = 0; r < 3; r++) {
            enum { N = 300 };
            struct short_names names = {0};
            struct error err = {0};
            struct canvas *canvas = canvas_new(&err);
            char **full = extreme_names((enum extreme_kind)kind, N);
            static uint64_t looks[N];
            assert_int_equal(short_names_make(&names, canvas, (const char *const *)full, NULL, N,
                                              rooms[r], THEME_LABEL, &err),
                             0);
            for (size_t i = 0; i < N; i++) {
                looks[i] = canvas_text_look(canvas, names.texts[i], false);
                if (names.widths[i] > rooms[r] && r < 2)
                    fail_msg("'%s' is wider than %g", names.texts[i], rooms[r]);
                for (size_t j = 0; j < i; j++)
                    if (looks[i] == looks[j])
                        fail_msg("%s: '%s' (%zu) looks like '%s' (%zu)", extreme_words[kind],
                                 names.texts[i], i, names.texts[j], j);
            }
            short_names_release(&names);
            extreme_free_names(full, N);
            canvas_free(canvas);
        }
}

static void expect_names(const char *const *full, size_t count, double room,
                         const char *const *wanted, size_t unwritten)
{
    struct short_names names = {0};
    struct error err = {0};
    size_t counted;
    assert_int_equal(short_names_of(&names, full, count, room, THEME_LABEL, &err), 0);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(names.texts[i], wanted[i]);
    assert_int_equal(names.unwritten, unwritten);
    assert_int_equal(short_names_unwritten(full, count, &counted, &err), 0);
    assert_int_equal(counted, unwritten);
    short_names_release(&names);
}

static void names_keep_what_tells_them_apart(void **state)
{
    (void)state;
    static const char *const full[] = {"cat", "a very long class name of number 0 that goes on",
                                       "a very long class name of number 1 that goes on",
                                       "another name that is far too long to be drawn"};
    static const char *const wanted[] = {"cat",
                                         "a very l\xe2\x80\xa6"
                                         "0 that goes on",
                                         "a very l\xe2\x80\xa6"
                                         "1 that goes on",
                                         "another name that is f\xe2\x80\xa6"};
    expect_names(full, 4, 130, wanted, 0);
}

static void names_that_the_font_lacks_become_numbers(void **state)
{
    (void)state;
    /* Japanese; Latin and Cyrillic a; Hebrew, which would run from the wrong side. */
    static const char *const full[] = {"\xe6\x97\xa5\xe6\x9c\xac", "a",  "\xd0\xb0",
                                       "\xd7\x90\xd7\x91",         "#0", "caf\xc3\xa9"};
    static const char *const wanted[] = {"#0", "a #1", "\xd0\xb0 #2", "#3", "#4", "caf\xc3\xa9"};
    expect_names(full, 6, 130, wanted, 2);
}

/* Kerning and a hair's breadth are not seen; a letter, its height or a blank is. */
static void texts_look_alike_where_nothing_is_seen(void **state)
{
    (void)state;
    static const char *const alike[][2] = {{"xo", "x\xd0\xbe"},
                                           {"xo", "\xd1\x85\xd0\xbe"},
                                           {"capexo #22", "cape\xd1\x85o #22"},
                                           {"Tap", "T\xd0\xb0p"},
                                           {" cat ", "cat"}};
    static const char *const apart[][2] = {{"cat", "c at"},
                                           {"c at", "c  at"},
                                           {"c", "C"},
                                           {"o", "\xc3\xb8"},
                                           {"1", "l"},
                                           {"ab", "ba"},
                                           {"a.", "a"},
                                           {"e", "\xc3\xa9"},
                                           {"v", "\xce\xbd"},
                                           {"\xc3\xa9", "\xc3\xa8"},
                                           {"\xc5\x84", "\xc7\xb9"},
                                           {"0", "O"},
                                           {"z", "Z"},
                                           {"-", "\xe2\x80\x93"}};
    struct error err = {0};
    struct canvas *canvas = canvas_new(&err);
    for (int bold = 0; bold < 2; bold++) {
        for (size_t i = 0; i < sizeof(alike) / sizeof(alike[0]); i++)
            if (canvas_text_look(canvas, alike[i][0], bold) !=
                canvas_text_look(canvas, alike[i][1], bold))
                fail_msg("'%s' looks unlike '%s'", alike[i][0], alike[i][1]);
        for (size_t i = 0; i < sizeof(apart) / sizeof(apart[0]); i++)
            if (canvas_text_look(canvas, apart[i][0], bold) ==
                canvas_text_look(canvas, apart[i][1], bold))
                fail_msg("'%s' looks like '%s'", apart[i][0], apart[i][1]);
    }
    canvas_free(canvas);
}

static void names_that_are_not_whole_have_a_note(void **state)
{
    (void)state;
    static const char *const full[] = {"cat", "a name that is much longer than its room", "#0",
                                       "\xe6\x97\xa5"};
    static const char *const notes[] = {NULL, "names are shortened", "#n is class n, counted",
                                        "#n is class n, from 0: the font lacks its letters"};
    for (size_t count = 1; count <= 4; count++) {
        struct short_names names = {0};
        struct error err = {0};
        assert_int_equal(short_names_of(&names, full, count, 130, THEME_LABEL, &err), 0);
        const char *note = short_names_note(&names);
        assert_true((note == NULL) == (count == 1));
        assert_true(note == NULL || strncmp(note, notes[count - 1], strlen(notes[count - 1])) == 0);
        assert_true(note == NULL || strstr(note, "classes.txt") != NULL);
        short_names_release(&names);
    }
}

static int draw_many(const char *path, struct error *err)
{
    static const int64_t counts[61] = {4, 2};
    const char *names[61];
    for (size_t i = 0; i < 61; i++)
        names[i] = i % 2 ? "a name that is much longer than any room for it" : "cat";
    const struct bars_series series = {"train", counts, colormap_deep(0)};
    return figure_class_distribution(path, "Images", names, 61, &series, 1, err);
}

static void many_bars_survive_allocation_failures(void **state)
{
    (void)state;
    drawn_assert_survives_allocation_failures(draw_many, 15);
}

static void boxes_overlap_only_where_they_do(void **state)
{
    (void)state;
    const struct text_box a = {.x = {0, 10, 10, 0}, .y = {0, 0, 4, 4}};
    const struct text_box beside = {.x = {10, 20, 20, 10}, .y = {0, 0, 4, 4}};
    const struct text_box on = {.x = {9, 19, 19, 9}, .y = {3, 3, 7, 7}};
    /* Its bounding box meets a's, the turned box does not. */
    const struct text_box turned = {.x = {11, 14, 9, 6}, .y = {3, 6, 11, 8}};
    assert_true(text_layout_overlap(&a, &a));
    assert_false(text_layout_overlap(&a, &beside));
    assert_true(text_layout_overlap(&a, &on));
    assert_false(text_layout_overlap(&a, &turned));
    assert_true(text_layout_within(&a, 10, 4));
    assert_false(text_layout_within(&a, 10, 3));
}

#define IN_FOLDER(test)                                                                            \
    cmocka_unit_test_setup_teardown(test, drawn_make_folder, drawn_remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boxes_overlap_only_where_they_do),
        cmocka_unit_test(matrix_keeps_its_texts_apart),
        cmocka_unit_test(bars_keep_their_texts_apart),
        cmocka_unit_test(curves_keep_their_texts_apart),
        cmocka_unit_test(galleries_keep_their_texts_apart),
        cmocka_unit_test(matrix_of_many_says_which_it_shows),
        cmocka_unit_test(confused_classes_are_those_in_most_mistakes),
        cmocka_unit_test(names_never_look_alike),
        cmocka_unit_test(texts_look_alike_where_nothing_is_seen),
        cmocka_unit_test(names_that_are_not_whole_have_a_note),
        cmocka_unit_test(names_keep_what_tells_them_apart),
        cmocka_unit_test(names_that_the_font_lacks_become_numbers),
        IN_FOLDER(many_bars_survive_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
