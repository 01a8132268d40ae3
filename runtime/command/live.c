#include "command/live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BAR_CELLS = 24, LEAST_CELLS = 6 };

bool live_is_possible(int fd)
{
    const char *terminal = getenv("TERM");
    return isatty(fd) && terminal != NULL && strcmp(terminal, "dumb") != 0;
}

bool live_has_colours(void)
{
    const char *no_colour = getenv("NO_COLOR");
    return no_colour == NULL || *no_colour == '\0';
}

struct live_size live_size(const struct live *live)
{
    struct winsize size = {0};
    ioctl(live->fd, TIOCGWINSZ, &size);
    return (struct live_size){size.ws_col >= 20 ? size.ws_col : 80,
                              size.ws_row >= 2 ? size.ws_row : 24};
}

/* A terminal that became narrower has wrapped them, so rows are counted by its width of now. */
void live_erase(struct live *live, struct text *to)
{
    int width = live_size(live).columns, rows = 0;
    for (int i = 0; i < live->count; i++)
        rows += live->drawn[i] <= width ? 1 : (live->drawn[i] + width - 1) / width;
    if (rows > 0)
        text_addf(to, "\r\033[%dA\033[J", rows);
    live->count = 0;
}

bool live_write(const struct live *live, const struct text *text)
{
    size_t at = 0;
    while (at < text->size) {
        ssize_t written = write(live->fd, text->data + at, text->size - at);
        if (written < 0 && errno != EINTR)
            return errno == EAGAIN;
        at += written > 0 ? (size_t)written : 0;
    }
    return true;
}

/* Bytes of the first `most` characters of UTF-8. */
static size_t cut(const char *string, int most, int *used)
{
    size_t at = 0;
    *used = 0;
    while (string[at] != '\0') {
        if (((unsigned char)string[at] & 0xC0) != 0x80 && (*used)++ == most) {
            --*used;
            break;
        }
        at++;
    }
    return at;
}

void live_add(struct live *live, struct text *to, const struct live_size *size, const char *colour,
              const char *head, int padded, const char *rest)
{
    const int columns = size->columns;
    int before, behind;
    if (live->count == LIVE_LINES || live->count >= size->rows - 1)
        return;
    size_t bytes = cut(head, columns - 1, &before);
    text_addf(to, "%s%.*s%s", colour != NULL ? colour : "", (int)bytes, head,
              colour != NULL ? "\033[0m" : "");
    for (; before < padded && before < columns - 1; before++)
        text_add(to, " ");
    bytes = cut(rest, columns - 1 - before, &behind);
    text_append(to, rest, bytes);
    text_add(to, "\n");
    live->drawn[live->count++] = before + behind;
}

static void add_duration(struct text *text, double seconds)
{
    long whole = (long)(seconds + 0.5);
    if (whole >= 3600)
        text_addf(text, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    else
        text_addf(text, "%ld:%02ld", whole / 60, whole % 60);
}

/* The one metric that is looked for first, or the others. */
static void add_metrics(struct text *text, const struct progress *progress, bool first)
{
    for (int i = 0; i < progress->metric_count; i++)
        if ((strcmp(progress->metrics[i].name, "val_accuracy") == 0) == first)
            text_addf(text, "  %s %.4g", progress->metrics[i].name, progress->metrics[i].value);
}

int live_room(const struct live_size *size, const char *head, int padded)
{
    int used;
    cut(head, size->columns - 1, &used);
    return size->columns - 1 - (used > padded ? used : padded);
}

static void add_bar(struct text *text, double fraction, int cells)
{
    cells = cells < LEAST_CELLS ? LEAST_CELLS : cells > BAR_CELLS ? BAR_CELLS : cells;
    const int full = (int)(fraction * cells);
    text_add(text, "  [");
    for (int i = 0; i < cells; i++)
        text_add(text, i < full ? "#" : ".");
    text_add(text, "]");
}

void live_add_state(struct text *text, const struct progress *progress, double running_seconds,
                    int room)
{
    struct text first = {0}; /* what people look for, behind the bar */
    if (progress->turns == 0) {
        text_add(text, "  running ");
        add_duration(text, running_seconds);
        return;
    }
    if (progress->eta_seconds >= 0.0) {
        text_add(&first, "  ETA ");
        add_duration(&first, progress->eta_seconds);
    }
    add_metrics(&first, progress, true);
    if (progress->fraction >= 0.0)
        add_bar(text, progress->fraction, room - (int)strlen("  []") - (int)first.size);
    text_addf(text, "%s  %s", text_string(&first), progress->what);
    text_release(&first);
    if (progress->total > 0)
        text_addf(text, "  %lld/%lld %s", (long long)progress->done, (long long)progress->total,
                  progress->unit);
    else if (progress->done > 0)
        text_addf(text, "  %lld %s", (long long)progress->done, progress->unit);
    if (progress->rate > 0.0)
        text_addf(text, progress->rate >= 100.0 ? "  %.0f/s" : "  %.3g/s", progress->rate);
    add_metrics(text, progress, false);
}
