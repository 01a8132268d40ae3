#include "runner/told.h"

#include "runner/line_feed.h"
#include "runner/stage_log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_LIMIT = 16 << 20, BLOCK = 65536 };

void told_open(struct told *told, const char *path)
{
    unlink(path);
    *told =
        (struct told){.fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666)};
}

/* The mask sees bytes: what JSON may have written otherwise is not kept where there is something
 * to hide. */
static bool may_hide(const struct plan_stage *stage, const char *line)
{
    return (stage->secret_count > 0 || stage->network) && strchr(line, '\\') != NULL;
}

struct telling {
    const struct plan_stage *stage;
    double now;
    struct text lines;
};

static void tell_line(void *self, char *line, size_t size)
{
    struct telling *telling = self;
    stage_log_mask(telling->stage, line, size);
    if (!may_hide(telling->stage, line))
        text_addf(&telling->lines, "%.3f %s\n", telling->now, line);
}

/* Whole lines in one write, so that a reader finds no half ones but at the end. */
void told_add(struct told *told, const struct plan_stage *stage, const char *bytes, size_t size,
              double now)
{
    struct telling telling = {.stage = stage, .now = now};
    if (told->fd < 0)
        return;
    line_feed(&told->partial, bytes, size, tell_line, &telling);
    const struct text *lines = &telling.lines;
    told->written += lines->size;
    if (told->written > FILE_LIMIT ||
        (lines->size > 0 && write(told->fd, lines->data, lines->size) < 0))
        told_close(told);
    text_release(&telling.lines);
}

void told_close(struct told *told)
{
    if (told->fd >= 0)
        close(told->fd);
    text_release(&told->partial);
    *told = (struct told){.fd = -1};
}

/* A line that is no "SECONDS JSON" is nobody's. */
static void tell(char *line, told_line_fn *visit, void *self)
{
    char *json;
    double when = strtod(line, &json);
    if (json > line && *json == ' ')
        visit(self, when, json + 1);
}

void told_read(struct told_reader *reader, int fd, told_line_fn *visit, void *self)
{
    char block[BLOCK + 1];
    ssize_t got;
    while ((got = pread(fd, block, BLOCK, (off_t)reader->at)) > 0) {
        const char *last = memrchr(block, '\n', (size_t)got);
        if (last == NULL && got < BLOCK)
            return;
        size_t whole = last == NULL ? (size_t)got : (size_t)(last - block) + 1;
        for (size_t at = 0; at < whole;) {
            size_t length = strcspn(block + at, "\n") + 1;
            char kept = block[at + length];
            block[at + length] = '\0';
            tell(block + at, visit, self);
            block[at + length] = kept;
            at += length;
        }
        reader->at += whole;
    }
}
