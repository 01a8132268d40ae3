#include "runner/stage_log.h"

#include "base/memory.h"
#include "base/url.h"
#include "runner/environment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HALF = 32 << 20, PAGE = 4096, BLOCK = 1 << 18 };

int stage_log_open(const char *path, struct error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0644);
    return fd >= 0 ? fd : error_errno(err, "cannot create '%s'", path);
}

/* Where what is left out begins and ends; false where all stays. */
static bool left_out(int fd, off_t *from, off_t *to)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || st.st_size <= 2 * (off_t)HALF)
        return false;
    *from = HALF;
    *to = (st.st_size - HALF) / PAGE * PAGE;
    return *to > *from;
}

void stage_log_trim(int fd)
{
    off_t from, to;
    if (fd < 0 || !left_out(fd, &from, &to))
        return;
    /* Where the file system cannot, the file is as large as what was printed. */
    if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, to - from) < 0)
        return;
}

static int add_part(int fd, off_t from, off_t to, struct text *text, struct error *err)
{
    char *block = memory_new(BLOCK, 1, err);
    if (block == NULL)
        return -1;
    ssize_t got = 1;
    while (from < to && got > 0) {
        size_t most = to - from < BLOCK ? (size_t)(to - from) : BLOCK;
        got = pread(fd, block, most, from);
        if (got > 0)
            text_append(text, block, (size_t)got);
        from += got > 0 ? got : 0;
    }
    free(block);
    return got < 0 ? error_errno(err, "cannot read its log") : text_check(text, err);
}

static void add_progress(const struct progress *progress, struct text *text)
{
    size_t at = 0, length;
    bool result;
    for (const char *line; (line = progress_next(progress, &at, &length, &result)) != NULL;)
        text_append(text, line, length + 1);
}

/* Stars in place of a value, as many as it has bytes. */
static void mask(char *bytes, size_t size, const char *secret, size_t length)
{
    char *at = bytes;
    while (length > 0 && (at = memmem(at, size - (size_t)(at - bytes), secret, length)) != NULL) {
        memset(at, '*', length);
        at += length;
    }
}

/* Parts of a secret that are this short would star half of what is printed. */
enum { PART_LEAST = 4 };

/* A value of several lines, as a key in PEM is, comes line by line where it is shown at once. */
static void mask_value(char *bytes, size_t size, const char *value)
{
    mask(bytes, size, value, strlen(value));
    for (const char *line = value; strchr(value, '\n') != NULL && *line != '\0';) {
        size_t length = strcspn(line, "\r\n");
        if (length >= PART_LEAST)
            mask(bytes, size, line, length);
        line += length + strspn(line + length, "\r\n");
    }
}

/* "http://user:password@proxy": both, and the password alone. */
static void mask_proxy(char *bytes, size_t size, const char *value)
{
    const char *scheme = strstr(value, "://");
    const char *user = scheme != NULL ? scheme + 3 : value, *at = strrchr(user, '@');
    const char *colon = at == NULL ? NULL : memchr(user, ':', (size_t)(at - user));
    if (colon == NULL)
        return;
    mask(bytes, size, user, (size_t)(at - user));
    if (at - colon > PART_LEAST)
        mask(bytes, size, colon + 1, (size_t)(at - colon) - 1);
}

void stage_log_mask(const struct plan_stage *stage, char *bytes, size_t size)
{
    const char *name, *value;
    for (size_t i = 0; i < stage->secret_count && size > 0; i++)
        if ((value = getenv(stage->secrets[i])) != NULL)
            mask_value(bytes, size, value);
    for (size_t i = 0; stage->network && size > 0 && (name = environment_proxy(i)) != NULL; i++)
        if ((value = getenv(name)) != NULL)
            mask_proxy(bytes, size, value);
    /* There may be NULs among them, and one is behind them. */
    for (size_t at = 0; at < size; at += strlen(bytes + at) + 1)
        url_put_stars(bytes + at);
}

int stage_log_read(int fd, const struct progress *progress, const struct plan_stage *stage,
                   struct text *text, struct error *err)
{
    struct stat st;
    off_t from, to;
    if (fstat(fd, &st) < 0)
        return error_errno(err, "cannot read its log");
    if (left_out(fd, &from, &to)) {
        if (add_part(fd, 0, from, text, err) < 0)
            return -1;
        text_addf(text, "\n[%lld bytes are left out here]\n", (long long)(to - from));
        if (add_part(fd, to, st.st_size, text, err) < 0)
            return -1;
    } else if (add_part(fd, 0, st.st_size, text, err) < 0)
        return -1;
    add_progress(progress, text);
    if (!text->failed && text->data != NULL)
        stage_log_mask(stage, text->data, text->size);
    return text_check(text, err);
}
