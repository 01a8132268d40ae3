/* Against Pillow: tests/golden/pictures. */
#include "data/picture.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/memory.h"
#include "golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

static const char pictures[] = "tests/golden/pictures";

static void digest_of(const struct picture *picture, char hex[DIGEST_HEX_SIZE])
{
    struct digest digest;
    struct error err = {0};
    assert_int_equal(digest_of_bytes(picture->pixels,
                                     (size_t)(picture->height * picture->width * 3), &digest, &err),
                     0);
    digest_to_hex(&digest, hex);
    hex[16] = '\0';
}

static struct picture read_golden(const char *name)
{
    struct picture picture = {0};
    struct error err = {0};
    char *path = file_join(pictures, name, &err);
    if (picture_read(path, &picture, &err) < 0)
        fail_msg("%s", err.message);
    free(path);
    return picture;
}

static char *bytes_of(const char *name, size_t *size)
{
    char *bytes, *path;
    struct error err = {0};
    path = file_join(pictures, name, &err);
    assert_int_equal(file_read(path, 1 << 20, &bytes, size, &err), 0);
    free(path);
    return bytes;
}

static void pictures_are_what_pillow_reads(void **state)
{
    (void)state;
    int read = 0, fitted = 0;
    char *text = golden_read("pictures/pictures.txt");
    for (char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
        char name[64], expected[17], hex[DIGEST_HEX_SIZE], fit[16], fit_expected[17];
        long long h, w, to_h, to_w;
        line += *line == '\n';
        int words = sscanf(line, "%63s %lld %lld %16s fit %lld %lld %15s %16s", name, &h, &w,
                           expected, &to_h, &to_w, fit, fit_expected);
        if (words != 4 && words != 8)
            continue;
        struct picture picture = read_golden(name), to = {0};
        struct error err = {0};
        assert_int_equal(picture.height, h);
        assert_int_equal(picture.width, w);
        digest_of(&picture, hex);
        if (strcmp(hex, expected) != 0)
            fail_msg("%s: pixels differ from Pillow's", name);
        read++;
        for (int i = 0; words == 8 && i < 3; i++) {
            if (strcmp(picture_fit_names[i], fit) != 0)
                continue;
            assert_int_equal(picture_fit(&picture, to_h, to_w, (enum picture_fit)i, &to, &err), 0);
            digest_of(&to, hex);
            if (strcmp(hex, fit_expected) != 0)
                fail_msg("%s to %lld x %lld by %s differs from Pillow's", name, to_h, to_w, fit);
            picture_release(&to);
            fitted++;
        }
        picture_release(&picture);
    }
    free(text);
    assert_true(read >= 35);
    assert_true(fitted >= 54);
}

static void a_picture_cut_anywhere_is_broken(void **state)
{
    (void)state;
    static const char *const names[] = {"rgba.png", "interlaced_rgb.png", "palette_2.png",
                                        "baseline_2.jpg", "progressive_0.jpg"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t size;
        char *bytes = bytes_of(names[i], &size);
        for (size_t cut = 0; cut < size; cut++) {
            struct picture picture = {0};
            struct error err = {0};
            char *part = malloc(cut + 1);
            assert_non_null(part);
            memcpy(part, bytes, cut);
            if (picture_decode(part, cut, "cut", &picture, &err) == 0)
                fail_msg("%s: %zu of %zu bytes pass", names[i], cut, size);
            assert_int_equal(err.kind, ERR_FORMAT);
            assert_null(picture.pixels);
            free(part);
        }
        free(bytes);
    }
}

static void what_follows_the_end_is_not_looked_at(void **state)
{
    (void)state;
    static const char *const names[] = {"rgba.png", "baseline_2.jpg"};
    for (int i = 0; i < 2; i++) {
        size_t size;
        struct picture picture = {0};
        struct error err = {0};
        char *bytes = bytes_of(names[i], &size), *more = malloc(size + 100);
        assert_non_null(more);
        memcpy(more, bytes, size);
        memset(more + size, 'x', 100);
        assert_int_equal(picture_decode(more, size + 100, "more", &picture, &err), 0);
        picture_release(&picture);
        free(more);
        free(bytes);
    }
}

static void a_wrong_check_sum_is_damage(void **state)
{
    (void)state;
    size_t size;
    struct picture picture = {0};
    struct error err = {0};
    char *bytes = bytes_of("palette_trns.png", &size);
    char *trns = memmem(bytes, size, "tRNS", 4);
    assert_non_null(trns);
    trns[4] ^= 1;
    assert_int_equal(picture_decode(bytes, size, "a.png", &picture, &err), -1);
    assert_string_equal(err.message, "'a.png' is a broken PNG picture: tRNS: CRC error");
    free(bytes);
}

