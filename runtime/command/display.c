#include "command/display.h"

#include "base/memory.h"
#include "base/text.h"
#include "base/url.h"
#include "runner/stage_log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BAR_CELLS = 24, LIVE_LINES = 32, LOG_LINES = 20, LOG_BLOCK = 16384, LINE_LIMIT = 1024 };

static const double redraw_seconds = 0.1; /* at most so often on a terminal */
static const double life_seconds = 30.0;  /* elsewhere, a line after so long a silence */

/* What was shown of one stage. */
struct shown {
    size_t lines;    /* bytes of progress.lines */
    double last;     /* when a line was printed */
    long log_offset; /* bytes of its log */
};

struct display {
    bool live, colour, quiet, verbose;
    bool terminal; /* which is given no controls of stages */
    int name_width;
    struct shown *shown;   /* by index of the job */
    int drawn[LIVE_LINES]; /* columns of each live line on the screen */
    int drawn_count;
    double last_draw;
};

static int longest_name(const struct jobs *jobs)
{
    size_t longest = 0;
    for (size_t i = 0; i < jobs->count; i++)
        if (jobs->list[i].state != JOB_OUTSIDE && strlen(jobs->list[i].stage->name) > longest)
            longest = strlen(jobs->list[i].stage->name);
    return longest > 40 ? 40 : (int)longest;
}

struct display *display_new(const struct options *options, const struct jobs *jobs,
                            struct error *err)
{
    struct display *display = memory_new(1, sizeof(*display), err);
    if (display == NULL)
        return NULL;
    if ((display->shown = memory_new(jobs->count, sizeof(*display->shown), err)) == NULL) {
        free(display);
        return NULL;
    }
    const char *terminal = getenv("TERM"), *no_colour = getenv("NO_COLOR");
    display->quiet = options->quiet;
    display->terminal = isatty(STDERR_FILENO);
    display->verbose = options->verbose;
    display->live =
        !options->quiet && display->terminal && terminal != NULL && strcmp(terminal, "dumb") != 0;
    display->colour = display->live && (no_colour == NULL || *no_colour == '\0');
    display->name_width = longest_name(jobs);
    return display;
}

/* ---- live lines ---- */

static int columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20 ? size.ws_col : 80;
}

/* Takes the live lines off the screen. A terminal that became narrower has
 * wrapped them, so rows are counted by its width of now. */
static void erase(struct display *display, struct text *to)
{
    int width = columns(), rows = 0;
    for (int i = 0; i < display->drawn_count; i++)
        rows += display->drawn[i] <= width ? 1 : (display->drawn[i] + width - 1) / width;
    if (rows > 0)
        text_addf(to, "\r\033[%dA\033[J", rows);
    display->drawn_count = 0;
}

static void write_out(const struct text *text)
{
    size_t at = 0;
    while (at < text->size) {
        ssize_t written = write(STDERR_FILENO, text->data + at, text->size - at);
        if (written <= 0)
            return;
        at += (size_t)written;
    }
}

void display_free(struct display *display)
{
    struct text text = {0};
    if (display == NULL)
        return;
    erase(display, &text);
    write_out(&text);
    text_release(&text);
    free(display->shown);
    free(display);
}

