#include "data/picture_parts.h"

#include "base/file.h"
#include "data/file_kind.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* HEAD_SIZE: enough to tell a kind. FILE_LIMIT: more than a picture within the bounds has. */
enum { HEAD_SIZE = 1024, FILE_LIMIT = 1 << 30 };

#define SAVE_AS "; save it as PNG or JPEG"

/* Bytes at two places of a file that is no picture for us. */
static const struct other_kind {
    const char *bytes, *more;
    int size, at, more_size, more_at;
    const char *what;
} other_kinds[] = {
    {"RIFF", "WEBP", 4, 0, 4, 8, "a WebP picture" SAVE_AS " ('dwebp FILE -o FILE.png')"},
    {"GIF8", "", 4, 0, 0, 0, "a GIF picture" SAVE_AS},
    {"II*\0", "", 4, 0, 0, 0, "a TIFF picture, or a camera's raw one" SAVE_AS},
    {"MM\0*", "", 4, 0, 0, 0, "a TIFF picture, or a camera's raw one" SAVE_AS},
    {"ftyp", "avif", 4, 4, 4, 8, "an AVIF picture" SAVE_AS " ('avifdec FILE FILE.png')"},
    {"ftyp", "avis", 4, 4, 4, 8, "an AVIF picture" SAVE_AS " ('avifdec FILE FILE.png')"},
    {"ftyp", "hei", 4, 4, 3, 8, "a HEIC picture" SAVE_AS " ('heif-convert FILE FILE.png')"},
    {"ftyp", "hev", 4, 4, 3, 8, "a HEIC picture" SAVE_AS " ('heif-convert FILE FILE.png')"},
    {"ftyp", "mif1", 4, 4, 4, 8, "a HEIC picture" SAVE_AS " ('heif-convert FILE FILE.png')"},
    {"ftyp", "msf1", 4, 4, 4, 8, "a HEIC picture" SAVE_AS " ('heif-convert FILE FILE.png')"},
    {"ftyp", "", 4, 4, 0, 0, "a video, not a picture; save single frames as PNG or JPEG"},
    {"\0\0\0\x0cJXL ", "", 8, 0, 0, 0, "a JPEG XL picture" SAVE_AS " ('djxl FILE FILE.png')"},
    {"\xff\x0a", "", 2, 0, 0, 0, "a JPEG XL picture" SAVE_AS " ('djxl FILE FILE.png')"},
    {"\0\0\0\x0cjP  ", "", 8, 0, 0, 0, "a JPEG 2000 picture" SAVE_AS},
    {"\xff\x4f\xff\x51", "", 4, 0, 0, 0, "a JPEG 2000 picture" SAVE_AS},
    {"BM", "\0\0\0\0", 2, 0, 4, 6, "a BMP picture" SAVE_AS},
    {"8BPS", "", 4, 0, 0, 0, "a Photoshop file" SAVE_AS},
    {"\0\0\1\0", "", 4, 0, 0, 0, "an icon (ICO)" SAVE_AS},
    {"%PDF", "", 4, 0, 0, 0, "a PDF document, not a picture" SAVE_AS},
    {"%!PS", "", 4, 0, 0, 0, "a PostScript document, not a picture" SAVE_AS},
    {"PK\3\4", "", 4, 0, 0, 0, "a zip archive, not a picture; unpack it"},
    {"\x1f\x8b", "", 2, 0, 0, 0, "compressed by gzip, not a picture; unpack it"},
    {"ustar", "", 5, 257, 0, 0, "a tar archive, not a picture; unpack it"},
    {"\x93NUMPY", "", 6, 0, 0, 0, "an array of numpy (.npy), not a picture"},
    {"version https://git-lfs.", "", 24, 0, 0, 0,
     "a pointer of Git LFS, not the picture itself; fetch it with 'git lfs pull'"},
};

static bool has(const uint8_t *bytes, size_t size, const char *wanted, int length, int at)
{
    return size >= (size_t)(at + length) && memcmp(bytes + at, wanted, (size_t)length) == 0;
}

const char *picture_other_kind(const uint8_t *bytes, size_t size)
{
    char text[HEAD_SIZE + 1] = "";
    if (size == 0)
        return "an empty file, not a picture";
    for (size_t i = 0; i < sizeof other_kinds / sizeof other_kinds[0]; i++) {
        const struct other_kind *kind = &other_kinds[i];
        if (has(bytes, size, kind->bytes, kind->size, kind->at) &&
            has(bytes, size, kind->more, kind->more_size, kind->more_at))
            return kind->what;
    }
    memcpy(text, bytes, size < HEAD_SIZE ? size : HEAD_SIZE);
    if (strstr(text, "<svg") != NULL)
        return "a drawing (SVG), not a picture of pixels" SAVE_AS;
    if (file_kind_is_page(text))
        return "a web page (HTML), not a picture; take the link that leads to the picture itself";
    return "neither a PNG nor a JPEG picture";
}

