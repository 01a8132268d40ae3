/* Makes pictures to import, for pictures.sh: generated scenes of 96 to 160 pixels a side with some
 * noise, every other one JPEG (quality 85, halved chroma) and PNG, in ten class folders.
 *
 *   bench_pictures FOLDER FIRST COUNT
 */
#include "base/file.h"
#include "data/cifar10.h"
#include "data/picture.h"
#include "data/scene.h"

#include <jpeglib.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>

enum { SMALLEST = 96, SPREAD = 65, NOISE = 9 };

static int draw(uint32_t index, struct picture *picture, struct error *err)
{
    struct scene scene;
    uint8_t pixels[3 * SCENE_PIXELS];
    const struct picture small = {pixels, SCENE_SIDE, SCENE_SIDE};
    scene_draw(silhouette_of(FAMILY_OBJECTS, (int)(index % 10)), 1, 0, index, &scene);
    cifar10_interleave(scene.planes[0], pixels);
    if (picture_resize(&small, SMALLEST + index * 7 % SPREAD, SMALLEST + index * 11 % SPREAD,
                       picture, err) < 0)
        return -1;
    uint32_t noise = index * 2654435761u + 1;
    for (int64_t i = 0; i < picture->height * picture->width * 3; i++) {
        noise = noise * 1664525u + 1013904223u;
        const int value = picture->pixels[i] + (int)(noise >> 24) % NOISE - NOISE / 2;
        picture->pixels[i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
    return 0;
}

/* libjpeg ends the program where it can't write. */
static int write_jpeg(const char *path, const struct picture *picture, struct error *err)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    FILE *stream = fopen(path, "wbe");
    if (stream == NULL)
        return error_errno(err, "cannot write '%s'", path);
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, stream);
    jpeg.image_width = (JDIMENSION)picture->width;
    jpeg.image_height = (JDIMENSION)picture->height;
    jpeg.input_components = 3;
    jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 85, TRUE);
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < jpeg.image_height) {
        JSAMPROW row = picture->pixels + (int64_t)jpeg.next_scanline * picture->width * 3;
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    return fclose(stream) == 0 ? 0 : error_errno(err, "cannot write '%s'", path);
}

static int write_png(const char *path, const struct picture *picture, struct error *err)
{
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)picture->width,
                       .height = (png_uint_32)picture->height,
                       .format = PNG_FORMAT_RGB};
    return png_image_write_to_file(&image, path, 0, picture->pixels, 0, NULL) != 0
               ? 0
               : error_set(err, ERR_IO, "cannot write '%s': %s", path, image.message);
}

static int make(const char *folder, uint32_t index, struct error *err)
{
    struct picture picture = {0};
    char path[4096];
    const bool png = index / 10 % 2 != 0;
    snprintf(path, sizeof(path), "%s/class%u/%06u.%s", folder, index % 10, index,
             png ? "png" : "jpg");
    int result = draw(index, &picture, err);
    if (result == 0 && (result = file_make_parents(path, err)) == 0)
        result = png ? write_png(path, &picture, err) : write_jpeg(path, &picture, err);
    picture_release(&picture);
    return result;
}

int main(int argc, char **argv)
{
    struct error err = {0};
    if (argc != 4) {
        fprintf(stderr, "usage: bench_pictures FOLDER FIRST COUNT\n");
        return 2;
    }
    const uint32_t first = (uint32_t)strtoul(argv[2], NULL, 10);
    const uint32_t count = (uint32_t)strtoul(argv[3], NULL, 10);
    for (uint32_t i = 0; i < count; i++)
        if (make(argv[1], first + i, &err) < 0) {
            fprintf(stderr, "bench_pictures: %s\n", err.message);
            return 1;
        }
    return 0;
}