/* What stages say and are called: a terminal obeys none of it, files and pipes get it as it is. */
static void add_shown(const struct display *display, struct text *to, const char *bytes,
                      size_t size)
{
    if (display->terminal)
        text_add_clean(to, bytes, size);
    else
        text_append(to, bytes, size);
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

/* "  [######......]  ETA 0:12  val_accuracy 0.71  epoch 3/20  120/250 step  41/s  loss 0.8": what a
 * narrow terminal cuts off stands last. */
static void add_state(struct text *text, const struct attempt *attempt)
{
    const struct progress *progress = &attempt->progress;
    if (progress->turns == 0) {
        text_add(text, "  running ");
        add_duration(text, attempt_now() - attempt->start);
        return;
    }
    if (progress->fraction >= 0.0) {
        int full = (int)(progress->fraction * BAR_CELLS);
        text_add(text, "  [");
        for (int i = 0; i < BAR_CELLS; i++)
            text_add(text, i < full ? "#" : ".");
        text_add(text, "]");
    }
    if (progress->eta_seconds >= 0.0) {
        text_add(text, "  ETA ");
        add_duration(text, progress->eta_seconds);
    }
    add_metrics(text, progress, true);
    text_addf(text, "  %s", progress->what);
    if (progress->total > 0)
        text_addf(text, "  %lld/%lld %s", (long long)progress->done, (long long)progress->total,
                  progress->unit);
    else if (progress->done > 0)
        text_addf(text, "  %lld %s", (long long)progress->done, progress->unit);
    if (progress->rate > 0.0)
        text_addf(text, progress->rate >= 100.0 ? "  %.0f/s" : "  %.3g/s", progress->rate);
    add_metrics(text, progress, false);
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

static void draw_line(struct display *display, struct text *to, const struct attempt *attempt,
                      int width)
{
    struct text line = {0}, state = {0}, stage = {0};
    int name, used;
    add_shown(display, &stage, attempt->job->stage->name, strlen(attempt->job->stage->name));
    size_t bytes = cut(text_string(&stage), width - 1, &name);
    text_addf(to, "%s%.*s%s", display->colour ? "\033[1;36m" : "", (int)bytes, text_string(&stage),
              display->colour ? "\033[0m" : "");
    for (; name < display->name_width && name < width - 1; name++)
        text_add(to, " ");
    add_state(&state, attempt);
    add_shown(display, &line, text_string(&state), state.size);
    bytes = cut(text_string(&line), width - 1 - name, &used);
    text_append(to, text_string(&line), bytes);
    text_add(to, "\n");
    display->drawn[display->drawn_count++] = name + used;
    text_release(&stage);
    text_release(&state);
    text_release(&line);
}

static void draw(struct display *display, struct attempt *const *attempts, size_t count)
{
    struct text text = {0};
    int width = columns();
    erase(display, &text);
    for (size_t i = 0; i < count && i < LIVE_LINES; i++)
        draw_line(display, &text, attempts[i], width);
    write_out(&text);
    text_release(&text);
}

/* ---- lines that stay ---- */

static void say(struct display *display, const struct text *line)
{
    struct text text = {0};
    erase(display, &text);
    text_append(&text, text_string(line), line->size);
    text_add(&text, "\n");
    write_out(&text);
    text_release(&text);
    display->last_draw = 0.0;
}

static void say_formatted(struct display *display, const struct job *job, const char *format,
                          va_list args) __attribute__((format(printf, 3, 0)));

static void say_formatted(struct display *display, const struct job *job, const char *format,
                          va_list args)
{
    struct text line = {0}, shown = {0};
    char message[2048];
    vsnprintf(message, sizeof(message), format, args);
    url_put_stars(message);
    if (job != NULL) {
        stage_log_mask(job->stage, message, strlen(message));
        text_addf(&line, "%-*s  ", display->name_width, job->stage->name);
    }
    text_add(&line, message);
    add_shown(display, &shown, text_string(&line), line.size);
    say(display, &shown);
    text_release(&shown);
    text_release(&line);
}

void display_say(struct display *display, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say_formatted(display, NULL, format, args);
    va_end(args);
}

static void display_of(struct display *display, const struct job *job, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void display_of(struct display *display, const struct job *job, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say_formatted(display, job, format, args);
    va_end(args);
}

static const char *colour_of(enum job_state state)
{
    switch (state) {
    case JOB_EXECUTED: return "\033[32m";
    case JOB_FAILED: return "\033[1;31m";
    case JOB_CACHED: return "\033[2m";
    default: return "\033[33m";
    }
}

static void add_reason(const struct display *display, struct text *line, const struct text *reason)
{
    text_add(line, ": ");
    add_shown(display, line, text_string(reason), reason->size);
}

void display_ended(struct display *display, const struct job *job)
{
    struct text line = {0}, name = {0};
    if (display->quiet && job->state != JOB_FAILED)
        return;
    add_shown(display, &name, job->stage->name, strlen(job->stage->name));
    text_addf(&line, "%s%-*s  %s%s", display->colour ? colour_of(job->state) : "",
              display->name_width, text_string(&name), job_state_name(job->state),
              display->colour ? "\033[0m" : "");
    text_release(&name);
    if (job->state == JOB_EXECUTED)
        text_addf(&line, " in %.1f s", job->seconds);
    if (job->repaired && job->state == JOB_CACHED)
        text_add(&line, ", artifacts brought back");
    if (job->failure.size > 0)
        add_reason(display, &line, &job->failure);
    if (job->state == JOB_STALE || job->state == JOB_UNKNOWN)
        add_reason(display, &line, &job->reason);
    say(display, &line);
    text_release(&line);
}

static void started(void *self, const struct attempt *attempt)
{
    struct display *display = self;
    const struct job *job = attempt->job;
    display->shown[job->index] = (struct shown){0};
    if (!display->quiet && !display->live)
        display_of(display, job, "running (%s)", text_string(&job->reason));
}

static void say_life(struct display *display, const struct attempt *attempt)
{
    struct text line = {0};
    struct text shown = {0};
    text_addf(&line, "%-*s", display->name_width, attempt->job->stage->name);
    add_state(&line, attempt);
    add_shown(display, &shown, text_string(&line), line.size);
    say(display, &shown);
    text_release(&shown);
    text_release(&line);
    display->shown[attempt->job->index].last = attempt_now();
}

/* Where nothing is redrawn, results stay as lines. */
static void say_progress(struct display *display, const struct attempt *attempt)
{
    struct shown *shown = &display->shown[attempt->job->index];
    const struct text *lines = &attempt->progress.lines;
    while (shown->lines < lines->size) {
        const char *line = lines->data + shown->lines;
        size_t length = strcspn(line, "\n");
        bool result = *line == PROGRESS_RESULT;
        shown->lines += length + 1;
        if (display->quiet || (result && display->live))
            continue;
        display_of(display, attempt->job, "%.*s", (int)length - result, line + result);
        shown->last = attempt_now();
    }
}

/* Where to begin in the last part of a log: so many lines before its end. */
static size_t last_lines(const char *data, size_t size)
{
    int lines = 0;
    for (size_t at = size; at > 0; at--)
        if (data[at - 1] == '\n' && at < size && ++lines == LOG_LINES)
            return at;
    return 0;
}

static void say_lines(struct display *display, const struct job *job, const char *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        const char *end = memchr(data + at, '\n', size - at);
        size_t length = end != NULL ? (size_t)(end - data) - at : size - at;
        size_t shown = length > 0 && data[at + length - 1] == '\r' ? length - 1 : length;
        display_of(display, job, "| %.*s", (int)(shown > LINE_LIMIT ? LINE_LIMIT : shown),
                   data + at);
        at += length + 1;
    }
}

static void show_log(struct display *display, const struct attempt *attempt, bool only_end)
{
    struct shown *shown = &display->shown[attempt->job->index];
    struct stat st;
    char data[LOG_BLOCK];
    int fd = attempt->log_fd;
    if (fd < 0)
        return;
    if (only_end && fstat(fd, &st) == 0 && st.st_size - shown->log_offset > LOG_BLOCK)
        shown->log_offset = st.st_size - LOG_BLOCK;
    ssize_t got;
    while ((got = pread(fd, data, sizeof(data), shown->log_offset)) > 0) {
        size_t size = (size_t)got, start = only_end ? last_lines(data, size) : 0;
        /* While the stage runs, only lines that are complete. */
        const char *last = memrchr(data, '\n', size);
        if (!only_end && last != NULL)
            size = (size_t)(last - data) + 1;
        else if (!only_end && size < sizeof(data))
            break;
        say_lines(display, attempt->job, data + start, size - start);
        shown->log_offset += (long)size;
    }
}

static void finished(void *self, struct attempt *attempt)
{
    struct display *display = self;
    progress_end(&attempt->progress);
    say_progress(display, attempt);
    if (display->verbose)
        show_log(display, attempt, false);
}

static void update_stage(struct display *display, const struct attempt *attempt, double now)
{
    double last = display->shown[attempt->job->index].last;
    say_progress(display, attempt);
    if (display->verbose)
        show_log(display, attempt, false);
    if (!display->live && !display->quiet &&
        now - (last > attempt->start ? last : attempt->start) >= life_seconds)
        say_life(display, attempt);
}

static void updated(void *self, struct attempt *const *attempts, size_t count)
{
    struct display *display = self;
    double now = attempt_now();
    for (size_t i = 0; i < count; i++)
        update_stage(display, attempts[i], now);
    if (display->live && now - display->last_draw >= redraw_seconds) {
        draw(display, attempts, count);
        display->last_draw = now;
    }
}

static void failed(void *self, const struct attempt *attempt)
{
    struct display *display = self;
    show_log(display, attempt, true);
    if (attempt->log_path != NULL)
        display_of(display, attempt->job, "its log: %s", attempt->log_path);
    if (attempt->undeclared != NULL)
        display_of(display, attempt->job,
                   "note: the project's '%s' is not there for this stage: declare it, as in deps: "
                   "{code: %s}",
                   attempt->undeclared, attempt->undeclared);
}

static void ended(void *self, const struct job *job)
{
    display_ended(self, job);
}

static void noted(void *self, const struct job *job, const char *line)
{
    struct display *display = self;
    if (job == NULL)
        display_say(display, "%s", line);
    else if (!display->quiet)
        display_of(display, job, "%s", line);
}

struct watcher display_watcher(struct display *display)
{
    return (struct watcher){.self = display,
                            .started = started,
                            .updated = updated,
                            .finished = finished,
                            .failed = failed,
                            .ended = ended,
                            .noted = noted};
}
