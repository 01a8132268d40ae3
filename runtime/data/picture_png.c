/* PNG by libpng. Chunks that say nothing of the pixels are not read, so that what libpng then warns
 * of is damage. */
#include "data/picture_parts.h"

#include "base/memory.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

/* Deflate makes at most so many bytes of one (zlib's technical details). */
enum { MOST_INFLATED = 1032 };

struct png_decoder {
    const struct picture_source *source;
    size_t at;
    png_structp png;
    png_infop info, end;
    uint8_t *row; /* [width,channels], of a picture that is not interlaced */
    struct picture *picture;
    char damage[128]; /* the first warning, or empty */
    struct error *err;
};

static void png_fail(png_structp png, png_const_charp message)
{
    struct png_decoder *decoder = png_get_error_ptr(png);
    /* A failed allocation and a refusal of ours have their message already. */
    if (decoder->err->kind == ERR_NONE)
        picture_broken(decoder->source, "PNG", message, decoder->err);
    png_longjmp(png, 1);
}

static void png_warn(png_structp png, png_const_charp message)
{
    struct png_decoder *decoder = png_get_error_ptr(png);
    /* More data than pixels harm none of them; nor does a bad orientation. */
    if (strstr(message, "xtra compressed data") != NULL ||
        strstr(message, "oo much image data") != NULL || strncmp(message, "eXIf", 4) == 0)
        return;
    if (*decoder->damage == '\0')
        snprintf(decoder->damage, sizeof decoder->damage, "%s", message);
}

static png_voidp png_allocate(png_structp png, png_alloc_size_t size)
{
    struct png_decoder *decoder = png_get_mem_ptr(png);
    return memory_new(size, 1, decoder->err);
}

static void png_release(png_structp png, png_voidp memory)
{
    (void)png;
    free(memory);
}

static void png_supply(png_structp png, png_bytep to, size_t size)
{
    struct png_decoder *decoder = png_get_io_ptr(png);
    if (decoder->source->size - decoder->at < size)
        png_error(png, "it ends too early");
    memcpy(to, decoder->source->bytes + decoder->at, size);
    decoder->at += size;
}

/* As RGB or RGBA of 8 bits. */
static void ask_for_rgb(png_structp png, png_infop info)
{
    const bool transparent = png_get_valid(png, info, PNG_INFO_tRNS) != 0;
    png_set_palette_to_rgb(png);
    png_set_expand_gray_1_2_4_to_8(png);
    if (transparent)
        png_set_tRNS_to_alpha(png);
    png_set_strip_16(png);
    png_set_gray_to_rgb(png);
}

/* Before memory is taken: the size, and whether so few bytes can hold it. */
static void check_header(struct png_decoder *decoder)
{
    const struct picture_source *source = decoder->source;
    const int64_t height = png_get_image_height(decoder->png, decoder->info);
    const int64_t width = png_get_image_width(decoder->png, decoder->info);
    if (picture_check_size(source->name, height, width, decoder->err) < 0)
        png_error(decoder->png, "size");
    if ((size_t)height * png_get_rowbytes(decoder->png, decoder->info) / MOST_INFLATED >
        source->size)
        png_error(decoder->png, "it ends too early");
}

/* From [count,4] over white to [count,3], which may be the same memory. */
static void lay_over_white(const uint8_t *rgba, int64_t count, uint8_t *rgb)
{
    for (int64_t i = 0; i < count; i++) {
        const unsigned alpha = rgba[4 * i + 3];
        for (int channel = 0; channel < 3; channel++) {
            const unsigned sum = rgba[4 * i + channel] * alpha + 255 * (255 - alpha);
            rgb[3 * i + channel] = (uint8_t)((sum + 127) / 255);
        }
    }
}

static void read_rows(struct png_decoder *decoder, int channels)
{
    struct picture *picture = decoder->picture;
    const int64_t line = picture->width * 3;
    for (int64_t y = 0; y < picture->height; y++) {
        uint8_t *to = picture->pixels + y * line;
        png_read_row(decoder->png, channels == 3 ? to : decoder->row, NULL);
        if (channels == 4)
            lay_over_white(decoder->row, picture->width, to);
    }
}

