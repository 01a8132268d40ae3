/* Folders to draw into and PNG files to look at. Test code: anything wrong fails the running test.
 */
#ifndef TESTS_FIGURE_DRAWN_H
#define TESTS_FIGURE_DRAWN_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A fresh folder per test; cmocka's setup and teardown. */
int drawn_make_folder(void **state);
int drawn_remove_folder(void **state);

/* Path of a file in it; valid until the next call with the same slot, 0 or 1. */
const char *drawn_path(int slot, const char *name);
size_t drawn_file_count(void);

struct drawn {
    uint8_t *rgb; /* [height,width,3] */
    size_t width, height;
};
void drawn_read(const char *path, struct drawn *drawn);
void drawn_release(struct drawn *drawn);

/* The pixel in the middle of a unit of the canvas. */
const uint8_t *drawn_at(const struct drawn *drawn, double x, double y);
bool drawn_is(const uint8_t *pixel, uint8_t r, uint8_t g, uint8_t b);

/* Pixels of exactly this colour, left of column `limit` where it isn't 0; box is left, top, right,
 * bottom of them, in pixels and exclusive at the right and bottom. */
size_t drawn_find(const struct drawn *drawn, const uint8_t rgb[3], size_t limit, size_t box[4]);

void drawn_assert_equal_files(const char *a, const char *b);

/* Draws with each allocation failing once, at least `least` of them: an error and no file, or the
 * same file as without the failure. */
void drawn_assert_survives_allocation_failures(int (*draw)(const char *path, struct error *err),
                                               unsigned least);

#endif
