#include "figure/png_file.h"

#include "base/file.h"
#include "base/memory.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>

/* Level and filter that serve flat areas and pictures made of squares well; fixed, because they
 * decide the bytes. */
enum { COMPRESSION_LEVEL = 6, FILTER = PNG_FILTER_UP };

struct encoder {
    png_structp png;
    png_infop info;
    uint8_t *row; /* [width,3] */
    const char *name;
    struct error *err;
};

static void fail(png_structp png, png_const_charp message)
{
    struct encoder *encoder = png_get_error_ptr(png);
    /* A failed allocation has its message already. */
    if (encoder->err->kind != ERR_MEMORY)
        error_set(encoder->err, ERR_IO, "cannot write '%s': libpng: %s", encoder->name, message);
    png_longjmp(png, 1);
}

static void ignore_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static png_voidp allocate(png_structp png, png_alloc_size_t size)
{
    struct encoder *encoder = png_get_mem_ptr(png);
    return memory_new(size, 1, encoder->err);
}

static void release(png_structp png, png_voidp memory)
{
    (void)png;
    free(memory);
}

/* Everything that libpng may leave by a long jump. */
static int encode(struct encoder *encoder, FILE *stream, const uint32_t *pixels, size_t width,
                  size_t height, size_t stride, unsigned dpi)
{
    png_structp png = encoder->png;
    if (setjmp(png_jmpbuf(png)))
        return -1;
    png_init_io(png, stream);
    png_set_compression_level(png, COMPRESSION_LEVEL);
    png_set_filter(png, PNG_FILTER_TYPE_BASE, FILTER);
    png_set_IHDR(png, encoder->info, (png_uint_32)width, (png_uint_32)height, 8, PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_uint_32 per_metre = (png_uint_32)(dpi / 0.0254 + 0.5);
    png_set_pHYs(png, encoder->info, per_metre, per_metre, PNG_RESOLUTION_METER);
    png_write_info(png, encoder->info);
    for (size_t y = 0; y < height; y++) {
        for (size_t x = 0; x < width; x++) {
            uint32_t pixel = pixels[y * stride + x];
            encoder->row[3 * x] = (uint8_t)(pixel >> 16);
            encoder->row[3 * x + 1] = (uint8_t)(pixel >> 8);
            encoder->row[3 * x + 2] = (uint8_t)pixel;
        }
        png_write_row(png, encoder->row);
    }
    png_write_end(png, NULL);
    return 0;
}

int png_file_encode(FILE *stream, const char *name, const uint32_t *pixels, size_t width,
                    size_t height, size_t stride, unsigned dpi, struct error *err)
{
    int result = -1;
    struct encoder encoder = {.name = name, .err = err};
    err->kind = ERR_NONE;
    encoder.png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &encoder, fail, ignore_warning,
                                            &encoder, allocate, release);
    if (encoder.png == NULL || (encoder.info = png_create_info_struct(encoder.png)) == NULL) {
        if (err->kind == ERR_NONE)
            error_set(err, ERR_DEVICE, "cannot write '%s': libpng did not start", name);
        goto done;
    }
    if ((encoder.row = memory_new(width, 3, err)) == NULL)
        goto done;
    result = encode(&encoder, stream, pixels, width, height, stride, dpi);
done:
    if (encoder.png != NULL)
        png_destroy_write_struct(&encoder.png, &encoder.info);
    free(encoder.row);
    return result;
}

int png_file_write(const char *path, const uint32_t *pixels, size_t width, size_t height,
                   size_t stride, unsigned dpi, struct error *err)
{
    struct file_writer writer;
    if (file_create(&writer, path, err) < 0)
        return -1;
    int result = png_file_encode(writer.stream, path, pixels, width, height, stride, dpi, err);
    if (result == 0)
        result = file_commit(&writer, err);
    file_abandon(&writer);
    return result;
}