static void read_passes(struct png_decoder *decoder, int channels, int passes)
{
    struct picture *picture = decoder->picture;
    for (int pass = 0; pass < passes; pass++)
        for (int64_t y = 0; y < picture->height; y++)
            png_read_row(decoder->png, picture->pixels + y * picture->width * channels, NULL);
    if (channels == 4)
        lay_over_white(picture->pixels, picture->height * picture->width, picture->pixels);
}

static void take_orientation(struct png_decoder *decoder, png_infop info, int *orientation)
{
    png_bytep exif = NULL;
    png_uint_32 size = 0;
    if (png_get_eXIf_1(decoder->png, info, &size, &exif) != 0 && exif != NULL)
        *orientation = picture_exif(exif, size);
}

static void read_pixels(struct png_decoder *decoder)
{
    png_structp png = decoder->png;
    struct picture *picture = decoder->picture;
    ask_for_rgb(png, decoder->info);
    const int passes = png_set_interlace_handling(png);
    png_read_update_info(png, decoder->info);
    const int channels = png_get_channels(png, decoder->info);
    ASSERT(channels == 3 || channels == 4);
    picture->height = png_get_image_height(png, decoder->info);
    picture->width = png_get_image_width(png, decoder->info);
    picture->pixels = memory_new((size_t)(picture->height * picture->width),
                                 passes > 1 ? (size_t)channels : 3, decoder->err);
    decoder->row = memory_new((size_t)picture->width, (size_t)channels, decoder->err);
    if (picture->pixels == NULL || decoder->row == NULL)
        png_error(png, "memory");
    if (passes > 1)
        read_passes(decoder, channels, passes);
    else
        read_rows(decoder, channels);
}

/* Everything that libpng may leave by a long jump. */
static int png_decode(struct png_decoder *decoder, int *orientation)
{
    /* Names with their NUL, as libpng wants them. */
    static const png_byte unread[] = "bKGD\0cHRM\0cICP\0gAMA\0hIST\0iCCP\0iTXt\0oFFs\0pCAL\0pHYs\0"
                                     "sBIT\0sCAL\0sPLT\0sRGB\0tEXt\0tIME\0zTXt\0cLLI\0mDCV";
    png_structp png = decoder->png;
    if (setjmp(png_jmpbuf(png)))
        return -1;
    png_set_read_fn(png, decoder, png_supply);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* ours have their own words */
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, unread, sizeof unread / 5);
    png_read_info(png, decoder->info);
    check_header(decoder);
    take_orientation(decoder, decoder->info, orientation);
    read_pixels(decoder);
    png_read_end(png, decoder->end);
    take_orientation(decoder, decoder->end, orientation);
    return 0;
}

int picture_png(const struct picture_source *source, struct picture *picture, int *orientation,
                struct error *err)
{
    struct error found = {0};
    struct png_decoder decoder = {.source = source, .picture = picture, .err = &found};
    int result = -1;
    decoder.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &decoder, png_fail, png_warn,
                                           &decoder, png_allocate, png_release);
    if (decoder.png != NULL && (decoder.info = png_create_info_struct(decoder.png)) != NULL &&
        (decoder.end = png_create_info_struct(decoder.png)) != NULL)
        result = png_decode(&decoder, orientation);
    else if (found.kind == ERR_NONE)
        error_set(&found, ERR_MEMORY, "libpng cannot read '%s'", source->name);
    if (result == 0 && found.kind != ERR_NONE) /* memory that libpng could do without */
        result = -1;
    if (result == 0 && *decoder.damage != '\0')
        result = picture_broken(source, "PNG", decoder.damage, &found);
    png_destroy_read_struct(&decoder.png, &decoder.info, &decoder.end);
    free(decoder.row);
    if (result < 0)
        *err = found;
    return result;
}
