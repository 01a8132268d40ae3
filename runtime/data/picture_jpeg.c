/* JPEG by libjpeg-turbo. */
#include "data/picture_parts.h"

#include "base/memory.h"

#include <stdio.h>

#include <jpeglib.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

/* More scans than a picture has that is meant to be seen; each may cost a pass over all pixels. */
enum { MOST_SCANS = 200, MARKER_SIZE = 0xffff, EXIF_ID_SIZE = 6 };

/* How libjpeg's messages begin: the header with their codes has functions that banned.h bans. */
static const char out_of_memory[] = "Insufficient memory";
static const char early_end[] = "Premature end of JPEG file";
static const char odd_bytes[] = "Corrupt JPEG data: %u extraneous bytes";
static const char *const harmless[] = {"Warning: unknown JFIF revision",
                                       "Unknown Adobe color transform"};

struct jpeg_decoder {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    const struct picture_source *source;
    uint8_t *row; /* [width,4] of CMYK */
    struct picture *picture;
    bool in_pixels; /* past the header */
    struct error *err;
};

static void jpeg_fail_with(struct jpeg_decoder *decoder, const char *why)
{
    if (decoder->err->kind == ERR_NONE)
        picture_broken(decoder->source, "JPEG", why, decoder->err);
    longjmp(decoder->failed, 1);
}

static bool jpeg_says(j_common_ptr jpeg, const char *beginning)
{
    const struct jpeg_error_mgr *errors = jpeg->err;
    return errors->msg_code > 0 && errors->msg_code <= errors->last_jpeg_message &&
           strncmp(errors->jpeg_message_table[errors->msg_code], beginning, strlen(beginning)) == 0;
}

static void jpeg_fail(j_common_ptr jpeg)
{
    struct jpeg_decoder *decoder = jpeg->client_data;
    char message[JMSG_LENGTH_MAX];
    if (jpeg_says(jpeg, out_of_memory))
        error_set(decoder->err, ERR_MEMORY, "out of memory for the picture '%s'",
                  decoder->source->name);
    jpeg->err->format_message(jpeg, message);
    jpeg_fail_with(decoder, message);
}

/* Warnings have a level below 0, and are of lost pixels but for what is listed. */
static void jpeg_warn(j_common_ptr jpeg, int level)
{
    const struct jpeg_decoder *decoder = jpeg->client_data;
    if (level >= 0 || (jpeg_says(jpeg, odd_bytes) && !decoder->in_pixels))
        return;
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++)
        if (jpeg_says(jpeg, harmless[i]))
            return;
    if (jpeg_says(jpeg, early_end))
        jpeg_fail_with(jpeg->client_data, "it ends too early");
    jpeg_fail(jpeg);
}

static void jpeg_print(j_common_ptr jpeg)
{
    (void)jpeg;
}

static void jpeg_count_scans(j_common_ptr jpeg)
{
    struct jpeg_decoder *decoder = jpeg->client_data;
    if (decoder->jpeg.input_scan_number > MOST_SCANS)
        jpeg_fail_with(decoder, "it has too many scans");
}

static int jpeg_orientation(const struct jpeg_decompress_struct *jpeg)
{
    for (jpeg_saved_marker_ptr marker = jpeg->marker_list; marker != NULL; marker = marker->next)
        if (marker->marker == JPEG_APP0 + 1 && marker->data_length >= EXIF_ID_SIZE &&
            memcmp(marker->data, "Exif\0\0", EXIF_ID_SIZE) == 0)
            return picture_exif(marker->data + EXIF_ID_SIZE, marker->data_length - EXIF_ID_SIZE);
    return PICTURE_UPRIGHT;
}

/* The bytes are the inks inverted: 255 is none. */
static void cmyk_to_rgb(const uint8_t *cmyk, int64_t count, uint8_t *rgb)
{
    for (int64_t i = 0; i < count; i++) {
        const unsigned no_black = cmyk[4 * i + 3];
        for (int channel = 0; channel < 3; channel++) {
            const unsigned ink = 255u - cmyk[4 * i + channel];
            rgb[3 * i + channel] = (uint8_t)(no_black - (ink * no_black + 127) / 255);
        }
    }
}

static void jpeg_read_rows(struct jpeg_decoder *decoder)
{
    struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
    struct picture *picture = decoder->picture;
    const bool is_cmyk = jpeg->out_color_space == JCS_CMYK;
    if (picture_new(jpeg->output_height, jpeg->output_width, picture, decoder->err) < 0)
        longjmp(decoder->failed, 1);
    decoder->row = memory_new((size_t)picture->width, 4, decoder->err);
    if (decoder->row == NULL)
        longjmp(decoder->failed, 1);
    for (int64_t y = 0; y < picture->height; y++) {
        uint8_t *to = picture->pixels + y * picture->width * 3;
        JSAMPROW row = is_cmyk ? decoder->row : to;
        jpeg_read_scanlines(jpeg, &row, 1);
        if (is_cmyk)
            cmyk_to_rgb(decoder->row, picture->width, to);
    }
}

/* Everything that libjpeg may leave by a long jump. */
static int jpeg_decode(struct jpeg_decoder *decoder, int *orientation)
{
    struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
    const struct picture_source *source = decoder->source;
    if (setjmp(decoder->failed))
        return -1;
    jpeg_create_decompress(jpeg);
    jpeg->progress = &decoder->progress;
    jpeg_mem_src(jpeg, source->bytes, (unsigned long)source->size);
    jpeg_save_markers(jpeg, JPEG_APP0 + 1, MARKER_SIZE);
    jpeg_read_header(jpeg, TRUE);
    decoder->in_pixels = true;
    if (picture_check_size(source->name, jpeg->image_height, jpeg->image_width, decoder->err) < 0)
        longjmp(decoder->failed, 1);
    *orientation = jpeg_orientation(jpeg);
    jpeg->dct_method = JDCT_ISLOW;
    jpeg->do_fancy_upsampling = TRUE;
    jpeg->out_color_space = jpeg->num_components == 4 ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(jpeg);
    jpeg_read_rows(decoder);
    jpeg_finish_decompress(jpeg);
    return 0;
}

int picture_jpeg(const struct picture_source *source, struct picture *picture, int *orientation,
                 struct error *err)
{
    struct error found = {0};
    struct jpeg_decoder decoder = {.source = source, .picture = picture, .err = &found};
    decoder.jpeg.client_data = &decoder; /* jpeg_create_decompress keeps these two */
    decoder.jpeg.err = jpeg_std_error(&decoder.errors);
    decoder.errors.error_exit = jpeg_fail;
    decoder.errors.emit_message = jpeg_warn;
    decoder.errors.output_message = jpeg_print;
    decoder.progress.progress_monitor = jpeg_count_scans;
    int result = jpeg_decode(&decoder, orientation);
    jpeg_destroy_decompress(&decoder.jpeg);
    free(decoder.row);
    if (result < 0)
        *err = found;
    return result;
}
