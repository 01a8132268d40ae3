#include "figure/drawn.h"

#include "base/file.h"
#include "base/memory.h"
#include "tap.h"

#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/reprise-test-XXXXXX";

int drawn_make_folder(void **state)
{
    (void)state;
    memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
    return mkdtemp(folder) != NULL ? 0 : -1;
}

int drawn_remove_folder(void **state)
{
    (void)state;
    struct error err;
    return file_remove(folder, &err);
}

const char *drawn_path(int slot, const char *name)
{
    static char paths[2][256];
    snprintf(paths[slot], sizeof(paths[slot]), "%s/%s", folder, name);
    return paths[slot];
}

size_t drawn_file_count(void)
{
    struct error err;
    char **names;
    size_t count;
    assert_int_equal(file_list(folder, &names, &count, &err), 0);
    file_free_names(names, count);
    return count;
}

void drawn_read(const char *path, struct drawn *drawn)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    assert_int_not_equal(png_image_begin_read_from_file(&image, path), 0);
    image.format = PNG_FORMAT_RGB;
    drawn->rgb = malloc(PNG_IMAGE_SIZE(image));
    assert_non_null(drawn->rgb);
    assert_int_not_equal(png_image_finish_read(&image, NULL, drawn->rgb, 0, NULL), 0);
    drawn->width = image.width;
    drawn->height = image.height;
}

void drawn_release(struct drawn *drawn)
{
    free(drawn->rgb);
    drawn->rgb = NULL;
}

const uint8_t *drawn_at(const struct drawn *drawn, double x, double y)
{
    size_t column = (size_t)(x * 2), row = (size_t)(y * 2);
    assert_true(column < drawn->width && row < drawn->height);
    return drawn->rgb + (row * drawn->width + column) * 3;
}

bool drawn_is(const uint8_t *pixel, uint8_t r, uint8_t g, uint8_t b)
{
    return pixel[0] == r && pixel[1] == g && pixel[2] == b;
}

size_t drawn_find(const struct drawn *drawn, const uint8_t rgb[3], size_t limit, size_t box[4])
{
    size_t count = 0;
    box[0] = drawn->width;
    box[1] = drawn->height;
    box[2] = box[3] = 0;
    for (size_t y = 0; y < drawn->height; y++) {
        for (size_t x = 0; x < (limit > 0 ? limit : drawn->width); x++) {
            if (memcmp(drawn->rgb + (y * drawn->width + x) * 3, rgb, 3) != 0)
                continue;
            count++;
            box[0] = x < box[0] ? x : box[0];
            box[1] = y < box[1] ? y : box[1];
            box[2] = x + 1 > box[2] ? x + 1 : box[2];
            box[3] = y + 1 > box[3] ? y + 1 : box[3];
        }
    }
    return count;
}

void drawn_assert_equal_files(const char *a, const char *b)
{
    struct error err;
    char *first, *second;
    size_t first_size, second_size;
    assert_int_equal(file_read(a, 1 << 26, &first, &first_size, &err), 0);
    assert_int_equal(file_read(b, 1 << 26, &second, &second_size, &err), 0);
    assert_int_equal(first_size, second_size);
    assert_memory_equal(first, second, first_size);
    free(first);
    free(second);
}

void drawn_assert_survives_allocation_failures(int (*draw)(const char *path, struct error *err),
                                               unsigned least)
{
    unsigned injected = 0;
    struct error err = {0};
    const char *path = drawn_path(0, "failing.png"), *whole = drawn_path(1, "whole.png");
    if (draw(whole, &err) < 0)
        fail_msg("%s", err.message);
    for (unsigned after = 1;; after++) {
        memory_fail_after(after);
        int result = draw(path, &err);
        if (memory_fail_after(0) == 0)
            break;
        injected++;
        /* Once the file is in its place, flushing its folder is only an attempt. */
        if (result == 0)
            drawn_assert_equal_files(path, whole);
        else
            assert_int_equal(err.kind, ERR_MEMORY);
        assert_int_equal(drawn_file_count(), result == 0 ? 2 : 1);
        assert_int_equal(file_remove(path, &err), 0);
    }
    assert_true(injected >= least);
}
