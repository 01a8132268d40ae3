#include "data/picture_fingerprint.h"

#include "base/digest.h"
#include "base/uses.h"
#include "data/picture.h"

#include <jpeglib.h>
#include <png.h>
#include <stdlib.h>

enum { SIDE = 24 };

#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)

/* Halved chroma, and steps of every size: all that a decoder may round otherwise. Writing a picture
 * of sane sides to memory fails for want of memory alone, where libjpeg ends the process. */
static void write_probe(unsigned char **bytes, unsigned long *size)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, bytes, size);
    jpeg.image_width = jpeg.image_height = SIDE;
    jpeg.input_components = 3;
    jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg.comp_info[0].h_samp_factor = jpeg.comp_info[0].v_samp_factor = 2;
    jpeg_start_compress(&jpeg, TRUE);
    for (unsigned y = 0; y < SIDE; y++) {
        JSAMPLE row[3 * SIDE];
        JSAMPROW rows[1] = {row};
        for (unsigned i = 0; i < 3 * SIDE; i++)
            row[i] = (JSAMPLE)((y * y * 7 + i * i * 3 + i * y) >> (i % 3));
        jpeg_write_scanlines(&jpeg, rows, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
}

int picture_fingerprint(FILE *stream, struct error *err)
{
    unsigned char *bytes = NULL;
    unsigned long size = 0;
    struct picture picture = {0};
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    write_probe(&bytes, &size);
    int result = picture_decode(bytes, size, "probe", &picture, err);
    if (result == 0)
        result = digest_of_bytes(picture.pixels, 3 * SIDE * SIDE, &digest, err);
    if (result == 0) {
        digest_to_hex(&digest, hex);
        fprintf(stream, "libpng %s\nlibjpeg-turbo %s\npicture %.16s\n", png_get_libpng_ver(NULL),
                TEXT(LIBJPEG_TURBO_VERSION), hex);
        uses_print_libraries(stream);
    }
    picture_release(&picture);
    free(bytes);
    return result;
}