int picture_check_size(const char *name, int64_t height, int64_t width, struct error *err)
{
    if (height < 1 || width < 1)
        return error_set(err, ERR_FORMAT, "'%s' is a picture without pixels", name);
    if (height > PICTURE_SIDE || width > PICTURE_SIDE || height * width > PICTURE_PIXELS)
        return error_set(err, ERR_FORMAT,
                         "'%s' is a picture of %lld x %lld pixels; at most %d a side and %d in all "
                         "are read: make it smaller",
                         name, (long long)width, (long long)height, PICTURE_SIDE, PICTURE_PIXELS);
    return 0;
}

int picture_broken(const struct picture_source *source, const char *kind, const char *why,
                   struct error *err)
{
    return error_set(err, ERR_FORMAT, "'%s' is a broken %s picture: %s", source->name, kind, why);
}

typedef int picture_decoder(const struct picture_source *source, struct picture *picture,
                            int *orientation, struct error *err);

static picture_decoder *decoder_of(const uint8_t *bytes, size_t size)
{
    if (has(bytes, size, "\x89PNG\r\n\x1a\n", 8, 0))
        return picture_png;
    return has(bytes, size, "\xff\xd8\xff", 3, 0) ? picture_jpeg : NULL;
}

/* A file cut within its signature, or sent as text, is a broken picture. */
static const char *broken_signature(const uint8_t *bytes, size_t size)
{
    if (size < 8 && size > 0 && memcmp(bytes, "\x89PNG\r\n\x1a\n", size) == 0)
        return "PNG";
    if (size < 3 && size > 0 && memcmp(bytes, "\xff\xd8\xff", size) == 0)
        return "JPEG";
    return has(bytes, size, "\x89PNG", 4, 0) ? "PNG" : NULL;
}

static int refuse(const struct picture_source *source, struct error *err)
{
    const char *kind = broken_signature(source->bytes, source->size);
    if (kind != NULL)
        return picture_broken(source, kind,
                              source->size < 8 ? "it ends too early"
                                               : "its line ends were changed, as by a transfer as "
                                                 "text",
                              err);
    return error_set(err, ERR_FORMAT, "'%s' is %s", source->name,
                     picture_other_kind(source->bytes, source->size));
}

int picture_decode(const void *bytes, size_t size, const char *name, struct picture *picture,
                   struct error *err)
{
    const struct picture_source source = {.bytes = bytes, .size = size, .name = name};
    picture_decoder *decoder = decoder_of(bytes, size);
    struct picture found = {0};
    int orientation = PICTURE_UPRIGHT;
    if (decoder == NULL)
        return refuse(&source, err);
    if (decoder(&source, &found, &orientation, err) < 0 ||
        picture_orient(&found, orientation, err) < 0) {
        picture_release(&found);
        return -1;
    }
    *picture = found;
    return 0;
}

/* Whether the beginning is that of a picture: a large file of another kind is not read whole. */
static int look(const char *path, const char *name, struct error *err)
{
    uint8_t head[HEAD_SIZE];
    struct stat st;
    /* O_NONBLOCK: a named pipe must not hold us up. */
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        error_errno(err, "cannot read '%s'", name);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    const ssize_t size = S_ISREG(st.st_mode) ? pread(fd, head, sizeof head, 0) : 0;
    int result = size < 0 ? error_errno(err, "cannot read '%s'", name) : 0;
    close(fd);
    const struct picture_source source = {head, (size_t)(size < 0 ? 0 : size), name};
    if (result < 0)
        return -1;
    if (!S_ISREG(st.st_mode))
        return error_set(err, ERR_FORMAT, "'%s' is not a regular file", name);
    if (decoder_of(source.bytes, source.size) == NULL)
        return refuse(&source, err);
    return st.st_size <= FILE_LIMIT
               ? 0
               : error_set(err, ERR_FORMAT, "'%s' has %lld bytes, more than the %d allowed", name,
                           (long long)st.st_size, FILE_LIMIT);
}

int picture_read_as(const char *path, const char *name, struct picture *picture, struct error *err)
{
    char *bytes = NULL;
    size_t size;
    if (look(path, name, err) < 0 || file_read(path, FILE_LIMIT, &bytes, &size, err) < 0)
        return -1;
    int result = picture_decode(bytes, size, name, picture, err);
    free(bytes);
    return result;
}

int picture_read(const char *path, struct picture *picture, struct error *err)
{
    return picture_read_as(path, path, picture, err);
}