/* The size in the header, and no data that could fill it. */
static void a_large_picture_is_refused_before_memory_is_taken(void **state)
{
    (void)state;
    static const char png[] =
        "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\xff\xdc\0\0\x10\x02\x08\x02\0\0\0";
    size_t size;
    struct picture picture = {0};
    struct error err = {0};
    char *jpeg = bytes_of("baseline_0.jpg", &size);
    char *frame = memmem(jpeg, size, "\xff\xc0", 2);
    assert_non_null(frame);
    memcpy(frame + 5, "\xff\xdc\xff\xdc", 4);
    assert_int_equal(picture_decode(jpeg, size, "a.jpg", &picture, &err), -1);
    assert_string_equal(err.message,
                        "'a.jpg' is a picture of 65500 x 65500 pixels; at most 65500 a "
                        "side and 268435456 in all are read: make it smaller");
    free(jpeg);
    assert_int_equal(picture_decode(png, sizeof png - 1, "a.png", &picture, &err), -1);
    assert_int_equal(err.kind, ERR_FORMAT);
    assert_int_equal(picture_new(65500, 4099, &picture, &err), -1);
}

static void other_files_are_named_with_the_way_out(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *message;
        size_t size;
    } others[] = {
        {"RIFF\1\0\0\0WEBPVP8 ",
         "'f' is a WebP picture; save it as PNG or JPEG ('dwebp FILE -o FILE.png')", 16},
        {"GIF89a", "'f' is a GIF picture; save it as PNG or JPEG", 6},
        {"II*\0", "'f' is a TIFF picture, or a camera's raw one; save it as PNG or JPEG", 4},
        {"\0\0\0\x18"
         "ftypheic",
         "'f' is a HEIC picture; save it as PNG or JPEG ('heif-convert FILE FILE.png')", 12},
        {"BM\x3a\0\0\0\0\0\0\0", "'f' is a BMP picture; save it as PNG or JPEG", 10},
        {"<?xml version='1.0'?><svg>",
         "'f' is a drawing (SVG), not a picture of pixels; save it as PNG or JPEG", 26},
        {"<!DOCTYPE html><html>",
         "'f' is a web page (HTML), not a picture; take the link that leads to the picture itself",
         21},
        {"", "'f' is an empty file, not a picture", 0},
        {"hello", "'f' is neither a PNG nor a JPEG picture", 5},
        {"\x89PNG\n\x1a\n\n",
         "'f' is a broken PNG picture: its line ends were changed, as by a transfer as text", 8},
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct picture picture = {0};
        struct error err = {0};
        assert_int_equal(picture_decode(others[i].bytes, others[i].size, "f", &picture, &err), -1);
        assert_string_equal(err.message, others[i].message);
    }
}

static void a_file_is_named_as_it_was_given(void **state)
{
    (void)state;
    struct picture picture = {0};
    struct error err = {0};
    assert_int_equal(picture_read("tests/golden/pictures/pictures.txt", &picture, &err), -1);
    assert_string_equal(err.message,
                        "'tests/golden/pictures/pictures.txt' is neither a PNG nor a JPEG picture");
    assert_int_equal(picture_read("tests/golden", &picture, &err), -1);
    assert_string_equal(err.message, "'tests/golden' is not a regular file");
    assert_int_equal(picture_read("tests/none.png", &picture, &err), -1);
    assert_int_equal(err.kind, ERR_IO);
}

static void every_failed_allocation_is_an_error(void **state)
{
    (void)state;
    static const char *const names[] = {"interlaced_rgba.png", "exif_6.png", "exif_5.jpg"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t size;
        unsigned injected = 1;
        char *bytes = bytes_of(names[i], &size);
        for (unsigned after = 1; injected > 0; after++) {
            struct picture picture = {0};
            struct error err = {0};
            memory_fail_after(after);
            int result = picture_decode(bytes, size, "f", &picture, &err);
            injected = memory_fail_after(0);
            assert_int_equal(result, injected > 0 ? -1 : 0);
            assert_int_equal(err.kind, injected > 0 ? ERR_MEMORY : ERR_NONE);
            picture_release(&picture);
            assert_true(after > 1 || injected > 0);
        }
        free(bytes);
    }
}

static void names_of_pictures_are_known_in_any_case(void **state)
{
    (void)state;
    assert_true(picture_is_name("a/b.png") && picture_is_name("B.JPG") &&
                picture_is_name("x.jpeg"));
    assert_true(picture_is_name("x.y.Jpe") && picture_is_name("x.jfif"));
    assert_false(picture_is_name("png") || picture_is_name("a.png/b") || picture_is_name("x.gif"));
    assert_false(picture_is_name(".png") || picture_is_name("a/.jpg"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_are_what_pillow_reads),
        cmocka_unit_test(a_picture_cut_anywhere_is_broken),
        cmocka_unit_test(what_follows_the_end_is_not_looked_at),
        cmocka_unit_test(a_wrong_check_sum_is_damage),
        cmocka_unit_test(a_large_picture_is_refused_before_memory_is_taken),
        cmocka_unit_test(other_files_are_named_with_the_way_out),
        cmocka_unit_test(a_file_is_named_as_it_was_given),
        cmocka_unit_test(every_failed_allocation_is_an_error),
        cmocka_unit_test(names_of_pictures_are_known_in_any_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
