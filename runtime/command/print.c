#include "command/print.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 1 << 16 };

int print_json(const json_t *value, struct error *err)
{
    if (value == NULL)
        return error_set(err, ERR_MEMORY, "out of memory for the result");
    char *text = json_to_text(value, false, err);
    if (text == NULL)
        return -1;
    puts(text);
    free(text);
    return 0;
}

/* Line by line, without what could steer a terminal. */
static void print_lines_clean(FILE *stream, const char *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        const char *end = memchr(bytes + at, '\n', size - at);
        size_t length = end == NULL ? size - at : (size_t)(end - bytes) - at;
        /* Of a line end of two bytes, one. */
        size_t shown = end != NULL && length > 0 && end[-1] == '\r' ? length - 1 : length;
        struct text text = {0};
        text_add_clean(&text, bytes + at, shown);
        fputs(text_string(&text), stream);
        text_release(&text);
        if (end != NULL)
            fputc('\n', stream);
        at += length + (end != NULL);
    }
}

void print_bytes(FILE *stream, const char *bytes, size_t size)
{
    if (isatty(fileno(stream)))
        print_lines_clean(stream, bytes, size);
    else
        fwrite(bytes, 1, size, stream);
}

void print_clean(FILE *stream, const char *string)
{
    print_lines_clean(stream, string, strlen(string));
}

/* Where a piece that is full may be cut: behind a line, else before a character that is not
 * complete. */
static size_t cut(const char *bytes, size_t size)
{
    const char *line = memrchr(bytes, '\n', size);
    if (line != NULL)
        return (size_t)(line - bytes) + 1;
    size_t end = size;
    while (end > size - 4 && ((unsigned char)bytes[end - 1] & 0xc0) == 0x80)
        end--;
    return end > size - 4 && (unsigned char)bytes[end - 1] >= 0xc0 ? end - 1 : size;
}

static int pump(FILE *stream, int fd, const char *path, struct hasher *hasher, struct error *err)
{
    char bytes[PIECE];
    size_t used = 0;
    for (;;) {
        ssize_t got = read(fd, bytes + used, sizeof(bytes) - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(err, "cannot read '%s'", path);
        if (got > 0 && hasher != NULL && hasher_add(hasher, bytes + used, (size_t)got, err) < 0)
            return -1;
        used += (size_t)got;
        if (got > 0 && used < sizeof(bytes))
            continue;
        size_t whole = got == 0 ? used : cut(bytes, used);
        print_bytes(stream, bytes, whole);
        memmove(bytes, bytes + whole, used - whole);
        used -= whole;
        if (got == 0)
            return ferror(stream) ? error_set(err, ERR_IO, "cannot write '%s'", path) : 0;
    }
}

int print_width(const char *string, int characters)
{
    return characters + (int)(strlen(string) - utf8_count(string));
}

void print_add_sets(struct text *text, const char *before, const json_t *sets)
{
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)sets, name, value) {
        struct error ignored;
        char *json = json_to_text(value, true, &ignored);
        text_addf(text, "%s%s=%s", before, name, json != NULL ? json : "?");
        free(json);
    }
}

int print_text(struct text *text, struct error *err)
{
    int result = text_check(text, err);
    if (result == 0)
        print_clean(stdout, text_string(text));
    text_release(text);
    return result;
}

int print_file(FILE *stream, const char *path, struct digest *digest, struct error *err)
{
    struct hasher *hasher = NULL;
    if (digest != NULL && (hasher = hasher_new(err)) == NULL)
        return -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int result =
        fd < 0 ? error_errno(err, "cannot read '%s'", path) : pump(stream, fd, path, hasher, err);
    if (fd >= 0)
        close(fd);
    if (result == 0 && hasher != NULL)
        result = hasher_finish(hasher, digest, err);
    hasher_free(hasher);
    return result;
}

int print_into(const char *path, const char *bytes, size_t size, struct error *err)
{
    struct stat status;
    if (lstat(path, &status) < 0 || S_ISREG(status.st_mode))
        return file_write(path, bytes, size, err);
    FILE *stream = fopen(path, "we");
    bool written = stream != NULL && fwrite(bytes, 1, size, stream) == size;
    if (stream != NULL && fclose(stream) != 0)
        written = false;
    return written ? 0 : error_errno(err, "cannot write '%s'", path);
}
