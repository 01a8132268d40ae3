#include "data/pil_resize.h"

#include "base/digest.h"
#include "golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

static void pil_resize_enlarges_maps_as_pillow(void **state)
{
    (void)state;
    for (int map = 1; map <= 6; map++) {
        char name[64];
        uint8_t in[49], out[1024];
        int64_t *values;
        struct error err = {0};
        snprintf(name, sizeof(name), "pil_resize/map_%d.txt", map);
        char *text = golden_read(name);
        /* input h w, 49 pixels, output h w, 1024 pixels; the comment line may hold numbers */
        size_t count = golden_ints(strstr(text, "input "), &values);
        assert_int_equal(count, 2 + 49 + 2 + 1024);
        for (int i = 0; i < 49; i++)
            in[i] = (uint8_t)values[2 + i];
        assert_int_equal(pil_resize_bicubic(in, 7, 7, out, 32, 32, &err), 0);
        for (int i = 0; i < 1024; i++)
            assert_int_equal(out[i], values[2 + 49 + 2 + i]);
        free(values);
        free(text);
    }
}

static void pil_resize_equals_pillow_at_many_sizes(void **state)
{
    (void)state;
    static uint8_t in[64 * 64], out[224 * 224];
    int cases = 0;
    char *text = golden_read("pil_resize/sizes.txt");
    for (char *line = text; line != NULL; line = strchr(line, '\n')) {
        long long h, w, out_h, out_w;
        char expected[17], hex[DIGEST_HEX_SIZE];
        struct digest digest;
        struct error err = {0};
        line += *line == '\n';
        if (sscanf(line, "%lld %lld %lld %lld %16s", &h, &w, &out_h, &out_w, expected) != 5)
            continue;
        for (long long i = 0; i < h * w; i++)
            in[i] = (uint8_t)(i * i * 37 + i * 101 + 11 * h + w);
        assert_int_equal(pil_resize_bicubic(in, h, w, out, out_h, out_w, &err), 0);
        assert_int_equal(digest_of_bytes(out, (size_t)(out_h * out_w), &digest, &err), 0);
        digest_to_hex(&digest, hex);
        hex[16] = '\0';
        assert_string_equal(hex, expected);
        cases++;
    }
    assert_true(cases >= 16);
    free(text);
}

static void pil_resize_refuses_an_empty_picture(void **state)
{
    (void)state;
    uint8_t pixel = 0;
    struct error err = {0};
    assert_int_equal(pil_resize_bicubic(&pixel, 0, 1, &pixel, 1, 1, &err), -1);
    assert_string_equal(err.message, "cannot resize a picture of 0 x 1 to 1 x 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pil_resize_enlarges_maps_as_pillow),
        cmocka_unit_test(pil_resize_equals_pillow_at_many_sizes),
        cmocka_unit_test(pil_resize_refuses_an_empty_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
