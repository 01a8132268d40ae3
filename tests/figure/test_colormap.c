#include "figure/colormap.h"
#include "tap.h"

#include <math.h>
#include <stdio.h>

/* Rows of `index,red,green,blue`; tests/golden/colormap/generate.py makes them with matplotlib. */
static void assert_equals_golden(const char *path, struct colour (*entry)(int index))
{
    FILE *file = fopen(path, "r");
    char line[128];
    int rows = 0;
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file)); /* the heading */
    while (fgets(line, sizeof(line), file) != NULL) {
        int index;
        struct colour want;
        assert_int_equal(sscanf(line, "%d,%lf,%lf,%lf", &index, &want.r, &want.g, &want.b), 4);
        struct colour is = entry(index);
        if (is.r != want.r || is.g != want.g || is.b != want.b)
            fail_msg("entry %d is %.17g,%.17g,%.17g", index, is.r, is.g, is.b);
        rows++;
    }
    fclose(file);
    assert_int_equal(rows, 256);
}

static struct colour jet_entry(int index)
{
    return colormap_heat(COLORMAP_JET, (uint8_t)index);
}

/* The middle of an entry's share of [0,1]. */
static struct colour blues_entry(int index)
{
    return colormap_blues((index + 0.5) / 256);
}

static void jet_equals_matplotlib_bit_for_bit(void **state)
{
    (void)state;
    assert_equals_golden("tests/golden/colormap/jet.csv", jet_entry);
}

static void viridis_equals_matplotlib_as_a_png_stores_it(void **state)
{
    (void)state;
    FILE *file = fopen("tests/golden/colormap/viridis.csv", "r");
    char line[128];
    int rows = 0;
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file)); /* the heading */
    for (; fgets(line, sizeof(line), file) != NULL; rows++) {
        int index;
        struct colour want;
        uint8_t wanted[3], found[3];
        assert_int_equal(sscanf(line, "%d,%lf,%lf,%lf", &index, &want.r, &want.g, &want.b), 4);
        colour_to_bytes(want, wanted);
        colour_to_bytes(colormap_heat(COLORMAP_VIRIDIS, (uint8_t)index), found);
        assert_memory_equal(found, wanted, 3);
    }
    fclose(file);
    assert_int_equal(rows, 256);
}

static void blues_equals_matplotlib_bit_for_bit(void **state)
{
    (void)state;
    assert_equals_golden("tests/golden/colormap/blues.csv", blues_entry);
}

static void blues_cuts_what_is_out_of_range(void **state)
{
    (void)state;
    assert_true(colormap_blues(-1).r == colormap_blues(0).r);
    assert_true(colormap_blues(NAN).r == colormap_blues(0).r);
    assert_true(colormap_blues(7).b == colormap_blues(1).b);
    assert_true(colormap_blues(1).b == 107 / 255.0);
}

static void blues_darkens_steadily(void **state)
{
    (void)state;
    for (int i = 1; i < 256; i++)
        assert_true(colour_luminance(blues_entry(i)) < colour_luminance(blues_entry(i - 1)));
}

static void palette_has_ten_colours_and_repeats(void **state)
{
    (void)state;
    uint8_t rgb[3];
    for (size_t i = 0; i < 10; i++)
        for (size_t j = 0; j < i; j++)
            assert_true(fabs(colormap_deep(i).r - colormap_deep(j).r) +
                            fabs(colormap_deep(i).g - colormap_deep(j).g) >
                        0.02);
    colour_to_bytes(colormap_deep(10), rgb);
    assert_int_equal(rgb[0] << 16 | rgb[1] << 8 | rgb[2], 0x4c72b0);
}

static void bytes_round_and_cut(void **state)
{
    (void)state;
    uint8_t rgb[3];
    colour_to_bytes((struct colour){0.4999 / 255, 0.5001 / 255, 2}, rgb);
    assert_int_equal(rgb[0], 0);
    assert_int_equal(rgb[1], 1);
    assert_int_equal(rgb[2], 255);
    colour_to_bytes((struct colour){-1, NAN, 1}, rgb);
    assert_int_equal(rgb[0], 0);
    assert_int_equal(rgb[1], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jet_equals_matplotlib_bit_for_bit),
        cmocka_unit_test(viridis_equals_matplotlib_as_a_png_stores_it),
        cmocka_unit_test(blues_equals_matplotlib_bit_for_bit),
        cmocka_unit_test(blues_cuts_what_is_out_of_range),
        cmocka_unit_test(blues_darkens_steadily),
        cmocka_unit_test(palette_has_ten_colours_and_repeats),
        cmocka_unit_test(bytes_round_and_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
