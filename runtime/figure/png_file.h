/* PNG (ISO/IEC 15948) by libpng with every choice fixed: 8-bit RGB, one filter, one compression
 * level, the resolution and no other ancillary chunk. Equal pixels give equal bytes under one
 * libpng and zlib.
 */
#ifndef FIGURE_PNG_FILE_H
#define FIGURE_PNG_FILE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* pixels [height,stride] words 0xXXRRGGBB, as cairo keeps them. The file appears complete or not at
 * all. */
int png_file_write(const char *path, const uint32_t *pixels, size_t width, size_t height,
                   size_t stride, unsigned dpi, struct error *err);

/* The same to an open stream. `name` is for messages. */
int png_file_encode(FILE *stream, const char *name, const uint32_t *pixels, size_t width,
                    size_t height, size_t stride, unsigned dpi, struct error *err);

#endif
